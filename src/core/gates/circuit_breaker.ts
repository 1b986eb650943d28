import type { Clock } from "../../internal/clock.ts";
import type { GateFailure } from "./merge_verdicts.ts";
import { BREAKER_FAILURES, COOLDOWN } from "./limits.ts";

/** The failures that make every call wait in vain. Others are quick, or about one event. */
const COSTLY: readonly GateFailure[] = ["timeout", "unreachable"];

/**
 * A circuit breaker: a gate that didn't respond several times in a row fails at once for a while, and is then
 * tried with one call. It only makes failures faster. A gate whose failure lets an event through has no
 * breaker, because it would let through events that the gate may deny by now.
 */
export class CircuitBreaker {
  #failures = 0;
  #failure: GateFailure = "unreachable";
  #triedAt = 0;

  /** Returns why the gate must not be called; undefined to call it. */
  reject(
    clock: Pick<Clock, "now">,
  ): { readonly failure: GateFailure; readonly reason: string } | undefined {
    if (this.#failures < BREAKER_FAILURES) return undefined;
    const now = clock.now();
    const left = this.#triedAt + COOLDOWN - now;
    if (left <= 0 || left > COOLDOWN) { // beyond: the clock was set back
      this.#triedAt = now; // the others wait until this call has returned
      return undefined;
    }
    const times = `it failed ${this.#failures} times in a row (${this.#failure})`;
    return {
      failure: this.#failure,
      reason: `was not called: ${times}, and is tried again in ${left} ms`,
    };
  }

  /** Notes how a call ended. */
  note(failure: GateFailure | undefined, clock: Pick<Clock, "now">): void {
    if (failure === undefined || !COSTLY.includes(failure)) {
      this.#failures = 0;
      return;
    }
    this.#failures++;
    this.#failure = failure;
    this.#triedAt = clock.now();
  }
}
