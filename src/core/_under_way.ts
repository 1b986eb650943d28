import type { Reporter } from "./reporter.ts";
import { Semaphore } from "../internal/async.ts";
import { DispatchError, OverflowError } from "./errors.ts";
import type { HookEvent } from "./events.ts";

/** How much room there is. */
export type BackgroundLimits = {
  readonly maxConcurrent: number;
  readonly maxPending: number;
  readonly overflow: "reject" | "drop";
};

/** The async form: events that nobody waits for, a bounded number at once, a bounded number waiting. */
export class Background {
  readonly #limits: BackgroundLimits;
  readonly #reporter: Reporter;
  readonly #slots: Semaphore;

  constructor(limits: BackgroundLimits, reporter: Reporter) {
    this.#limits = limits;
    this.#reporter = reporter;
    this.#slots = new Semaphore(limits.maxConcurrent);
  }

  /** Whether something runs; nothing waits while there is room to run. */
  get busy(): boolean {
    return this.#slots.taken > 0;
  }

  /** Runs an event as soon as there is room. The promise resolves when it is done, and never rejects. */
  async submit(event: HookEvent, run: () => Promise<unknown>): Promise<void> {
    const { taken, waiting, full } = this.#slots;
    if (full && waiting >= this.#limits.maxPending) return this.#overflow(event, taken, waiting);
    // Always a turn later: the caller of the async form never runs, nor waits for, a handler.
    await this.#slots.acquire();
    try {
      await run();
    } catch (error) {
      this.#failed(event, error);
    } finally {
      this.#slots.release();
    }
  }

  /** Resolves when nothing runs and nothing waits. */
  drain(): Promise<void> {
    return this.#slots.empty();
  }

  #failed(event: HookEvent, error: unknown): void {
    // The failures in a DispatchError were reported one by one, as they happened; one of another event
    // is what a schema or a queue threw.
    if (error instanceof DispatchError && error.receipt.id === event.id) return;
    this.#reporter.failed(`Event '${event.type}' (${event.id}) was not dispatched`, error, event);
  }

  #overflow(event: HookEvent, running: number, waiting: number): void {
    if (this.#limits.overflow === "drop") this.#reporter.dropped(event);
    else this.#failed(event, new OverflowError(event.type, running, waiting));
  }
}

/** Counts what runs, and tells when everything that runs now has ended, whatever begins later. */
export class InFlight {
  #epoch = new Epoch();
  #before: Promise<unknown> = Promise.resolve();

  /** Something begins; the epoch is to be left when it ends. */
  enter(): Epoch {
    this.#epoch.running++;
    return this.#epoch;
  }

  /** Whether something runs that began after the last `settled`. */
  get busy(): boolean {
    return this.#epoch.running > 0;
  }

  /** Resolves when all that has begun so far has ended. */
  settled(): Promise<unknown> {
    if (this.#epoch.running > 0) {
      this.#before = Promise.all([this.#before, this.#epoch.over()]);
      this.#epoch = new Epoch();
    }
    return this.#before;
  }
}

/** A span of time, and what began in it. */
export class Epoch {
  running = 0;
  #over: (() => void) | undefined;

  /** Something that began here has ended. */
  leave(): void {
    if (--this.running === 0) this.#over?.();
  }

  /** Resolves when nothing that began here runs. */
  over(): Promise<void> {
    return new Promise((resolve) => this.#over = resolve);
  }
}
