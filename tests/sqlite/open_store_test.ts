import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type OpenStoreOptions, type Store } from "@omniagent/hooks/sqlite";
import { testStore } from "@omniagent/hooks/testing";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

const DURABILITIES = ["full", "async"] as const;

testStore(
  () => openStore(":memory:"),
  (name, run) => test(`openStore(":memory:") of ./sqlite: ${name}`, run),
);

for (const durability of DURABILITIES) {
  let folder = "";
  let shared: string | undefined;
  testStore(
    async () => {
      folder = await mkdtemp(join(tmpdir(), "hooks-"));
      return await openStore(join(folder, "hooks.sqlite"), { durability });
    },
    (name, run) =>
      test(
        `openStore() of ./sqlite, durability "${durability}": ${name}`,
        () => run().finally(() => remove(folder)),
      ),
    {
      async openShared() {
        shared ??= await mkdtemp(join(tmpdir(), "hooks-"));
        folder = shared; // removed after each test, and made again by the first handle of the next
        await mkdir(folder, { recursive: true });
        return await openStore(join(folder, "hooks.sqlite"), { durability });
      },
    },
  );
}

for (const durability of DURABILITIES) {
  test(`a file keeps what was committed before close(), durability "${durability}"`, () =>
    withPath(async (path) => {
      const value = { text: "Grüße, 世界 😀 ".repeat(1000) };
      await use(path, { durability }, async (store) => {
        await store.atomic().set(["a", 1], value).sum(["n"], 2n ** 63n).commit();
      });
      await use(path, { durability }, async (store) => {
        assert.deepEqual((await store.get(["a", 1])).value, value);
        assert.equal((await store.get(["n"])).value, 2n ** 63n);
      });
    }));

  test(`commits of one turn keep their own outcome, durability "${durability}"`, () =>
    withPath((path) =>
      use(path, { durability }, async (store) => {
        await store.set(["json"], {});
        const commits = Array.from({ length: 600 }, (_, i) => {
          const atomic = store.atomic();
          if (i % 3 === 0) atomic.check({ key: ["only one"], versionstamp: null });
          if (i % 7 === 0) atomic.sum(["json"], 1n);
          return atomic.set(i % 3 === 0 ? ["only one"] : ["a", i], i).sum(["n"], 1n).commit();
        });
        const outcomes = await Promise.allSettled(commits);
        const kinds = outcomes.map((outcome, i) => {
          if (outcome.status === "rejected") return outcome.reason.constructor.name;
          return outcome.value.ok ? `ok${i % 3 === 0 ? " only one" : ""}` : "check failed";
        });
        const count = (kind: string) => kinds.filter((one) => one === kind).length;
        assert.equal(count("ok only one"), 1);
        // 400 had no check, of which every seventh summed over JSON.
        assert.equal(
          count("TypeError"),
          [...Array(600).keys()].filter((i) => i % 7 === 0 && (i % 3 > 0 || i === 0)).length,
        );
        assert.equal((await store.get(["n"])).value, BigInt(count("ok") + 1));
        const stamps = outcomes.flatMap((outcome) =>
          outcome.status === "fulfilled" && outcome.value.ok ? [outcome.value.versionstamp] : []
        );
        assert.deepEqual(stamps, [...new Set(stamps)].sort());
      })
    ));
}

test("close() of ./sqlite commits queued operations, and rejects later ones", () =>
  withPath(async (path) => {
    const store = await openStore(path);
    const queued = Promise.all(Array.from({ length: 300 }, (_, i) => store.set(["a", i], i)));
    store.close();
    await queued;
    await assert.rejects(store.set(["b"], 1), /Cannot use the store: it is closed/);
    await use(path, {}, async (again) => {
      let count = 0;
      for await (const _ of again.list({ prefix: ["a"] })) count++;
      assert.equal(count, 300);
      assert.equal((await again.get(["b"])).value, null);
    });
  }));

for (const durability of DURABILITIES) {
  test(`close() during commits loses none and rejects none, durability "${durability}"`, () =>
    withPath(async (path) => {
      for (let round = 0; round < 10; round++) {
        const store = await openStore(path, { durability });
        const writes = Array.from({ length: 40 }, async (_, i) => {
          for (let turn = 0; turn < i % 7; turn++) await new Promise((go) => setTimeout(go, 0));
          await store.set(["a", round, i], i).catch((error) => {
            assert.equal(error.message, "Cannot use the store: it is closed");
            return "after close";
          });
        });
        await new Promise((go) => setTimeout(go, 2));
        store.close();
        await Promise.all(writes);
      }
    }));

  test(`a file is found through a link and after a change of folder, durability "${durability}"`, () =>
    withPath(async (path) => {
      await mkdir(join(path, "..", "real"));
      const link = join(path, "..", "link.sqlite");
      await symlink(join(path, "..", "real", "a.sqlite"), link);
      await use(link, { durability }, (store) => store.set(["a"], 1));
      await use(link, { durability }, async (store) => {
        assert.equal((await store.get(["a"])).value, 1);
      });
    }));
}

test("close() of ./sqlite waits for another process that locks the file for a moment", () =>
  withPath(async (path) => {
    const store = await openStore(path);
    const { DatabaseSync } = await sqlite();
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const write = store.set(["a"], 1);
    await new Promise((go) => setTimeout(go, 30));
    other.exec("COMMIT");
    store.close();
    await write;
    other.close();
    await new Promise((go) => setTimeout(go, 400)); // the pause between two tries ends
    await use(path, {}, async (again) => assert.equal((await again.get(["a"])).value, 1));
  }));

test("an entry of ./sqlite is absent after its lifetime, also for checks and sums", () =>
  withPath((path) =>
    use(path, {}, async (store) => {
      await store.atomic().set(["a"], 1, { expireIn: 1 }).set(["n"], {}, { expireIn: 1 }).commit();
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal((await store.get(["a"])).value, null);
      assert.deepEqual(
        (await store.atomic().check({ key: ["a"], versionstamp: null }).sum(["n"], 2n).commit()).ok,
        true,
      );
      assert.equal((await store.get(["n"])).value, 2n);
    })
  ));

test("expired entries of ./sqlite are removed from the file as others are written", () =>
  withPath((path) =>
    use(path, {}, async (store) => {
      const write = (prefix: string, count: number, expireIn?: number) =>
        Promise.all(
          Array.from(
            { length: count },
            (_, i) =>
              store.set([prefix, i], "x".repeat(1000), expireIn === undefined ? {} : { expireIn }),
          ),
        );
      await write("gone", 3_000, 1);
      for (let round = 0; round < 8; round++) await write("kept", 600);
      const { DatabaseSync } = await sqlite();
      const database = new DatabaseSync(path);
      const { n } = database.prepare("SELECT count(*) AS n FROM kv").get() as { n: number };
      database.close();
      assert.ok(n <= 600 + 512, `${n} rows are left`);
    })
  ));

test("openStore() of ./sqlite rejects other files, and leaves them unchanged", () =>
  withPath(async (path) => {
    const { DatabaseSync } = await sqlite();
    const database = new DatabaseSync(path);
    database.exec("CREATE TABLE mine (a)");
    database.close();
    const before = await readFile(path);
    await assert.rejects(openStore(path), /SQLite database of another program/);
    assert.deepEqual(await readFile(path), before);

    await rm(path);
    await writeFile(
      path,
      "this is no database at all, but long enough to be read as one".repeat(20),
    );
    await assert.rejects(openStore(path), { name: "StoreError", failure: "corrupt" });

    await assert.rejects(openStore(join(path, "no", "folder.sqlite")), { failure: "cannot_open" });
  }));

for (
  const [what, sql, failure] of [
    ["a number that isn't one", "UPDATE kv SET v = 'seven' WHERE typeof(v) = 'text'"],
    ["a value that isn't JSON", "UPDATE kv SET v = X'ff00' WHERE typeof(v) = 'blob'"],
    ["a value of another type", "UPDATE kv SET v = 1.5 WHERE typeof(v) = 'blob'"],
    ["a key that ends too early", "INSERT INTO kv (k, s, v) VALUES (X'026100026262', 1, X'31')"],
    ["no versionstamp", "DELETE FROM meta", "corrupt"],
    ["no table", "DROP TABLE kv", "corrupt"],
  ] as const
) {
  test(`openStore() of ./sqlite reads a damaged file, or reports it: ${what}`, () =>
    withPath(async (path) => {
      await use(path, {}, async (store) => {
        await store.set(["a", 1], "x");
        await store.atomic().sum(["a", "n"], 5n).commit();
      });
      await damage(path, sql);
      const work = use(path, {}, async (store) => {
        const keys: unknown[] = [];
        for await (const { key } of store.list({ prefix: ["a"] }, { limit: 2 })) keys.push(key[1]);
        assert.deepEqual(keys, ["n", 1]);
        await store.get(["a", "n"]);
        await store.set(["a", "n"], "replaced");
        await store.set(["a", 1], "replaced");
        assert.equal((await store.get(["a", 1])).value, "replaced");
      });
      if (failure === undefined) await work;
      else await assert.rejects(work, { name: "StoreError", failure });
    }));
}

test("openStore() of ./sqlite reports a file with another version of the layout, with advice", () =>
  withPath(async (path) => {
    await use(path, {}, (store) => store.set(["a"], 1));
    const cases = [
      [2, /has version 2 of the layout, and this package reads version 1\. Update the package$/],
      [0, /has version 0 .*\. Restore the file from a backup, or choose another path$/],
      [-1, /has version -1 .*\. Restore the file/],
    ] as const;
    for (const [version, message] of cases) {
      await damage(path, `PRAGMA user_version = ${version}`);
      await assert.rejects(openStore(path), { name: "TypeError", message });
    }
    await damage(path, "PRAGMA user_version = 1");
    await use(path, {}, async (store) => assert.equal((await store.get(["a"])).value, 1));
  }));

test("openStore() of ./sqlite rejects invalid arguments without repeating a URL", async () => {
  const cases: readonly (readonly [path: unknown, options: unknown, message: RegExp])[] = [
    [undefined, {}, /'path' must be a file or ":memory:", got undefined/],
    ["", {}, /'path' must be a file or ":memory:", got ""/],
    ["postgres://user:secret@host/db", {}, /^Cannot open store: 'path' must be a file, not a URL$/],
    [":memory:", { durability: "none" }, /'durability' must be "full" or "async", got "none"/],
    [":memory:", { durabilty: "full" }, /Did you mean 'durability'/],
  ];
  for (const [path, options, message] of cases) {
    await assert.rejects(openStore(path as string, options as OpenStoreOptions), {
      name: "TypeError",
      message,
    });
  }
});

async function damage(path: string, sql: string): Promise<void> {
  const { DatabaseSync } = await sqlite();
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

async function sqlite(): Promise<typeof import("node:sqlite")> {
  return await import("node:sqlite");
}

async function use(
  path: string,
  options: OpenStoreOptions,
  body: (store: Store) => Promise<void>,
): Promise<void> {
  const store = await openStore(path, options);
  try {
    await body(store);
  } finally {
    store.close();
  }
}

function withPath(body: (path: string) => Promise<void>): Promise<void> {
  return inFolder((folder) => body(join(folder, "hooks.sqlite")));
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
