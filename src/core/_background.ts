import type { Reporter } from "./_reporter.ts";
import { DispatchError, OverflowError } from "./errors.ts";
import type { HookEvent } from "./events.ts";

type Task = {
  readonly event: HookEvent;
  readonly run: () => Promise<unknown>;
  readonly done: () => void;
};

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
  readonly #waiting = new Set<Task>(); // a queue: first in, first out
  #running = 0;
  #idle: Promise<void> | undefined;
  #becameIdle: (() => void) | undefined;

  constructor(limits: BackgroundLimits, reporter: Reporter) {
    this.#limits = limits;
    this.#reporter = reporter;
  }

  /** Whether something runs; nothing waits while there is room to run. */
  get busy(): boolean {
    return this.#running > 0;
  }

  /** Runs an event as soon as there is room. The promise resolves when it is done, and never rejects. */
  submit(event: HookEvent, run: () => Promise<unknown>): Promise<void> {
    return new Promise((done) => {
      const task: Task = { event, run, done };
      if (this.#running < this.#limits.maxConcurrent) this.#start(task);
      else if (this.#waiting.size < this.#limits.maxPending) this.#waiting.add(task);
      else this.#overflow(task);
    });
  }

  /** Resolves when nothing runs and nothing waits. */
  drain(): Promise<void> {
    if (!this.busy) return Promise.resolve();
    return this.#idle ??= new Promise((resolve) => this.#becameIdle = resolve);
  }

  #start(task: Task): void {
    this.#running++;
    // In a microtask: the caller of the async form never runs, nor waits for, a handler.
    queueMicrotask(async () => {
      try {
        await task.run();
      } catch (error) {
        this.#failed(task.event, error);
      }
      this.#ended(task);
    });
  }

  #ended(task: Task): void {
    this.#running--;
    task.done();
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#start(next);
      return;
    }
    if (this.#running === 0) {
      this.#becameIdle?.();
      this.#idle = this.#becameIdle = undefined;
    }
  }

  #failed(event: HookEvent, error: unknown): void {
    // The failures in a DispatchError were reported one by one, as they happened.
    if (error instanceof DispatchError) return;
    this.#reporter.failed(`Event '${event.type}' (${event.id}) was not dispatched`, error, event);
  }

  #overflow(task: Task): void {
    if (this.#limits.overflow === "drop") this.#reporter.dropped(task.event);
    else {
      this.#failed(
        task.event,
        new OverflowError(task.event.type, this.#running, this.#waiting.size),
      );
    }
    task.done();
  }
}
