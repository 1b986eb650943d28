import type { Hono } from "hono";
import type { createWebhookValidation } from "../webhook/webhook_validation.ts";
import { Problem } from "./_problems.ts";
import { handler } from "./_serve.ts";
import type { AppState } from "./_state.ts";

const PATH = "/events";
const ALLOW = "POST, GET, HEAD";

/**
 * Answers senders of CloudEvents that ask whether they may post events. No token is needed, as the
 * answer allows nothing: who posts needs one. All other `OPTIONS` requests go on to CORS and the routes.
 */
export function addWebhookValidation(
  app: Hono,
  state: AppState,
  validate: ReturnType<typeof createWebhookValidation>,
): void {
  app.options(PATH, async (context, next) => {
    const permission = validate(context.req.raw);
    if (permission === undefined) return await next();
    return await handler(state, PATH, (call) => {
      if ("headers" in permission) return call.respond(200, null, permission.headers);
      const { refused: detail } = permission;
      throw new Problem("method_not_allowed", { headers: { allow: ALLOW }, members: { detail } });
    })(context);
  });
}
