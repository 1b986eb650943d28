/**
 * The limits and defaults of hooks and events. Those of gates are in `gates/limits.ts`.
 *
 * @module
 */

/** The time limit of one call of a durable hook, in milliseconds, unless it sets another. */
export const DURABLE_TIMEOUT = 30_000;
/** The maximum number of concurrent calls of a durable hook, unless it sets another. */
export const DURABLE_CONCURRENCY = 16;

/**
 * Longest stack of dispatches inside of one another. It leaves room for 64 handlers that each call some
 * 100 functions before they emit.
 */
export const MAX_NESTED = 64;
/** Longest chain of calls that wait for one another: as many as may be nested on the stack. */
export const MAX_WAITING = 64;
/** The longest chain of events that cause one another with `context.emit`. */
export const MAX_CHAIN = 16;

/** The most sets of attributes per metric: types and names also come from outside. */
export const MAX_SERIES = 500;
