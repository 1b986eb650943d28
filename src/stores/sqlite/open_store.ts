import { checkKnown } from "../../internal/options.ts";
import { checkOneOf, invalidOption } from "../../internal/validate.ts";
import { defineStore, type Store } from "../../store/mod.ts";
import { retryLocked } from "../../store/sqlite_failure.ts";
import { type Database, openDatabase, sqliteError } from "./database.ts";
import { prepareSchema } from "./schema.ts";
import { SqliteBackend } from "./sqlite_backend.ts";
import { WalSync } from "./wal_sync.ts";

/** Options of `openStore`. */
export type OpenStoreOptions = {
  /**
   * How a commit reaches the disk before it is confirmed. Both survive a crash of the process and a loss
   * of power.
   *
   * - `"full"`: SQLite syncs in the transaction, which holds the event loop for a sync (0.2 ms on a local
   *   SSD, more on a network disk) per group of commits.
   * - `"async"`: the store syncs SQLite's log in the background and confirms afterwards. The event loop is
   *   free meanwhile; a single commit takes a little longer.
   *
   * @default {"full"}
   */
  readonly durability?: "full" | "async" | undefined;
};

/**
 * Opens a store in an SQLite file, which is created if it doesn't exist, or in memory (`":memory:"`). It
 * uses the SQLite of the runtime: `node:sqlite` (Node 22.13, Deno 2.2 or later) or `bun:sqlite`.
 *
 * Commits made at the same time share one transaction. Several processes on one machine can use one file;
 * one of them writes at a time. The file must be on a local disk, as SQLite's log doesn't work on network
 * file systems.
 *
 * @throws {TypeError | RangeError} when an option is wrong, or the file isn't such a store
 * @throws {StoreError} when the file can't be opened, or the runtime has no SQLite; `failure` says why
 *
 * ```ts
 * import { openStore } from "@omniagent/hooks/sqlite";
 *
 * const store = await openStore(":memory:");
 * await store.set(["session", "s-1"], { turns: 3 });
 * console.log((await store.get(["session", "s-1"])).value); // { turns: 3 }
 * store.close();
 * ```
 */
export async function openStore(path: string, options: OpenStoreOptions = {}): Promise<Store> {
  const subject = "Cannot open store";
  checkKnown(subject, options, ["durability"]);
  const { durability = "full" } = options;
  checkPath(subject, path);
  checkOneOf(subject, "durability", durability, ["full", "async"]);
  try {
    const database = openDatabase(path);
    try {
      database.exec("PRAGMA busy_timeout = 0"); // it would block the event loop: the store retries instead
      // deno-lint-ignore require-await -- what it throws becomes a rejection
      await retryLocked(async () => prepare(database, durability));
      const file = durability === "async" ? fileOf(database) : "";
      return defineStore(new SqliteBackend(database, file ? new WalSync(file) : undefined));
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw sqliteError("open store", error);
  }
}

function prepare(database: Database, durability: "full" | "async"): void {
  prepareSchema(database);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("BEGIN IMMEDIATE; UPDATE meta SET stamp = stamp; COMMIT"); // creates the log
  database.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
}

/** Returns the absolute path of the file, links resolved; empty in memory. */
function fileOf(database: Database): string {
  const rows = database.prepare("PRAGMA database_list").all();
  return String(rows.find(({ name }) => name === "main")?.["file"] ?? "");
}

function checkPath(subject: string, path: unknown): void {
  if (typeof path !== "string" || path === "") {
    throw invalidOption(subject, "path", path, 'a file or ":memory:"');
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(path) && !/^[a-z]:[\\/]/i.test(path)) {
    throw new TypeError(`${subject}: 'path' must be a file, not a URL`);
  }
}
