import type { Reporter } from "./_reporter.ts";
import { Slots } from "./_slots.ts";
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
  readonly #slots: Slots;

  constructor(limits: BackgroundLimits, reporter: Reporter) {
    this.#limits = limits;
    this.#reporter = reporter;
    this.#slots = new Slots(limits.maxConcurrent);
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
    await this.#slots.take();
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
