/**
 * `test()` for all three runtimes: `Deno.test`, whose sanitizers find leaked timers and sockets, and
 * `node:test` on Node and Bun.
 * @module
 */
import { test as nodeTest } from "node:test";

export { mock } from "node:test";

/**
 * Longest time of a test, in milliseconds, so that a test that never ends fails by name. Far more than the
 * slowest test needs on a busy machine.
 */
const LIMIT = 10 * 60 * 1000;

/**
 * Registers a test. Its name is a sentence about behavior.
 *
 * @param leaks Whether code that isn't ours leaves timers or sockets behind, such as an SDK. @default false
 * @param skip Why it can't run on this machine, which is printed. It counts as skipped, not as passed.
 */
export function test(
  name: string,
  fn: () => void | Promise<void>,
  { leaks = false, skip }: {
    readonly leaks?: boolean | undefined;
    readonly skip?: string | undefined;
  } = {},
): void {
  if (skip !== undefined) console.log(`skipped, because ${skip}: ${name}`);
  if (!("Deno" in globalThis)) {
    nodeTest(name, { timeout: LIMIT, skip: skip ?? false }, () => fn());
    return;
  }
  // Deno's sanitizers are off unless asked for.
  const sanitizers = { sanitizeOps: !leaks, sanitizeResources: !leaks, sanitizeExit: true };
  Deno.test({ name, fn, ignore: skip !== undefined, timeout: LIMIT, ...sanitizers });
}
