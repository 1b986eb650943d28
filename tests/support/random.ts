import process from "node:process";

/**
 * The seed of tests that generate their input. The same in every run, so that a change decides whether the
 * tests pass, and not chance; `SEED=random` looks for more, and `SEED=1234` repeats what failed.
 */
export const SEED: number = readSeed(process.env.SEED || "1");

function readSeed(text: string): number {
  if (text === "random") return Math.floor(Math.random() * 2 ** 31);
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new TypeError(`SEED must be a number or 'random', got '${text}'`);
}

/** Numbers that a seed decides: the same seed gives the same ones, on every runtime. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A number in [0, 1), by mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 on, below a limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}
