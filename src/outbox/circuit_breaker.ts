import type { Attempt } from "../core/mod.ts";
import type { Clock } from "../internal/clock.ts";
import { BREAKER_FAILURES, COOLDOWN } from "./limits.ts";

/**
 * A circuit breaker for each target: after failures in a row, it is attempted once a second, up to its
 * concurrency, until a delivery succeeds. Otherwise, a receiver that rejects connections would be called as
 * fast as the store can settle. Kept in this process only.
 */
export class CircuitBreaker {
  readonly #rows = new Map<string, { failures: number; until: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes an attempt. A final response is no failure: the receiver is up. */
  note(target: string, { verdict }: Attempt): void {
    if (verdict === "delivered") this.#rows.delete(target);
    if (verdict !== "retry") return;
    const row = this.#rows.get(target) ?? { failures: 0, until: 0 };
    this.#rows.set(target, row);
    if (++row.failures >= BREAKER_FAILURES) row.until = this.#clock.now() + COOLDOWN;
  }

  /** Forgets a target that was unregistered. */
  forget(target: string): void {
    this.#rows.delete(target);
  }

  /** Returns when a target's cooldown ends; 0 if it isn't cooling down. */
  until(target: string): number {
    const { until = 0 } = this.#rows.get(target) ?? {};
    const left = until - this.#clock.now();
    return left > 0 && left <= COOLDOWN ? until : 0; // longer: the clock was set back
  }
}
