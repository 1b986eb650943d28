import { abortable, hold } from "./_abort.ts";

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

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether the next has to wait. */
  get full(): boolean {
    return this.#taken >= this.#size;
  }

  /** Runs something as soon as a slot is free. Rejects with the signal's reason while it waits. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.take(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  /** Takes a slot, at once if one is free: undefined. Who takes one has to release it. */
  take(signal?: AbortSignal): Promise<void> | undefined {
    return this.tryTake() ? undefined : this.#turn(signal);
  }

  /** Takes a slot if one is free, and says whether it did. */
  tryTake(): boolean {
    if (this.full) return false;
    this.#taken++;
    return true;
  }

  /** Hands a slot to the next that waits, or gives it back. */
  release(): void {
    for (const take of this.#waiting) {
      this.#waiting.delete(take);
      return take();
    }
    if (--this.#taken === 0) {
      this.#becameEmpty?.();
      this.#empty = this.#becameEmpty = undefined;
    }
  }

  /** Resolves when nothing runs, and so nothing waits. */
  empty(): Promise<void> {
    if (this.#taken === 0) return Promise.resolve();
    return this.#empty ??= new Promise((resolve) => this.#becameEmpty = resolve);
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    let take!: () => void;
    const turn = new Promise<void>((resolve) => take = resolve);
    this.#waiting.add(take);
    const letGo = hold();
    try {
      await (signal ? abortable(turn, signal) : turn);
    } catch (error) {
      // Given a slot in the very moment of the abort: it goes on to the next.
      if (!this.#waiting.delete(take)) this.release();
      throw error;
    } finally {
      letGo();
    }
  }
}
