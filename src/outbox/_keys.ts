import type { StoreKey, StoreSelector } from "../store/mod.ts";
import { timeOf } from "./_event_time.ts";

/** What is counted, by target and by the day on which the event was accepted. */
export type Count = "accepted" | "delivered" | "dead" | "expired" | "failed";

/** A day in milliseconds. */
export const DAY: number = 24 * 60 * 60 * 1000;

/** Where everything stands, under one prefix. The layout is a format: `[p,"meta"]` holds its version. */
export class Keys {
  readonly meta: StoreKey;
  /** What is overwritten to see whether the store takes commits. */
  readonly probe: StoreKey;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.meta = [prefix, "meta"];
    this.probe = [prefix, "probe"];
  }

  /** Bytes that the prefix takes of each key. */
  get prefixBytes(): number {
    return new TextEncoder().encode(this.#prefix).length + 2;
  }

  /** An accepted event. */
  event(id: string): StoreKey {
    return [this.#prefix, "event", id];
  }

  /** A part of a large event's body. */
  chunk(id: string, n: number): StoreKey {
    return [this.#prefix, "chunk", id, n];
  }

  /** A live delivery, due at a time: the one thing that workers scan. */
  due(target: string, at: number, id: string): StoreKey {
    return [this.#prefix, "due", target, at, id];
  }

  /** The log of a delivery. */
  delivery(target: string, id: string): StoreKey {
    return [this.#prefix, "delivery", target, id];
  }

  /** A delivery that was given up. */
  dead(target: string, id: string): StoreKey {
    return [this.#prefix, "dead", target, id];
  }

  /** What an idempotency key was used for. */
  seen(key: string): StoreKey {
    return [this.#prefix, "seen", "", key];
  }

  /** A number of deliveries. */
  count(target: string, eventId: string, what: Count): StoreKey {
    return [this.#prefix, "count", target, dayOf(eventId), what];
  }

  /** Whether a target gets anything. */
  endpoint(target: string): StoreKey {
    return [this.#prefix, "endpoint", target];
  }

  /** The deliveries of a session that wait for one another: there while it has any. */
  lane(target: string, session: string): StoreKey {
    return [this.#prefix, "lane", target, session];
  }

  /** The event that is n-th in a lane. */
  laneEntry(target: string, session: string, n: number): StoreKey {
    return [this.#prefix, "lane", target, session, n];
  }

  /** The one live delivery of a lane. */
  laneDue(target: string, at: number, session: string): StoreKey {
    return [this.#prefix, "due", target, at, "lane", session];
  }

  /** Everything below some parts of a key, such as `"dead", target`. */
  below(...parts: readonly (string | number)[]): StoreKey {
    return [this.#prefix, ...parts];
  }

  /** Live deliveries from a target on, or from a place within a target's on. */
  dueFrom(target: string, after?: StoreKey): StoreSelector {
    const prefix = [this.#prefix, "due"];
    return { prefix, start: after ?? [...prefix, target] };
  }
}

/** The UTC day of a time, from 1970. */
export function dayIn(time: number): number {
  return Math.floor(time / DAY);
}

/** The UTC day in the time of a UUID v7; 0 for an id that has none. */
function dayOf(id: string): number {
  return dayIn(timeOf(id) ?? 0);
}
