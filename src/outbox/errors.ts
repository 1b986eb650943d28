import { storeErrorOf } from "../store/errors.ts";

/**
 * Thrown when the store does not respond in time or can't write, such as on a full disk. `stored`
 * says whether anything may be stored.
 */
export class OutboxUnavailableError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "OutboxUnavailableError";
  /** Identifies the error. */
  readonly code = "outbox_unavailable";
  /**
   * `false`: nothing was stored. `"unknown"`: it may be stored, now or later. To be sure, emit again with the
   * same idempotency key: a duplicate runs no handler. A retry, or a replay of dead deliveries, can simply be
   * run again.
   */
  readonly stored: false | "unknown";

  /** Creates an error; `cause` is the store's error, and `action` says what failed. */
  constructor(stored: false | "unknown", cause?: unknown, action = "publish") {
    const failed = storeErrorOf(cause);
    const why = `the store failed: ${failed?.advice ?? "it does not respond"}`;
    const known = stored ? "it is not known whether anything was stored" : "nothing was stored";
    super(`Cannot ${action}: ${why}; ${known}`, { cause });
    this.stored = stored;
  }
}

/**
 * Thrown when an idempotency key, or the id of a dispatched event, was already used for a different
 * event. Nothing was stored.
 */
export class IdempotencyConflictError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "IdempotencyConflictError";
  /** Identifies the error. */
  readonly code = "idempotency_conflict";

  /** Creates an error; `what` was used before, and is not shown. */
  constructor(what: "idempotency key" | "event id" = "idempotency key") {
    super(`Cannot publish: the ${what} was used for another event`);
  }
}

/** Thrown when too many replays are running in the background to start another. */
export class ReplayLimitError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "ReplayLimitError";
  /** Identifies the error. */
  readonly code = "replay_limit";

  /** Creates an error; `limit` is how many may run. */
  constructor(limit: number) {
    super(`Cannot start replay: ${limit} are running; wait for one, or cancel it`);
  }
}
