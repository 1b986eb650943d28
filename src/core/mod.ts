/**
 * The core: events, hooks, registry, dispatcher, and the interfaces of what stands on them. This is the
 * folder's door; what the package exports of it is chosen in the `mod.ts` at its root.
 *
 * @module
 */
export { agentEventSchemas } from "./agent_event_schemas.ts";
export * from "./create_hooks.ts";
export type * from "./delivery.ts";
export * from "./dispatcher.ts";
export type * from "./emitter.ts";
export * from "./errors.ts";
export * from "./event_codec.ts";
export type * from "./events.ts";
export type * from "./hook.ts";
export * from "./install.ts";
export type * from "./lifecycle.ts";
export type * from "./patterns.ts";
export type * from "./registration.ts";
export { HookRegistry } from "./registry.ts";
export type * from "./registry_options.ts";
export * from "./retry.ts";
