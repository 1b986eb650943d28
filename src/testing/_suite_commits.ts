import { equal, ok, refused } from "./_expect.ts";
import { keysOf, type StoreBehaviors } from "./_suite.ts";

/** How a store handles commits. */
export const commitsBehaviors: StoreBehaviors = {
  "all keys of a commit have its versionstamp": async (store) => {
    const result = await store.atomic().set(["a"], 1).set(["b"], 2).sum(["c"], 3n).commit();
    ok(result.ok);
    const entries = await store.getMany([["a"], ["b"], ["c"]]);
    equal(entries.map(({ versionstamp }) => versionstamp), Array(3).fill(result.versionstamp));
  },

  "a commit is applied while its checks hold": async (store) => {
    await store.set(["a"], 1);
    const { versionstamp } = await store.get(["a"]);
    const checks = [{ key: ["a"], versionstamp }, { key: ["b"], versionstamp: null }];
    ok((await store.atomic().check(...checks).set(["b"], 2).commit()).ok);
    equal((await store.get(["b"])).value, 2);
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
      equal(await atomic.commit(), { ok: false });
    }
    equal(await store.get(["a"]), { key: ["a"], value: 2, versionstamp });
    equal(await keysOf(store, { prefix: [] }), [["a"]]);
  },

  "checks see the store as it was before the commit": async (store) => {
    const atomic = store.atomic().set(["a"], 1).check({ key: ["a"], versionstamp: null });
    ok((await atomic.commit()).ok);
    equal(await atomic.commit(), { ok: false });
  },

  "a check refuses what is no versionstamp": async (store) => {
    await refused(
      async () => await store.atomic().check({ key: ["a"], versionstamp: "a" }).commit(),
      [TypeError],
    );
  },

  "changes of one key are applied in their order": async (store) => {
    await store.atomic().set(["a"], 1).delete(["a"]).set(["a"], 2)
      .set(["b"], 1).delete(["b"])
      .sum(["c"], 1n).sum(["c"], 2n)
      .sum(["d"], 1n).set(["d"], "text")
      .sum(["e"], 5n).delete(["e"]).sum(["e"], 1n).commit();
    const entries = await store.getMany([["a"], ["b"], ["c"], ["d"], ["e"]]);
    equal(entries.map(({ value }) => value), [2, null, 3n, "text", 1n]);
  },

  "a commit without changes says whether its checks hold": async (store) => {
    ok((await store.atomic().commit()).ok);
    await store.set(["a"], 1);
    const { versionstamp } = await store.get(["a"]);
    ok((await store.atomic().check({ key: ["a"], versionstamp }).commit()).ok);
    equal(await store.get(["a"]), { key: ["a"], value: 1, versionstamp });
  },

  "a commit can be sent again": async (store) => {
    const atomic = store.atomic().sum(["a"], 2n);
    await atomic.commit();
    await atomic.commit();
    equal((await store.get(["a"])).value, 4n);
  },

  "sum() begins at 0 and wraps around at 2^64": async (store) => {
    const most = 2n ** 64n - 1n;
    await store.atomic().sum(["a"], most).commit();
    equal((await store.get(["a"])).value, most);
    await store.atomic().sum(["a"], 3n).commit();
    equal((await store.get(["a"])).value, 2n);
    await store.atomic().sum(["b"], 0n).commit();
    equal((await store.get(["b"])).value, 0n);
  },

  "sum() refuses what is no unsigned 64-bit bigint": async (store) => {
    for (const value of [1, "1", undefined, -1n, 2n ** 64n]) {
      await refused(
        async () => await store.atomic().sum(["a"], value as bigint).commit(),
        [TypeError, RangeError],
      );
    }
    equal((await store.get(["a"])).value, null);
  },

  "a sum over JSON is a TypeError; when it goes first, nothing is written": async (store) => {
    await store.set(["a"], 1);
    const atomic = store.atomic().sum(["a"], 1n).set(["a"], 2).set(["b"], 2);
    await refused(() => atomic.commit(), [TypeError]);
    equal((await store.get(["a"])).value, 1);
    equal((await store.get(["b"])).value, null);
  },
};
