import type { Attempt } from "./delivery.ts";

const causes = new WeakMap<Attempt, unknown>();

/** Keeps what an attempt failed with: its stack is for a log, and is never stored. */
export function withCause(attempt: Attempt, cause: unknown): Attempt {
  causes.set(attempt, cause);
  return attempt;
}

/** Returns what an attempt failed with, if it was made in this process by a durable hook. */
export function attemptCause(attempt: Attempt): unknown {
  return causes.get(attempt);
}
