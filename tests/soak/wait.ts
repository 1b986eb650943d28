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
