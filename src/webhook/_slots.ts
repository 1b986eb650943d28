import { abortable } from "../core/mod.ts";

/** A bounded number of things at once; the others wait in turn. */
export class Slots {
  readonly #size: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;
  #empty: Promise<void> | undefined;
  #becameEmpty: (() => void) | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** Runs something as soon as a slot is free. Rejects with the signal's reason while it waits. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#size) await this.#turn(signal);
    else this.#taken++;
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  /** Resolves when nothing runs. */
  empty(): Promise<void> {
    if (this.#taken === 0) return Promise.resolve();
    return this.#empty ??= new Promise((resolve) => this.#becameEmpty = resolve);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    let take!: () => void;
    const turn = new Promise<void>((resolve) => take = resolve);
    this.#waiting.add(take);
    try {
      await abortable(turn, signal);
    } catch (error) {
      // Given a slot in the very moment of the abort: it goes on to the next.
      if (!this.#waiting.delete(take)) this.#release();
      throw error;
    }
  }

  /** Hands the slot to the next that waits, or gives it back. */
  #release(): void {
    for (const take of this.#waiting) {
      this.#waiting.delete(take);
      return take();
    }
    if (--this.#taken === 0) {
      this.#becameEmpty?.();
      this.#empty = this.#becameEmpty = undefined;
    }
  }
}
