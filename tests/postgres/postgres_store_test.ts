import { PGlite } from "@electric-sql/pglite";
import assert from "node:assert/strict";
import {
  postgresSchema,
  PostgresStore,
  type PostgresStoreOptions,
} from "@omniagent/hooks/postgres";
import { testStore } from "@omniagent/hooks/testing";
import { test as testOf } from "../support/harness.ts";

/** PGlite leaves timers behind. */
const test = (name: string, body: () => void | Promise<void>) =>
  testOf(name, body, { leaks: true });

const TABLES = "hooks.entries, hooks.sums";
let schemas = 0;

const database = new PGlite();
await new PostgresStore(database).migrate();
testStore(
  async () => {
    await database.exec(`truncate ${TABLES}`);
    return new PostgresStore(database);
  },
  (name, run) => test(`PostgresStore on PGlite: ${name}`, run),
  { openShared: () => new PostgresStore(database) },
);

test("PostgresStore: migrate() can be called again, and keeps what is stored", () =>
  inSchema(async (schema) => {
    const store = new PostgresStore(database, { schema });
    await Promise.all([store.migrate(), store.migrate()]);
    await store.set(["a"], 1);
    await store.migrate();
    assert.equal((await store.get(["a"])).value, 1);
  }));

test("PostgresStore: postgresSchema() is what migrate() installs, in a schema of your choice", () =>
  inSchema(async (schema) => {
    await database.exec(postgresSchema(schema));
    const store = new PostgresStore(database, { schema });
    await store.atomic().set(["a"], "ü\0").sum(["n"], 3n).commit();
    await store.migrate();
    assert.equal((await store.get(["a"])).value, "ü\0");
    assert.equal((await store.get(["n"])).value, 3n);
  }));

test("PostgresStore: an entry is absent after its lifetime, also for checks and sums", () =>
  inSchema(async (schema) => {
    const store = new PostgresStore(database, { schema });
    await store.migrate();
    await store.atomic().set(["a"], 1, { expireIn: 1 }).set(["n"], {}, { expireIn: 1 }).commit();
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal((await store.get(["a"])).value, null);
    const commit = store.atomic().check({ key: ["a"], versionstamp: null }).sum(["n"], 2n);
    assert.ok((await commit.commit()).ok);
    assert.equal((await store.get(["n"])).value, 2n);
    assert.equal((await store.get(["a"])).value, null, "a check alone leaves nothing behind");
  }));

test("PostgresStore: expired entries are deleted as others are written", () =>
  inSchema(async (schema) => {
    const store = new PostgresStore(database, { schema });
    await store.migrate();
    const write = async (prefix: string, expireIn?: number) => {
      const atomic = store.atomic();
      for (let i = 0; i < 900; i++) atomic.set([prefix, i], i, expireIn ? { expireIn } : {});
      await atomic.commit();
    };
    await write("gone", 1);
    const count = async () => {
      const { rows } = await database.query<{ n: number }>(
        `select count(*)::int as n from ${schema}.entries`,
      );
      return rows[0]!.n;
    };
    do await write("kept"); while (await count() > 900);
    assert.equal(await count(), 900);
  }));

test("PostgresStore: an error for missing tables says to run migrate()", () =>
  inSchema(async (schema) => {
    await assert.rejects(new PostgresStore(database, { schema }).get(["a"]), {
      name: "StoreError",
      failure: "cannot_open",
      message: /3F000: the schema doesn't exist: call migrate\(\) or run postgresSchema\(\)/,
    });
  }));

test("PostgresStore: damaged rows read as undefined, and keys that no store wrote are skipped", () =>
  inSchema(async (schema) => {
    const store = new PostgresStore(database, { schema });
    await store.migrate();
    await store.set(["a", 1], "x");
    await store.set(["a", 2], "y");
    const insert = "insert into SCHEMA.entries (key, value, version) values ".replace(
      "SCHEMA",
      schema,
    );
    await database.exec(`${insert} ('\\x026100026262', '1', 1), ('\\x02610021c0', '1', 1)`);
    await database.exec(`update ${schema}.entries set value = '{' where value = '"x"'`);
    const found: unknown[] = [];
    for await (const { key, value } of store.list({ prefix: ["a"] }, { limit: 2 })) {
      found.push([...key, value]);
    }
    assert.deepEqual(found, [["a", 1, undefined], ["a", 2, "y"]]);
  }));

test("PostgresStore: a schema of another program is not touched", () =>
  inSchema(async (schema) => {
    await database.exec(`create schema ${schema}; create table ${schema}.meta (name text)`);
    await assert.rejects(new PostgresStore(database, { schema }).migrate(), {
      name: "StoreError",
      failure: "cannot_open",
      message: /42703: the schema belongs to another program/,
    });
  }));

test("PostgresStore: the advice of an error says what to do, and has no data in it", async () => {
  const denied = Object.assign(new Error("permission denied for a secret"), { code: "42501" });
  const store = new PostgresStore({ query: () => Promise.reject(denied) });
  await assert.rejects(store.get(["a"]), (error: Error & { readonly advice: string }) => {
    assert.match(error.advice, /^the role lacks a privilege/);
    assert.doesNotMatch(error.message + error.advice, /secret/);
    return true;
  });
});

test("PostgresStore: errors of the server are typed", async () => {
  type Case = readonly [code: string, failure: string, message: RegExp, stored?: "unknown"];
  const cases: readonly Case[] = [
    ["25006", "read_only", /connect to the primary/],
    ["53100", "full", /53100/],
    ["53300", "failed", /too many connections/],
    ["57P01", "failed", /shutting down/, "unknown"],
    ["57P03", "failed", /starting up/],
    ["28P01", "cannot_open", /rejected the role/],
    ["57014", "failed", /statement_timeout/, "unknown"],
    ["XX001", "corrupt", /XX001/, "unknown"],
    ["ECONNREFUSED", "failed", /the server rejects connections/],
    ["ECONNRESET", "failed", /PostgreSQL failed: gone/, "unknown"],
    ["CONNECTION_ENDED", "cannot_open", /the database client was closed/],
  ];
  for (const [code, failure, message, stored = false] of cases) {
    const error = Object.assign(new Error("gone"), { code });
    const store = new PostgresStore({ query: () => Promise.reject(error) });
    await assert.rejects(store.set(["a"], 1), { name: "StoreError", failure, message, stored });
  }
});

test("PostgresStore: a deadlock is tried again, other errors are not", async () => {
  let calls = 0;
  const client = {
    query(): Promise<unknown> {
      calls++;
      if (calls > 2) return Promise.resolve([{ version: "1" }]);
      return Promise.reject(Object.assign(new Error("deadlock detected"), { code: "40P01" }));
    },
  };
  assert.ok((await new PostgresStore(client).atomic().set(["a"], 1).commit()).ok);
  assert.equal(calls, 3);
});

test("PostgresStore rejects invalid clients, and a schema whose name needs quotes", () => {
  const cases: readonly (readonly [client: unknown, options: unknown, message: RegExp])[] = [
    ["postgres://user:secret@host/db", {}, /^Cannot create store/],
    [{}, {}, /without query\(\) and unsafe\(\)/],
    [null, {}, /a client/],
    [{ query() {} }, { schema: 'x"; drop table y' }, /'schema' must be a lower-case identifier/],
    [{ query() {} }, { shema: "x" }, /Did you mean 'schema'/],
  ];
  for (const [client, options, message] of cases) {
    const create = () => new PostgresStore(client as PGlite, options as PostgresStoreOptions);
    assert.throws(create, (error: Error) => {
      assert.equal(error.name, "TypeError");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

/** Gives a schema that doesn't exist: one database serves all tests, as starting one takes a second. */
async function inSchema(body: (schema: string) => Promise<void>): Promise<void> {
  await body(`test_${schemas++}`);
}
