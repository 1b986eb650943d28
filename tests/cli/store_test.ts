import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeLimitedV8Serializer, openKv } from "@deno/kv";
import { openStore as openNodeStore } from "@omniagent/hooks/node";
import { test } from "../support/harness.ts";
import { inFolder } from "../support/folder.ts";
import { ask, serving } from "../support/serving.ts";
import { assertCopied, COPIED, fill, HOUR, NO_SQLITE, run, using } from "./copying.ts";

if (NO_SQLITE) console.log(`hooks store copy: most is left out, as ${NO_SQLITE}`);

/** Registers a test that does nothing where the runtime has no SQLite, which the line above says. */
function sqliteTest(name: string, body: () => Promise<void>): void {
  test(name, async () => {
    if (!NO_SQLITE) await body();
  });
}

test("hooks serve recognizes a Deno KV file by its contents, keeps it, and says how to copy it", () =>
  inFolder(async (folder) => {
    const file = join(folder, "hooks.db");
    await using(`kv:${file}`, (store) => store.set(["a"], "kept"));
    const server = await serving({ args: ["--store", file] }, async (_, url) => {
      assert.equal((await ask(url, ["send", "a.b"])).code, 0);
    });
    if (!NO_SQLITE) {
      assert.match(
        server.stderr,
        /hooks\.db is a Deno KV database\..*`hooks store copy \S+hooks\.db/,
      );
    }
    // Read as Deno KV, whatever this runtime opens by itself.
    const store = "Deno" in globalThis
      ? await (await import("@omniagent/hooks/kv")).openStore(file)
      : await openNodeStore(file);
    assert.equal((await store.get(["a"])).value, "kept");
    store.close();
  }));

sqliteTest(
  "hooks serve creates an SQLite file, and opens it again",
  () =>
    inFolder(async (folder) => {
      const file = join(folder, "data", "hooks.db");
      for (const [n] of ["first", "second"].entries()) {
        await serving({ args: ["--store", file] }, async (server, url) => {
          assert.equal((await ask(url, ["send", "a.b"])).code, 0);
          const response = await fetch(`${url}/events`, {
            headers: { authorization: "Bearer a-token-of-this-test" },
          });
          assert.equal((await response.json()).events.length, n + 1);
          assert.doesNotMatch(server.stderr, /Deno KV/);
        });
      }
      const head = await readFile(file);
      assert.equal(head.subarray(0, 15).toString(), "SQLite format 3");
      assert.equal(head.subarray(68, 72).toString(), "hook");
    }),
);

sqliteTest(
  "hooks serve rejects a file of another kind without changing it",
  () =>
    inFolder(async (folder) => {
      const [kv, sqlite, text] = ["kv.db", "a.sqlite", "notes.txt"].map((name) =>
        join(folder, name)
      );
      await using(`kv:${kv}`, (store) => store.set(["a"], 1));
      await using(`sqlite:${sqlite}`, (store) => store.set(["a"], 1));
      await writeFile(text!, "notes, and nothing else");
      const cases = [
        [`kv:${sqlite}`, /Cannot open .*a\.sqlite as Deno KV: it is a store of SQLite/],
        [`sqlite:${kv}`, /the file belongs to Deno KV/],
        [text!, /file is not a database/],
        [`kv:${text}`, /as Deno KV: it is a file of another program/],
      ] as const;
      for (const [store, message] of cases) {
        const { code, stderr } = await run("serve", "--port", "0", "--store", store);
        assert.equal(code, 1, store);
        assert.match(stderr, message);
      }
      assert.equal(await readFile(text!, "utf8"), "notes, and nothing else");
      await using(kv!, async (store) => assert.equal((await store.get(["a"])).value, 1));
      await using(sqlite!, async (store) => assert.equal((await store.get(["a"])).value, 1));
    }),
);

sqliteTest(
  "hooks store copy copies Deno KV to SQLite and back, with lifetimes and numbers",
  () =>
    inFolder(async (folder) => {
      const [kv, sqlite, back] = ["a.db", "b.sqlite", "c.db"].map((name) => join(folder, name));
      await using(`kv:${kv}`, fill);
      const first = await run("store", "copy", kv!, sqlite!);
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stdout, /^copied 1205 entries from \S+a\.db to \S+b\.sqlite\n$/);
      assert.match(first.stderr, /entries copied/, "progress in a terminal");
      await using(`sqlite:${sqlite}`, assertCopied);
      const second = await run("store", "copy", sqlite!, `kv:${back}`, "--json");
      assert.deepEqual(JSON.parse(second.stdout), { copied: COPIED, skipped: 0, leased: 0 });
      await using(`kv:${back}`, assertCopied);
    }),
);

sqliteTest(
  "hooks store copy leaves out what another program wrote to a Deno KV file",
  () =>
    inFolder(async (folder) => {
      const [from, to] = [join(folder, "a.db"), join(folder, "b.sqlite")];
      const kv = await openKv(from, makeLimitedV8Serializer()); // Bun has no V8
      const json = new TextEncoder().encode("1"); // as a store of this package writes it
      const parts = [true, false, 5n, -(10n ** 30n), new Uint8Array([2, 0, 33]), NaN];
      for (const part of parts) {
        await kv.set(["app", part], json);
        await kv.set([part], json);
      }
      await kv.set(["app", 1], "its own encoding");
      kv.close();
      await using(`kv:${from}`, (store) => store.set(["kept", 1], "kept"));
      const { code, stdout, stderr } = await run("store", "copy", `kv:${from}`, to);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^copied 1 entry from .*; left out 13 that another program wrote\n$/);
      await using(`sqlite:${to}`, async (store) => {
        assert.equal((await store.get(["kept", 1])).value, "kept");
        const keys = [];
        for await (const { key } of store.list({ prefix: [] })) keys.push(key);
        assert.deepEqual(keys, [["kept", 1]]);
      });
    }),
);

sqliteTest("hooks store copy keeps what is left of a lifetime", () =>
  inFolder(async (folder) => {
    const [kv, sqlite] = [join(folder, "a.db"), join(folder, "b.sqlite")];
    const life = 1_500;
    const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const start = Date.now();
    await using(`kv:${kv}`, (store) => store.set(["a"], 1, { expireIn: life }));
    const stored = Date.now();
    await pass(700);
    const before = Date.now();
    assert.equal((await run("store", "copy", kv, sqlite)).code, 0);
    // What had passed before the copy began has passed for the copy, too.
    const end = Date.now() + life - (before - stored) + 50;
    await using(sqlite, async (store) => {
      const { value } = await store.get(["a"]);
      if (Date.now() < start + life) assert.equal(value, 1);
      while (Date.now() <= end) await pass(50);
      assert.equal((await store.get(["a"])).value, null);
    });
  }));

sqliteTest(
  "hooks store copy rejects a store that has entries, unless --force finishes a copy",
  () =>
    inFolder(async (folder) => {
      const [from, to] = [join(folder, "a.sqlite"), join(folder, "b.sqlite")];
      await using(from, fill);
      await using(
        to,
        (store) => store.atomic().sum(["n"], 1n).set(["text"], "old").commit().then(),
      );
      const refused = await run("store", "copy", from, to);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /it has entries\n.*--force/);
      await using(to, async (store) => assert.equal((await store.get(["n"])).value, 1n));
      for (let times = 0; times < 2; times++) {
        assert.equal((await run("store", "copy", from, to, "--force")).code, 0);
        await using(to, assertCopied);
      }
    }),
);

sqliteTest(
  "hooks store copy warns of leased deliveries, which a process may be working on",
  () =>
    inFolder(async (folder) => {
      const [from, to] = [join(folder, "a.sqlite"), join(folder, "b.sqlite")];
      const key = ["hooks", "due", "audit", 1, "id"];
      await using(from, (store) => store.set(key, { v: 1, until: Date.now() + HOUR, by: "x" }));
      const { code, stderr } = await run("store", "copy", from, to);
      assert.equal(code, 0);
      assert.match(stderr, /warning: 1 delivery.*stop it and copy again with --force/);
    }),
);

sqliteTest(
  "hooks store copy says what it can't copy, creates nothing, and shows no password",
  () =>
    inFolder(async (folder) => {
      const [from, to, notes] = ["a.sqlite", "b.sqlite", "notes"].map((name) => join(folder, name));
      await using(from!, (store) => store.set(["a"], 1));
      await writeFile(notes!, "notes, and nothing else");
      const cases = [
        [[join(folder, "none"), to!], 1, /none: there is no store/],
        [[notes!, to!], 1, /it isn't a store of this kind/],
        [[`kv:${from}`, to!], 1, /it isn't a store of this kind/],
        [["https://me:hunter2@kv.example.com/", to!], 1, /only files and PostgreSQL/],
        [["https://kv.example.com/", to!], 1, /only files and PostgreSQL/],
        [[":memory:", to!], 1, /only files and PostgreSQL/],
        [[from!, from!], 2, /to itself/],
        [[from!, "sqlite://me:hunter2@h/db"], 2, /'sqlite:' is not supported/],
        [[from!, "redis://me:hunter2@h"], 2, /'redis:' is not supported/],
        [[from!, "postgres://me:hunter#2@h:x/a"], 2, /Percent-encode/],
        [[from!], 2, /missing required argument 'to'/],
      ] as const;
      for (const [args, code, message] of cases) {
        const result = await run("store", "copy", ...args);
        assert.equal(result.code, code, args.join(" "));
        assert.match(result.stderr, message);
        assert.doesNotMatch(result.stdout + result.stderr, /hunter/);
      }
      await assert.rejects(stat(to!), { code: "ENOENT" });
    }),
);
