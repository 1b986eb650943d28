import assert from "node:assert/strict";
import type { Store, StoreAtomic, StoreEntry } from "@omniagent/hooks/store";
import { ExpectationError, memoryStore, testStore } from "@omniagent/hooks/testing";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";

/** The tests that a store fails, by name. */
async function failures(
  open: () => Store,
  options?: Parameters<typeof testStore>[2],
): Promise<Map<string, unknown>> {
  const tests: (readonly [name: string, run: () => Promise<void>])[] = [];
  testStore(open, (name, run) => tests.push([name, run]), options);
  const failed = new Map<string, unknown>();
  for (const [name, run] of tests) await run().catch((error) => failed.set(name, error));
  return failed;
}

function withAtomic(store: Store, change: (atomic: StoreAtomic) => Partial<StoreAtomic>): Store {
  return {
    ...bindStore(store),
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
  "reads a stored 0 as null": [
    (store) => ({
      ...bindStore(store),
      async get<Value>(key: readonly (string | number)[]) {
        const entry = await store.get<Value>(key);
        return (entry.value || !entry.versionstamp
          ? entry
          : { ...entry, value: null }) as StoreEntry<
            Value
          >;
      },
    }),
    "JSON values are read back unchanged",
  ],
  "lists in one direction": [
    (store) => ({
      ...bindStore(store),
      list: (selector, options) => store.list(selector, { ...options, reverse: false }),
    }),
    "list() returns keys in order",
  ],
  "ignores checks": [
    (store) => withAtomic(store, (atomic) => ({ check: () => atomic })),
    "a check that fails leaves everything unchanged",
  ],
  "has no limits": [
    (store) => ({ ...bindStore(memoryStore({ limits: { checks: 1e3 } })), limits: store.limits }),
    "a commit has at most as many checks as the limit",
  ],
};
for (const [fault, [plant, name]] of Object.entries(planted)) {
  test(`testStore() finds a store that ${fault}`, async () => {
    const failed = await failures(() => plant(memoryStore()));
    assert.ok(failed.get(name) instanceof ExpectationError, [...failed.keys()].join("\n"));
  });
}

/** Faults that only two handles on one database show. */
const plantedBetweenHandles: Readonly<
  Record<string, readonly [fault: (store: Store) => Store, names: readonly string[]]>
> = {
  "ignores checks": [
    (store) => withAtomic(store, (atomic) => ({ check: () => atomic })),
    [
      "two handles that update one value lose no update",
      "of two commits that require an absent key, one is applied",
    ],
  ],
  "writes the keys of a commit one by one": [
    (store) => ({
      ...bindStore(store),
      atomic() {
        const writes: (() => Promise<void>)[] = [];
        const atomic: StoreAtomic = {
          ...withAtomic(store, () => ({})).atomic(),
          set(key, value) {
            writes.push(() => store.set(key, value));
            return atomic;
          },
          async commit() {
            for (const write of writes) await write();
            return { ok: true, versionstamp: "0".repeat(20) };
          },
        };
        return atomic;
      },
    }),
    ["a reader sees all of a commit or nothing"],
  ],
  "reads from a cache": [
    (store) => {
      const seen = new Map<string, Promise<StoreEntry>>();
      return {
        ...bindStore(store),
        get<Value>(key: readonly (string | number)[]) {
          const id = JSON.stringify(key);
          if (!seen.has(id)) seen.set(id, store.get(key));
          return seen.get(id) as Promise<StoreEntry<Value>>;
        },
      };
    },
    ["a commit of one handle is visible to the other"],
  ],
};
for (const [fault, [plant, names]] of Object.entries(plantedBetweenHandles)) {
  test(`testStore() finds a handle on a shared database that ${fault}`, async () => {
    const database = memoryStore();
    const openShared = () => plant({ ...bindStore(database), close() {} });
    const failed = await failures(() => memoryStore(), { openShared });
    for (const name of names) {
      assert.ok(failed.get(name) instanceof ExpectationError, [...failed.keys()].join("\n"));
    }
  });
}

test("testStore() opens two handles for each of their tests, and closes both", async () => {
  const database = memoryStore();
  let [opened, closed] = [0, 0];
  const openShared = () => {
    opened++;
    return { ...bindStore(database), close: () => void closed++ };
  };
  assert.deepEqual([...(await failures(() => memoryStore(), { openShared })).keys()], []);
  assert.ok(opened >= 10 && opened % 2 === 0);
  assert.equal(closed, opened);
  assert.throws(
    () => testStore(() => database, () => {}, { openShared: 1 as never }),
    /^TypeError: Cannot test store/,
  );
});

test("testStore() passes a correct store, and closes every store that it opened", async () => {
  let [opened, closed] = [0, 0];
  const open = () => {
    opened++;
    return { ...bindStore(memoryStore()), close: () => void closed++ };
  };
  assert.deepEqual([...(await failures(open)).keys()], []);
  assert.ok(opened > 40);
  assert.equal(closed, opened);
});

test("testStore() reports what it expected and what it found", async () => {
  const failed = await failures(() => ({
    ...bindStore(memoryStore()),
    getMany: () => Promise.resolve([]),
  }));
  assert.deepEqual(
    String(failed.get("getMany() returns entries in the order of its keys")),
    'ExpectationError: Expected:\n  [["b"],["c"],["a"],["b"]]\nbut found:\n  []',
  );
});
