/**
 * A Worker without a store: events come in at /hooks/events, the answer is sent, and webhooks go out after
 * it, while `waitUntil` keeps the request alive. What fails after its two quick retries is gone.
 * @module
 */
import { createHooks, type Hooks, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { Hono } from "hono";

type Env = {
  readonly HOOKS_TOKEN: string;
  readonly HOOKS_SECRET: string;
  readonly AUDIT_URL: string;
};

/** The environment comes with the first request, and stays what it is. */
let made: { readonly hooks: Hooks; readonly app: Hono<{ Bindings: Env }> } | undefined;

export default {
  fetch(request: Request, env: Env, context: unknown): Response | Promise<Response> {
    made ??= make(env);
    return made.app.fetch(request, env, context as never);
  },
};

function make(env: Env) {
  const { HOOKS_TOKEN: token, HOOKS_SECRET: secret, AUDIT_URL: url } = env;
  const hooks = createHooks({
    use: [new WebhookHook({ name: "audit", events: ["*"], url, secret, retryCount: 2 })],
  });
  const tokens = [{ name: "agent", token, scopes: ["emit"] as const }];
  const app = new Hono<{ Bindings: Env }>()
    .route("/hooks", createHooksApp(hooks, { tokens })) // finds `waitUntil` by itself
    .post("/chat", async ({ req, text, executionCtx }) => {
      const data = { role: "user", content: await req.text() };
      const waitUntil = (work: Promise<unknown>): void => executionCtx.waitUntil(work);
      hooks.emitAsync("message.received", data, { waitUntil });
      return text("You said it.\n");
    });
  return { hooks, app };
}
