/**
 * The sending half alone: a second door of this folder, for the root entry, whose import then costs
 * neither the receiver nor the address guard.
 *
 * @module
 */
export { WebhookError } from "./errors.ts";
export { WEBHOOK_LIMITS } from "./_limits.ts";
export { WebhookHook } from "./webhook_hook.ts";
export type { FilterValue, WebhookHookOptions } from "./webhook_options.ts";
