import type { Attempt } from "../core/mod.ts";
import type { Env } from "./_env.ts";

/** Failures in a row after which a receiver is left alone for a while. */
const AFTER = 20;
/** How long, in milliseconds. */
const REST = 1_000;

/** What this process knows of a target. */
type Row = { failures: number; until: number };

/**
 * Which receivers do nothing but fail: each gets as much as it takes at once, then nothing for a second,
 * until it takes something. One that refuses at once, and for which a million wait, would otherwise keep the
 * store and the processor from all others. Known to this process alone: nothing of it is stored.
 */
export class Rests {
  readonly #rows = new Map<string, Row>();
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Notes an attempt. An answer that is final is no failure: somebody gave it. */
  note(target: string, { verdict }: Attempt): void {
    if (verdict === "delivered") this.#rows.delete(target);
    if (verdict !== "retry") return;
    const row = this.#rows.get(target) ?? { failures: 0, until: 0 };
    this.#rows.set(target, row);
    if (++row.failures >= AFTER) row.until = this.#env.now() + REST;
  }

  /** A target was unregistered. */
  forget(target: string): void {
    this.#rows.delete(target);
  }

  /** Until when a target gets nothing; 0: it gets what there is. */
  until(target: string): number {
    const { until = 0 } = this.#rows.get(target) ?? {};
    const left = until - this.#env.now();
    return left > 0 && left <= REST ? until : 0; // longer: the clock was set back
  }
}
