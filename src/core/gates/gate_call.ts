import { abortable, linkSignals } from "../../internal/async.ts";
import type { Clock } from "../../internal/clock.ts";
import type { Logger } from "../hook.ts";
import { GateError, type GateFailure } from "./failure.ts";
import type { GateContext, RegisteredGate } from "./gate.ts";

/** The parts of a run that limit its time. */
export type RunParts = {
  readonly decisionId: string;
  /** Limit of the whole run, in milliseconds. */
  readonly timeout: number;
  /** The caller's signal, and that of `close`. */
  readonly signals: readonly AbortSignal[];
  readonly logger: Logger;
  readonly clock: Clock;
};

/** The time of a whole run: a signal, and a timer that starts with the first gate that is waited for. */
export class RunTime {
  readonly #run: RunParts;
  #link: ReturnType<typeof linkSignals> | undefined;
  #cancel: (() => void) | undefined;

  constructor(run: RunParts) {
    this.#run = run;
  }

  /** Why the run was over before it began; undefined when it wasn't. */
  get abortedBy(): AbortSignal | undefined {
    if (this.#link?.signal.aborted) return this.#link.signal;
    return this.#run.signals.find((signal) => signal.aborted);
  }

  get signal(): AbortSignal {
    return (this.#link ??= linkSignals(...this.#run.signals)).signal;
  }

  start(): void {
    const { timeout, clock } = this.#run;
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

/** One call of a gate: its context, whose signal is made when it is needed, and its time. */
export class GateCall implements GateContext {
  readonly logger: Logger;
  readonly decisionId: string;
  readonly final: boolean;
  readonly #gate: RegisteredGate;
  readonly #run: RunParts;
  readonly #time: RunTime;
  #link: ReturnType<typeof linkSignals> | undefined;

  constructor(gate: RegisteredGate, run: RunParts, time: RunTime, final: boolean) {
    this.logger = run.logger;
    this.decisionId = run.decisionId;
    this.final = final;
    this.#gate = gate;
    this.#run = run;
    this.#time = time;
  }

  get signal(): AbortSignal {
    return (this.#link ??= linkSignals(this.#time.signal)).signal;
  }

  /** Waits for what the gate returned. What it returns once its time is up is passed to `late`. */
  async wait(
    value: PromiseLike<unknown>,
    late: (value: unknown) => void,
  ): Promise<unknown> {
    const { timeout } = this.#gate;
    const { clock } = this.#run;
    const { signal } = this;
    this.#time.start();
    const cancel = timeout === Infinity ? undefined : clock.setTimer(timeout, () => {
      this.#link!.abort(new GateTimeout(`took longer than ${timeout} ms`));
    });
    try {
      return await abortable(value, signal);
    } catch (error) {
      // A gate that rejects now has only noticed that its signal aborted.
      if (signal.aborted) value.then(late, () => {});
      throw error;
    } finally {
      cancel?.();
      this.#link!.release();
    }
  }

  /** Why a call failed that threw. */
  failureOf(error: unknown): GateFailure {
    const signal = this.#link?.signal;
    if (signal?.aborted && error === signal.reason) {
      return error instanceof GateTimeout ? "timeout" : "aborted";
    }
    return error instanceof GateError ? error.failure : "error";
  }
}
