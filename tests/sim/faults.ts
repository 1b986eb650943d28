import type { Random } from "./random.ts";

/** What can befall a commit. `half`: a sum in it fails, and what went before it is applied. */
export const COMMIT_FAULTS = [
  "die before",
  "die after",
  "throw before",
  "throw after",
  "false after",
  "twice",
  "late",
  "late response",
  "echo",
  "slow",
  "stall",
  "half",
] as const;
/** What can befall a read. */
export const READ_FAULTS = ["die before", "die after", "throw before", "slow", "stall"] as const;

/** What befalls an operation. */
export type Fault = typeof COMMIT_FAULTS[number] | "none";

/** What operations are for. */
export const PURPOSES = [
  "read",
  "endpoint read",
  "session read",
  "publish",
  "chunk",
  "claim",
  "settle",
  "retry",
  "replay",
  "endpoint",
  "purge",
  "meta",
] as const;

/** What an operation is for. */
export type Purpose = typeof PURPOSES[number];

/** Whether an operation changes nothing. */
export function isRead(purpose: Purpose): boolean {
  return purpose.endsWith("read");
}

/** Decides what befalls the next operation. */
export type Faults = { next(purpose: Purpose): Fault };

/** Nothing goes wrong. */
export const noFaults: Faults = { next: () => "none" };

/** One fault, at the n-th operation; counts the operations. */
export class FaultAt implements Faults {
  /** What the operations were for, in their order. */
  readonly seen: Purpose[] = [];
  readonly #n: number;
  readonly #fault: Fault;

  constructor(n = -1, fault: Fault = "none") {
    this.#n = n;
    this.#fault = fault;
  }

  next(purpose: Purpose): Fault {
    return this.seen.push(purpose) - 1 === this.#n ? this.#fault : "none";
  }
}

/** Faults at random. */
export class RandomFaults implements Faults {
  /** Switched off when the run comes to its end. */
  on = true;
  /** How often the commits of a kind, or the reads, meet one. */
  readonly #rates: Readonly<Partial<Record<Purpose, number>>>;
  readonly #random: Random;
  readonly #kinds: readonly Fault[];

  constructor(
    random: Random,
    rates: Readonly<Partial<Record<Purpose, number>>>,
    kinds: readonly Fault[] = COMMIT_FAULTS,
  ) {
    this.#random = random;
    this.#rates = rates;
    this.#kinds = kinds;
  }

  next(purpose: Purpose): Fault {
    const chosen = this.#random.chance(this.#rates[purpose] ?? 0);
    if (!chosen || !this.on) return "none";
    if (isRead(purpose)) return this.#random.pick(READ_FAULTS.filter(this.#isOn));
    return this.#random.pick(this.#kinds);
  }

  readonly #isOn = (fault: Fault): boolean => this.#kinds.includes(fault);
}
