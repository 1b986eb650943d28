/** How often a condition is looked at, in milliseconds. */
const STEP = 5;

/** Waits until a condition holds; fails when that takes too long, in milliseconds. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit: number,
): Promise<void> {
  const deadline = performance.now() + limit;
  while (!await condition()) {
    if (performance.now() >= deadline) throw new Error(`Waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, STEP));
  }
}

/** Waits; resolves to false as soon as a signal aborts. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(false);
    const end = (isOver: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      resolve(isOver);
    };
    const onAbort = () => end(false);
    const timer = setTimeout(() => end(true), milliseconds);
    signal?.addEventListener("abort", onAbort);
  });
}
