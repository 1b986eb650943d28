import { linkSignals } from "../../internal/async.ts";
import type { Clock } from "../../internal/clock.ts";

/** The parts of a decision that limit its time. */
export type DecisionLimits = {
  /** Limit of the whole decision, in milliseconds. */
  readonly timeout: number;
  /** The caller's signal, and that of `close`. */
  readonly signals: readonly AbortSignal[];
  readonly clock: Clock;
};

/** The time of a whole decision: a signal, and a timer that starts with the first gate that is waited for. */
export class DecisionTimer {
  readonly #limits: DecisionLimits;
  #link: ReturnType<typeof linkSignals> | undefined;
  #cancel: (() => void) | undefined;

  constructor(limits: DecisionLimits) {
    this.#limits = limits;
  }

  /** Why the decision was over before it began; undefined when it wasn't. */
  get abortedBy(): AbortSignal | undefined {
    if (this.#link?.signal.aborted) return this.#link.signal;
    for (const signal of this.#limits.signals) if (signal.aborted) return signal;
    return undefined;
  }

  get signal(): AbortSignal {
    return (this.#link ??= linkSignals(...this.#limits.signals)).signal;
  }

  start(): void {
    const { timeout, clock } = this.#limits;
    if (this.#cancel !== undefined || timeout === Infinity) return;
    this.#cancel = clock.setTimer(timeout, () => {
      this.#link?.abort(new GateTimeout(`the decision took longer than ${timeout} ms`));
    });
  }

  /** Whether the decision has ended: what a gate returns now is too late for its record. */
  isOver = false;

  end(): void {
    this.isOver = true;
    this.#cancel?.();
    this.#link?.release();
  }
}

/** The reason of a signal when time is up. */
export class GateTimeout extends Error {
  override readonly name = "GateTimeout";
}
