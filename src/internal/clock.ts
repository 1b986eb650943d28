/** Longest delay of a platform timer, in milliseconds: beyond a signed 32-bit number, timers fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** A minute, in milliseconds. */
export const MINUTE = 60_000;
/** An hour, in milliseconds. */
export const HOUR = 3_600_000;
/** A day, in milliseconds. */
export const DAY = 86_400_000;

/** The current time, randomness and timers. Tests pass their own. */
export type Clock = {
  /** Returns the time in milliseconds since 1970. */
  now(): number;
  /** Returns a number in [0, 1). */
  random(): number;
  /**
   * Calls back once after a number of milliseconds. Returns a function that cancels it. With `idle`, the
   * timer doesn't keep the process alive.
   */
  setTimer(milliseconds: number, callback: () => void, idle?: boolean): () => void;
};

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimer,
};

/**
 * Calls back once after any number of milliseconds, never for `Infinity`. Returns a function that
 * cancels it. With `idle`, the timer doesn't keep the process alive. Nothing else may call `setTimeout`.
 */
export function setTimer(milliseconds: number, callback: () => void, idle = false): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const start = (left: number): void => {
    const later = left - MAX_TIMER;
    timer = later > 0
      ? setTimeout(() => start(later), MAX_TIMER)
      : setTimeout(callback, Math.max(0, left));
    if (idle) unref(timer);
  };
  if (milliseconds < Infinity) start(milliseconds);
  return () => clearTimeout(timer);
}

/** Calls back repeatedly at an interval in milliseconds. Returns a function that stops it. */
export function setRepeatingTimer(milliseconds: number, callback: () => void): () => void {
  let cancel: () => void;
  const start = (): void => {
    cancel = setTimer(milliseconds, () => {
      start(); // first, because the callback may cancel it
      callback();
    });
  };
  start();
  return () => cancel();
}

/** Lets the process exit before a timer fires, with the timer's `unref` or Deno's own, if the runtime has one. */
function unref(timer: unknown): void {
  if (typeof timer === "object") return (timer as { unref?(): void } | null)?.unref?.();
  const { Deno } = globalThis as { readonly Deno?: { unrefTimer?(timer: unknown): void } };
  Deno?.unrefTimer?.(timer);
}

/** Resolves after a number of milliseconds, by a clock. */
export function sleep(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(milliseconds, resolve));
}
