/**
 * One `test()` for the three runtimes that run these files: `Deno.test`, whose sanitizers catch a
 * timer or a socket that a test leaves behind, and `node:test` on Node and Bun.
 * @module
 */
import { test as nodeTest } from "node:test";

export { mock } from "node:test";

/**
 * Longest time of a test, in milliseconds: one that waits for what never comes fails by name. It is beyond
 * the slowest on a busy machine, as it is the last resort.
 */
const LIMIT = 10 * 60 * 1000;

/** Registers a test. Its name is a sentence about behaviour. */
export function test(name: string, fn: () => void | Promise<void>): void {
  if (!("Deno" in globalThis)) {
    nodeTest(name, { timeout: LIMIT }, () => fn());
    return;
  }
  // Deno's sanitizers are off unless asked for.
  const sanitizers = { sanitizeOps: true, sanitizeResources: true, sanitizeExit: true };
  Deno.test({ name, fn, timeout: LIMIT, ...sanitizers });
}
