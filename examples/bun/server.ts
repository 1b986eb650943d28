/**
 * Adds hooks to a server on Bun: it accepts events at /hooks/events, stores them, and delivers them to a
 * webhook.
 *
 *   bunx jsr add @omniagent/hooks
 *   bun add hono
 *   export HOOKS_TOKEN=a-token-of-16-or-more
 *   bun hooks.mjs listen &
 *   bun server.ts &
 *   bun hooks.mjs send tool.called '{"name":"bash"}' --url http://127.0.0.1:8787/hooks
 */
import process from "node:process";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/node";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";
import { Hono } from "hono";

const { HOOKS_TOKEN, AUDIT_URL = "http://127.0.0.1:9000/", PORT = "8787" } = process.env;
if (!HOOKS_TOKEN) throw new Error("Set HOOKS_TOKEN: 16 characters or more");

const hooks = createHooks({ outbox: createOutbox(await openStore("hooks.db")) });
hooks.use(new WebhookHook({ name: "audit", events: ["tool.*"], url: AUDIT_URL }));
hooks.on("tool.called", (event) => console.log(`${event.data.name} was called`));
await hooks.init(); // delivers what an earlier run left
drainOnSignal(hooks);

const app = new Hono()
  .get("/", (context) => context.text("This is your own page"))
  .route(
    "/hooks",
    createHooksApp(hooks, {
      tokens: [{ name: "agent", token: HOOKS_TOKEN, scopes: ["emit", "read"] }],
    }),
  );

export default { hostname: "127.0.0.1", port: Number(PORT), fetch: app.fetch };
