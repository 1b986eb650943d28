/**
 * The limits and defaults that users and operators meet: sizes, lifetimes, and when a target is left alone.
 * How long calls to the store may take is in `timeouts.ts`; limits of pages are in `internal/page_size.ts`.
 *
 * @module
 */
import { DAY, HOUR } from "../internal/clock.ts";

/** The largest event, in bytes of its JSON. */
export const MAX_EVENT = 256 * 1024;
/** Ordered targets of an outbox: an event checks a session of each, and some stores take 10 checks. */
export const MAX_ORDERED = 8;
/** Targets of one system event: it must fit the commit that causes it. */
export const MAX_SYSTEM_TARGETS = 256;

/** How long events are kept by default, in milliseconds. */
export const DEFAULT_RETENTION: number = 30 * DAY;

/** Lifetimes of records, in milliseconds. */
export type Retention = {
  /** Of events. */
  readonly head: number;
  /** Of what belongs to an event, such as its deliveries. */
  readonly rest: number;
  /** Of idempotency keys. */
  readonly seen: number;
};

/** Returns how long records are kept if events are kept for `head` milliseconds. */
export function lifetimes(head: number): Retention {
  return { head, rest: head + DAY, seen: 2 * DAY };
}

/** Attempts that are kept of a delivery. */
export const MAX_ATTEMPTS = 20;
/** Their size as JSON, in characters: 16 KiB in the worst case of UTF-8. */
export const MAX_ATTEMPTS_LENGTH: number = 16 * 1024 / 3;
/** A receiver's `Retry-After` moves a delivery by this at most, in milliseconds. */
export const MAX_RETRY_AFTER: number = DAY;
/** A delivery that was leased more often and never settled takes its workers down with it. */
// mutant: most-claims
export const MAX_CLAIMS = 5;

/** How long a target may only fail before it is turned off, by default, in milliseconds. */
export const DEFAULT_DISABLE_AFTER: number = 5 * DAY;
/** A target is not turned off after fewer failures, however long ago the first of them was. */
// mutant: least-failures
export const MIN_FAILURES = 20;
/** The longest pause that a receiver can ask for, in milliseconds. */
export const MAX_ASKED_PAUSE: number = HOUR;
/** Failures in a row after which the circuit breaker lets a target cool down. */
export const BREAKER_FAILURES = 20;
/** How long that lasts, in milliseconds. */
export const COOLDOWN = 1_000;

/** Background replays that run at the same time: they share the store with deliveries. */
export const MAX_REPLAYS = 20;
/** How long a background replay is kept, in milliseconds. */
export const REPLAY_LIFETIME: number = 7 * DAY;
/** Background replays of a list by default. */
export const REPLAY_PAGE_SIZE = 20;
/** The most background replays of a list. */
export const MAX_REPLAY_PAGE_SIZE = 100;
