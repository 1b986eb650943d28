import { Semaphore } from "../internal/async.ts";
import { DispatchError, OverflowError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { Reporter } from "./reporter.ts";

/** Limits of a background queue. */
type BackgroundLimits = {
  readonly maxConcurrent: number;
  readonly maxPending: number;
  readonly overflow: "reject" | "drop";
};

/** Runs events that no caller waits for: a limited number at once, while a limited number waits. */
export class BackgroundQueue {
  readonly #limits: BackgroundLimits;
  readonly #reporter: Reporter;
  readonly #semaphore: Semaphore;

  constructor(limits: BackgroundLimits, reporter: Reporter) {
    this.#limits = limits;
    this.#reporter = reporter;
    this.#semaphore = new Semaphore(limits.maxConcurrent);
  }

  /** Whether an event runs. If none runs, none waits. */
  get busy(): boolean {
    return this.#semaphore.taken > 0;
  }

  /** Runs an event as soon as possible. Resolves when it is done, and never rejects. */
  async submit(event: HookEvent, run: () => Promise<unknown>): Promise<void> {
    const { taken, waiting, full } = this.#semaphore;
    if (full && waiting >= this.#limits.maxPending) return this.#overflow(event, taken, waiting);
    // Always in a later microtask: the caller neither runs a handler nor waits for one.
    await this.#semaphore.acquire();
    try {
      await run();
    } catch (error) {
      this.#failed(event, error);
    } finally {
      this.#semaphore.release();
    }
  }

  /** Resolves when no event runs or waits. */
  drain(): Promise<void> {
    return this.#semaphore.empty();
  }

  #failed(event: HookEvent, error: unknown): void {
    // A DispatchError of this event: its failures were reported one by one. A schema or a queue may throw
    // that of another event.
    if (error instanceof DispatchError && error.receipt.id === event.id) return;
    this.#reporter.failed(`Cannot dispatch event '${event.type}' (${event.id})`, error, event);
  }

  #overflow(event: HookEvent, running: number, waiting: number): void {
    if (this.#limits.overflow === "drop") this.#reporter.dropped(event);
    else this.#failed(event, new OverflowError(event.type, running, waiting));
  }
}

/** Work that began in the same period: `settled` ends a period. */
type Period = { running: number; onEnd: (() => void) | undefined };

/** Counts running work, and resolves when everything that has begun so far has ended. */
export class InFlight {
  #period: Period = { running: 0, onEnd: undefined };
  #earlier: Promise<unknown> = Promise.resolve();

  /** Notes that work begins. Returns a function to call when it ends. */
  enter(): () => void {
    const period = this.#period;
    period.running++;
    return () => {
      if (--period.running === 0) period.onEnd?.();
    };
  }

  /** Whether work runs that began after the last call of `settled`. */
  get busy(): boolean {
    return this.#period.running > 0;
  }

  /** Resolves when all work that has begun so far has ended. Work that begins later is not waited for. */
  settled(): Promise<unknown> {
    const period = this.#period;
    if (period.running > 0) {
      const ended = new Promise<void>((resolve) => period.onEnd = resolve);
      this.#earlier = Promise.all([this.#earlier, ended]);
      this.#period = { running: 0, onEnd: undefined };
    }
    return this.#earlier;
  }
}
