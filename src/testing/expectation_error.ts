/** A `RecordingHook` did not hear what was expected. The message shows everything that it heard. */
export class ExpectationError extends Error {
  /** The class's name. */
  override readonly name = "ExpectationError";
  /** Stable. */
  readonly code = "expectation_failed";
}
