import type { Clock } from "../../internal/clock.ts";
import type { Recorder } from "../recorder.ts";
import type { GateFailure, GateRecord } from "./gate_outcome.ts";

/** What is known of a gate from its calls. */
export type GateState = {
  /** Undefined if a failure lets the event through: then the gate is always called. */
  readonly breaker: Breaker | undefined;
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
    breaker: onFailure === "allow" && mode === "enforce" ? undefined : new Breaker(),
    meter: new GateMeter(recorder, name),
  };
}

/** Failures in a row after which a gate is not called for a while. */
const LIMIT = 5;

/** How long, in milliseconds: as long as one call of a gate may take. */
const COOLDOWN = 5_000;

/** The failures that make every call wait in vain. Others are quick, or about one event. */
const COSTLY: readonly GateFailure[] = ["timeout", "unreachable"];

/**
 * A circuit breaker: a gate that didn't respond several times in a row fails at once for a while, and is then
 * tried with one call. It only makes failures faster. A gate whose failure lets an event through has no
 * breaker, because it would let through events that the gate may deny by now.
 */
class Breaker {
  #failures = 0;
  #failure: GateFailure = "unreachable";
  #triedAt = 0;

  /** Returns why the gate must not be called; undefined to call it. */
  reject(
    clock: Pick<Clock, "now">,
  ): { readonly failure: GateFailure; readonly reason: string } | undefined {
    if (this.#failures < LIMIT) return undefined;
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
