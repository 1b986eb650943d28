import { storeErrorOf } from "../store/mod.ts";

/**
 * Thrown when the store does not respond in time or can't write, such as on a full disk. `stored`
 * says whether anything may be stored.
 */
export class OutboxUnavailableError extends Error {
  /** The class's name. */
  override readonly name = "OutboxUnavailableError";
  /** Stable. */
  readonly code = "outbox_unavailable";
  /**
   * `false`: nothing was sent, so nothing is stored. `"unknown"`: it may be stored, now or later; emit
   * again under the same idempotency key to be sure, which is then a duplicate that runs no handler. A
   * retry or a replay of dead deliveries can be run again as it is.
   */
  readonly stored: false | "unknown";

  /** An error; `cause` is the store's, and `action` what was to be done. */
  constructor(stored: false | "unknown", cause?: unknown, action = "publish") {
    const known = stored ? "it is not known whether anything was stored" : "nothing was stored";
    const failed = storeErrorOf(cause);
    const why = failed === undefined || failed.failure === "failed"
      ? `as the store does not answer: ${known}`
      : `as the store failed: ${failed.advice}; ${known}`;
    super(`Cannot ${action} ${why}`, { cause });
    this.stored = stored;
  }
}

/**
 * Thrown when an idempotency key, or the id of a dispatched event, was already used for a different
 * event. Nothing was stored.
 */
export class IdempotencyConflictError extends Error {
  /** The class's name. */
  override readonly name = "IdempotencyConflictError";
  /** Stable. */
  readonly code = "idempotency_conflict";

  /** An error; `what` was used before, and is not shown. */
  constructor(what: "idempotency key" | "event id" = "idempotency key") {
    super(`Cannot publish as the ${what} was used for another event`);
  }
}
