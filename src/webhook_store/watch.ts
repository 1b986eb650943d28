import type { Clock } from "../internal/clock.ts";
import type { Store } from "../store/mod.ts";

/** How often the store is read, in milliseconds, so that a change is applied within five seconds. */
const POLL = 3_000;
/** The shortest pause between reads that other processes ask for, in milliseconds. */
const MIN_PAUSE = 250;

/** Looks at a store every three seconds, and when another process signals that something has changed. */
export class Watch {
  readonly #options: { readonly clock: Clock; readonly store: Store };
  readonly #look: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #isStopped = true;
  /** Whether another process has signaled since the last look began. */
  #isHinted = false;
  #hasFailed = false;
  #lookedAt = -Infinity;
  #cancel = (): void => {};
  #unlisten = (): void => {};

  /** `failed` is called with the first error of several in a row. */
  constructor(
    options: { readonly clock: Clock; readonly store: Store },
    look: () => Promise<void>,
    failed: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#look = look;
    this.#failed = failed;
  }

  /** Starts watching: the first look is three seconds from now. */
  start(): void {
    this.#isStopped = false;
    this.#lookedAt = this.#options.clock.now();
    this.#unlisten = this.#options.store.wake?.listen(() => this.#hint()) ?? (() => {});
    this.#schedule(POLL);
  }

  /** Stops watching, until it is started again. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#unlisten();
  }

  #hint(): void {
    this.#isHinted = true;
    const passed = this.#options.clock.now() - this.#lookedAt;
    this.#schedule(passed >= 0 && passed < MIN_PAUSE ? MIN_PAUSE - passed : 0);
  }

  #schedule(milliseconds: number): void {
    if (this.#isStopped) return;
    this.#cancel();
    this.#cancel = this.#options.clock.setTimer(milliseconds, () => void this.#poll(), true);
  }

  async #poll(): Promise<void> {
    this.#isHinted = false;
    this.#lookedAt = this.#options.clock.now();
    try {
      await this.#look();
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#isStopped && !this.#hasFailed) this.#failed(error);
      this.#hasFailed = true;
    }
    this.#schedule(this.#isHinted ? MIN_PAUSE : POLL);
  }
}
