import { equal, ok, refused } from "./_expect.ts";
import { keysOf, type StoreBehaviors } from "./_suite.ts";

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
  { toJSON: () => ok(false, "unreadable") },
  cycle(),
];

/** JSON values. */
const VALUES: readonly unknown[] = [
  ...[null, false, true, 0, -1.5, 1e21, "", "a\0b", "é😀", "\ud800", [], {}, [[null]]],
  ...[{ a: [1, { b: "c" }] }, JSON.parse('{"__proto__":1}'), "x".repeat(20_000)],
];

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

/** How a store handles what is stored and read. */
export const valuesBehaviors: StoreBehaviors = {
  "get() of a key that was never set gives nulls": async (store) => {
    equal(await store.get(["a"]), {
      key: ["a"],
      value: null,
      versionstamp: null,
    });
  },

  "JSON values are read back as they were set": async (store) => {
    for (const value of VALUES) {
      await store.set(["a"], value);
      equal((await store.get(["a"])).value, value);
    }
  },

  "a null that was set has a versionstamp": async (store) => {
    await store.set(["a"], null);
    const { value, versionstamp } = await store.get(["a"]);
    equal(value, null);
    ok(/^[0-9a-f]{20}$/.test(String(versionstamp)), `versionstamp ${versionstamp}`);
  },

  "fields that are undefined are left out, and toJSON is asked": async (store) => {
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

  "neither the object that was set nor the one that was read is the store's": async (store) => {
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

  "an atomic takes values and keys as they are at the call": async (store) => {
    const value = { list: [1] };
    const key = ["a"];
    const atomic = store.atomic().set(key, value);
    value.list.push(2);
    key[0] = "b";
    await atomic.commit();
    equal((await store.get(["a"])).value, { list: [1] });
  },

  "a value that JSON can't carry is a TypeError, and nothing is written": async (store) => {
    for (const value of UNFIT) {
      await refused(() => store.set(["a"], value), [TypeError]);
      await refused(
        async () => await store.atomic().set(["b"], 1).set(["a"], value).commit(),
        [TypeError],
      );
    }
    equal(await keysOf(store, { prefix: [] }), []);
  },

  "set() replaces, and versionstamps rise": async (store) => {
    const stamps: string[] = [];
    for (let i = 0; i < 20; i++) {
      await store.set(["a", i % 3], i);
      stamps.push((await store.get(["a", i % 3])).versionstamp!);
    }
    equal(stamps, [...new Set(stamps)].sort());
    equal((await store.get(["a", 0])).value, 18);
  },

  "delete() removes a key, and takes one that is not there": async (store) => {
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

  "getMany() answers in the order of its keys": async (store) => {
    await store.set(["a"], 1);
    await store.set(["b"], 2);
    const entries = await store.getMany([["b"], ["c"], ["a"], ["b"]]);
    equal(entries.map(({ key }) => key), [["b"], ["c"], ["a"], ["b"]]);
    equal(entries.map(({ value }) => value), [2, null, 1, 2]);
    equal(await store.getMany([]), []);
  },

  "an entry with a lifetime is there until then": async (store) => {
    await store.set(["a"], 1, { expireIn: 3_600_000 });
    await store.atomic().set(["b"], 2, { expireIn: 3_600_000 }).commit();
    const entries = await store.getMany([["a"], ["b"]]);
    equal(entries.map(({ value }) => value), [1, 2]);
    await store.set(["d"], 4, { expireIn: 70.1 * 3_600_000 }); // 252360000.00000003
    equal((await store.get(["d"])).value, 4);
    await store.set(["c"], 3, { expireIn: 0 }); // gone some time after that, not at once
  },

  "a lifetime that is no number from 0 is refused": async (store) => {
    for (const expireIn of [-1, NaN, Infinity, "1", null] as number[]) {
      await refused(() => store.set(["a"], 1, { expireIn }), [RangeError, TypeError]);
      await refused(
        async () => await store.atomic().set(["a"], 1, { expireIn }).commit(),
        [RangeError, TypeError],
        String(expireIn),
      );
    }
    equal((await store.get(["a"])).value, null);
  },
};
