import { abortable, deadline, linkSignals, setTimer, sharedController } from "../internal/async.ts";
import type { BackgroundQueue, InFlight } from "./background_queue.ts";
import { isInside, rejectDeadlock } from "./nesting.ts";
import type { DeliveryQueue } from "./delivery.ts";
import type { HandlerOutcome } from "./emitter.ts";
import type { Entry } from "./entry.ts";
import { HookCloseError, HookInitError, HooksClosedError } from "./errors.ts";
import type { Logger } from "./hook.ts";
import type { Reporter } from "./reporter.ts";

/** Options of a lifecycle. */
type LifecycleOptions = {
  readonly logger: Logger;
  readonly queue: DeliveryQueue | undefined;
  readonly reporter: Reporter;
  readonly background: BackgroundQueue;
  readonly inFlight: InFlight;
  /** Decisions and tool calls. */
  readonly calls: InFlight;
  /** The longest `close`, in milliseconds. */
  readonly closeTimeout: number;
};

/**
 * The part of `closeTimeout` that is reserved for closing the hooks, at most a second. Before that, decisions that
 * were ended have as long again to be recorded.
 */
const CLOSE_SHARE = 0.1;

/** Opens hooks before their first event, and closes them after their last. */
export class HookLifecycle {
  /** Whether events may be dispatched at once: every registered hook is open. */
  isReady = false;
  /** Whether `close` no longer waits for running calls: nothing more is called. */
  isAbandoned = false;
  readonly #options: LifecycleOptions;
  readonly #abandon: AbortController = sharedController();
  readonly #begin: AbortController = sharedController();
  readonly #ending: AbortController = sharedController();
  readonly #openingAbort: AbortController = sharedController();
  readonly #unopened = new Set<Entry>(); // in the order of registration
  readonly #open = new Set<Entry>();
  readonly #retiring = new Set<Promise<void>>();
  #isStarted = false;
  #opening: Promise<void> | undefined;
  #openingTargets: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** Aborts when `close` no longer waits for running calls. */
  get abandoned(): AbortSignal {
    return this.#abandon.signal;
  }

  /** Aborts shortly before `abandoned`: gates that still run then fail, so that their decision can be recorded. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Aborts when `close` begins. */
  get closing(): AbortSignal {
    return this.#begin.signal;
  }

  /** Whether a hook is not open yet. */
  get hasUnopened(): boolean {
    return this.#unopened.size > 0;
  }

  /** Whether a hook that registers targets is not open yet. */
  get lacksTargets(): boolean {
    for (const { bringsTargets } of this.#unopened) if (bringsTargets) return true;
    return false;
  }

  /**
   * Rejects events after `close`. An event that a running event causes is accepted until that one has ended.
   *
   * @throws {HooksClosedError}
   */
  admit(subject: string, isCaused: boolean): void {
    if (this.isAbandoned || (this.#closing && !isCaused)) throw new HooksClosedError(subject);
  }

  /** Adds a hook, to be opened before the next event. */
  add(entry: Entry): void {
    this.#unopened.add(entry);
    this.isReady = false;
  }

  /** Removes a hook. If it is open, it is closed once no event runs that it may still receive. */
  delete(entry: Entry): void {
    // In a later microtask, the event that is being dispatched right now is known to be in flight.
    this.#retire(entry, Promise.resolve().then(() => this.#options.inFlight.settled()));
  }

  #retire(entry: Entry, ended: Promise<unknown>): void {
    this.#unopened.delete(entry);
    if (!this.#open.has(entry)) return; // never opened, or `#openEach` will retire it
    const retiring = ended.then(async () => {
      if (!this.#open.delete(entry)) return; // `close` was faster
      await this.#closeAndReport([entry]);
    });
    this.#retiring.add(retiring);
    void retiring.then(() => this.#retiring.delete(retiring));
  }

  /**
   * Opens every hook that isn't open. Concurrent callers share one attempt.
   *
   * @throws {HookInitError} when a hook fails to open. Hooks that the same attempt opened are closed again,
   *   except those that register targets
   */
  open(): Promise<void> {
    if (this.isReady && !this.#opening) return Promise.resolve();
    // In a later microtask: a hook whose `init` emits has to find that hooks are being opened.
    return this.#opening ??= Promise.resolve().then(() => this.#openEach(false))
      .finally(() => this.#opening = undefined);
  }

  /**
   * Opens only the hooks that register targets: others may hang or fail. Concurrent callers share one
   * attempt.
   *
   * @throws {HookInitError} when such a hook fails to open
   * @throws {HooksClosedError} when `close` gives up on it
   */
  async openTargets(): Promise<void> {
    while (this.lacksTargets) {
      this.#openingTargets ??= Promise.resolve().then(() => this.#openEach(true))
        .finally(() => this.#openingTargets = undefined);
      await abortable(this.#openingTargets, this.abandoned);
    }
  }

  /** Opens every hook that isn't open; with `isTargetsOnly`, those that register targets. */
  async #openEach(isTargetsOnly: boolean): Promise<void> {
    const { logger, queue } = this.#options;
    const context = { logger, signal: this.#openingAbort.signal };
    const opened: Entry[] = [];
    try {
      for (const entry of this.#unopened) { // includes what is added meanwhile
        if (!isTargetsOnly && entry.bringsTargets) await this.openTargets();
        if (entry.bringsTargets !== isTargetsOnly) continue;
        await entry.open(context, this).catch((error) => {
          throw new HookInitError(entry.info.name, error);
        });
        opened.push(entry);
      }
      // `close` didn't wait any longer.
      if (this.isAbandoned) throw new HooksClosedError("Cannot open hooks");
    } catch (error) {
      await this.#closeAndReport(opened.reverse());
      throw error;
    }
    for (const entry of opened) {
      this.#unopened.delete(entry);
      this.#open.add(entry);
      if (!entry.active) this.#retire(entry, Promise.resolve());
    }
    if (isTargetsOnly) return;
    if (!this.#isStarted) queue?.start();
    this.#isStarted = true;
    this.isReady = !this.#closing;
  }

  async #closeAndReport(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      try {
        await entry.close(this);
      } catch (error) {
        this.#options.reporter.failed(`Hook '${entry.info.name}' failed to close`, error);
      }
    }
  }

  /** Does the same as `open`. @throws {HooksClosedError | DeadlockError} after `close`, or in `init` of a hook */
  init(): Promise<void> {
    const subject = "Cannot open hooks";
    if (this.#closing) return Promise.reject(new HooksClosedError(subject));
    const opened = this.open();
    if (!isInside(this, "init")) return opened;
    opened.catch(() => {}); // other callers are rejected
    return rejectDeadlock(subject, "init");
  }

  /** Resolves when no background event is running or waiting. @throws {DeadlockError} in one of them */
  drain(): Promise<void> {
    const { background } = this.#options;
    if (!background.busy) return Promise.resolve();
    const subject = "Cannot drain events";
    if (isInside(this, "background")) return rejectDeadlock(subject, "drain");
    if (isInside(this, "init") && !this.isReady) return rejectDeadlock(subject, "dispatch");
    return background.drain();
  }

  /**
   * Ends everything, then calls `ended`. Idempotent.
   *
   * @throws {DeadlockError} in a handler or a hook
   * @throws {HookCloseError} with everything that failed
   */
  close(ended: () => void): Promise<void> {
    const isOver = this.isAbandoned && !isInside(this, "close");
    this.#closing ??= this.#close().finally(ended);
    const closed = this.#closing;
    if (isOver || !isInside(this, "dispatch", "background", "init", "close")) return closed;
    const subject = "Cannot close hooks";
    closed.catch((error) => this.#options.reporter.failed(subject, error));
    return rejectDeadlock(subject, "close");
  }

  /** Finishes the events, stops the queue, closes the hooks. The next step follows even if one fails. */
  async #close(): Promise<void> {
    this.isReady = false;
    this.#begin.abort(new HooksClosedError("Cannot continue"));
    const { closeTimeout } = this.#options;
    const reserved = Math.min(1000, closeTimeout * CLOSE_SHARE);
    const drainTimeout = closeTimeout - reserved;
    const failures: HandlerOutcome[] = [];
    const cancelEnd = setTimer(drainTimeout - reserved, () => this.#end());
    const drain = startSteps(drainTimeout, `still ran after ${drainTimeout} ms`, failures);
    const close = startSteps(closeTimeout, `was still closing after ${closeTimeout} ms`, failures);
    // The queue claims nothing more from now on: a backlog could keep durable hooks busy for good.
    const stopped = this.#stopQueue();
    stopped.catch(() => {}); // awaited below
    await drain.attempt("events", this.#ended());
    // Once more: events that have ended since may have started it, or left leases to return.
    await drain.attempt("outbox", stopped.then(() => this.#stopQueue()));
    drain.cancel();
    cancelEnd();
    this.#giveUp();
    await this.#closeHooks(close);
    close.cancel();
    if (failures.length > 0) throw new HookCloseError(failures);
  }

  /** Resolves when no event is running, no hook is opening, and no unregistered hook is closing. */
  async #ended(): Promise<void> {
    const { background, inFlight, calls } = this.#options;
    if (!this.hasUnopened) this.#abortOpening();
    do {
      await background.drain();
      await calls.settled();
      await inFlight.settled();
    } while (background.busy || calls.busy || inFlight.busy);
    this.#abortOpening(); // no accepted event waits for it any longer
    await this.#openingTargets?.catch(() => {}); // its callers are rejected
    await this.#opening?.catch(() => {}); // as here
    await Promise.all(this.#retiring);
  }

  /** Stops the queue, unless `close` has given up: by then it may be connected to other hooks. */
  async #stopQueue(): Promise<void> {
    if (this.#isStarted && !this.isAbandoned) await this.#options.queue?.stop();
  }

  /** Waits for nothing that still runs. */
  #giveUp(): void {
    this.#end();
    this.isAbandoned = true;
    this.#abortOpening();
    this.#abandon.abort(new HooksClosedError("Cannot continue"));
  }

  #end(): void {
    this.#ending.abort(new HooksClosedError("Cannot continue"));
  }

  #abortOpening(): void {
    this.#openingAbort.abort(new HooksClosedError("Cannot open hooks"));
  }

  async #closeHooks(steps: CloseSteps): Promise<void> {
    const open = [...this.#open].reverse();
    this.#open.clear(); // nothing else closes them now
    for (const entry of open) await steps.attempt(entry.info.name, entry.close(this));
  }
}

/** Steps of `close` that share their time. */
type CloseSteps = {
  /** Waits for a step while there is time; after that, for one turn of the event loop. Notes its failure. */
  attempt(name: string, step: Promise<void>): Promise<void>;
  cancel(): void;
};

function startSteps(milliseconds: number, message: string, failures: HandlerOutcome[]): CloseSteps {
  const { signal, abort } = linkSignals();
  const error = (): Error => new Error(message);
  const cancel = setTimer(milliseconds, () => abort(error()));
  const wait = (step: Promise<void>): Promise<void> =>
    signal.aborted ? deadline(step, 0, { error }) : abortable(step, signal);
  return {
    attempt: (name, step) =>
      wait(step).catch((error) => void failures.push({ name, ok: false, error })),
    cancel,
  };
}
