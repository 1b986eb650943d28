/**
 * How long one call to the store may take, in milliseconds, before it is made again. A lost response must
 * leave time for a second call within every timeout below that a caller waits for.
 */
export const CALL_TIMEOUT = 5_000;
/**
 * How long a read is retried, in milliseconds. An attempt starts only with as much left of its lease, so
 * reading its event can't use that up.
 */
export const READ_TIMEOUT = 5_000;
/** An attempt starts only while its lease has this left beyond its timeout, in milliseconds. */
export const START_MARGIN = READ_TIMEOUT;
/** A lease outlasts its attempt by this, in milliseconds: time to read, to settle, and for clocks to differ. */
export const LEASE_MARGIN = 20_000;
/** How long a claim, a target's record or a cleanup is retried, in milliseconds: the next pass does it again. */
export const BACKGROUND_TIMEOUT = 5_000;
/** How long a commit is retried that a caller waits for, in milliseconds: two calls, and less than HTTP clients wait. */
export const COMMIT_TIMEOUT = 10_000;
/** The least time for a commit when the timeout of a call is nearly over, in milliseconds: one round trip. */
export const MIN_COMMIT_TIMEOUT = 1_000;
/** How long an outcome is retried, in milliseconds. Its lease ends about then, and the delivery is attempted again. */
export const SETTLE_TIMEOUT = 30_000;
/** How long a health check waits for the store, in milliseconds: less than usual readiness probes do. */
export const PROBE_TIMEOUT = 3_000;

/**
 * How long stopping may take, in milliseconds: Deno Deploy kills an instance 5 s after its SIGINT; other
 * platforms give more.
 */
export const STOP_TIMEOUT = 4_500;
