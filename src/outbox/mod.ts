/**
 * The outbox: durable delivery to webhooks and durable hooks over a store. Events that `emit` has accepted
 * are delivered at least once, through crashes and restarts, for as long as events are kept.
 *
 * ```ts
 * import { createHooks, defineHook } from "@omniagent/hooks";
 * import { openStore } from "@omniagent/hooks/kv";
 * import { createOutbox } from "@omniagent/hooks/outbox";
 *
 * const store = await openStore(":memory:"); // a file, to outlive the process
 * const ledger = defineHook({
 *   name: "ledger",
 *   events: ["tool.called"],
 *   durable: true, // as every webhook is then
 *   handle: ({ id, data }) => console.log(`${id}: ${data.name}`),
 * });
 * const hooks = createHooks({ use: [ledger], outbox: createOutbox(store) });
 * const { deliveries } = await hooks.emit("tool.called", { name: "bash" });
 * console.log(`${deliveries} stored`); // 1 stored
 *
 * await hooks.close();
 * store.close();
 * ```
 *
 * @module
 */
export type {
  Attempt,
  AttemptContext,
  DeliveryQueue,
  DeliveryTarget,
  PendingPublication,
  Publication,
  PublishOptions,
  QueueHost,
  QueueRecord,
  QueueRecords,
  RecordKey,
  RecordWrite,
} from "../core/mod.ts";
export * from "./errors.ts";
export type * from "./operation_types.ts";
export type { OutboxEvents } from "./system_events.ts";
export type { AttemptReport } from "./logging.ts";
export { isOutbox, type Outbox, type OutboxOperations, type OutboxOptions } from "./types.ts";
export { createOutbox } from "./outbox.ts";
export { drainOnSignal, type DrainOnSignalOptions } from "./drain_on_signal.ts";
