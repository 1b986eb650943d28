/**
 * The store of a soak: PostgreSQL for its URL, SQLite for a path that ends with `.sqlite`, else Deno KV.
 * @module
 */
import { processIO } from "@omniagent/hooks/cli";
import { openStore as openKvStore } from "@omniagent/hooks/kv";
import { openStore as openSqliteStore, type Store } from "@omniagent/hooks/sqlite";

/** `x.async.sqlite` is opened with `durability: "async"`. */
export function openStore(path: string): Promise<Store> {
  if (path.startsWith("postgres:")) return processIO().openStore(path);
  if (!path.endsWith(".sqlite")) return openKvStore(path);
  return openSqliteStore(path, { durability: path.endsWith(".async.sqlite") ? "async" : "full" });
}
