/**
 * `PostgresStore` on a real server, through `pg` and `postgres`, in the clear, over TLS and through
 * PgBouncer in transaction mode.
 * @module
 */
import assert from "node:assert/strict";
import { type PostgresClient, postgresSchema, PostgresStore } from "@omniagent/hooks/postgres";
import { testStore } from "@omniagent/hooks/testing";
import pg from "pg";
import { test } from "../support/harness.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { until } from "../support/until.ts";
import { clients, type Connection } from "../support/postgres_clients.ts";

const bin = await findPostgres("PostgresStore on a real server");
const server = bin === undefined ? undefined : await startPostgres(bin);

/** A connection of the test that runs. */
let connection: Connection | undefined;

/** Connects; the store is empty. */
async function connect(name: string, how: "plain" | "tls" | "pooled"): Promise<PostgresStore> {
  const url = how === "pooled" ? server!.pooledUrl ?? server!.url : server!.url;
  connection = clients[name]!(url, { tls: how === "tls", pooled: how === "pooled" });
  const schema = `hooks_${name}_${how}`;
  const store = new PostgresStore(connection.client, { schema });
  await store.migrate();
  await run(connection.client, `truncate ${schema}.entries, ${schema}.sums`);
  return store;
}

/** A second handle on the same connection has a session of its own, and no wake through the pooler. */
async function connectAgain(name: string, how: "plain" | "tls" | "pooled"): Promise<PostgresStore> {
  if (connection === undefined) return await connect(name, how);
  const store = new PostgresStore(connection.client, { schema: `hooks_${name}_${how}` });
  return how === "pooled" ? Object.assign(store, { wake: undefined }) : store;
}

/** Registers a test, after which its connection is closed. */
function connected(name: string, body: () => Promise<void>): void {
  test(name, async () => {
    try {
      await body();
    } finally {
      await connection?.close();
      connection = undefined;
    }
  });
}

if (server !== undefined) {
  for (const name of Object.keys(clients)) {
    for (const how of ["plain", "tls", "pooled"] as const) {
      testStore(
        () => connect(name, how),
        (sentence, run) => connected(`PostgresStore through ${name}, ${how}: ${sentence}`, run),
        { openShared: () => connectAgain(name, how) },
      );
    }

    connected(
      `through ${name}, of concurrent commits with the same check one is applied`,
      async () => {
        const store = await connect(name, "plain");
        await store.set(["counter"], 0);
        let applied = 0;
        await Promise.all(Array.from({ length: 12 }, async () => {
          for (let i = 0; i < 25; i++) {
            const { value, versionstamp } = await store.get<number>(["counter"]);
            const commit = store.atomic().check({ key: ["counter"], versionstamp })
              .set(["counter"], value! + 1).sum(["sum"], 1n);
            if ((await commit.commit()).ok) applied++;
          }
        }));
        assert.ok(applied >= 25);
        assert.equal((await store.get(["counter"])).value, applied);
        assert.equal((await store.get(["sum"])).value, BigInt(applied));
      },
    );

    connected(
      `through ${name}, of concurrent commits that need a key to be absent one is applied`,
      async () => {
        const store = await connect(name, "plain");
        const count = { created: 0n, deleted: 0n };
        await Promise.all(Array.from({ length: 12 }, async () => {
          for (let i = 0; i < 40; i++) {
            const n = Math.floor(20 * Math.random());
            const [key, other] = [["made", n], ["never made", n]];
            const commit = store.atomic().check({ key, versionstamp: null })
              .check({ key: other, versionstamp: null }).set(key, i).sum(["created"], 1n);
            if ((await commit.commit()).ok) count.created++;
            const { versionstamp } = await store.get(key);
            if (versionstamp === null || Math.random() < 0.5) continue;
            const deletion = store.atomic().check({ key, versionstamp }).delete(key);
            if ((await deletion.sum(["deleted"], 1n).commit()).ok) count.deleted++;
          }
        }));
        assert.equal((await store.get(["created"])).value, count.created);
        assert.equal((await store.get(["deleted"])).value, count.deleted);
        assert.equal(await countOf(store, "made"), Number(count.created - count.deleted));
        assert.equal(await countOf(store, "never made"), 0, "nothing is left of a check");
      },
    );

    connected(`through ${name}, a key holds JSON or a number, never both`, async () => {
      const store = await connect(name, "plain");
      await Promise.all(Array.from({ length: 60 }, async (_, i) => {
        const key = ["k", i];
        const absent = store.atomic().check({ key, versionstamp: null }).set(key, "absent");
        await Promise.allSettled([
          store.set(key, "json"),
          store.atomic().sum(key, 1n).commit(),
          absent.commit(),
        ]);
      }));
      const seen: unknown[] = [];
      for await (const { key, value } of store.list({ prefix: ["k"] })) {
        seen.push(key[1]);
        assert.equal((await store.get(key)).value, value);
        const sum = store.atomic().sum(key, 1n).commit();
        if (typeof value === "bigint") assert.ok((await sum).ok);
        else await assert.rejects(sum, { name: "TypeError" });
      }
      assert.deepEqual(seen, Array.from({ length: 60 }, (_, i) => i));
    });

    connected(`through ${name}, several processes may install the schema at once`, async () => {
      await connect(name, "plain");
      const { client } = connection!;
      const installs = Array.from(
        { length: 4 },
        (_, i) =>
          i % 2 === 0
            ? run(client, postgresSchema(`at_once_${name}`))
            : new PostgresStore(client, { schema: `at_once_${name}`, listen: false }).migrate(),
      );
      await Promise.all(installs);
      const store = new PostgresStore(client, { schema: `at_once_${name}`, listen: false });
      await store.set(["a"], 1);
      assert.equal((await store.get(["a"])).value, 1);
    });

    connected(`through ${name}, a role needs the privileges that are documented`, async () => {
      await (await connect(name, "plain")).set(["a"], 1);
      const [schema, role] = [`hooks_${name}_plain`, `role_${name}`];
      await server.query("postgres", `create role ${role} login`);
      await connection!.close();
      connection = clients[name]!(server.url.replace("postgres@", `${role}@`));
      const store = new PostgresStore(connection.client, { schema, listen: false });
      const lacks = { name: "StoreError", failure: "cannot_open", message: /lacks a privilege/ };
      await assert.rejects(store.get(["a"]), lacks);
      await assert.rejects(store.migrate(), lacks);
      await server.query(
        "postgres",
        `grant usage on schema ${schema} to ${role};
         grant all on all tables in schema ${schema} to ${role};
         grant all on all sequences in schema ${schema} to ${role};
         grant execute on all functions in schema ${schema} to ${role}`,
      );
      await store.migrate();
      await store.atomic().set(["a"], 2).sum(["n"], 1n).delete(["b"]).commit();
      assert.equal((await store.get(["a"])).value, 2);
    });

    connected(`through ${name}, a listener whose connection was ended listens again`, async () => {
      const store = await connect(name, "plain");
      const other = new PostgresStore(connection!.client, { schema: `hooks_${name}_plain` });
      let calls = 0;
      const stop = store.wake.listen(() => calls++);
      const isWoken = async (): Promise<void> => {
        for (const before = calls; calls === before;) {
          other.wake.signal();
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      await isWoken();
      await run(
        connection!.client,
        "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'",
      );
      await isWoken();
      stop();
      other.close();
      store.close();
    });

    connected(
      `through ${name}, a crash of the server loses nothing that was confirmed`,
      async () => {
        const store = await connect(name, "plain");
        const confirmed: number[] = [];
        let next = 0;
        let stopped = false;
        const writers = Array.from({ length: 8 }, async () => {
          while (!stopped) {
            const n = next++;
            await store.set(["n", n], n).then(() => confirmed.push(n), (error: Error) => {
              assert.equal(error.name, "StoreError", String(error));
              return new Promise((resolve) => setTimeout(resolve, 20));
            });
          }
        });
        for (let crash = 0; crash < 2; crash++) {
          const before = confirmed.length;
          await until(() => confirmed.length >= before + 200);
          await server.crash();
        }
        stopped = true;
        await Promise.all(writers);
        const found = new Set(await numbersIn(store));
        assert.deepEqual(confirmed.filter((n) => !found.has(n)), []);
      },
    );
  }

  test("a pool of pg that is ended before the store doesn't wait for its listener", async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 4 });
    const store = new PostgresStore(pool);
    await new Promise<void>((resolve) => void store.wake.listen(resolve)); // called once it listens
    let clients: number | undefined;
    pool.once("remove", () => clients ??= pool.totalCount); // called after the store's listener
    await pool.end();
    assert.equal(clients, 0, "the listener's client was released with the idle ones");
    store.close();
  });

  test("the server met no deadlock, and is stopped", async () => {
    const log = await server.log();
    assert.doesNotMatch(log, /deadlock detected/);
    await server.stop();
  });
}

/** Lists what is stored, once the server responds again: a pool may still have connections that it ended. */
async function numbersIn(store: PostgresStore): Promise<readonly number[]> {
  const end = performance.now() + 60_000;
  for (;;) {
    try {
      const numbers: number[] = [];
      for await (const { value } of store.list<number>({ prefix: ["n"] })) numbers.push(value!);
      return numbers;
    } catch (error) {
      assert.equal((error as Error).name, "StoreError", String(error));
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function countOf(store: PostgresStore, prefix: string): Promise<number> {
  let count = 0;
  for await (const _ of store.list({ prefix: [prefix] })) count++;
  return count;
}

async function run(client: PostgresClient, text: string): Promise<void> {
  await ("unsafe" in client ? client.unsafe(text) : client.query(text));
}
