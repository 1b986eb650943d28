/**
 * A `RecordingHook` did not hear what was expected, and the message shows everything that it heard; or a
 * store failed a test of `testStore`.
 */
export class ExpectationError extends Error {
  /** The class's name. */
  override readonly name = "ExpectationError";
  /** Stable. */
  readonly code = "expectation_failed";
}
