import { systemClock } from "../../internal/clock.ts";
import { inspect } from "../../internal/validate.ts";
import { patternsFor } from "../event_rules.ts";
import type { RegisteredGate } from "./gate.ts";

/** The most types whose gates are cached. The number is bounded because types also come from outside. */
const MAX_TYPES = 1_000;

/** Gates of a type, highest priority first; equals in the order of registration. */
export type GateList = {
  readonly all: readonly RegisteredGate[];
  readonly rewrites: readonly RegisteredGate[];
  readonly checks: readonly RegisteredGate[];
};

type Entry = { readonly gate: RegisteredGate; readonly patterns: readonly string[] };

/** The gates that are registered, in their order. */
export class GateTable {
  readonly #required: readonly string[];
  readonly #entries = new Map<string, Entry>();
  readonly #byType = new Map<string, GateList>();
  /** Rises with every change: decisions of other gates don't apply to these. */
  version = 0;
  /** When a gate was removed last, in milliseconds. */
  removedAt: number = -Infinity;

  /**
   * @param required Names of gates without which nothing is allowed
   * @throws {TypeError} when it is no list of names
   */
  constructor(subject: string, required: readonly string[]) {
    if (!Array.isArray(required) || !required.every((name) => typeof name === "string")) {
      throw new TypeError(
        `${subject}: 'required' must be a list of names, got ${inspect(required)}`,
      );
    }
    this.#required = [...required];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Adds a gate. Returns a function that removes it. */
  add(gate: RegisteredGate, patterns: readonly string[]): () => void {
    const entry = { gate, patterns };
    this.#entries.set(gate.name, entry);
    this.#changed();
    return () => {
      if (this.#entries.get(gate.name) !== entry) return;
      this.#entries.delete(gate.name);
      this.removedAt = systemClock.now();
      this.#changed();
    };
  }

  #changed(): void {
    this.#byType.clear();
    this.version++;
  }

  /** Whether a decision about a type needs gates at all. */
  guards(type: string): boolean {
    return this.#required.length > 0 || this.gatesFor(type).all.length > 0;
  }

  /** Returns the gates of a type. */
  gatesFor(type: string): GateList {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const patterns = patternsFor(type);
    const all = [...this.#entries.values()]
      .filter((entry) => entry.patterns.some((pattern) => patterns.includes(pattern)))
      .map(({ gate }) => gate)
      .sort((a, b) => b.priority - a.priority);
    if (this.#byType.size >= MAX_TYPES) this.#byType.clear();
    const gates = listGates(all);
    this.#byType.set(type, gates);
    return gates;
  }

  /** Returns the identity of the gates of a type: decisions of other gates don't apply to these. */
  nameOf(type: string): string {
    return this.gatesFor(type).all.map(({ name, kind, mode }) => `${name} ${kind} ${mode}`).join();
  }

  /** Returns the names of required gates that aren't registered, or aren't enforced. */
  missing(): readonly string[] {
    return this.#required.filter((name) => this.#entries.get(name)?.gate.mode !== "enforce");
  }
}

/** Returns gates by what they do, each in its order. */
export function listGates(all: readonly RegisteredGate[]): GateList {
  const rewrites = all.filter(({ kind }) => kind === "rewrite");
  const checks = all.filter(({ kind }) => kind === "check");
  return { all, rewrites, checks };
}
