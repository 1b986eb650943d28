/**
 * What every `Store` does, a sentence each. A behaviour is given a store that is empty, and that is closed after it.
 * @module
 */
import assert from "node:assert/strict";
import type { Store, StoreKey, StoreListOptions, StoreSelector } from "@omniagent/hooks";

/** Tries one behaviour. */
export type StoreBehavior = (store: Store) => Promise<void>;

/** Keys in their order. A few are compared with all others, so that order holds beyond neighbours. */
export const ORDERED_KEYS: readonly StoreKey[] = [
  ...["", "\0", "\0\0", "\0a", "\x01", "A", "Z", "a"].map((part) => [part]),
  ...[["a", ""], ["a", "", "b"], ["a", "a"], ["a", "a", 1], ["a", "b"]],
  ...[-Infinity, -1e300, -2, -1.5, -1, -5e-324, -0, 0, 5e-324, 0.5, 1, 2, 10, 2 ** 53, Infinity]
    .map((part) => ["a", part]),
  ...["a\0", "a\0b", "a\x01", "aa", "ab", "b", "é", "\u{07ff}", "\u{0800}", "\u{ffff}", "\u{10000}"]
    .map((part) => [part]),
  ...[["😀"], [-1], [0], [1], [1, "a"], [1, 0], [1.5]],
];

/** What JSON can't carry. */
const UNFIT: readonly unknown[] = [
  undefined,
  () => {},
  Symbol("a"),
  1n,
  NaN,
  Infinity,
  { a: { b: NaN } },
  { a: 1n },
  { a: () => {} },
  [undefined],
  new Map([["a", 1]]),
  new Uint8Array(2),
  { toJSON: () => undefined },
  { toJSON: () => assert.fail("unreadable") },
  cycle(),
];

/** JSON values, and how they are read when that is not the same. */
const VALUES: readonly unknown[] = [
  ...[null, false, true, 0, -1.5, 1e21, "", "a\0b", "é😀", "\ud800", [], {}, [[null]]],
  ...[{ a: [1, { b: "c" }] }, JSON.parse('{"__proto__":1}'), "x".repeat(20_000)],
];

/** The behaviours by sentence. */
export const storeBehaviors: Readonly<Record<string, StoreBehavior>> = {
  "get() of a key that was never set gives nulls": async (store) => {
    assert.deepEqual(await store.get(["a"]), { key: ["a"], value: null, versionstamp: null });
  },

  "JSON values are read back as they were set": async (store) => {
    for (const value of VALUES) {
      await store.set(["a"], value);
      assert.deepEqual((await store.get(["a"])).value, value);
    }
  },

  "a null that was set has a versionstamp": async (store) => {
    await store.set(["a"], null);
    const { value, versionstamp } = await store.get(["a"]);
    assert.equal(value, null);
    assert.match(String(versionstamp), /^[0-9a-f]{20}$/);
  },

  "fields that are undefined are left out, and toJSON is asked": async (store) => {
    await store.set(["a"], { a: undefined, b: new Date(0), c: { toJSON: () => 1 } });
    assert.deepEqual((await store.get(["a"])).value, { b: "1970-01-01T00:00:00.000Z", c: 1 });
  },

  "neither the object that was set nor the one that was read is the store's": async (store) => {
    const value = { list: [1] };
    const key = ["a"];
    await store.set(key, value);
    value.list.push(2);
    key[0] = "b";
    const read = await store.get<{ list: number[] }>(["a"]);
    read.value!.list.push(3);
    (read.key as string[])[0] = "c";
    assert.deepEqual((await store.get(["a"])).value, { list: [1] });
    assert.deepEqual(await keysOf(store, { prefix: [] }), [["a"]]);
  },

  "an atomic takes values and keys as they are at the call": async (store) => {
    const value = { list: [1] };
    const key = ["a"];
    const atomic = store.atomic().set(key, value);
    value.list.push(2);
    key[0] = "b";
    await atomic.commit();
    assert.deepEqual((await store.get(["a"])).value, { list: [1] });
  },

  "a value that JSON can't carry is a TypeError, and nothing is written": async (store) => {
    for (const value of UNFIT) {
      await assert.rejects(() => store.set(["a"], value), TypeError);
      await assert.rejects(
        async () => await store.atomic().set(["b"], 1).set(["a"], value).commit(),
        TypeError,
      );
    }
    assert.deepEqual(await keysOf(store, { prefix: [] }), []);
  },

  "set() replaces, and versionstamps rise": async (store) => {
    const stamps: string[] = [];
    for (let i = 0; i < 20; i++) {
      await store.set(["a", i % 3], i);
      stamps.push((await store.get(["a", i % 3])).versionstamp!);
    }
    assert.deepEqual(stamps, [...new Set(stamps)].sort());
    assert.equal((await store.get(["a", 0])).value, 18);
  },

  "delete() removes a key, and takes one that is not there": async (store) => {
    await store.set(["a"], 1);
    await store.delete(["a"]);
    await store.delete(["a"]);
    assert.deepEqual(await store.get(["a"]), { key: ["a"], value: null, versionstamp: null });
    assert.deepEqual(await keysOf(store, { prefix: [] }), []);
  },

  "getMany() answers in the order of its keys": async (store) => {
    await store.set(["a"], 1);
    await store.set(["b"], 2);
    const entries = await store.getMany([["b"], ["c"], ["a"], ["b"]]);
    assert.deepEqual(entries.map(({ key }) => key), [["b"], ["c"], ["a"], ["b"]]);
    assert.deepEqual(entries.map(({ value }) => value), [2, null, 1, 2]);
    assert.deepEqual(await store.getMany([]), []);
  },

  "getMany() takes ten keys and no more": async (store) => {
    const keys = Array.from({ length: 11 }, (_, i) => [i]);
    assert.equal((await store.getMany(keys.slice(1))).length, 10);
    await assert.rejects(() => store.getMany(keys));
  },

  "list() gives keys in their order": async (store) => {
    await setAll(store, [...ORDERED_KEYS].reverse());
    assert.deepEqual(await keysOf(store, { prefix: [] }), ORDERED_KEYS);
    assert.deepEqual(
      await keysOf(store, { prefix: [] }, { reverse: true }),
      [...ORDERED_KEYS].reverse(),
    );
  },

  "each key of many is a key of its own": async (store) => {
    for (const [i, key] of ORDERED_KEYS.entries()) await store.set(key, i);
    for (const [i, key] of ORDERED_KEYS.entries()) {
      assert.deepEqual((await store.get(key)).value, i);
      assert.deepEqual((await store.get(key)).key, key);
    }
  },

  "a lone surrogate in a key is U+FFFD": async (store) => {
    await store.set(["\ud800", 1], 1);
    assert.equal((await store.get(["\ufffd", 1])).value, 1);
    assert.deepEqual(await keysOf(store, { prefix: ["\udfff"] }), [["\ufffd", 1]]);
  },

  "a prefix selects what is below it, and not itself": async (store) => {
    await setAll(store, [["a"], ["a", ""], ["a", "b"], ["a", "b", 1], ["a", 1], ["a\0"], ["aa"]]);
    const below = [["a", ""], ["a", "b"], ["a", "b", 1], ["a", 1]];
    assert.deepEqual(await keysOf(store, { prefix: ["a"] }), below);
    assert.deepEqual(await keysOf(store, { prefix: ["a", "b"] }), [["a", "b", 1]]);
    assert.deepEqual(await keysOf(store, { prefix: ["a", 1] }), []);
  },

  "start is in a range, end is not": async (store) => {
    await setAll(store, [["a"], ["b", 1], ["b", 2], ["b", 3], ["c"]]);
    const cases: readonly [StoreSelector, readonly StoreKey[]][] = [
      [{ prefix: ["b"], start: ["b", 2] }, [["b", 2], ["b", 3]]],
      [{ prefix: ["b"], end: ["b", 2] }, [["b", 1]]],
      [{ prefix: [], start: ["b", 3] }, [["b", 3], ["c"]]],
      [{ start: ["b", 1], end: ["b", 3] }, [["b", 1], ["b", 2]]],
      [{ start: [], end: ["b"] }, [["a"]]],
      [{ start: ["b", 2], end: ["b", 2] }, []],
    ];
    for (const [selector, expected] of cases) {
      assert.deepEqual(await keysOf(store, selector), expected);
      const reversed = await keysOf(store, selector, { reverse: true });
      assert.deepEqual(reversed, [...expected].reverse());
    }
  },

  "list() refuses a selector that selects no range": async (store) => {
    const selectors: readonly unknown[] = [
      {},
      { start: ["a"] },
      { end: ["a"] },
      { prefix: ["a"], start: ["a", 1], end: ["a", 2] },
      { prefix: ["b"], start: ["a"] },
      { prefix: ["b"], start: ["b"] },
      { prefix: ["b"], end: ["c"] },
      { prefix: ["b"], end: ["b"] },
      { start: ["b"], end: ["a"] },
    ];
    for (const selector of selectors) {
      await assert.rejects(
        () => keysOf(store, selector as StoreSelector),
        TypeError,
        JSON.stringify(selector),
      );
    }
  },

  "list() refuses a limit that is no positive whole number": async (store) => {
    for (const limit of [0, -1, 1.5, NaN, Infinity]) {
      await assert.rejects(() => keysOf(store, { prefix: [] }, { limit }), String(limit));
    }
  },

  "limit and reverse hold over any number of entries": async (store) => {
    const keys = Array.from({ length: 620 }, (_, i) => ["a", i]);
    await setAll(store, keys);
    for (const limit of [1, 99, 100, 101, 500, 501, 620, 1000]) {
      const selector = { prefix: ["a"] };
      assert.deepEqual(await keysOf(store, selector, { limit }), keys.slice(0, limit));
      const reversed = [...keys].reverse().slice(0, limit);
      assert.deepEqual(await keysOf(store, selector, { limit, reverse: true }), reversed);
    }
    assert.deepEqual(await keysOf(store, { prefix: ["a"] }), keys);
  },

  "entries of a list have value and versionstamp": async (store) => {
    await store.set(["a"], { a: 1 });
    for await (const entry of store.list({ prefix: [] })) {
      assert.deepEqual(entry, await store.get(["a"]));
    }
  },

  "a list goes on while what it lists is deleted and added": async (store) => {
    const keys = Array.from({ length: 250 }, (_, i) => ["a", i]);
    await setAll(store, keys);
    const seen: StoreKey[] = [];
    for await (const { key } of store.list({ prefix: ["a"] })) {
      seen.push(key);
      await store.delete(key);
      await store.set(["a", -seen.length], 1);
    }
    assert.deepEqual(seen, keys);
  },

  "a list can be left": async (store) => {
    await setAll(store, [["a"], ["b"]]);
    for await (const { key } of store.list({ prefix: [] })) {
      assert.deepEqual(key, ["a"]);
      break;
    }
  },

  "all keys of a commit have its versionstamp": async (store) => {
    const result = await store.atomic().set(["a"], 1).set(["b"], 2).sum(["c"], 3n).commit();
    assert.ok(result.ok);
    const entries = await store.getMany([["a"], ["b"], ["c"]]);
    assert.deepEqual(
      entries.map(({ versionstamp }) => versionstamp),
      Array(3).fill(result.versionstamp),
    );
  },

  "a commit is applied while its checks hold": async (store) => {
    await store.set(["a"], 1);
    const { versionstamp } = await store.get(["a"]);
    const checks = [{ key: ["a"], versionstamp }, { key: ["b"], versionstamp: null }];
    assert.ok((await store.atomic().check(...checks).set(["b"], 2).commit()).ok);
    assert.equal((await store.get(["b"])).value, 2);
  },

  "a check that fails leaves everything as it was": async (store) => {
    await store.set(["a"], 1);
    const { versionstamp: old } = await store.get(["a"]);
    await store.set(["a"], 2);
    await store.set(["b"], 2);
    await store.delete(["b"]);
    const { versionstamp } = await store.get(["a"]);
    for (
      const check of [
        { key: ["a"], versionstamp: null },
        { key: ["a"], versionstamp: old },
        { key: ["b"], versionstamp },
      ]
    ) {
      const atomic = store.atomic().check({ key: ["a"], versionstamp }, check);
      atomic.set(["a"], 3).delete(["a"]).set(["c"], 3).sum(["d"], 1n);
      assert.deepEqual(await atomic.commit(), { ok: false });
    }
    assert.deepEqual(await store.get(["a"]), { key: ["a"], value: 2, versionstamp });
    assert.deepEqual(await keysOf(store, { prefix: [] }), [["a"]]);
  },

  "checks see the store as it was before the commit": async (store) => {
    const atomic = store.atomic().set(["a"], 1).check({ key: ["a"], versionstamp: null });
    assert.ok((await atomic.commit()).ok);
    assert.deepEqual(await atomic.commit(), { ok: false });
  },

  "a check refuses what is no versionstamp": async (store) => {
    await assert.rejects(
      async () => await store.atomic().check({ key: ["a"], versionstamp: "a" }).commit(),
      TypeError,
    );
  },

  "changes of one key are applied in their order": async (store) => {
    await store.atomic().set(["a"], 1).delete(["a"]).set(["a"], 2)
      .set(["b"], 1).delete(["b"])
      .sum(["c"], 1n).sum(["c"], 2n)
      .sum(["d"], 1n).set(["d"], "text")
      .sum(["e"], 5n).delete(["e"]).sum(["e"], 1n).commit();
    const entries = await store.getMany([["a"], ["b"], ["c"], ["d"], ["e"]]);
    assert.deepEqual(entries.map(({ value }) => value), [2, null, 3n, "text", 1n]);
  },

  "a commit without changes says whether its checks hold": async (store) => {
    assert.ok((await store.atomic().commit()).ok);
    await store.set(["a"], 1);
    const { versionstamp } = await store.get(["a"]);
    assert.ok((await store.atomic().check({ key: ["a"], versionstamp }).commit()).ok);
    assert.deepEqual(await store.get(["a"]), { key: ["a"], value: 1, versionstamp });
  },

  "a commit can be sent again": async (store) => {
    const atomic = store.atomic().sum(["a"], 2n);
    await atomic.commit();
    await atomic.commit();
    assert.equal((await store.get(["a"])).value, 4n);
  },

  "sum() begins at 0 and wraps around at 2^64": async (store) => {
    const most = 2n ** 64n - 1n;
    await store.atomic().sum(["a"], most).commit();
    assert.equal((await store.get(["a"])).value, most);
    await store.atomic().sum(["a"], 3n).commit();
    assert.equal((await store.get(["a"])).value, 2n);
    await store.atomic().sum(["b"], 0n).commit();
    assert.equal((await store.get(["b"])).value, 0n);
  },

  "sum() refuses what is no unsigned 64-bit bigint": async (store) => {
    for (const value of [1, "1", undefined, -1n, 2n ** 64n]) {
      await assert.rejects(
        async () => await store.atomic().sum(["a"], value as bigint).commit(),
        (error) => error instanceof TypeError || error instanceof RangeError,
      );
    }
    assert.equal((await store.get(["a"])).value, null);
  },

  "a sum over JSON is a TypeError; when it goes first, nothing is written": async (store) => {
    await store.set(["a"], 1);
    const atomic = store.atomic().sum(["a"], 1n).set(["a"], 2).set(["b"], 2);
    await assert.rejects(() => atomic.commit(), TypeError);
    assert.equal((await store.get(["a"])).value, 1);
    assert.equal((await store.get(["b"])).value, null);
  },

  "an entry with a lifetime is there until then": async (store) => {
    await store.set(["a"], 1, { expireIn: 3_600_000 });
    await store.atomic().set(["b"], 2, { expireIn: 3_600_000 }).commit();
    const entries = await store.getMany([["a"], ["b"]]);
    assert.deepEqual(entries.map(({ value }) => value), [1, 2]);
  },

  "a lifetime that is no whole number from 0 is refused": async (store) => {
    for (const expireIn of [-1, 0.5, NaN, Infinity, "1", null] as number[]) {
      await assert.rejects(() => store.set(["a"], 1, { expireIn }));
      await assert.rejects(
        async () => await store.atomic().set(["a"], 1, { expireIn }).commit(),
        String(expireIn),
      );
    }
    assert.equal((await store.get(["a"])).value, null);
  },

  "an empty key holds nothing and takes nothing": async (store) => {
    assert.equal((await store.get([])).value, null);
    await assert.rejects(() => store.set([], 1), TypeError);
    await assert.rejects(() => store.delete([]), TypeError);
    await assert.rejects(
      async () => await store.atomic().check({ key: [], versionstamp: null }).commit(),
      TypeError,
    );
  },

  "a key of other things than strings and numbers is refused": async (store) => {
    for (const key of [undefined, [null], [{}], [undefined]] as unknown as StoreKey[]) {
      await assert.rejects(() => store.get(key), TypeError);
      await assert.rejects(() => store.set(key, 1), TypeError);
    }
  },

  "a key has 2048 bytes at most": async (store) => {
    const largest = "x".repeat(2046); // and one byte on each side
    await store.set([largest], 1);
    assert.equal((await store.get([largest])).value, 1);
    await assert.rejects(() => store.set([`${largest}x`], 1));
    await assert.rejects(() => store.set(["é".repeat(1024)], 1));
    await assert.rejects(() => store.set(["\0".repeat(1024)], 1));
  },

  "a value has as many bytes as the limit says": async (store) => {
    const room = store.limits.value - 2; // the quotes
    await store.set(["a"], "x".repeat(room));
    await store.set(["a"], "é".repeat(room / 2));
    await assert.rejects(() => store.set(["b"], "x".repeat(room + 1)));
    await assert.rejects(() => store.set(["b"], "é".repeat(room / 2 + 1)));
    assert.equal((await store.get(["b"])).value, null);
  },

  "a commit has as many checks as the limit says": async (store) => {
    const commit = (count: number) => {
      const checks = Array.from({ length: count }, (_, i) => ({ key: [i], versionstamp: null }));
      return store.atomic().check(...checks).set(["a", count], 1).commit();
    };
    assert.ok((await commit(store.limits.checks)).ok);
    await assert.rejects(() => commit(store.limits.checks + 1));
    assert.equal((await keysOf(store, { prefix: ["a"] })).length, 1);
  },

  "a commit has as many changes as the limit says": async (store) => {
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set(["a", i], i);
      return atomic.commit();
    };
    assert.ok((await commit(store.limits.mutations)).ok);
    await setAll(store, [["b"]]);
    await assert.rejects(() => commit(store.limits.mutations + 1));
    const { versionstamp } = await store.get(["b"]);
    assert.ok((await store.get(["a", 0])).versionstamp! < versionstamp!);
  },

  "a commit has as many bytes as the limit says": async (store) => {
    const value = "x".repeat(60_000);
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set([count, i], value);
      return atomic.commit();
    };
    const fits = Math.floor(store.limits.bytes / 60_100);
    assert.ok((await commit(fits)).ok);
    await assert.rejects(() => commit(fits + 1));
    assert.equal((await store.get([fits + 1, 0])).value, null);
  },

  "a commit has 81,920 bytes of keys to write at most": async (store) => {
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set([`${i}`.padStart(1022)], 1);
      return atomic.commit();
    };
    assert.ok((await commit(80)).ok);
    await assert.rejects(() => commit(81));
  },
};

/** The keys of a list. */
export async function keysOf(
  store: Store,
  selector: StoreSelector,
  options?: StoreListOptions,
): Promise<StoreKey[]> {
  const keys: StoreKey[] = [];
  for await (const { key } of store.list(selector, options)) keys.push(key);
  return keys;
}

/** Sets keys, in as few commits as may be. */
export async function setAll(store: Store, keys: readonly StoreKey[]): Promise<void> {
  for (let at = 0; at < keys.length; at += 500) {
    const atomic = store.atomic();
    for (const key of keys.slice(at, at + 500)) atomic.set(key, 1);
    await atomic.commit();
  }
}

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}
