/**
 * Hooks on Deno Deploy: events are stored in Deno KV before the response, a cron job delivers what is due
 * when no instance is running, and an instance that is stopped returns its leases within 5 s.
 *
 * Set HOOKS_TOKEN, WEBHOOK_URL, and WEBHOOK_SECRET in the app's settings. To run it locally:
 *
 *     HOOKS_TOKEN=… deno run -A --unstable-kv --unstable-cron examples/deploy-deno/main.ts
 * @module
 */
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";

/** Milliseconds: each run of the cron job ends well before the next one starts. */
const CRON_TIMEOUT = 45_000;

const token = Deno.env.get("HOOKS_TOKEN") ?? fail("HOOKS_TOKEN is not set");
const url = Deno.env.get("WEBHOOK_URL");

const store = await openStore(Deno.env.get("HOOKS_DB")); // on Deno Deploy: the app's database
const outbox = createOutbox(store);
const hooks = createHooks({ outbox });
if (url) {
  const secret = Deno.env.get("WEBHOOK_SECRET") ?? fail("WEBHOOK_SECRET is not set");
  hooks.use(new WebhookHook({ name: "receiver", events: ["*"], url, secret }));
}

// At the top level, before the server starts: Deno Deploy requires it.
Deno.cron("deliver", "* * * * *", async () => {
  await hooks.init();
  const { settled, remaining } = await outbox.drainOnce({ timeout: CRON_TIMEOUT });
  if (settled > 0 || remaining) console.log({ settled, remaining });
});

drainOnSignal(hooks);

const app = createHooksApp(hooks, {
  tokens: [{ name: "agent", token, scopes: ["admin"] }],
});
Deno.serve({ port: Number(Deno.env.get("PORT") ?? 8000) }, (request) => app.fetch(request));

function fail(message: string): never {
  console.error(message);
  Deno.exit(2);
}
