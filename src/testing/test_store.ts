import type { Store } from "../store/mod.ts";
import { commitsBehaviors } from "./_suite_commits.ts";
import { keysBehaviors } from "./_suite_keys.ts";
import { limitsBehaviors } from "./_suite_limits.ts";
import { rangesBehaviors } from "./_suite_ranges.ts";
import { valuesBehaviors } from "./_suite_values.ts";

/** Registers one test: `test` of `node:test`, `bun:test` and Vitest are such functions, and so is `Deno.test`. */
export type RegisterTest = (name: string, run: () => Promise<void>) => unknown;

/**
 * Registers the tests that every `Store` passes, a sentence each: about keys and their order, values, lists,
 * commits and limits. `open` gives each test an empty store, which the test closes.
 *
 * It needs no test runner of a certain kind: the tests are handed to `test`, and throw when something is
 * not as it should be. A wrapper chooses their names, or leaves some out.
 *
 * ```ts ignore
 * import { memoryStore, testStore } from "@omniagent/hooks/testing";
 * import { test } from "node:test";
 *
 * testStore(() => memoryStore(), (name, run) => test(`memoryStore(): ${name}`, run));
 * ```
 */
export function testStore(open: () => Store | Promise<Store>, test: RegisterTest): void {
  for (const behaviors of suite) {
    for (const [name, behavior] of Object.entries(behaviors)) {
      test(name, async () => {
        const store = await open();
        try {
          await behavior(store);
        } finally {
          store.close();
        }
      });
    }
  }
}

const suite = [valuesBehaviors, keysBehaviors, rangesBehaviors, commitsBehaviors, limitsBehaviors];
