/**
 * Hooks on Deno Deploy: events are stored in Deno KV before they are answered, a cron job delivers what is
 * due when no instance lives, and an instance that is stopped gives its leases back within 5 s.
 *
 * Set HOOKS_TOKEN, and WEBHOOK_URL with WEBHOOK_SECRET, in the app's settings. To run it here:
 *
 *     HOOKS_TOKEN=… deno run -A --unstable-kv --unstable-cron examples/deploy-deno/main.ts
 * @module
 */
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";

/** A sweep ends well before the next one begins. */
const SWEEP_BUDGET = 45_000;

const token = Deno.env.get("HOOKS_TOKEN") ?? fail("HOOKS_TOKEN is not set");
const url = Deno.env.get("WEBHOOK_URL");

const store = await openStore(Deno.env.get("HOOKS_DB")); // on Deploy: the app's database
const outbox = createOutbox(store);
const hooks = createHooks({ outbox });
if (url) {
  const secret = Deno.env.get("WEBHOOK_SECRET") ?? fail("WEBHOOK_SECRET is not set");
  hooks.use(new WebhookHook({ name: "receiver", events: ["*"], url, secret }));
}

// At top level, before the server starts: there is no other place for it on Deploy.
Deno.cron("deliver what is due", "* * * * *", async () => {
  await hooks.init();
  const { settled, remaining } = await outbox.drainOnce({ timeout: SWEEP_BUDGET });
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
