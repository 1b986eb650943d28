/**
 * `hooks store copy` from and to a PostgreSQL server.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "../support/harness.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { inFolder } from "../support/folder.ts";
import { assertCopied, COPIED, fill, NO_SQLITE, run, using } from "./copying.ts";

const bin = await findPostgres("hooks store copy on PostgreSQL");
const server = bin === undefined ? undefined : await startPostgres(bin);

if (server !== undefined) {
  const [first, second] = await Promise.all(["first", "second"].map(async (name) => {
    await server.createDatabase(name);
    const { port } = server;
    return `postgres://postgres:hunter2@127.0.0.1:${port}/${name}`;
  })) as [string, string];

  test("hooks store copy copies PostgreSQL to PostgreSQL, with lifetimes and numbers", async () => {
    await using(first, fill);
    const copy = await run("store", "copy", first, second);
    assert.equal(copy.code, 0, copy.stderr);
    assert.match(copy.stdout, /^copied 1205 entries from postgres:\/\/\S+ to postgres:\/\/\S+\n$/);
    assert.doesNotMatch(copy.stdout + copy.stderr, /hunter2/);
    await using(second, assertCopied);
    const expiry = "select round(extract(epoch from expires_at - now()) / 60) as minutes " +
      "from hooks.entries where expires_at > now()";
    assert.equal(await server.query("second", expiry), "60");

    const refused = await run("store", "copy", first, second);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /it has entries\n.*--force/);
    const again = await run("store", "copy", first, second, "--force", "--json");
    assert.deepEqual(JSON.parse(again.stdout), { copied: COPIED, skipped: 0, leased: 0 });
    await using(second, assertCopied);
  });

  test("hooks store copy moves SQLite to PostgreSQL and back", () =>
    inFolder(async (folder) => {
      if (NO_SQLITE) return console.log(`left out, as ${NO_SQLITE}`);
      await server.createDatabase("moved");
      const [from, back] = [join(folder, "a.sqlite"), join(folder, "b.sqlite")];
      const moved = first.replace(/first$/, "moved");
      await using(from, fill);
      const there = await run("store", "copy", from, moved);
      assert.equal(there.code, 0, there.stderr);
      await using(moved, assertCopied);
      assert.equal((await run("store", "copy", moved, back)).code, 0);
      await using(back, assertCopied);
    }));

  test("hooks store copy: the server is stopped", () => server.stop());
}
