import type { StoreKey } from "../store/mod.ts";
import { equal, ok, refused } from "./_expect.ts";
import { keysOf, setAll, type StoreBehaviors } from "./_suite.ts";

const NEGATIVE = [-Infinity, -1e300, -2, -1.5, -1, -5e-324];
const POSITIVE = [5e-324, 0.5, 1, 2, 10, 2 ** 53, Infinity];

/** Keys in their order. A few are compared with all others, so that order holds beyond neighbours. */
const ORDERED_KEYS: readonly StoreKey[] = [
  ...["", "\0", "\0\0", "\0a", "\x01", "A", "Z", "a"].map((part) => [part]),
  ...[["a", ""], ["a", "", "b"], ["a", "a"], ["a", "a", 1], ["a", "b"]],
  ...[...NEGATIVE, 0, ...POSITIVE].map((part) => ["a", part]),
  ...["a\0", "a\0b", "a\x01", "aa", "ab", "b", "é"].map((part) => [part]),
  ...["\u{07ff}", "\u{0800}", "\u{ffff}", "\u{10000}"].map((part) => [part]),
  ...[["😀"], [-1], [0], [1], [1, "a"], [1, 0], [1.5]],
];

/** How a store handles keys and their order. */
export const keysBehaviors: StoreBehaviors = {
  "list() gives keys in their order": async (store) => {
    await setAll(store, [...ORDERED_KEYS].reverse());
    equal(await keysOf(store, { prefix: [] }), ORDERED_KEYS);
    equal(await keysOf(store, { prefix: [] }, { reverse: true }), [...ORDERED_KEYS].reverse());
  },

  "each key of many is a key of its own": async (store) => {
    for (const [i, key] of ORDERED_KEYS.entries()) await store.set(key, i);
    for (const [i, key] of ORDERED_KEYS.entries()) {
      equal((await store.get(key)).value, i);
      equal((await store.get(key)).key, key);
    }
  },

  "a lone surrogate in a key is U+FFFD": async (store) => {
    await store.set(["\ud800", 1], 1);
    equal((await store.get(["\ufffd", 1])).value, 1);
    equal(await keysOf(store, { prefix: ["\udfff"] }), [["\ufffd", 1]]);
  },

  "-0 is 0 in a key": async (store) => {
    await store.set(["a", -0], 1);
    const [entry] = await store.getMany([["a", 0]]);
    equal(entry!.value, 1);
    for await (const { key } of store.list({ prefix: ["a"] })) {
      ok(Object.is(key[1], 0));
    }
  },

  "an empty key holds nothing and takes nothing": async (store) => {
    await refused(() => store.get([]), [TypeError]);
    await refused(() => store.getMany([["a"], []]), [TypeError]);
    await refused(() => store.set([], 1), [TypeError]);
    await refused(() => store.delete([]), [TypeError]);
    await refused(
      async () => await store.atomic().check({ key: [], versionstamp: null }).commit(),
      [TypeError],
    );
  },

  "a key of other things than strings and numbers is refused": async (store) => {
    const keys: readonly unknown[] = [undefined, [null], [{}], [undefined], [true], [1n], [NaN]];
    for (const key of keys as StoreKey[]) {
      await refused(() => store.get(key), [TypeError]);
      await refused(() => store.set(key, 1), [TypeError]);
    }
  },
};
