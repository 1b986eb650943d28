/**
 * A Worker whose events survive it: they are stored over KV Connect before the response, then delivered.
 * A cron trigger retries failed deliveries for 28 hours.
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

/** Milliseconds: each run of the cron trigger ends well before the next one starts. */
const CRON_TIMEOUT = 45_000;

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const { hooks, close } = await open(env);
    const tokens = [{ name: "agent", token: env.HOOKS_TOKEN, scopes: ["emit"] as const }];
    const app = new Hono().route("/hooks", createHooksApp(hooks, { tokens }));
    try {
      return await app.fetch(request, env, context as never);
    } finally {
      context.waitUntil(close()); // delivers for up to 4.5 s, and leaves the rest to cron
    }
  },

  async scheduled(_event: unknown, env: Env): Promise<void> {
    const { hooks, outbox, close } = await open(env);
    try {
      await hooks.init();
      const { settled, remaining } = await outbox.drainOnce({ timeout: CRON_TIMEOUT });
      if (settled > 0 || remaining) console.log({ settled, remaining });
    } finally {
      await close();
    }
  },
};

/** Opens hooks for one request or cron run: a Worker's timers and connections end with it. */
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
