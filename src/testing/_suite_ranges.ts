import type { StoreKey, StoreSelector } from "../store/mod.ts";
import { equal, refused } from "./_expect.ts";
import { keysOf, setAll, type StoreBehaviors } from "./_suite.ts";

/** How a store handles lists. */
export const rangesBehaviors: StoreBehaviors = {
  "a prefix selects what is below it, and not itself": async (store) => {
    await setAll(store, [["a"], ["a", ""], ["a", "b"], ["a", "b", 1], ["a", 1], ["a\0"], ["aa"]]);
    const below = [["a", ""], ["a", "b"], ["a", "b", 1], ["a", 1]];
    equal(await keysOf(store, { prefix: ["a"] }), below);
    equal(await keysOf(store, { prefix: ["a"] }, { reverse: true }), [...below].reverse());
    equal(await keysOf(store, { prefix: ["a", "b"] }), [["a", "b", 1]]);
    equal(await keysOf(store, { prefix: ["a", 1] }), []);
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
      equal(await keysOf(store, selector), expected);
      const reversed = await keysOf(store, selector, { reverse: true });
      equal(reversed, [...expected].reverse());
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
      await refused(
        () => keysOf(store, selector as StoreSelector),
        [TypeError],
        JSON.stringify(selector),
      );
    }
  },

  "list() refuses a limit that is no positive whole number": async (store) => {
    for (const limit of [0, -1, 1.5, NaN]) {
      await refused(() => keysOf(store, { prefix: [] }, { limit }), [RangeError], `${limit}`);
    }
  },

  "limit and reverse hold over any number of entries": async (store) => {
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

  "entries of a list have value and versionstamp": async (store) => {
    await store.set(["a"], { a: 1 });
    for await (const entry of store.list({ prefix: [] })) {
      equal(entry, await store.get(["a"]));
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
    equal(seen, keys);
  },

  "a list can be left": async (store) => {
    await setAll(store, [["a"], ["b"]]);
    for await (const { key } of store.list({ prefix: [] })) {
      equal(key, ["a"]);
      break;
    }
  },
};
