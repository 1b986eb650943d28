/**
 * The store of a soak: SQLite for a path that ends with `.sqlite`, else Deno KV.
 * @module
 */
import { openStore as openKvStore } from "@omniagent/hooks/kv";
import { openStore as openSqliteStore, type Store } from "@omniagent/hooks/sqlite";

/** `x.async.sqlite` is opened with `durability: "async"`. */
export function openStore(path: string): Promise<Store> {
  if (!path.endsWith(".sqlite")) return openKvStore(path);
  return openSqliteStore(path, { durability: path.endsWith(".async.sqlite") ? "async" : "full" });
}
