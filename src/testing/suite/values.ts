import { equal, keysOf, ok, rejects, type StoreBehaviors } from "./support.ts";

/** Values that JSON can't represent. */
const UNREPRESENTABLE: readonly unknown[] = [
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
  { toJSON: () => ok(false, "unreadable") },
  cycle(),
];

/** JSON values. */
const VALUES: readonly unknown[] = [
  null,
  false,
  true,
  0,
  -1.5,
  1e21,
  "",
  "a\0b",
  "é😀",
  "\ud800",
  [],
  {},
  [[null]],
  { a: [1, { b: "c" }] },
  JSON.parse('{"__proto__":1}'),
  "x".repeat(20_000),
];

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

/** Values and entries. */
export const valuesBehaviors: StoreBehaviors = {
  "get() returns nulls for a key that was never set": async (store) => {
    equal(await store.get(["a"]), {
      key: ["a"],
      value: null,
      versionstamp: null,
    });
  },

  "JSON values are read back unchanged": async (store) => {
    for (const value of VALUES) {
      await store.set(["a"], value);
      equal((await store.get(["a"])).value, value);
    }
  },

  "a stored null has a versionstamp": async (store) => {
    await store.set(["a"], null);
    const { value, versionstamp } = await store.get(["a"]);
    equal(value, null);
    ok(/^[0-9a-f]{20}$/.test(String(versionstamp)), `versionstamp ${versionstamp}`);
  },

  "undefined fields are left out, and toJSON is called": async (store) => {
    await store.set(["a"], {
      a: undefined,
      b: new Date(0),
      c: { toJSON: () => 1 },
    });
    equal((await store.get(["a"])).value, {
      b: "1970-01-01T00:00:00.000Z",
      c: 1,
    });
  },

  "the store shares no object with its callers": async (store) => {
    const value = { list: [1] };
    const key = ["a"];
    await store.set(key, value);
    value.list.push(2);
    key[0] = "b";
    const read = await store.get<{ list: number[] }>(["a"]);
    read.value!.list.push(3);
    (read.key as string[])[0] = "c";
    equal((await store.get(["a"])).value, { list: [1] });
    equal(await keysOf(store, { prefix: [] }), [["a"]]);
  },

  "set() of an atomic copies its key and value": async (store) => {
    const value = { list: [1] };
    const key = ["a"];
    const atomic = store.atomic().set(key, value);
    value.list.push(2);
    key[0] = "b";
    await atomic.commit();
    equal((await store.get(["a"])).value, { list: [1] });
  },

  "a value that JSON can't represent is a TypeError, and nothing is written": async (store) => {
    for (const value of UNREPRESENTABLE) {
      await rejects(() => store.set(["a"], value), [TypeError]);
      await rejects(
        async () => await store.atomic().set(["b"], 1).set(["a"], value).commit(),
        [TypeError],
      );
    }
    equal(await keysOf(store, { prefix: [] }), []);
  },

  "set() replaces a value, and versionstamps increase": async (store) => {
    const stamps: string[] = [];
    for (let i = 0; i < 20; i++) {
      await store.set(["a", i % 3], i);
      stamps.push((await store.get(["a", i % 3])).versionstamp!);
    }
    equal(stamps, [...new Set(stamps)].sort());
    equal((await store.get(["a", 0])).value, 18);
  },

  "delete() removes a key, and accepts a key that does not exist": async (store) => {
    await store.set(["a"], 1);
    await store.delete(["a"]);
    await store.delete(["a"]);
    equal(await store.get(["a"]), {
      key: ["a"],
      value: null,
      versionstamp: null,
    });
    equal(await keysOf(store, { prefix: [] }), []);
  },

  "getMany() returns entries in the order of its keys": async (store) => {
    await store.set(["a"], 1);
    await store.set(["b"], 2);
    const entries = await store.getMany([["b"], ["c"], ["a"], ["b"]]);
    equal(entries.map(({ key }) => key), [["b"], ["c"], ["a"], ["b"]]);
    equal(entries.map(({ value }) => value), [2, null, 1, 2]);
    equal(await store.getMany([]), []);
  },

  "an entry is stored until its lifetime ends": async (store) => {
    await store.set(["a"], 1, { expireIn: 3_600_000 });
    await store.atomic().set(["b"], 2, { expireIn: 3_600_000 }).commit();
    const entries = await store.getMany([["a"], ["b"]]);
    equal(entries.map(({ value }) => value), [1, 2]);
    await store.set(["d"], 4, { expireIn: 70.1 * 3_600_000 }); // 252360000.00000003
    equal((await store.get(["d"])).value, 4);
    await store.set(["c"], 3, { expireIn: 0 }); // it may still be readable for a while
  },

  "a lifetime that is not a number from 0 is rejected": async (store) => {
    for (const expireIn of [-1, NaN, Infinity, "1", null] as number[]) {
      await rejects(() => store.set(["a"], 1, { expireIn }), [RangeError, TypeError]);
      await rejects(
        async () => await store.atomic().set(["a"], 1, { expireIn }).commit(),
        [RangeError, TypeError],
        String(expireIn),
      );
    }
    equal((await store.get(["a"])).value, null);
  },
};
