/** A day, in milliseconds. */
const LONG = 24 * 60 * 60 * 1000;

/**
 * What follows a signal. One listener serves all of them: signals live long and are followed often, and
 * Node warns of more than ten listeners.
 */
const followings = /* @__PURE__ */ new WeakMap<AbortSignal, Following>();

type Following = { readonly callbacks: Set<() => void>; readonly tell: () => void };

/** Calls back when a signal aborts, at once if it has; gives what ends that. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  const { callbacks, tell } = followings.get(signal) ?? listenTo(signal);
  callbacks.add(callback);
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0) {
      signal.removeEventListener("abort", tell);
      followings.delete(signal);
    }
  };
}

/**
 * The listener knows its signal's callbacks by itself. On workerd `this` of a listener is the global
 * object, and on Node 20 the event has no `currentTarget` once the signal was given to a `fetch`.
 */
function listenTo(signal: AbortSignal): Following {
  const callbacks = new Set<() => void>();
  const tell = (): void => callbacks.forEach((callback) => callback());
  const following = { callbacks, tell };
  followings.set(signal, following);
  signal.addEventListener("abort", tell);
  return following;
}

/** Waits for a promise, but no longer than a signal allows; a late result or rejection is ignored. */
export function abortable<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal.reason));
    // Of a foreign thenable, `then` may throw.
    Promise.resolve(promise).then(
      (value) => (release(), resolve(value)),
      (error) => (release(), reject(error)),
    );
  });
}

/** A signal that aborts with any of some others; `release` lets go of them. */
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

/** Waits; false as soon as the signal aborts. */
export function delay(milliseconds: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = setTimer(milliseconds, () => {
      release?.();
      resolve(true);
    });
    const release = signal && onAbort(signal, () => {
      cancel();
      resolve(false);
    });
  });
}

/** A controller whose signal any number of hooks listen to: Node warns of more than ten listeners. */
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
 * Keeps the platform waiting for something that another call will bring; gives what lets go. workerd
 * ends a request that waits for nothing but another request, unless it has a timer of its own.
 */
export function keepAlive(): () => void {
  return isWorkerd() ? setRepeatingTimer(LONG, () => {}) : () => {};
}

function isWorkerd(): boolean {
  return globalThis.navigator?.userAgent === "Cloudflare-Workers";
}

/**
 * Calls `work` under a signal that aborts with its parent or, with what `expired` gives, after a time;
 * what `work` returned is not waited for any longer then.
 */
export function withTimeout<T>(
  parent: AbortSignal,
  milliseconds: number,
  expired: () => unknown,
  work: (signal: AbortSignal) => T,
): T | Promise<Awaited<T>> {
  const controller = new AbortController();
  const { signal } = controller;
  let giveUp: (reason: unknown) => void = () => {};
  const abort = (reason: unknown): void => {
    controller.abort(reason);
    giveUp(reason);
  };
  const release = onAbort(parent, () => abort(parent.reason));
  const cancel = setTimer(milliseconds, () => abort(expired()));
  const end = (): void => {
    cancel();
    release();
  };
  try {
    const result = work(signal);
    if (!isThenable(result)) return end(), result;
    return new Promise<Awaited<T>>((resolve, reject) => {
      giveUp = (reason) => (end(), reject(reason));
      Promise.resolve(result as PromiseLike<Awaited<T>>).then(
        (value) => (end(), resolve(value)),
        giveUp,
      );
      if (signal.aborted) giveUp(signal.reason);
    });
  } catch (error) {
    end();
    throw error;
  }
}

/** Whether a value is to be waited for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

/** A longer delay overflows the timers of every platform, which then fire at once (a signed 32-bit number). */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Calls back once after any number of milliseconds, never for `Infinity`. Returns a function that
 * cancels it. With `idle`, the timer doesn't keep the process alive. The only place that may call
 * `setTimeout`.
 */
export function setTimer(milliseconds: number, callback: () => void, idle = false): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const arm = (left: number): void => {
    const rest = left - LONGEST_TIMER;
    timer = rest > 0
      ? setTimeout(() => arm(rest), LONGEST_TIMER)
      : setTimeout(callback, Math.max(0, left));
    if (idle) unref(timer);
  };
  if (milliseconds < Infinity) arm(milliseconds);
  return () => clearTimeout(timer);
}

/** Lets the process end before a timer fires, where the runtime can: by the timer's method, or Deno's own. */
function unref(timer: unknown): void {
  if (typeof timer === "object") return (timer as { unref?(): void } | null)?.unref?.();
  const { Deno } = globalThis as { readonly Deno?: { unrefTimer?(timer: unknown): void } };
  Deno?.unrefTimer?.(timer);
}

/** Calls back repeatedly at an interval in milliseconds. Returns a function that stops it. */
export function setRepeatingTimer(milliseconds: number, callback: () => void): () => void {
  let cancel: () => void;
  const arm = (): void => {
    cancel = setTimer(milliseconds, () => {
      arm(); // first: the callback may cancel it
      callback();
    });
  };
  arm();
  return () => cancel();
}

/** A bounded number of things at once; the others wait in turn. */
export class Semaphore {
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
    await this.acquire(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  /** Takes a slot, at once if one is free: undefined. Who takes one has to release it. */
  acquire(signal?: AbortSignal): Promise<void> | undefined {
    return this.tryAcquire() ? undefined : this.#turn(signal);
  }

  /** Takes a slot if one is free, and says whether it did. */
  tryAcquire(): boolean {
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
    const letGo = keepAlive();
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
