/**
 * The outbox: durable delivery of webhooks and durable hooks over a store.
 *
 * @module
 */
export * from "./errors.ts";
export type * from "./delivery.ts";
export type * from "./lists.ts";
export type * from "./operations.ts";
export { createOutbox, isOutbox, type Outbox, type OutboxOptions } from "./outbox.ts";
export { drainOnSignal, type DrainOnSignalOptions } from "./drain_on_signal.ts";
