/**
 * One `test()` for the three runtimes that run these files: `Deno.test`, whose sanitizers catch a
 * timer or a socket that a test leaves behind, and `node:test` on Node and Bun.
 * @module
 */
import { test as nodeTest } from "node:test";

export { mock } from "node:test";

/** Registers a test. Its name is a sentence about behaviour. */
export function test(name: string, fn: () => void | Promise<void>): void {
  if (!("Deno" in globalThis)) nodeTest(name, () => fn());
  // Deno's sanitizers are off unless asked for.
  else Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true, sanitizeExit: true });
}
