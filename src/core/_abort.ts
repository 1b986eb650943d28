import { after, every } from "./_timer.ts";

/** A day, in milliseconds. */
const LONG = 24 * 60 * 60 * 1000;

/**
 * What follows a signal. One listener serves all of them: signals live long and are followed often, and
 * Node warns of more than ten listeners.
 */
const followings = /* @__PURE__ */ new WeakMap<AbortSignal, Following>();

type Following = { readonly callbacks: Set<() => void>; readonly tell: () => void };

/** Calls back when a signal aborts, at once if it has; gives what ends that. */
export function follow(signal: AbortSignal, callback: () => void): () => void {
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
    const release = follow(signal, () => reject(signal.reason));
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
  const releases = parents.map((parent) => follow(parent, () => abort(parent.reason)));
  const release = (): void => releases.forEach((release) => release());
  return { signal: controller.signal, abort, release };
}

/** Waits; false as soon as the signal aborts. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = after(milliseconds, () => {
      release?.();
      resolve(true);
    });
    const release = signal && follow(signal, () => {
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
export function hold(): () => void {
  return isWorkerd() ? every(LONG, () => {}) : () => {};
}

function isWorkerd(): boolean {
  return globalThis.navigator?.userAgent === "Cloudflare-Workers";
}

/**
 * Calls `work` under a signal that aborts with its parent or, with what `expired` gives, after a time;
 * what `work` returned is not waited for any longer then.
 */
export function within<T>(
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
  const release = follow(parent, () => abort(parent.reason));
  const cancel = after(milliseconds, () => abort(expired()));
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
