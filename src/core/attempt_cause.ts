import type { Attempt } from "./delivery.ts";

const causes = new WeakMap<Attempt, unknown>();

/** Keeps the error of an attempt: its stack is for logs, and is never stored. */
export function withCause(attempt: Attempt, cause: unknown): Attempt {
  causes.set(attempt, cause);
  return attempt;
}

/** Returns the error of an attempt, if a durable hook made it in this process. */
export function attemptCause(attempt: Attempt): unknown {
  return causes.get(attempt);
}
