import { createHooks } from "@omniagent/hooks";
import { openStore as openKv } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { PostgresStore } from "@omniagent/hooks/postgres";
import { openStore as openSqlite } from "@omniagent/hooks/sqlite";
import { WebhookHook } from "@omniagent/hooks/webhook";
import pg from "pg";
import { CONCURRENCY, CONNECTIONS, type Contender, DATA, SECRET, type Setup } from "./contender.ts";

type Store = Parameters<typeof createOutbox>[0];

/** Opens our outbox on each store that can be opened. */
export async function openOurs(setup: Setup): Promise<readonly Contender[]> {
  const contenders = [
    await open("ours on SQLite", await openSqlite(`${setup.folder}/ours.sqlite`), setup),
    await open("ours on Deno KV", await openKv(`${setup.folder}/ours.kv`), setup),
  ];
  if (setup.postgres === undefined) return contenders;
  const pool = new pg.Pool({ connectionString: setup.postgres, max: CONNECTIONS });
  const store = new PostgresStore(pool);
  await store.migrate();
  const ours = await open("ours on PostgreSQL", store, setup);
  const close = async () => {
    await ours.close();
    await pool.end();
  };
  return [...contenders, { ...ours, close }];
}

async function open(name: string, store: Store, { url, settled }: Setup): Promise<Contender> {
  const hooks = createHooks({
    outbox: createOutbox(store, { onAttempt: settled }),
    use: [
      new WebhookHook({
        name: "bench",
        events: ["*"],
        url,
        secret: SECRET,
        concurrency: CONCURRENCY,
      }),
    ],
  });
  await hooks.init();
  // Has no worker, so that what it stores waits. Its prefix keeps it from the worker of the other.
  const waiting = createOutbox(store, { prefix: "waiting" });
  return {
    name,
    publish: () => {
      const event = { id: newId(), type: "tool.called", timestamp: new Date(), data: DATA };
      return waiting.publish([{ fresh: true, event, to: ["bench"] }]);
    },
    send: () => hooks.emit("tool.called", DATA),
    async close() {
      await hooks.close();
      store.close();
    },
  };
}

/** A UUID v7, as `emit` creates them: keys that are written together are neighbors. */
function newId(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}
