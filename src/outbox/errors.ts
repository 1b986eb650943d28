/** The store gave no answer in time. `stored` says what is known of the events. */
export class OutboxUnavailableError extends Error {
  /** The class's name. */
  override readonly name = "OutboxUnavailableError";
  /** Stable. */
  readonly code = "outbox_unavailable";
  /**
   * `false`: nothing was sent, so nothing is stored. `"unknown"`: it may be stored, now or later; emit
   * again under the same idempotency key to be sure, which is then a duplicate that runs no handler.
   */
  readonly stored: false | "unknown";

  /** An error; `cause` is the store's. */
  constructor(stored: false | "unknown", cause?: unknown) {
    const known = stored ? "it is not known whether the event was stored" : "nothing was stored";
    super(`Cannot publish as the store does not answer: ${known}`, { cause });
    this.stored = stored;
  }
}

/** An idempotency key was used before, for another event. Nothing was stored. */
export class IdempotencyConflictError extends Error {
  /** The class's name. */
  override readonly name = "IdempotencyConflictError";
  /** Stable. */
  readonly code = "idempotency_conflict";

  /** An error; the key is not shown. */
  constructor() {
    super("Cannot publish as the idempotency key was used for another event");
  }
}
