import type { Recorder } from "../recorder.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import type { GateRecord } from "./merge_verdicts.ts";

/** What is known of a gate from its calls. */
export type GateState = {
  /** Undefined if a failure lets the event through: then the gate is always called. */
  readonly breaker: CircuitBreaker | undefined;
  readonly meter: GateMeter;
};

/** A gate, as far as its state depends on it. */
type Stateful = {
  readonly name: string;
  readonly onFailure: string;
  readonly mode: string;
  state: GateState | undefined;
};

/** Returns the state of a gate, created with its first call. */
export function stateOf(gate: Stateful, recorder: Recorder): GateState {
  const { name, onFailure, mode } = gate;
  return gate.state ??= {
    breaker: onFailure === "allow" && mode === "enforce" ? undefined : new CircuitBreaker(),
    meter: new GateMeter(recorder, name),
  };
}

/** Counts the verdicts of one gate, and how long it takes. Looks each metric up once. */
class GateMeter {
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
