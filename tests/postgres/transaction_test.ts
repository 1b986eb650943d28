/**
 * `hooks.emit(type, data, { tx })`: events that are stored in a transaction of the caller.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, defineHook, type Hooks, WebhookHook } from "@omniagent/hooks";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { PostgresStore } from "@omniagent/hooks/postgres";
import { test } from "../support/harness.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { type Database, databases } from "./transactions.ts";

type Events = { readonly "order.created": { readonly id: number; readonly note?: string } };

const bin = await findPostgres("Transactions on a real server");
const server = bin === undefined ? undefined : await startPostgres(bin);
const names = Object.keys(databases).filter((name) => name === "PGlite" || server !== undefined);

/** One process: hooks with a handler and a durable hook, and what these received. */
type Process = {
  readonly hooks: Hooks<Events, Outbox>;
  readonly handled: number[];
  readonly delivered: number[];
};

/** The stores of the test that runs, which it closes at its end. */
const opened: PostgresStore[] = [];

function openStore({ client }: Database): PostgresStore {
  const store = new PostgresStore(client, { listen: false }); // which would outlast a test
  opened.push(store);
  return store;
}

function startProcess(store: PostgresStore): Process {
  const handled: number[] = [];
  const delivered: number[] = [];
  const hooks = createHooks<Events, Outbox>({
    outbox: createOutbox(store, { logger: silentLogger }),
    logger: false,
  });
  hooks.on("order.created", ({ data }) => void handled.push(data.id));
  hooks.use(
    defineHook<Events>()({
      name: "mailer",
      events: ["order.created"],
      durable: true,
      handle: ({ data }) => void delivered.push(data.id),
    }),
  );
  return { hooks, handled, delivered };
}

/** Registers a test with a database that has an empty store, and a table `orders`. */
function onDatabase(
  name: string,
  sentence: string,
  body: (database: Database, store: PostgresStore) => Promise<void>,
): void {
  test(`transactions through ${name}: ${sentence}`, async () => {
    const database = databases[name]!(server?.url ?? "");
    try {
      const store = openStore(database);
      await store.migrate();
      await database.transaction(async (_, run) => {
        await run("truncate hooks.entries, hooks.sums");
        await run("drop table if exists orders");
        await run("create table orders (id int primary key)");
      });
      await body(database, store);
    } finally {
      for (const store of opened.splice(0)) store.close();
      await database.close();
    }
  });
}

const insert = (id: number): string => `insert into orders (id) values (${id})`;

/** What is stored: the ids in the payloads of all events, and the number of deliveries. */
async function storedIn({ outbox }: Process["hooks"]) {
  const { items } = await outbox.listEvents({ order: "oldest" });
  const [target] = await outbox.stats();
  const ids = items.map(({ event }) => (event.data as { readonly id: number }).id);
  return { ids, accepted: target?.accepted ?? 0 };
}

for (const name of names) {
  onDatabase(name, "an event is committed with them, and handlers run after that", async (
    database,
    store,
  ) => {
    const { hooks, handled, delivered } = startProcess(store);
    await hooks.init();
    const receipt = await database.transaction(async (tx, run) => {
      await run(insert(1));
      // What a literal, JSON, or a driver could mistake for something of its own.
      const data = {
        id: 1,
        note: `it's $1 "\\' \\n :name ? ü \u0000 😀 '); drop table orders; --`,
      };
      const receipt = await hooks.emit("order.created", data, { tx });
      assert.equal(receipt.deliveries, 1);
      assert.equal(receipt.duplicate, false);
      assert.deepEqual(receipt.handlers, []);
      assert.deepEqual(handled, []);
      return receipt;
    });
    assert.deepEqual(handled, []);
    const final = await receipt.committed();
    assert.deepEqual(handled, [1]);
    assert.equal(final.id, receipt.id);
    assert.equal(final.deliveries, 1);
    assert.deepEqual(final.handlers.map(({ ok }) => ok), [true]);
    assert.equal(await receipt.committed(), final, "handlers run once");
    assert.deepEqual(handled, [1]);
    await until(() => delivered.length === 1);
    const stored = await hooks.outbox.getEvent(receipt.id);
    assert.match((stored!.event.data as { readonly note: string }).note, /^it's \$1 .*--$/s);
    await hooks.close();
  });

  onDatabase(name, "what is rolled back is stored nowhere, and no handler runs", async (
    database,
    store,
  ) => {
    const { hooks, handled, delivered } = startProcess(store);
    await hooks.init();
    let committed = (): Promise<unknown> => Promise.resolve();
    const rollback = database.transaction(async (tx, run) => {
      await run(insert(1));
      const receipt = await hooks.emit("order.created", { id: 1 }, { tx, idempotencyKey: "k" });
      committed = receipt.committed;
      throw new Error("out of stock");
    });
    await assert.rejects(rollback, /out of stock/);
    await assert.rejects(committed(), /isn't stored. Its transaction was rolled back, or isn't/);
    await hooks.outbox.drainOnce({ timeout: 40_000 });
    assert.deepEqual(await storedIn(hooks), { ids: [], accepted: 0 });
    const again = await hooks.emit("order.created", { id: 1 }, { idempotencyKey: "k" });
    assert.equal(again.duplicate, false, "the key was rolled back too");
    await until(() => delivered.length === 1);
    assert.deepEqual(handled, [1]);
    await hooks.close();
  });

  onDatabase(name, "without committed(), another process delivers, and no handler runs", async (
    database,
    store,
  ) => {
    const emitting = startProcess(store);
    await database.transaction(async (tx) => {
      await emitting.hooks.emit("order.created", { id: 1 }, { tx });
    });
    await emitting.hooks.close();
    const other = startProcess(openStore(database));
    await other.hooks.outbox.drainOnce({ timeout: 40_000 });
    assert.deepEqual([...emitting.delivered, ...other.delivered], [1]);
    assert.deepEqual([...emitting.handled, ...other.handled], []);
    await other.hooks.close();
  });

  onDatabase(name, "a savepoint that is rolled back takes its events with it", async (
    database,
    store,
  ) => {
    const { hooks, handled } = startProcess(store);
    await hooks.init();
    const [kept, lost] = await database.transaction(async (tx, run) => {
      const kept = await hooks.emit("order.created", { id: 1 }, { tx });
      await run("savepoint attempt");
      const lost = await hooks.emit("order.created", { id: 2 }, { tx });
      await run("rollback to savepoint attempt");
      return [kept, lost];
    });
    await kept!.committed();
    await assert.rejects(lost!.committed(), /rolled back/);
    assert.deepEqual(handled, [1]);
    assert.deepEqual(await storedIn(hooks), { ids: [1], accepted: 1 });
    await hooks.close();
  });

  onDatabase(name, "a duplicate is recognized, and the transaction goes on", async (
    database,
    store,
  ) => {
    const { hooks, handled } = startProcess(store);
    const options = { idempotencyKey: "order-1" };
    const first = await hooks.emit("order.created", { id: 1 }, options);
    const receipts = await database.transaction(async (tx, run) => {
      const receipts = [
        await hooks.emit("order.created", { id: 1 }, { ...options, tx }),
        await hooks.emit("order.created", { id: 2 }, { idempotencyKey: "order-2", tx }),
        await hooks.emit("order.created", { id: 2 }, { idempotencyKey: "order-2", tx }),
      ];
      const conflict = hooks.emit("order.created", { id: 3 }, { ...options, tx });
      await assert.rejects(conflict, { name: "IdempotencyConflictError" });
      await run(insert(2));
      return receipts;
    });
    assert.deepEqual(receipts.map(({ duplicate }) => duplicate), [true, false, true]);
    assert.equal(receipts[0]!.id, first.id);
    assert.equal(receipts[2]!.id, receipts[1]!.id);
    for (const receipt of receipts) await receipt.committed();
    assert.deepEqual(handled, [1, 2]);
    await assert.rejects(database.transaction((_, run) => run(insert(2))), "the row is stored");
    await hooks.close();
  });

  onDatabase(name, "what begins transactions is none", async ({ root }, store) => {
    const { hooks } = startProcess(store);
    await assert.rejects(hooks.emit("order.created", { id: 1 }, { tx: root }), {
      name: "TypeError",
      message: /'tx' must be a transaction, got what begins one/,
    });
    assert.deepEqual(await storedIn(hooks), { ids: [], accepted: 0 });
    await hooks.close();
  });
}

for (const name of names.filter((name) => name !== "PGlite")) {
  onDatabase(name, "while one is open, no one else waits for it", async (database, store) => {
    const { hooks, delivered } = startProcess(store);
    const other = startProcess(openStore(database));
    await Promise.all([hooks.init(), other.hooks.init()]);
    // The count of today: who creates it keeps others waiting, so it is created in advance.
    const count = ["hooks", "count", "mailer", Math.floor(Date.now() / 86_400_000), "accepted"];
    await until(async () => (await store.get(count)).versionstamp !== null);
    await database.transaction(async (tx) => {
      await hooks.emit("order.created", { id: 1 }, { tx });
      await database.transaction(async (tx) => {
        await other.hooks.emit("order.created", { id: 2 }, { tx });
        await Promise.all(
          Array.from({ length: 40 }, (_, i) => hooks.emit("order.created", { id: 10 + i })),
        );
      });
      await hooks.emit("order.created", { id: 3 }, { tx });
    });
    await until(() => delivered.length + other.delivered.length === 43);
    assert.equal((await storedIn(hooks)).accepted, 43);
    await Promise.all([hooks.close(), other.hooks.close()]);
  });

  onDatabase(
    name,
    "while one is open, only emits to its session wait, and keep their order",
    async (
      database,
      store,
    ) => {
      const { hooks } = startProcess(store);
      const received = new Map<string, number[]>();
      hooks.use(
        new WebhookHook({
          name: "mirror",
          events: ["order.created"],
          url: "https://example.com/",
          ordering: "session",
          async fetch(_url: unknown, init?: RequestInit) {
            const { session_id, data } = JSON.parse(await new Response(init!.body).text());
            const ids = received.get(session_id) ?? [];
            received.set(session_id, [...ids, data.id]);
            return new Response(null, { status: 204 });
          },
        }),
      );
      await hooks.init();
      const emit = (id: number, sessionId?: string) =>
        hooks.emit("order.created", { id }, { sessionId });
      await emit(0, "a"); // also creates the counts of today
      const waiting: Promise<unknown>[] = [];
      await database.transaction(async (tx) => {
        await hooks.emit("order.created", { id: 1 }, { tx, sessionId: "a" });
        let waited = 0;
        for (let id = 2; id < 6; id++) waiting.push(emit(id, "a").then(() => waited++));
        await Promise.all([2, 3, 4, 5].flatMap((id) => [emit(id, "b"), emit(id, "c"), emit(id)]));
        assert.equal(waited, 0, "the session is locked");
      });
      await Promise.all(waiting);
      await until(() => [...received.values()].flat().length === 18);
      assert.deepEqual(received.get("a"), [0, 1, 2, 3, 4, 5]);
      for (const session of ["b", "c"]) assert.deepEqual(received.get(session), [2, 3, 4, 5]);
      await hooks.close();
    },
  );

  onDatabase(name, "a serialization failure is thrown as the driver throws it", async (
    database,
    store,
  ) => {
    const { hooks } = startProcess(store);
    const options = { idempotencyKey: "one" };
    const failed = database.transaction(async (tx, run) => {
      await run("set transaction isolation level repeatable read");
      await run("select 1"); // takes the snapshot
      await hooks.emit("order.created", { id: 1 }, options);
      await hooks.emit("order.created", { id: 1 }, { ...options, tx });
    });
    await assert.rejects(failed, (error: Error & { code?: string; errno?: string }) => {
      const { code, errno } = (error.cause ?? error) as typeof error;
      assert.notEqual(error.name, "StoreError");
      return code === "40001" || errno === "40001";
    });
    const receipt = await database.transaction((tx) =>
      hooks.emit("order.created", { id: 1 }, { ...options, tx })
    );
    assert.equal(receipt.duplicate, true);
    await hooks.close();
  });

  onDatabase(name, "serializable ones that emit to the same target don't conflict", async (
    database,
    store,
  ) => {
    const { hooks, delivered } = startProcess(store);
    await hooks.emit("order.created", { id: 0 });
    await Promise.all(Array.from({ length: 4 }, async (_, task) => {
      for (let i = 0; i < 5; i++) {
        const receipt = await database.transaction(async (tx, run) => {
          await run("set transaction isolation level repeatable read");
          await run("select count(*) from orders");
          return await hooks.emit("order.created", { id: 100 * task + i }, { tx });
        });
        await receipt.committed();
      }
    }));
    await until(() => delivered.length === 21);
    await hooks.close();
  });

  onDatabase(name, "an error has advice, and no payload", async (database) => {
    const store = new PostgresStore(database.client, { schema: "missing" });
    const written = database.transaction((tx) => store.within(tx).set(["a"], "classified"));
    await assert.rejects(written, (error: Error) => {
      assert.match(String(error), /call migrate\(\) or run postgresSchema\(\)/);
      assert.doesNotMatch(`${error.stack} ${error.cause}`, /classified/);
      return true;
    });
  });
}

if (server !== undefined) {
  test("transactions: the server met no deadlock, and is stopped", async () => {
    assert.doesNotMatch(await server.log(), /deadlock detected/);
    await server.stop();
  });
}
