/** A longer delay overflows the timers of every platform, which then fire at once (a signed 32-bit number). */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Calls back once after any number of milliseconds, never for `Infinity`. Returns a function that
 * cancels it. With `idle`, the timer doesn't keep the process alive. The only place that may call
 * `setTimeout`.
 */
export function after(milliseconds: number, callback: () => void, idle = false): () => void {
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
export function every(milliseconds: number, callback: () => void): () => void {
  let cancel: () => void;
  const arm = (): void => {
    cancel = after(milliseconds, () => {
      arm(); // first: the callback may cancel it
      callback();
    });
  };
  arm();
  return () => cancel();
}
