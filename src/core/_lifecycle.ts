import { setTimer, sharedController } from "../internal/async.ts";
import type { Entry } from "./_entry.ts";
import type { Reporter } from "./reporter.ts";
import type { DeliveryQueue } from "./delivery.ts";
import type { HandlerOutcome } from "./emitter.ts";
import { HookCloseError, HookInitError, HooksClosedError } from "./errors.ts";
import type { Logger } from "./hook.ts";
import type { Registration } from "./registration.ts";

/** What the lifecycle is told about. */
export type LifecycleOptions = {
  readonly logger: Logger;
  readonly queue: DeliveryQueue | undefined;
  readonly reporter: Reporter;
  /** Longest `close`, in milliseconds. */
  readonly closeTimeout: number;
  /** Resolves when no event is under way. */
  readonly drained: () => Promise<void>;
};

/** This part of `closeTimeout`, but a second at most, is kept for closing the hooks. */
const CLOSING_SHARE = 0.1;

/** Opens hooks before their first event, and closes them after their last. */
export class HookLifecycle {
  /** Whether events may pass at once: everything that is registered is open. */
  ready = false;
  /** Aborts when events that are still under way are given up. */
  readonly abandoned: AbortController = sharedController();
  /** What holds the queue: it is let go once these hooks are closed. */
  connection: Registration | undefined;
  /** Whether it has: what was under way goes no further. */
  over = false;
  readonly #options: LifecycleOptions;
  readonly #openingSignal: AbortController = sharedController();
  readonly #waiting = new Set<Entry>(); // to be opened, in the order of registration
  readonly #open = new Set<Entry>();
  readonly #retiring = new Set<Promise<void>>();
  #started = false;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** Refuses what comes after `close`; what an event under way causes is taken until it has ended. */
  admit(subject: string, caused: boolean): void {
    if (this.over || (this.#closing && !caused)) throw new HooksClosedError(subject);
  }

  /** Whether a hook is still to be opened. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** A hook is to be opened before the next event. */
  add(entry: Entry): void {
    this.#waiting.add(entry);
    this.ready = false;
  }

  /** A hook was unregistered: it is closed once nothing that it may hear runs. */
  retire(entry: Entry, ended: Promise<unknown>): void {
    this.#waiting.delete(entry);
    if (!this.#open.has(entry)) return; // never opened, or `#openAll` is at it and will see to it
    const retiring = ended.then(async () => {
      if (!this.#open.delete(entry)) return; // `close` was faster
      for (const failure of await closeAll(this, [entry])) this.#closeFailed(failure);
    });
    this.#retiring.add(retiring);
    void retiring.then(() => this.#retiring.delete(retiring));
  }

  /** Opens what is not open yet; callers at the same time share one attempt. */
  open(): Promise<void> {
    if (this.ready && !this.#opening) return Promise.resolve();
    // A turn later: a hook whose `init` emits must find that hooks are being opened.
    return this.#opening ??= Promise.resolve().then(() => this.#openAll())
      .finally(() => this.#opening = undefined);
  }

  async #openAll(): Promise<void> {
    const { logger, queue } = this.#options;
    const opened: Entry[] = [];
    for (const entry of this.#waiting) { // meets what is added meanwhile, too
      try {
        await entry.open({ logger, signal: this.#openingSignal.signal }, this);
        opened.push(entry);
      } catch (error) {
        for (const failure of await closeAll(this, opened.reverse())) this.#closeFailed(failure);
        throw new HookInitError(entry.info.name, error);
      }
    }
    if (this.over) { // `close` did not wait any longer
      for (const failure of await closeAll(this, opened.reverse())) this.#closeFailed(failure);
      throw new HooksClosedError("Cannot open hooks");
    }
    for (const entry of opened) {
      this.#waiting.delete(entry);
      this.#open.add(entry);
      if (!entry.active) this.retire(entry, Promise.resolve());
    }
    if (!this.#started) queue?.start();
    this.#started = true;
    this.ready = !this.#closing;
  }

  #closeFailed({ name, error }: HandlerOutcome): void {
    this.#options.reporter.failed(`Hook '${name}' failed to close`, error);
  }

  /** Ends everything. @throws {HookCloseError} with all that went wrong */
  close(): Promise<void> {
    return this.#closing ??= this.#closeAll();
  }

  async #closeAll(): Promise<void> {
    this.ready = false;
    const { closeTimeout } = this.#options;
    const drainTimeout = closeTimeout - Math.min(1000, closeTimeout * CLOSING_SHARE);
    if (!this.hasWaiting) this.#stopOpening();
    const failures: HandlerOutcome[] = [];
    const fail = (name: string, error: unknown) => failures.push({ name, ok: false, error });

    const end = startTimer(closeTimeout, `was still closing after ${closeTimeout} ms`);
    const drained = startTimer(drainTimeout, `still ran after ${drainTimeout} ms`);
    const stop = this.#stopper((error) => fail("outbox", error));
    await Promise.race([this.#quiet(stop), drained.late]).catch((error) => {
      fail("events", error);
      void stop(); // it may have been started since, and be another's by the time that all has ended
    });
    drained.cancel();

    this.over = true;
    this.#stopOpening();
    this.abandoned.abort(new HooksClosedError("Cannot go on"));
    const open = [...this.#open].reverse();
    this.#open.clear(); // whoever else would close one of them finds nothing
    failures.push(...await closeAll(this, open, end.late));
    end.cancel();
    if (failures.length > 0) throw new HookCloseError(failures);
  }

  #stopOpening(): void {
    this.#openingSignal.abort(new HooksClosedError("Cannot open hooks"));
  }

  /** Stops the queue while it is ours; its first failure is told. */
  #stopper(failed: (error: unknown) => void): () => Promise<void> {
    let told = false;
    return async () => {
      try {
        if (this.#started && !this.over) await this.#options.queue?.stop();
      } catch (error) {
        if (!told) failed(error);
        told = true;
      }
    };
  }

  /** Resolves when nothing opens, no event is under way and the queue has stopped. */
  async #quiet(stop: () => Promise<void>): Promise<void> {
    const { drained } = this.#options;
    const ended = Promise.all([
      this.#opening?.catch(() => {}), // whoever waits for it hears of it
      drained().then(() => this.#stopOpening()), // an event that was accepted may wait for it
    ]);
    // Once more: an event that was accepted may have started it, or given it something to deliver.
    await Promise.all([Promise.all(this.#retiring), stop(), ended.then(stop)]);
  }
}

/**
 * Closes hooks one after the other, whatever happens to each. When it is `late`, the others are still
 * closed, but no longer waited for.
 */
async function closeAll(
  owner: object,
  entries: readonly Entry[],
  late?: Promise<never>,
): Promise<readonly HandlerOutcome[]> {
  const failures: HandlerOutcome[] = [];
  for (const entry of entries) {
    try {
      const closed = entry.close(owner);
      await (late ? Promise.race([closed, lastly(late)]) : closed);
    } catch (error) {
      failures.push({ name: entry.info.name, ok: false, error });
    }
  }
  return failures;
}

/** Turns of the microtask queue that a close may take when time is up: it is late if it has to wait. */
const LAST_TURNS = 16;

/** The same rejection, but after what needs no waiting. */
async function lastly(late: Promise<never>): Promise<never> {
  try {
    return await late;
  } catch (error) {
    for (let turn = 0; turn < LAST_TURNS; turn++) await undefined;
    throw error;
  }
}

/** A promise that rejects after some time, unless that is cancelled. */
function startTimer(milliseconds: number, message: string) {
  let cancel!: () => void;
  const late = new Promise<never>((_, reject) => {
    cancel = setTimer(milliseconds, () => reject(new Error(message)));
  });
  late.catch(() => {}); // it may pass unheard
  return { late, cancel };
}
