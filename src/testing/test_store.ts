import { checkFunctions } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import type { Store } from "../store/mod.ts";
import { commitsBehaviors, limitsBehaviors } from "./suite/commits.ts";
import { handlesBehaviors } from "./suite/handles.ts";
import { keysBehaviors, rangesBehaviors } from "./suite/keys.ts";
import { valuesBehaviors } from "./suite/values.ts";

/** Registers one test: `test` of `node:test`, `bun:test` and Vitest are such functions, and `Deno.test`. */
export type RegisterTest = (name: string, run: () => Promise<void>) => unknown;

/** Options of `testStore`. */
export interface TestStoreOptions {
  /**
   * Opens a handle on a database that all calls share, such as a file; it need not be empty. Adds tests of
   * two handles, as in two processes: no update is lost, and no commit is partly visible. Each test calls it
   * twice, and closes both handles.
   *
   * @default leaves these tests out
   */
  openShared?(): Store | Promise<Store>;
}

/** The tests that need one handle. */
const SUITE = [
  valuesBehaviors,
  keysBehaviors,
  rangesBehaviors,
  commitsBehaviors,
  limitsBehaviors,
];

/**
 * Registers the conformance tests of `Store`: keys and their order, values, lists, commits and limits.
 * `open` returns an empty store for each test, which the test closes.
 *
 * It works with any test runner: it passes the tests to `test`, and they throw if the store fails. A
 * wrapper of `test` can change their names or leave some out.
 *
 * ```ts ignore
 * import { memoryStore, testStore } from "@omniagent/hooks/testing";
 * import { test } from "node:test";
 *
 * testStore(() => memoryStore(), (name, run) => test(`memoryStore(): ${name}`, run));
 * ```
 *
 * @throws {TypeError} when an option is unknown or not a function
 */
export function testStore(
  open: () => Store | Promise<Store>,
  test: RegisterTest,
  options: TestStoreOptions = {},
): void {
  checkKnown("Cannot test store", options, ["openShared"]);
  checkFunctions("Cannot test store", options, [], ["openShared"]);
  for (const behaviors of SUITE) {
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
  const openShared = options.openShared?.bind(options);
  if (openShared === undefined) return;
  for (const [name, behavior] of Object.entries(handlesBehaviors)) {
    test(name, async () => {
      const first = await openShared();
      try {
        const second = await openShared();
        try {
          await behavior([first, second], ["two handles", crypto.randomUUID()]);
        } finally {
          second.close();
        }
      } finally {
        first.close();
      }
    });
  }
}
