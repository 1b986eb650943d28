/**
 * Hooks over HTTP: a Hono app, to be served alone or mounted in another.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { createHooksApp } from "@omniagent/hooks/hono";
 * import { Hono } from "hono";
 *
 * const hooks = createHooks();
 * const tokens = [{ name: "agent", token: "a-secret-of-16-or-more", scopes: ["emit"] as const }];
 * const app = new Hono()
 *   .get("/", (context) => context.text("a page of your own"))
 *   .route("/hooks", createHooksApp(hooks, { tokens }));
 * console.log((await app.request("/hooks/health")).status); // 200
 *
 * await hooks.close();
 * ```
 *
 * @module
 */
export { createHooksApp, type HooksApp } from "./hooks_app.ts";
export type { HooksAppLimits } from "./limits.ts";
export type {
  HooksAppAuth,
  HooksAppOptions,
  HooksAppSettings,
  Identity,
  Scope,
  Token,
  VerifyToken,
} from "./options.ts";
