/**
 * The dispatcher over HTTP: a Hono app for the edge, to be served alone or mounted in another.
 *
 * @module
 */
export { createHooksApp, type HooksApp } from "./hooks_app.ts";
export type {
  HooksAppAuth,
  HooksAppLimits,
  HooksAppOptions,
  HooksAppSettings,
  Identity,
  Scope,
  Token,
  VerifyToken,
} from "./options.ts";
