/** Why a gate gave no well-formed verdict in time. */
export type GateFailure =
  | "error"
  | "timeout"
  | "aborted"
  | "unreachable"
  | "status"
  | "invalid"
  | "too_large"
  | "missing"
  | "store";

/**
 * Thrown by a gate that calls another service, to say how that failed. Any other error is recorded as
 * `"error"`. Its message is recorded as `internal`, and never reaches the model.
 */
export class GateError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "GateError";
  /** The stable error code. */
  readonly code = "gate_failed";
  /** How the gate failed. */
  readonly failure: "unreachable" | "status" | "invalid" | "too_large";

  /** Creates an error. */
  constructor(failure: GateError["failure"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** Returns whether a thrown value is of a class, without throwing for a revoked proxy as `instanceof` does. */
export function isOf<Type>(
  error: unknown,
  type: abstract new (...args: never) => Type,
): error is Type {
  try {
    return error instanceof type;
  } catch {
    return false;
  }
}

/** Returns whether a gate did not respond: then the same call is decided again, even if a person was asked. */
export function isTransient(failure: GateFailure | undefined): boolean {
  return failure === "timeout" || failure === "aborted" || failure === "unreachable";
}
