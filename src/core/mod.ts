/**
 * The core: events, hooks, registry, dispatcher, and the interfaces for code that builds on them. Other
 * folders import from here; the root entry chooses what the package exports.
 *
 * @module
 */
export { agentEventSchemas } from "./agent_event_schemas.ts";
export * from "./create_hooks.ts";
export * from "./define_hook.ts";
export type * from "./delivery.ts";
export * from "./dispatcher.ts";
export type * from "./emitter.ts";
export * from "./errors.ts";
export * from "./event_codec.ts";
export type * from "./events.ts";
export type * from "./gates/mod.ts";
export type * from "./hook.ts";
export type { Hooks } from "./facade.ts";
export type * from "./options.ts";
export { createRegistration, type Registration } from "./registration.ts";
export { HookRegistry } from "./registry.ts";
export * from "./retry_policy.ts";
