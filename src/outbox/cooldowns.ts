import type { Attempt } from "../core/mod.ts";
import type { Clock } from "../internal/clock.ts";

/** Failures in a row after which a target cools down. */
const MAX_FAILURES = 20;
/** How long a cooldown lasts, in milliseconds. */
const COOLDOWN = 1_000;

/**
 * A circuit breaker for each target: after failures in a row, it is attempted once a second, up to its
 * concurrency, until a delivery succeeds. Otherwise, a receiver that refuses connections would be called as
 * fast as the store can settle. Kept in this process only.
 */
export class Cooldowns {
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
    if (++row.failures >= MAX_FAILURES) row.until = this.#clock.now() + COOLDOWN;
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
