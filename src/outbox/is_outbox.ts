/**
 * Tells an outbox from another queue, without loading the outbox.
 *
 * @module
 */
import type { DeliveryQueue } from "../core/mod.ts";
import type { Clock } from "../internal/clock.ts";
import type { Store } from "../store/mod.ts";
import type { Outbox } from "./types.ts";

/** What an outbox is made of. */
type OutboxParts = {
  readonly store: Store;
  readonly prefix: string;
  readonly clock: Clock;
  /** Has it keep the process alive, and returns what ends that. */
  readonly keepAlive: () => () => void;
  /** Makes it read the state of its targets again, after another process has changed one. */
  readonly refreshTargets: () => void;
};

/** All outboxes. */
const outboxes = new WeakMap<object, OutboxParts>();

/** Returns whether a queue is an outbox. */
export function isOutbox(queue: DeliveryQueue | undefined): queue is Outbox {
  return queue !== undefined && outboxes.has(queue);
}

/** Notes that a queue is an outbox, and what it is made of. */
export function noteOutbox(outbox: Outbox, parts: OutboxParts): void {
  outboxes.set(outbox, parts);
}

/** Returns what an outbox is made of; undefined for another queue. */
export function partsOf(queue: DeliveryQueue | undefined): OutboxParts | undefined {
  return queue && outboxes.get(queue);
}

/** Has an outbox keep the process alive while it runs, even if nothing is due. Returns what ends that. */
export function keepAlive(queue: DeliveryQueue | undefined): () => void {
  return partsOf(queue)?.keepAlive() ?? (() => {});
}
