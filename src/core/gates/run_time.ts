import { linkSignals } from "../../internal/async.ts";
import type { Clock } from "../../internal/clock.ts";

/** The parts of a run that limit its time. */
export type RunLimits = {
  /** Limit of the whole run, in milliseconds. */
  readonly timeout: number;
  /** The caller's signal, and that of `close`. */
  readonly signals: readonly AbortSignal[];
  readonly clock: Clock;
};

/** The time of a whole run: a signal, and a timer that starts with the first gate that is waited for. */
export class RunTime {
  readonly #limits: RunLimits;
  #link: ReturnType<typeof linkSignals> | undefined;
  #cancel: (() => void) | undefined;

  constructor(limits: RunLimits) {
    this.#limits = limits;
  }

  /** Why the run was over before it began; undefined when it wasn't. */
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

  /** Whether the run has ended: what a gate returns now is too late for its record. */
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
