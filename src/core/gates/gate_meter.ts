import type { Recorder } from "../recorder.ts";
import type { GateRecord } from "./gate_outcome.ts";

/** Counts the verdicts of one gate, and how long it takes. Looks each metric up once. */
export class GateMeter {
  readonly #recorder: Recorder;
  readonly #gate: string;
  /** By verdict, or failure. */
  readonly #counters = new Map<string, (value: number) => void>();
  #duration: ((value: number) => void) | undefined;

  constructor(recorder: Recorder, gate: string) {
    this.#recorder = recorder;
    this.#gate = gate;
  }

  /** Adds a verdict, and how long it took. */
  add({ verdict, failure, duration_ms }: GateRecord): void {
    const word = failure ?? verdict;
    let count = this.#counters.get(word);
    if (count === undefined) {
      const attributes = { gate: this.#gate, verdict, ...(failure && { failure }) };
      count = this.#recorder.meter("omniagent.hooks.gate.decisions", attributes);
      this.#counters.set(word, count);
    }
    count(1);
    this.#duration ??= this.#recorder.meter("omniagent.hooks.gate.duration", { gate: this.#gate });
    this.#duration(duration_ms / 1000);
  }
}
