import { StoreLimitError } from "../store/mod.ts";
import { equal, ok, refused } from "./_expect.ts";
import { keysOf, setAll, type StoreBehaviors } from "./_suite.ts";

/** How a store handles limits. */
export const limitsBehaviors: StoreBehaviors = {
  "getMany() takes ten keys and no more": async (store) => {
    const keys = Array.from({ length: 11 }, (_, i) => [i]);
    equal((await store.getMany(keys.slice(1))).length, 10);
    await refused(() => store.getMany(keys), [StoreLimitError]);
  },

  // A part of a store has less room in its keys, by the length of its scope: 100 bytes here.
  "a key has 2048 bytes at most": async (store) => {
    const long = "x".repeat(1946); // and one byte on each side
    await store.set([long], 1);
    equal((await store.get([long])).value, 1);
    await refused(() => store.set(["x".repeat(2047)], 1), [StoreLimitError]);
    await refused(() => store.set(["é".repeat(1024)], 1), [StoreLimitError]);
    await refused(() => store.set(["\0".repeat(1024)], 1), [StoreLimitError]);
    await refused(() => store.get(["x".repeat(2047)]), [StoreLimitError]);
  },

  "a value has as many bytes as the limit says": async (store) => {
    const room = store.limits.value - 2; // the quotes
    await store.set(["a"], "x".repeat(room));
    await store.set(["a"], "é".repeat(room / 2));
    await refused(() => store.set(["b"], "x".repeat(room + 1)), [StoreLimitError]);
    await refused(() => store.set(["b"], "é".repeat(room / 2 + 1)), [StoreLimitError]);
    equal((await store.get(["b"])).value, null);
  },

  "a commit has as many checks as the limit says": async (store) => {
    const commit = (count: number) => {
      const checks = Array.from({ length: count }, (_, i) => ({ key: [i], versionstamp: null }));
      return store.atomic().check(...checks).set(["a", count], 1).commit();
    };
    ok((await commit(store.limits.checks)).ok);
    await refused(() => commit(store.limits.checks + 1), [StoreLimitError]);
    equal((await keysOf(store, { prefix: ["a"] })).length, 1);
  },

  "a commit has as many changes as the limit says": async (store) => {
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set(["a", i], i);
      return atomic.commit();
    };
    ok((await commit(store.limits.mutations)).ok);
    await setAll(store, [["b"]]);
    await refused(() => commit(store.limits.mutations + 1), [StoreLimitError]);
    const { versionstamp } = await store.get(["b"]);
    ok((await store.get(["a", 0])).versionstamp! < versionstamp!);
  },

  "a commit has as many bytes as the limit says": async (store) => {
    const value = "x".repeat(60_000);
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set([count, i], value);
      return atomic.commit();
    };
    const fits = Math.floor(store.limits.bytes / 60_300);
    ok((await commit(fits)).ok);
    await refused(() => commit(fits + 1), [StoreLimitError]);
    equal((await store.get([fits + 1, 0])).value, null);
  },

  "a commit has 81,920 bytes of keys to write at most": async (store) => {
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set([`${i}`.padStart(922)], 1);
      return atomic.commit();
    };
    ok((await commit(80)).ok); // 924 bytes each, and the scope's
    await refused(() => commit(89), [StoreLimitError]);
  },
};
