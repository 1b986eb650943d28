import type { StoreKey, StoreSelector } from "../../store/mod.ts";
import { equal, keysOf, ok, rejects, setAll, type StoreBehaviors } from "./support.ts";

const NEGATIVE = [-Infinity, -1e300, -2, -1.5, -1, -5e-324];
const POSITIVE = [5e-324, 0.5, 1, 2, 10, 2 ** 53, Infinity];

/** Keys in order. */
const ORDERED_KEYS: readonly StoreKey[] = [
  [""],
  ["\0"],
  ["\0\0"],
  ["\0a"],
  ["\x01"],
  ["A"],
  ["Z"],
  ["a"],
  ["a", ""],
  ["a", "", "b"],
  ["a", "a"],
  ["a", "a", 1],
  ["a", "b"],
  ...[...NEGATIVE, 0, ...POSITIVE].map((part) => ["a", part]),
  ["a\0"],
  ["a\0b"],
  ["a\x01"],
  ["aa"],
  ["ab"],
  ["b"],
  ["é"],
  ["\u{07ff}"],
  ["\u{0800}"],
  ["\u{ffff}"],
  ["\u{10000}"],
  ["😀"],
  [-1],
  [0],
  [1],
  [1, "a"],
  [1, 0],
  [1.5],
];

/** Keys and their order. */
export const keysBehaviors: StoreBehaviors = {
  "list() returns keys in order": async (store) => {
    await setAll(store, [...ORDERED_KEYS].reverse());
    equal(await keysOf(store, { prefix: [] }), ORDERED_KEYS);
    equal(await keysOf(store, { prefix: [] }, { reverse: true }), [...ORDERED_KEYS].reverse());
  },

  "similar keys are different keys": async (store) => {
    for (const [i, key] of ORDERED_KEYS.entries()) await store.set(key, i);
    for (const [i, key] of ORDERED_KEYS.entries()) {
      equal((await store.get(key)).value, i);
      equal((await store.get(key)).key, key);
    }
  },

  "a lone surrogate in a key becomes U+FFFD": async (store) => {
    await store.set(["\ud800", 1], 1);
    equal((await store.get(["\ufffd", 1])).value, 1);
    equal(await keysOf(store, { prefix: ["\udfff"] }), [["\ufffd", 1]]);
  },

  "-0 becomes 0 in a key": async (store) => {
    await store.set(["a", -0], 1);
    const [entry] = await store.getMany([["a", 0]]);
    equal(entry!.value, 1);
    for await (const { key } of store.list({ prefix: ["a"] })) {
      ok(Object.is(key[1], 0));
    }
  },

  "an empty key is rejected": async (store) => {
    await rejects(() => store.get([]), [TypeError]);
    await rejects(() => store.getMany([["a"], []]), [TypeError]);
    await rejects(() => store.set([], 1), [TypeError]);
    await rejects(() => store.delete([]), [TypeError]);
    await rejects(
      async () => await store.atomic().check({ key: [], versionstamp: null }).commit(),
      [TypeError],
    );
  },

  "a key part that is neither a string nor a number is rejected": async (store) => {
    const keys: readonly unknown[] = [undefined, [null], [{}], [undefined], [true], [1n], [NaN]];
    for (const key of keys as StoreKey[]) {
      await rejects(() => store.get(key), [TypeError]);
      await rejects(() => store.set(key, 1), [TypeError]);
    }
  },
};

/** Lists of ranges. */
export const rangesBehaviors: StoreBehaviors = {
  "a prefix selects the keys below it, but not itself": async (store) => {
    await setAll(store, [["a"], ["a", ""], ["a", "b"], ["a", "b", 1], ["a", 1], ["a\0"], ["aa"]]);
    const below = [["a", ""], ["a", "b"], ["a", "b", 1], ["a", 1]];
    equal(await keysOf(store, { prefix: ["a"] }), below);
    equal(await keysOf(store, { prefix: ["a"] }, { reverse: true }), [...below].reverse());
    equal(await keysOf(store, { prefix: ["a", "b"] }), [["a", "b", 1]]);
    equal(await keysOf(store, { prefix: ["a", 1] }), []);
  },

  "a range includes its start and excludes its end": async (store) => {
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
      equal(await keysOf(store, selector), expected);
      const reversed = await keysOf(store, selector, { reverse: true });
      equal(reversed, [...expected].reverse());
    }
  },

  "list() rejects a selector without a range": async (store) => {
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
      await rejects(
        () => keysOf(store, selector as StoreSelector),
        [TypeError],
        JSON.stringify(selector),
      );
    }
  },

  "list() rejects a limit that is not a positive whole number": async (store) => {
    for (const limit of [0, -1, 1.5, NaN]) {
      await rejects(() => keysOf(store, { prefix: [] }, { limit }), [RangeError], `${limit}`);
    }
  },

  "limit and reverse apply to any number of entries": async (store) => {
    const keys = Array.from({ length: 620 }, (_, i) => ["a", i]);
    await setAll(store, keys);
    for (const limit of [1, 99, 100, 101, 500, 501, 620, 1000]) {
      const selector = { prefix: ["a"] };
      equal(await keysOf(store, selector, { limit }), keys.slice(0, limit));
      const reversed = [...keys].reverse().slice(0, limit);
      equal(await keysOf(store, selector, { limit, reverse: true }), reversed);
    }
    equal(await keysOf(store, { prefix: ["a"] }), keys);
  },

  "list() returns entries with value and versionstamp": async (store) => {
    await store.set(["a"], { a: 1 });
    for await (const entry of store.list({ prefix: [] })) {
      equal(entry, await store.get(["a"]));
    }
  },

  "list() continues while its entries are deleted and others are added": async (store) => {
    const keys = Array.from({ length: 250 }, (_, i) => ["a", i]);
    await setAll(store, keys);
    const seen: StoreKey[] = [];
    for await (const { key } of store.list({ prefix: ["a"] })) {
      seen.push(key);
      await store.delete(key);
      await store.set(["a", -seen.length], 1);
    }
    equal(seen, keys);
  },

  "a loop over list() can be left early": async (store) => {
    await setAll(store, [["a"], ["b"]]);
    for await (const { key } of store.list({ prefix: [] })) {
      equal(key, ["a"]);
      break;
    }
  },
};
