import { storeErrorOf } from "../core/errors.ts";

/** The store gave no answer in time, or failed for good, as on a full disk. `stored` says what is known of what was to be written. */
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
 * An idempotency key was used before for another event, or the id of a dispatched event is that of another
 * one. Nothing was stored.
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
