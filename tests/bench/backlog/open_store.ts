import { openStore as openKv } from "@omniagent/hooks/kv";
import { PostgresStore } from "@omniagent/hooks/postgres";
import { openStore as openSqlite } from "@omniagent/hooks/sqlite";
import type { Store } from "@omniagent/hooks/store";

/** Connections of a process: what it does at once, and one to listen. */
const CONNECTIONS = 8;

/** Opens PostgreSQL for its URL, SQLite for a file that ends with `.sqlite`, and else Deno KV. */
export async function openStore(place: string): Promise<Store> {
  if (place.startsWith("postgres:")) return await openPostgres(place);
  return await (place.endsWith(".sqlite") ? openSqlite(place) : openKv(place));
}

async function openPostgres(url: string): Promise<Store> {
  const pool = await connect(url);
  const store = new PostgresStore(pool);
  await store.migrate();
  const close = store.close.bind(store);
  store.close = () => {
    close();
    void pool.end();
  };
  return store;
}

/** The part of a connection of `pg` that is used here. */
type Connection = { query(text: string): Promise<unknown> };

/** The part of a pool of `pg` that is used here. */
type Pool = Connection & {
  connect(): Promise<Connection & { release(): void }>;
  end(): Promise<void>;
};

/** Opens a pool of `pg`, which the bundle of the rows doesn't contain. */
export async function connect(connectionString: string): Promise<Pool> {
  const { default: pg } = await import("npm:pg@8.23.1");
  const pool = new pg.Pool({ connectionString, max: CONNECTIONS });
  pool.on("error", () => {}); // the server may stop first
  return pool;
}
