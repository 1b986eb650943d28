/**
 * The core: events, hooks, registry, dispatcher, and the interfaces of what stands on them. This is the
 * folder's door; what the package exports of it is chosen in the `mod.ts` at its root.
 *
 * @module
 */
export * from "./create_hooks.ts";
export type * from "./delivery.ts";
export * from "./dispatcher.ts";
export type * from "./emitter.ts";
export * from "./errors.ts";
export * from "./event_codec.ts";
export * from "./event_id.ts";
export type * from "./events.ts";
export * from "./hook.ts";
export * from "./install.ts";
export type * from "./lifecycle.ts";
export type * from "./patterns.ts";
export type * from "./registration.ts";
export { HookRegistry } from "./registry.ts";
export type * from "./registry_options.ts";
export * from "./retry.ts";
export type * from "./standard_schema.ts";
export type * from "./store.ts";

// For the folders that stand on core; the package does not export these.
export { abortable, follow, isThenable, within } from "./_abort.ts";
export {
  checkFunctions,
  checkName,
  checkObject,
  checkPatterns,
  checkPositive,
  show,
} from "./_check.ts";
export { type BatchEvent, type BatchOptions, dispatchBatch } from "./_batch.ts";
export { findEnvelopeFaults, isEventId } from "./_envelope.ts";
export { copyJson } from "./_json.ts";
export { isEventType, isPattern, patternsFor, TYPE_RULE } from "./_patterns.ts";
export { consoleLogger } from "./_reporter.ts";
export { Slots } from "./_slots.ts";
export { parseTime } from "./_time.ts";
