/**
 * A Worker that serves the app with its console and stored webhooks, and, at /received, the events that it
 * received. The store is in memory, like everything else that an isolate keeps.
 * @module
 */
import { Hono } from "hono";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { generateEncryptionKey, webhookStore } from "@omniagent/hooks/webhook-store";
import { SECRET } from "./shared.ts";

const received: unknown[] = [];
const app = new Hono();
let hooksApp: Hono | undefined;

/** Creates the app at the first request: while the module loads, workerd allows no randomness. */
function createApp(): Hono {
  const store = memoryStore();
  const hooks = createHooks({ outbox: createOutbox(store) });
  hooks.on("*", async ({ data }) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    received.push(data);
  });
  return createHooksApp(hooks, {
    tokens: [{ name: "test", token: SECRET.slice("whsec_".length), scopes: ["admin"] }],
    console: true,
    webhooks: webhookStore(store, { encryptionKey: generateEncryptionKey() }),
  }) as unknown as Hono;
}

app.all("/hooks/*", (c) => {
  hooksApp ??= new Hono().route("/hooks", createApp());
  return hooksApp.fetch(c.req.raw, c.env, c.executionCtx as never);
});
app.get("/received", (c) => c.json(received));

export default app;
