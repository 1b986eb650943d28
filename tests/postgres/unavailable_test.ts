/**
 * An outbox on a real server that it can't use: without its schema, without connections, or through a
 * client that was closed too early.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, defineHook } from "@omniagent/hooks";
import { createOutbox, OutboxUnavailableError } from "@omniagent/hooks/outbox";
import { type PostgresClient, PostgresStore } from "@omniagent/hooks/postgres";
import pg from "pg";
import { test } from "../support/harness.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { until } from "../support/until.ts";
import { clients } from "../support/postgres_clients.ts";

const CONNECTIONS = 12;

const bin = await findPostgres("an outbox on a server that it can't use");
const server = bin === undefined
  ? undefined
  : await startPostgres(bin, { max_connections: CONNECTIONS });

/** Hooks with a durable hook on a store, and the ids of the events that it received. */
function open(client: PostgresClient, schema: string, listen = true) {
  const store = new PostgresStore(client, { schema, listen });
  const received = new Set<string>();
  const audit = defineHook({
    name: "audit",
    events: ["job.executed"],
    durable: true,
    handle: (event) => void received.add(event.id),
  });
  const outbox = createOutbox(store);
  const hooks = createHooks({ use: [audit], outbox, logger: false });
  const emit = async () => {
    const job = { job_id: "1", job_name: "tidy up", success: true };
    return (await hooks.emit("job.executed", job)).id;
  };
  return { store, hooks, emit, received };
}

/** Asserts that an emit fails, for a reason, with nothing stored. */
async function rejects(emit: () => Promise<string>, message: RegExp): Promise<void> {
  await assert.rejects(emit(), (error: unknown) => {
    assert.ok(error instanceof OutboxUnavailableError, String(error));
    assert.match(error.message, message);
    assert.match(error.message, /nothing was stored$/);
    assert.equal(error.stored, false);
    return true;
  });
}

/** Takes the connections of the server that are free. Returns how to give them back. */
async function takeConnections(url: string): Promise<() => Promise<void>> {
  const taken: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    try {
      await client.connect();
    } catch (error) {
      assert.equal((error as { readonly code?: unknown }).code, "53300");
      return async () => void await Promise.all(taken.map((client) => client.end()));
    }
    taken.push(client);
  }
}

if (server !== undefined) {
  for (const [name, connect] of Object.entries(clients)) {
    test(`through ${name}, the error of a database without the schema says to run migrate()`, async () => {
      const { client, close } = connect(server.url);
      const { store, hooks, emit } = open(client, `without_${name}`);
      await assert.rejects(store.get(["a"]), {
        failure: "cannot_open",
        message: /call migrate\(\)/,
      });
      await rejects(emit, /the schema doesn't exist: call migrate\(\) or run postgresSchema\(\)/);
      await hooks.close();
      store.close();
      await close();
    });

    test(`through ${name}, deliveries wait until the server has a free connection`, async () => {
      const { client, close } = connect(server.url);
      let release = await takeConnections(server.url);
      const { store, hooks, emit, received } = open(client, `full_${name}`);
      await assert.rejects(store.migrate(), { message: /use a smaller pool, or a pooler/ });
      await release();
      await store.migrate();
      const first = await emit();
      await until(() => received.has(first));
      release = await takeConnections(server.url); // those of the pool are left
      const ids = await Promise.all(Array.from({ length: 50 }, emit));
      await release();
      await until(() => ids.every((id) => received.has(id)));
      await hooks.close();
      store.close();
      await close();
    });
  }

  for (const name of ["pg", "postgres"]) {
    test(`through ${name}, the error of a pool that was closed before the hooks says so`, async () => {
      const { client, close } = clients[name]!(server.url);
      const { store, hooks, emit } = open(client, `closed_${name}`, false);
      await store.migrate();
      const id = await emit();
      // Nothing is being settled any longer.
      await until(async () => (await hooks.outbox!.get("audit", id))?.state === "delivered");
      await close();
      await rejects(emit, /the database client was closed: close it after the hooks/);
      await hooks.close();
      store.close();
    });
  }

  test("migrate() to a newer version waits for no open transaction", async () => {
    const { client, close } = clients["pg"]!(server.url);
    const store = new PostgresStore(client, { schema: "newer", listen: false });
    await store.migrate();
    const other = new pg.Client(server.url);
    await other.connect();
    await other.query("update newer.meta set version = version - 1");
    await other.query("begin");
    await other.query("select count(*) from newer.entries");
    let isDone = false;
    const migrated = store.migrate().then(() => isDone = true);
    await until(() => isDone);
    await other.query("rollback");
    await migrated;
    await other.end();
    await close();
    store.close();
  });

  test("the server stops", () => server.stop());
}
