/**
 * Thrown when a `RecordingHook` or a `WebhookReceiver` did not receive what a test expects, with everything
 * that was recorded in its message, and when a store fails a test of `testStore`.
 */
export class ExpectationError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "ExpectationError";
  /** The stable error code. */
  readonly code = "expectation_failed";
}
