import { StoreLimitError } from "../../store/mod.ts";
import { equal, keysOf, ok, rejects, setAll, type StoreBehaviors } from "./support.ts";

/** Commits: checks, mutations, sums. */
export const commitsBehaviors: StoreBehaviors = {
  "all keys of a commit have its versionstamp": async (store) => {
    const result = await store.atomic().set(["a"], 1).set(["b"], 2).sum(["c"], 3n).commit();
    ok(result.ok);
    const entries = await store.getMany([["a"], ["b"], ["c"]]);
    equal(entries.map(({ versionstamp }) => versionstamp), Array(3).fill(result.versionstamp));
  },

  "a commit is applied if its checks pass": async (store) => {
    await store.set(["a"], 1);
    const { versionstamp } = await store.get(["a"]);
    const checks = [{ key: ["a"], versionstamp }, { key: ["b"], versionstamp: null }];
    ok((await store.atomic().check(...checks).set(["b"], 2).commit()).ok);
    equal((await store.get(["b"])).value, 2);
  },

  "a check that fails leaves everything unchanged": async (store) => {
    await store.set(["a"], 1);
    const { versionstamp: old } = await store.get(["a"]);
    await store.set(["a"], 2);
    await store.set(["b"], 2);
    await store.delete(["b"]);
    const { versionstamp } = await store.get(["a"]);
    const failing = [
      { key: ["a"], versionstamp: null },
      { key: ["a"], versionstamp: old },
      { key: ["b"], versionstamp },
    ];
    for (const check of failing) {
      const atomic = store.atomic().check({ key: ["a"], versionstamp }, check);
      atomic.set(["a"], 3).delete(["a"]).set(["c"], 3).sum(["d"], 1n);
      equal(await atomic.commit(), { ok: false });
    }
    equal(await store.get(["a"]), { key: ["a"], value: 2, versionstamp });
    equal(await keysOf(store, { prefix: [] }), [["a"]]);
  },

  "checks see the store before the commit": async (store) => {
    const atomic = store.atomic().set(["a"], 1).check({ key: ["a"], versionstamp: null });
    ok((await atomic.commit()).ok);
    equal(await atomic.commit(), { ok: false });
  },

  "check() rejects a string that is not a versionstamp": async (store) => {
    await rejects(
      async () => await store.atomic().check({ key: ["a"], versionstamp: "a" }).commit(),
      [TypeError],
    );
  },

  "mutations of one key are applied in their order": async (store) => {
    await store.atomic().set(["a"], 1).delete(["a"]).set(["a"], 2)
      .set(["b"], 1).delete(["b"])
      .sum(["c"], 1n).sum(["c"], 2n)
      .sum(["d"], 1n).set(["d"], "text")
      .sum(["e"], 5n).delete(["e"]).sum(["e"], 1n).commit();
    const entries = await store.getMany([["a"], ["b"], ["c"], ["d"], ["e"]]);
    equal(entries.map(({ value }) => value), [2, null, 3n, "text", 1n]);
  },

  "a commit without mutations reports whether its checks pass": async (store) => {
    ok((await store.atomic().commit()).ok);
    await store.set(["a"], 1);
    const { versionstamp } = await store.get(["a"]);
    ok((await store.atomic().check({ key: ["a"], versionstamp }).commit()).ok);
    equal(await store.get(["a"]), { key: ["a"], value: 1, versionstamp });
  },

  "commit() can be called again": async (store) => {
    const atomic = store.atomic().sum(["a"], 2n);
    await atomic.commit();
    await atomic.commit();
    equal((await store.get(["a"])).value, 4n);
  },

  "sum() starts at 0 and wraps around at 2^64": async (store) => {
    const most = 2n ** 64n - 1n;
    await store.atomic().sum(["a"], most).commit();
    equal((await store.get(["a"])).value, most);
    await store.atomic().sum(["a"], 3n).commit();
    equal((await store.get(["a"])).value, 2n);
    await store.atomic().sum(["b"], 0n).commit();
    equal((await store.get(["b"])).value, 0n);
  },

  "sum() rejects anything but an unsigned 64-bit bigint": async (store) => {
    for (const value of [1, "1", undefined, -1n, 2n ** 64n]) {
      await rejects(
        async () => await store.atomic().sum(["a"], value as bigint).commit(),
        [TypeError, RangeError],
      );
    }
    equal((await store.get(["a"])).value, null);
  },

  "sum() of a JSON value is a TypeError; if it comes first, nothing is written": async (store) => {
    await store.set(["a"], 1);
    const atomic = store.atomic().sum(["a"], 1n).set(["a"], 2).set(["b"], 2);
    await rejects(() => atomic.commit(), [TypeError]);
    equal((await store.get(["a"])).value, 1);
    equal((await store.get(["b"])).value, null);
  },
};

/** Limits of keys, values and commits. */
export const limitsBehaviors: StoreBehaviors = {
  "getMany() accepts at most ten keys": async (store) => {
    const keys = Array.from({ length: 11 }, (_, i) => [i]);
    equal((await store.getMany(keys.slice(1))).length, 10);
    await rejects(() => store.getMany(keys), [StoreLimitError]);
  },

  // A scoped store has shorter keys, by the length of its scope: up to 100 bytes.
  "a key has at most 2048 bytes": async (store) => {
    const long = "x".repeat(1946); // plus a byte on each side
    await store.set([long], 1);
    equal((await store.get([long])).value, 1);
    await rejects(() => store.set(["x".repeat(2047)], 1), [StoreLimitError]);
    await rejects(() => store.set(["é".repeat(1024)], 1), [StoreLimitError]);
    await rejects(() => store.set(["\0".repeat(1024)], 1), [StoreLimitError]);
    await rejects(() => store.get(["x".repeat(2047)]), [StoreLimitError]);
  },

  "a value has at most as many bytes as the limit": async (store) => {
    const length = store.limits.value - 2; // without the quotes
    await store.set(["a"], "x".repeat(length));
    await store.set(["a"], "é".repeat(length / 2));
    await rejects(() => store.set(["b"], "x".repeat(length + 1)), [StoreLimitError]);
    await rejects(() => store.set(["b"], "é".repeat(length / 2 + 1)), [StoreLimitError]);
    equal((await store.get(["b"])).value, null);
  },

  "a commit has at most as many checks as the limit": async (store) => {
    const commit = (count: number) => {
      const checks = Array.from({ length: count }, (_, i) => ({ key: [i], versionstamp: null }));
      return store.atomic().check(...checks).set(["a", count], 1).commit();
    };
    ok((await commit(store.limits.checks)).ok);
    await rejects(() => commit(store.limits.checks + 1), [StoreLimitError]);
    equal((await keysOf(store, { prefix: ["a"] })).length, 1);
  },

  "a commit has at most as many mutations as the limit": async (store) => {
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set(["a", i], i);
      return atomic.commit();
    };
    ok((await commit(store.limits.mutations)).ok);
    await setAll(store, [["b"]]);
    await rejects(() => commit(store.limits.mutations + 1), [StoreLimitError]);
    const { versionstamp } = await store.get(["b"]);
    ok((await store.get(["a", 0])).versionstamp! < versionstamp!);
  },

  "a commit has at most as many bytes as the limit": async (store) => {
    const value = "x".repeat(60_000);
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set([count, i], value);
      return atomic.commit();
    };
    const fits = Math.floor(store.limits.bytes / 60_300);
    ok((await commit(fits)).ok);
    await rejects(() => commit(fits + 1), [StoreLimitError]);
    equal((await store.get([fits + 1, 0])).value, null);
  },

  "a commit writes at most 81,920 bytes of keys": async (store) => {
    const commit = (count: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < count; i++) atomic.set([`${i}`.padStart(922)], 1);
      return atomic.commit();
    };
    ok((await commit(80)).ok); // 924 bytes each, plus the scope
    await rejects(() => commit(89), [StoreLimitError]);
  },
};
