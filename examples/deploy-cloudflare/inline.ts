/**
 * A Worker without a store: it accepts events at /hooks/events, responds, and then sends webhooks while
 * `waitUntil` keeps the request alive. Events that still fail after two retries are lost.
 * @module
 */
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { Hono } from "hono";

type Env = {
  readonly HOOKS_TOKEN: string;
  readonly HOOKS_SECRET: string;
  readonly AUDIT_URL: string;
};

/** Created by the first request, which has the environment. */
let app: ReturnType<typeof createApp> | undefined;

export default {
  fetch(request: Request, env: Env, context: unknown): Response | Promise<Response> {
    app ??= createApp(env);
    return app.fetch(request, env, context as never);
  },
};

function createApp({ HOOKS_TOKEN: token, HOOKS_SECRET: secret, AUDIT_URL: url }: Env) {
  const hooks = createHooks({
    use: [new WebhookHook({ name: "audit", events: ["*"], url, secret, retryCount: 2 })],
  });
  const tokens = [{ name: "agent", token, scopes: ["emit"] as const }];
  return new Hono()
    .route("/hooks", createHooksApp(hooks, { tokens })) // finds `waitUntil` on its own
    .post("/chat", async ({ req, text, executionCtx }) => {
      const data = { role: "user", content: await req.text() };
      const waitUntil = (work: Promise<unknown>): void => executionCtx.waitUntil(work);
      hooks.emitInBackground("message.received", data, { waitUntil });
      return text("You said it.\n");
    });
}
