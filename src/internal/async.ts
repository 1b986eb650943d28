import { type Clock, DAY, setRepeatingTimer, setTimer, systemClock } from "./clock.ts";

export { setRepeatingTimer, setTimer };

/** Returns whether a value is a promise or another thenable. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

/** Thrown by `deadline` when time is up. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";

  constructor(milliseconds: number) {
    super(`took longer than ${milliseconds} ms`);
  }
}

/** Options of `deadline`. */
type DeadlineOptions = {
  /** Returns what to reject with. @default a `DeadlineError` */
  readonly error?: (() => unknown) | undefined;
  /** @default the platform's */
  readonly clock?: Pick<Clock, "setTimer"> | undefined;
};

/**
 * Waits up to a number of milliseconds for a promise; `Infinity` means no limit. If it settles later, the
 * result is ignored. With 0, a promise that needs no timer and no I/O still counts.
 *
 * @throws {DeadlineError} when time is up, or what `error` returns
 */
export function deadline<T>(
  promise: PromiseLike<T>,
  milliseconds: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const { error = () => new DeadlineError(milliseconds), clock = systemClock } = options;
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.setTimer(milliseconds, () => reject(error()));
    // `then` of a thenable may throw; `Promise.resolve` turns that into a rejection.
    Promise.resolve(promise).then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** Options of `retry`. Durations are in milliseconds. */
type RetryCallOptions = {
  /** How long to keep trying. */
  readonly timeout: number;
  /** How long one call may take; after that it has failed with a `DeadlineError`. @default no limit */
  readonly callTimeout?: number | undefined;
  /** Returns whether to call again after an error. @default always */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
  /** The first pause. It doubles up to `maxPause`, and varies by ±50%. @default {20} */
  readonly minPause?: number | undefined;
  /** The longest pause. @default {1000} */
  readonly maxPause?: number | undefined;
  /** @default the platform's */
  readonly clock?: Clock | undefined;
};

/**
 * Calls a function until it succeeds, time is up, or an error isn't retryable.
 *
 * @throws what the last call threw
 */
export async function retry<T>(call: () => PromiseLike<T>, options: RetryCallOptions): Promise<T> {
  const { timeout, callTimeout = Infinity, isRetryable = () => true } = options;
  const { minPause = 20, maxPause = 1000, clock = systemClock } = options;
  const end = clock.now() + timeout;
  for (let pause = minPause;; pause = Math.min(2 * pause, maxPause)) {
    try {
      const left = Math.max(0, end - clock.now());
      if (callTimeout === Infinity) return await call();
      return await deadline(call(), Math.min(left, callTimeout), { clock });
    } catch (error) {
      const wait = pause * (0.5 + clock.random());
      if (!isRetryable(error) || clock.now() + wait >= end) throw error;
      await new Promise<void>((resolve) => void clock.setTimer(wait, resolve));
    }
  }
}

/** The callbacks of a signal, and its one listener. */
type Subscribers = { readonly callbacks: Set<() => void>; readonly listener: () => void };

/**
 * One listener serves all callbacks of a signal: signals live long, and Node warns of more than ten
 * listeners.
 */
const subscribers = /* @__PURE__ */ new WeakMap<AbortSignal, Subscribers>();

/** Calls back when a signal aborts, at once if it already has. Returns a function that unsubscribes. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  const { callbacks, listener } = subscribers.get(signal) ?? listenTo(signal);
  callbacks.add(callback);
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0) {
      signal.removeEventListener("abort", listener);
      subscribers.delete(signal);
    }
  };
}

/**
 * Listens once for all callbacks, over which the listener closes: on workerd, `this` of a listener is the global
 * object, and on Node 20 the event has no `currentTarget` once the signal was passed to `fetch`.
 */
function listenTo(signal: AbortSignal): Subscribers {
  const callbacks = new Set<() => void>();
  const listener = (): void => callbacks.forEach((callback) => callback());
  const entry = { callbacks, listener };
  subscribers.set(signal, entry);
  signal.addEventListener("abort", listener);
  return entry;
}

/** Waits for a promise until a signal aborts. If it settles later, the result is ignored. */
export function abortable<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const unsubscribe = onAbort(signal, () => reject(signal.reason));
    Promise.resolve(promise).then(
      (value) => {
        unsubscribe();
        resolve(value);
      },
      (error) => {
        unsubscribe();
        reject(error);
      },
    );
  });
}

/** Returns a signal that aborts with any of the given ones. `release` unsubscribes from them. */
export function linkSignals(
  ...parents: readonly AbortSignal[]
): {
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const abort = (reason: unknown): void => controller.abort(reason);
  const releases = parents.map((parent) => onAbort(parent, () => abort(parent.reason)));
  const release = (): void => releases.forEach((release) => release());
  return { signal: controller.signal, abort, release };
}

/** Waits a number of milliseconds. Resolves to false as soon as the signal aborts. */
export function delay(milliseconds: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = setTimer(milliseconds, () => {
      unsubscribe?.();
      resolve(true);
    });
    const unsubscribe = signal && onAbort(signal, () => {
      cancel();
      resolve(false);
    });
  });
}

/**
 * Calls `work` with a signal that aborts when `parent` does, or with `error()` after a number of
 * milliseconds. From then on, the promise that `work` returned is not awaited.
 */
export function withTimeout<T>(
  parent: AbortSignal,
  milliseconds: number,
  error: () => unknown,
  work: (signal: AbortSignal) => T,
): T | Promise<Awaited<T>> {
  const { signal, abort, release } = linkSignals(parent);
  const cancel = setTimer(milliseconds, () => abort(error()));
  const end = (): void => {
    cancel();
    release();
  };
  try {
    const result = work(signal);
    if (isThenable(result)) {
      return abortable(result as PromiseLike<Awaited<T>>, signal).finally(end);
    }
    end();
    return result;
  } catch (error) {
    end();
    throw error;
  }
}

/** Returns a controller whose signal may have any number of listeners. Node warns of more than ten. */
export function sharedController(): AbortController {
  const controller = new AbortController();
  // The others never warn, and on Deno naming `process` takes longer than loading this package.
  if (!("Deno" in globalThis) && !isWorkerd()) {
    const { process } = globalThis as { process?: NodeProcess };
    process?.getBuiltinModule?.("node:events").setMaxListeners(0, controller.signal);
  }
  return controller;
}

type NodeProcess = {
  getBuiltinModule?(id: "node:events"): { setMaxListeners(n: number, target: EventTarget): void };
};

/**
 * Keeps the platform waiting for the result of another request. Returns a function that stops this. workerd
 * cancels a request that waits for nothing but another request, unless it has a timer.
 */
function keepAlive(): () => void {
  return isWorkerd() ? setRepeatingTimer(DAY, () => {}) : () => {};
}

function isWorkerd(): boolean {
  return globalThis.navigator?.userAgent === "Cloudflare-Workers";
}

/** A counting semaphore. Callers that have to wait acquire in the order in which they called. */
export class Semaphore {
  readonly #size: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;
  #empty: Promise<void> | undefined;
  #becameEmpty: (() => void) | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** How many permits are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many callers wait for a permit. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether the next caller has to wait. */
  get full(): boolean {
    return this.#taken >= this.#size;
  }

  /** Calls a function with a permit. Rejects with the signal's reason if it aborts while waiting. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.acquire(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  /** Takes a permit. Returns undefined if one was free. Call `release` in either case. */
  acquire(signal?: AbortSignal): Promise<void> | undefined {
    return this.tryAcquire() ? undefined : this.#wait(signal);
  }

  /** Takes a permit if one is free. Returns whether it did. */
  tryAcquire(): boolean {
    if (this.full) return false;
    this.#taken++;
    return true;
  }

  /** Returns a permit, or hands it to the first caller that waits. */
  release(): void {
    for (const acquire of this.#waiting) {
      this.#waiting.delete(acquire);
      return acquire();
    }
    if (--this.#taken > 0) return;
    this.#becameEmpty?.();
    this.#empty = this.#becameEmpty = undefined;
  }

  /** Resolves when no permit is taken and no caller waits. */
  empty(): Promise<void> {
    if (this.#taken === 0) return Promise.resolve();
    return this.#empty ??= new Promise((resolve) => this.#becameEmpty = resolve);
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    let acquire!: () => void;
    const acquired = new Promise<void>((resolve) => acquire = resolve);
    this.#waiting.add(acquire);
    const release = keepAlive();
    try {
      await (signal ? abortable(acquired, signal) : acquired);
    } catch (error) {
      // Acquired in the same turn as the abort: the permit goes to the next caller.
      if (!this.#waiting.delete(acquire)) this.release();
      throw error;
    } finally {
      release();
    }
  }
}
