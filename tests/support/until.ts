/** How long a test waits for one thing, in milliseconds: far more than it takes on a busy machine. */
const LIMIT = 60_000;

/** Options of `until`. */
type UntilOptions = {
  /** @default {60_000} milliseconds */
  readonly limit?: number;
  /** Called before each further look, such as to load a page again. */
  readonly again?: () => unknown;
};

/**
 * Resolves when a condition holds, for what no promise announces.
 *
 * @param what What is waited for; a function is called only in case of failure
 * @throws {Error} when the condition doesn't hold in time
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string) = `${holds}`,
  { limit = LIMIT, again = () => {} }: UntilOptions = {},
): Promise<void> {
  const end = performance.now() + limit;
  while (!await holds()) {
    const isLate = performance.now() > end;
    if (isLate) {
      throw new Error(`Waited ${limit} ms for ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    await again();
  }
}
