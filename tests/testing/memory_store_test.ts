import assert from "node:assert/strict";
import {
  type Store,
  type StoreKey,
  StoreLimitError,
  type StoreListOptions,
} from "@omniagent/hooks/store";
import { memoryStore, testStore } from "@omniagent/hooks/testing";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";

const shared = memoryStore();
testStore(() => memoryStore(), (name, run) => test(`memoryStore(): ${name}`, run), {
  openShared: () => ({ ...bindStore(shared), close() {} }),
});

/** Every key, in order. */
async function keysOf(store: Store, options?: StoreListOptions): Promise<StoreKey[]> {
  const keys: StoreKey[] = [];
  for await (const { key } of store.list({ prefix: [] }, options)) keys.push(key);
  return keys;
}

/** A store whose clock changes only when it is set. */
function clocked(): { store: Store; clock: { now: number } } {
  const clock = { now: 1000 };
  return { store: memoryStore({ now: () => clock.now }), clock };
}

test("memoryStore() forgets an entry exactly at the end of its lifetime", async () => {
  const { store, clock } = clocked();
  await store.set(["a"], 1, { expireIn: 500 });
  await store.atomic().set(["b"], 7, { expireIn: 500 }).commit();
  clock.now = 1499;
  assert.deepEqual(await keysOf(store), [["a"], ["b"]]);
  assert.equal((await store.get(["a"])).value, 1);
  clock.now = 1500;
  assert.deepEqual(await store.get(["a"]), { key: ["a"], value: null, versionstamp: null });
  assert.deepEqual(await store.getMany([["b"]]), [{ key: ["b"], value: null, versionstamp: null }]);
  assert.deepEqual(await keysOf(store), []);
});

test("memoryStore() treats expired entries as absent in checks and sums", async () => {
  const { store, clock } = clocked();
  await store.set(["a"], "text", { expireIn: 1 });
  const { versionstamp } = await store.get(["a"]);
  clock.now++;
  assert.deepEqual(await store.atomic().check({ key: ["a"], versionstamp }).commit(), {
    ok: false,
  });
  const atomic = store.atomic().check({ key: ["a"], versionstamp: null }).sum(["a"], 2n);
  assert.ok((await atomic.commit()).ok);
  assert.equal((await store.get(["a"])).value, 2n);
});

test("memoryStore() keeps an entry that is written again without a lifetime", async () => {
  const { store, clock } = clocked();
  await store.set(["a"], 1, { expireIn: 5 });
  await store.set(["a"], 2);
  await store.atomic().set(["b"], 1, { expireIn: 5 }).delete(["b"]).sum(["b"], 1n).commit();
  await store.set(["c"], 1, { expireIn: 5 });
  await store.atomic().set(["d"], 1, { expireIn: 5 }).set(["d"], 2).commit();
  clock.now = 1e15;
  assert.deepEqual(await keysOf(store), [["a"], ["b"], ["d"]]);
});

test("memoryStore() counts a lifetime from the write that sets it", async () => {
  const { store, clock } = clocked();
  await store.set(["a"], 1, { expireIn: 5 });
  clock.now = 1004;
  await store.set(["a"], 2, { expireIn: 5 });
  clock.now = 1008;
  assert.equal((await store.get(["a"])).value, 2);
  clock.now = 1009;
  assert.equal((await store.get(["a"])).value, null);
  await store.set(["a"], 3, { expireIn: 0 });
  assert.equal((await store.get(["a"])).value, null);
});

test("memoryStore() does not count expired entries against the limit of a list", async () => {
  const { store, clock } = clocked();
  for (let i = 0; i < 300; i++) await store.set([i], i, i % 3 ? { expireIn: 5 } : {});
  clock.now += 5;
  assert.deepEqual(await keysOf(store, { limit: 3 }), [[0], [3], [6]]);
  const last = await keysOf(store, { limit: 2, reverse: true });
  assert.deepEqual(last, [[297], [294]]);
  assert.equal((await keysOf(store)).length, 100);
});

test("memoryStore() lists in batches, each from the current state of the store", async () => {
  const store = memoryStore();
  for (let i = 0; i < 250; i++) await store.set([i], 1);
  const seen = new Set<number>();
  for await (const { key: [i] } of store.list({ prefix: [] })) {
    seen.add(i as number);
    if (i !== 0) continue;
    await store.atomic().delete([99]).delete([100]).set([50.5], 1).set([150.5], 1).commit();
  }
  assert.deepEqual([99, 100, 50.5, 150.5].map((i) => seen.has(i)), [true, false, false, true]);
});

test("memoryStore() applies nothing of a commit whose sum fails", async () => {
  const store = memoryStore();
  await store.set(["a"], 1);
  const atomic = store.atomic().set(["b"], 1).sum(["c"], 1n).delete(["a"]).set(["a"], 2);
  await assert.rejects(() => atomic.sum(["a"], 1n).commit(), {
    name: "TypeError",
    message: "Cannot sum: the key holds a JSON value",
  });
  assert.deepEqual(await keysOf(store), [["a"]]);
  assert.equal((await store.get(["a"])).value, 1);
});

test("memoryStore() accepts other limits", async () => {
  const store = memoryStore({ limits: { checks: 100, value: 10 } });
  assert.deepEqual(store.limits, { checks: 100, mutations: 1000, bytes: 819_200, value: 10 });
  await store.set(["a"], "12345678");
  await assert.rejects(() => store.set(["a"], "123456789"), StoreLimitError);
});

const tooLarge: readonly [sentence: string, write: (store: Store) => unknown, message: string][] = [
  [
    "a key",
    (store) => store.set(["x".repeat(2047)], 1),
    "Cannot use a key: it must be at most 2048 bytes, got 2049. Shorten it, or use a hash of it",
  ],
  [
    "a value",
    (store) => store.set(["a"], "x".repeat(65_535)),
    "Cannot commit: 'bytes of a value' must be at most 65536, got 65537. Store less under one key",
  ],
  [
    "checks",
    (store) => store.atomic().check(...Array(11).fill({ key: ["a"], versionstamp: null })).commit(),
    "Cannot commit: 'checks' must be at most 10, got 11. Split the commit",
  ],
  [
    "changes",
    (store) => many(store, 1001, 1).commit(),
    "Cannot commit: 'mutations' must be at most 1000, got 1001. Split the commit",
  ],
  [
    "bytes",
    (store) => many(store, 13, "x".repeat(65_000)).commit(),
    // Key and value of each, and the key once more: 13 * (2 * 9 + 65,002).
    "Cannot commit: 'bytes' must be at most 819200, got 845260. Split the commit",
  ],
  [
    "keys of a getMany",
    (store) => store.getMany(Array(11).fill(["a"])),
    "Cannot read 11 keys: getMany takes at most 10. Read them in parts",
  ],
];
for (const [what, write, message] of tooLarge) {
  test(`memoryStore() names the limit and the size of ${what} that it rejects`, async () => {
    const store = memoryStore();
    const error = { name: "StoreLimitError", code: "store_limit", message };
    await assert.rejects(async () => await write(store), error);
    assert.deepEqual(await keysOf(store), []);
  });
}

function many(store: Store, count: number, value: unknown) {
  const atomic = store.atomic();
  for (let i = 0; i < count; i++) atomic.set([i], value);
  return atomic;
}

const rejected: readonly [write: (store: Store) => unknown, name: string, message: string][] = [
  [
    (store) => store.set(["a"], undefined),
    "TypeError",
    "Cannot store a value: value: undefined has no JSON form: leave the field out, or pass null",
  ],
  [
    (store) => store.set(["a"], { a: [1, { b: NaN }] }),
    "TypeError",
    "Cannot store a value: value.a[1].b: NaN has no JSON form: pass null",
  ],
  [
    (store) => store.set(["a"], 1, { expireIn: -1 }),
    "RangeError",
    "Cannot write: 'expireIn' must be at least 0 ms, got -1",
  ],
  [
    (store) => store.atomic().sum(["a"], -1n),
    "RangeError",
    "Cannot add to a number: the value must be unsigned and fit 64 bits, got -1",
  ],
  [
    (store) => store.get([true as unknown as string]),
    "TypeError",
    "Cannot use a key: its parts must be strings and numbers, got boolean",
  ],
  [
    (store) => store.get([NaN]),
    "TypeError",
    "Cannot use a key: its parts must be strings and numbers, got NaN",
  ],
  [(store) => store.delete([]), "TypeError", "Cannot use a key: it must have at least one part"],
  [
    (store) => keysOf(store, { limit: 0 }),
    "RangeError",
    "Cannot list keys: 'limit' must be at least 1, got 0",
  ],
];
for (const [write, name, message] of rejected) {
  test(`memoryStore() rejects: ${message}`, async () => {
    await assert.rejects(async () => await write(memoryStore()), { name, message });
  });
}

test("memoryStore() rejects every call once it is closed", async () => {
  const store = memoryStore();
  for (let i = 0; i < 150; i++) await store.set([i], 1);
  const atomic = store.atomic().set(["a"], 1);
  const list = store.list({ prefix: [] });
  const half = store.list({ prefix: [] })[Symbol.asyncIterator]();
  await half.next();
  store.close();
  store.close();
  const uses: readonly (() => unknown)[] = [
    () => store.get(["a"]),
    () => store.getMany([]),
    () => store.set(["a"], 1),
    () => store.delete(["a"]),
    () => keysOf(store),
    () => atomic.commit(),
    () => store.atomic().commit(),
    async () => {
      for await (const _ of list);
    },
    async () => {
      while (!(await half.next()).done);
    },
  ];
  for (const use of uses) {
    const error = { message: "Cannot use the store: it is closed" };
    await assert.rejects(async () => await use(), error, String(use));
  }
});

test("memoryStore() keeps many keys in order, in any order of writes and deletes", async () => {
  const store = memoryStore();
  const count = 20_011; // prime: the steps below visit every number once
  const numbers = Array.from({ length: count }, (_, i) => (i * 7919) % count);
  for (const i of numbers) await store.set([i], 1);
  for (const i of numbers) if (i % 3) await store.delete([i]);
  const left = Array.from({ length: Math.ceil(count / 3) }, (_, i) => [3 * i]);
  assert.deepEqual(await keysOf(store), left);
  const middle = left.slice(2000, 5000);
  for (const key of middle) await store.delete(key);
  for (const key of middle.reverse()) await store.set(key, 1);
  assert.deepEqual(await keysOf(store), left);
  assert.deepEqual(await keysOf(store, { reverse: true }), left.reverse());
});
