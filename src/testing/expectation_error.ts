/**
 * A `RecordingHook` did not hear, or a `WebhookReceiver` did not get, what was expected, and the message
 * shows all that came; or a store failed a test of `testStore`.
 */
export class ExpectationError extends Error {
  /** The class's name. */
  override readonly name = "ExpectationError";
  /** Stable. */
  readonly code = "expectation_failed";
}
