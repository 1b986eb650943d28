/**
 * Adds hooks to the routes of an agent: the app also accepts events over HTTP, streams them, and lets an
 * operator inspect deliveries.
 *
 *     HOOKS_TOKEN=a-token-of-16-or-more deno run -A --unstable-kv examples/hono_app.ts
 *
 * Then, in two more terminals:
 *
 *     curl -N -H "authorization: Bearer a-token-of-16-or-more" localhost:8000/hooks/events/stream
 *     curl localhost:8000/chat -d 'hello'
 * @module
 */
import { Hono } from "hono";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";

const token = Deno.env.get("HOOKS_TOKEN");
if (token === undefined) {
  console.error("Set HOOKS_TOKEN to a secret of 16 characters or more");
  Deno.exit(2);
}

const store = await openStore(Deno.env.get("HOOKS_DB") ?? "hooks.db");
const hooks = createHooks({ outbox: createOutbox(store) });
hooks.on("message.received", ({ data }) => console.log(`received: ${data.content}`));

const app = new Hono();
app.post("/chat", async (c) => { // your own route: the agent would reply here
  const content = await c.req.text();
  const { id } = await hooks.emit("message.received", { role: "user", content });
  return c.json({ id }, 202);
});
app.route(
  "/hooks",
  createHooksApp(hooks, { tokens: [{ name: "operator", token, scopes: ["admin"] }] }),
);

const port = Number(Deno.env.get("PORT") ?? 8000);
const server = Deno.serve({ hostname: "127.0.0.1", port }, (request) => app.fetch(request));
drainOnSignal(hooks, {
  exit: async (code) => { // streams ended when the hooks closed
    await server.shutdown();
    store.close();
    Deno.exit(code);
  },
});
