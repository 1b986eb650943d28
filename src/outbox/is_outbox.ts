/**
 * Tells an outbox from another queue, without loading the outbox.
 *
 * @module
 */
import type { DeliveryQueue } from "../core/mod.ts";
import type { Outbox } from "./types.ts";

/** All outboxes, each with what has it keep the process alive, and returns what ends that. */
const outboxes = new WeakMap<object, () => () => void>();

/** Returns whether a queue is an outbox. */
export function isOutbox(queue: DeliveryQueue | undefined): queue is Outbox {
  return queue !== undefined && outboxes.has(queue);
}

/** Notes that a queue is an outbox, and how it keeps the process alive. */
export function noteOutbox(outbox: Outbox, keepAlive: () => () => void): void {
  outboxes.set(outbox, keepAlive);
}

/** Has an outbox keep the process alive while it runs, even if nothing is due. Returns what ends that. */
export function keepAlive(queue: DeliveryQueue | undefined): () => void {
  return (queue && outboxes.get(queue)?.()) ?? (() => {});
}
