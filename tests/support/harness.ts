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
 */
export function test(
  name: string,
  fn: () => void | Promise<void>,
  { leaks = false }: { readonly leaks?: boolean | undefined } = {},
): void {
  if (!("Deno" in globalThis)) {
    nodeTest(name, { timeout: LIMIT }, () => fn());
    return;
  }
  // Deno's sanitizers are off unless asked for.
  const sanitizers = { sanitizeOps: !leaks, sanitizeResources: !leaks, sanitizeExit: true };
  Deno.test({ name, fn, timeout: LIMIT, ...sanitizers });
}
