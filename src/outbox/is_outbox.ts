/**
 * What tells an outbox from another queue: a door of its own, so that who only asks loads no outbox.
 *
 * @module
 */
import type { DeliveryQueue } from "../core/mod.ts";
import type { Outbox } from "./outbox.ts";

const outboxes = new WeakSet<object>();

/** Whether a queue is an outbox. */
export function isOutbox(queue: DeliveryQueue | undefined): queue is Outbox {
  return queue !== undefined && outboxes.has(queue);
}

/** Notes that a queue is an outbox. */
export function noteOutbox(outbox: Outbox): void {
  outboxes.add(outbox);
}
