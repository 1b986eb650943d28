/** How long a test waits for one thing, in milliseconds: far more than it takes on a busy machine. */
const LIMIT = 60_000;

/**
 * Resolves when a condition holds, for what no promise announces.
 *
 * @param what What is waited for; a function is called only in case of failure
 * @throws {Error} when the condition doesn't hold within a minute
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string) = `${holds}`,
): Promise<void> {
  const end = performance.now() + LIMIT;
  while (!await holds()) {
    const isLate = performance.now() > end;
    if (isLate) {
      throw new Error(`Waited ${LIMIT} ms for ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
