/**
 * Thrown when a `RecordingHook` or a `WebhookReceiver` did not receive what a test expects, with everything
 * that was recorded in its message, and when a store fails a test of `testStore`.
 */
export class ExpectationError extends Error {
  /** Always `"ExpectationError"`. */
  override readonly name = "ExpectationError";
  /** Always `"expectation_failed"`. */
  readonly code = "expectation_failed";
}
