import assert from "node:assert/strict";
import type { Store, StoreAtomic, StoreEntry } from "@omniagent/hooks";
import { ExpectationError, memoryStore, testStore } from "@omniagent/hooks/testing";
import { bound } from "../bound.ts";
import { test } from "../harness.ts";

/** The tests that a store fails, by name. */
async function failures(open: () => Store): Promise<Map<string, unknown>> {
  const tests: (readonly [name: string, run: () => Promise<void>])[] = [];
  testStore(open, (name, run) => tests.push([name, run]));
  const failed = new Map<string, unknown>();
  for (const [name, run] of tests) await run().catch((error) => failed.set(name, error));
  return failed;
}

function withAtomic(store: Store, change: (atomic: StoreAtomic) => Partial<StoreAtomic>): Store {
  return {
    ...bound(store),
    atomic() {
      const atomic = store.atomic();
      const changed: StoreAtomic = {
        check: (...checks) => (atomic.check(...checks), changed),
        set: (key, value, options) => (atomic.set(key, value, options), changed),
        sum: (key, value) => (atomic.sum(key, value), changed),
        delete: (key) => (atomic.delete(key), changed),
        commit: () => atomic.commit(),
        ...change(atomic),
      };
      return changed;
    },
  };
}

const planted: Readonly<Record<string, readonly [fault: (store: Store) => Store, name: string]>> = {
  "takes a stored 0 for nothing": [
    (store) => ({
      ...bound(store),
      async get<Value>(key: readonly (string | number)[]) {
        const entry = await store.get<Value>(key);
        return (entry.value || !entry.versionstamp
          ? entry
          : { ...entry, value: null }) as StoreEntry<
            Value
          >;
      },
    }),
    "JSON values are read back as they were set",
  ],
  "lists in one direction": [
    (store) => ({
      ...bound(store),
      list: (selector, options) => store.list(selector, { ...options, reverse: false }),
    }),
    "list() gives keys in their order",
  ],
  "ignores checks": [
    (store) => withAtomic(store, (atomic) => ({ check: () => atomic })),
    "a check that fails leaves everything as it was",
  ],
  "has no limits": [
    (store) => ({ ...bound(memoryStore({ limits: { checks: 1e3 } })), limits: store.limits }),
    "a commit has as many checks as the limit says",
  ],
};
for (const [fault, [plant, name]] of Object.entries(planted)) {
  test(`testStore() finds a store that ${fault}`, async () => {
    const failed = await failures(() => plant(memoryStore()));
    assert.ok(failed.get(name) instanceof ExpectationError, [...failed.keys()].join("\n"));
  });
}

test("testStore() passes a store that is right, and closes each that it opened", async () => {
  let [opened, closed] = [0, 0];
  const open = () => {
    opened++;
    return { ...bound(memoryStore()), close: () => void closed++ };
  };
  assert.deepEqual([...(await failures(open)).keys()], []);
  assert.ok(opened > 40);
  assert.equal(closed, opened);
});

test("testStore() says what it expected and what it found", async () => {
  const failed = await failures(() => ({
    ...bound(memoryStore()),
    getMany: () => Promise.resolve([]),
  }));
  assert.deepEqual(
    String(failed.get("getMany() answers in the order of its keys")),
    'ExpectationError: Expected:\n  [["b"],["c"],["a"],["b"]]\nbut found:\n  []',
  );
});
