/**
 * Processes that are killed around the commit of their transaction. The file is also their program: it
 * runs one, instead of tests, if `HOOKS_CRASH` says how.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createHooks, type Hooks, WebhookHook } from "@omniagent/hooks";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { PostgresStore } from "@omniagent/hooks/postgres";
import { WebhookReceiver } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { type Database, databases } from "./transactions.ts";

type Events = { readonly "order.created": { readonly id: number } };

/** What a process is started with. */
type Orders = {
  readonly client: string;
  readonly database: string;
  readonly webhook: string;
  /** When it is killed: between `emit` and the commit, or between the commit and `committed()`. */
  readonly dies: "before the commit" | "after the commit";
  readonly id: number;
};

/** What query builders run their transactions on, too. */
const DRIVERS: readonly string[] = ["pg", "postgres", "Bun.sql"];
/** Longer than a lease: a process may be killed after it claimed its own event. */
const LIMIT = 90_000;
const orders = process.env["HOOKS_CRASH"];
if (orders === undefined) await register();
else await crash(JSON.parse(orders));

function open({ client }: Database, url: string): Hooks<Events, Outbox> {
  const store = new PostgresStore(client, { listen: false });
  return createHooks<Events, Outbox>({
    outbox: createOutbox(store, { logger: silentLogger }),
    use: [new WebhookHook({ name: "orders", events: ["order.created"], url })],
    logger: false,
  });
}

/** Emits in a transaction, says which event it was, and is killed. */
async function crash({ client, database: url, webhook, dies, id }: Orders): Promise<void> {
  const database = databases[client]!(url);
  const hooks = open(database, webhook);
  hooks.on("order.created", () => process.stdout.write("handled\n"));
  await hooks.init();
  await database.transaction(async (tx, run) => {
    await run(`insert into orders (id) values (${id})`);
    const receipt = await hooks.emit("order.created", { id }, { tx });
    await new Promise<void>((written) => process.stdout.write(`${receipt.id}\n`, () => written()));
    if (dies === "before the commit") process.kill(process.pid, "SIGKILL");
  });
  process.kill(process.pid, "SIGKILL");
}

/** Runs a process until it is killed. Resolves to the id of its event. */
async function runUntilKilled(orders: Orders): Promise<string> {
  const deno = ["run", "-A", "--quiet", `--config=${pathOf("../deno.json")}`];
  const args = [..."Deno" in globalThis ? deno : [], pathOf(import.meta.url)];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, HOOKS_CRASH: JSON.stringify(orders) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [printed, errors] = ["", ""];
  child.stdout.on("data", (chunk) => printed += chunk);
  child.stderr.on("data", (chunk) => errors += chunk);
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT);
  const signal = await new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
  clearTimeout(timer);
  assert.equal(signal, "SIGKILL", errors);
  assert.match(printed, /^[0-9a-f-]{36}\n$/, `no handler ran\n${errors}`);
  return printed.trim();
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

async function register(): Promise<void> {
  const bin = await findPostgres("Processes that are killed around a commit");
  if (bin === undefined) return;
  const server = await startPostgres(bin);
  const clients = Object.keys(databases).filter((name) => DRIVERS.includes(name));
  for (const client of clients) {
    test(`transactions through ${client}: a crash loses what was rolled back, and nothing else`, async () => {
      const database = databases[client]!(server.url);
      const receiver = await WebhookReceiver.start();
      const store = new PostgresStore(database.client, { listen: false });
      try {
        await store.migrate();
        await database.transaction(async (_, run) => {
          await run("truncate hooks.entries, hooks.sums");
          await run("drop table if exists orders");
          await run("create table orders (id int primary key)");
        });
        const start = (dies: Orders["dies"], id: number): Promise<string> =>
          runUntilKilled({ client, database: server.url, webhook: receiver.url, dies, id });
        const [, kept] = await Promise.all([
          start("before the commit", 1),
          start("after the commit", 2),
        ]);

        const hooks = open(database, receiver.url);
        const handled: number[] = [];
        hooks.on("order.created", ({ data }) => void handled.push(data.id));
        await hooks.init();
        const last = await hooks.emit("order.created", { id: 3 });
        const received = (): (string | null)[] =>
          receiver.requests.map(({ headers }) => headers.get("webhook-id"));
        await until(() => [kept, last.id].every((id) => received().includes(id)));
        const { items } = await hooks.outbox.listEvents({ order: "oldest" });
        assert.deepEqual(items.map(({ event }) => event.id).sort(), [kept, last.id].sort());
        assert.deepEqual([...new Set(received())].sort(), [kept, last.id].sort());
        assert.deepEqual(handled, [3], "handlers run in the process that called committed()");
        // The rows are as the events are: the first can be inserted again, the second can't.
        const insert = (id: number) => (_: object, run: (text: string) => Promise<unknown>) =>
          run(`insert into orders (id) values (${id})`);
        await assert.rejects(database.transaction(insert(2)));
        await database.transaction(insert(1));
        await hooks.close();
      } finally {
        store.close();
        await receiver.close();
        await database.close();
      }
    });
  }
  test("transactions and crashes: the server is stopped", () => server.stop());
}
