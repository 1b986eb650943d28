/**
 * The app and a webhook receiver, served by the runtime that runs this as `docs/http.md` says. Prints its
 * port. Its argument: the settings of the app, as JSON.
 * @module
 */
import process, { argv } from "node:process";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";
import { Hono } from "hono";

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const { bodyTimeout, slow = 0, ...settings } = JSON.parse(argv[2] ?? "{}");
const hooks = createHooks({ outbox: createOutbox(memoryStore(), { logger }), logger });
hooks.on("slow", () => new Promise((resolve) => setTimeout(resolve, slow)));
const tokens = [{ name: "agent", token: "a-token-of-this-test", scopes: ["admin"] }];
const receive = webhookReceiver(() => {}, { secrets: generateSecret(), bodyTimeout, logger });
const app = new Hono()
  .get("/rss", (c) => c.text(String(process.memoryUsage().rss)))
  .post("/receive", (c) => receive(c.req.raw))
  .route("/", createHooksApp(hooks, { tokens, bodyTimeout, logger, ...settings }));

const hostname = "127.0.0.1";
if ("Deno" in globalThis) {
  globalThis.Deno.serve(
    { hostname, port: 0, onListen: ({ port }) => console.log(port) },
    app.fetch,
  );
} else if ("Bun" in globalThis) {
  console.log(globalThis.Bun.serve({ hostname, port: 0, fetch: app.fetch }).port);
} else {
  const { serve } = await import("@hono/node-server");
  serve({ hostname, port: 0, fetch: app.fetch }, ({ port }) => console.log(port));
}
