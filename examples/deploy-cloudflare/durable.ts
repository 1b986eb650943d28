/**
 * A Worker whose events outlive it: stored over KV Connect before they are answered, then delivered. What
 * a receiver does not take at once, a cron trigger tries again, for 28 hours.
 * @module
 */
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { openStore } from "@omniagent/hooks/node";
import { createOutbox } from "@omniagent/hooks/outbox";
import { Hono } from "hono";

type Env = {
  readonly HOOKS_TOKEN: string;
  readonly HOOKS_SECRET: string;
  readonly AUDIT_URL: string;
  readonly KV_URL: string;
  readonly KV_TOKEN: string;
};

type Context = { waitUntil(work: Promise<unknown>): void };

/** A run of cron ends well before the next one begins. */
const CRON_BUDGET = 45_000;

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const { hooks, close } = await open(env);
    const tokens = [{ name: "agent", token: env.HOOKS_TOKEN, scopes: ["emit"] as const }];
    const app = new Hono().route("/hooks", createHooksApp(hooks, { tokens }));
    try {
      return await app.fetch(request, env, context as never);
    } finally {
      context.waitUntil(close()); // lets deliveries end within 4.5 s, and leaves the rest to cron
    }
  },

  async scheduled(_event: unknown, env: Env): Promise<void> {
    const { hooks, outbox, close } = await open(env);
    try {
      await hooks.init();
      const { settled, remaining } = await outbox.drainOnce({ timeout: CRON_BUDGET });
      if (settled > 0 || remaining) console.log({ settled, remaining });
    } finally {
      await close();
    }
  },
};

/** For one request or one run of cron: a Worker's timers and requests end with what began them. */
async function open({ HOOKS_SECRET: secret, AUDIT_URL: url, KV_URL, KV_TOKEN }: Env) {
  const store = await openStore(KV_URL, { accessToken: KV_TOKEN });
  const outbox = createOutbox(store);
  const hooks = createHooks({
    use: [new WebhookHook({ name: "audit", events: ["*"], url, secret })],
    outbox,
  });
  const close = async (): Promise<void> => {
    await hooks.close();
    store.close();
  };
  return { hooks, outbox, close };
}
