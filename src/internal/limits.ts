/**
 * The limits that several parts of the package share. Plain numbers, which bundlers inline: `createHooks` loads
 * this file.
 *
 * @module
 */

/** The longest duration of an option, in milliseconds: ten years. Dates and lifetimes after it still fit. */
export const MAX_DURATION = 315_360_000_000;
/** The longest lease, in milliseconds: a day. After a crash, no other process retries before it has expired. */
export const MAX_LEASE = 86_400_000;
/** The most calls or requests at once of one target: more connections than a process can hold. */
export const MAX_CONCURRENCY = 10_000;
