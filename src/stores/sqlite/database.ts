/**
 * The SQLite of the runtime: connections, their errors, and how one learns what another has committed.
 *
 * @module
 */
import { setTimer } from "../../internal/async.ts";
import { errorMessage } from "../../internal/issues.ts";
import { maskError } from "../../internal/mask_error.ts";
import { builtinLoader } from "../../internal/runtime.ts";
import { closedError, StoreError, StoreLimitError, type StoreWake } from "../../store/mod.ts";
import { sqliteFailure } from "../../store/sqlite_failure.ts";

/** The value of a column that the store reads. */
export type Column = Uint8Array | string | number | null;

/** A prepared statement, as `node:sqlite` and `bun:sqlite` have it. */
export type Statement = {
  run(...params: readonly Column[]): unknown;
  get(...params: readonly Column[]): Readonly<Record<string, Column>> | null | undefined;
  all(...params: readonly Column[]): readonly Readonly<Record<string, Column>>[];
};

/** The part of a connection that `node:sqlite` and `bun:sqlite` share. */
export type Database = {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
};

type OpenDatabase = new (path: string, options?: { readonly create?: boolean }) => Database;

type LoadDatabase = (id: string) => Readonly<Record<string, OpenDatabase>> | undefined;

/** Opens a file with the SQLite of the runtime. @throws {StoreError} where the runtime has none */
export function openDatabase(path: string): Database {
  const load = builtinLoader() as LoadDatabase | undefined;
  const find = (id: string, name: string): OpenDatabase | undefined => load?.(id)?.[name];
  const NodeDatabase = find("node:sqlite", "DatabaseSync");
  if (NodeDatabase !== undefined) return new NodeDatabase(path);
  const BunDatabase = find("bun:sqlite", "Database");
  if (BunDatabase !== undefined) return new BunDatabase(path, { create: true });
  throw new StoreError(
    "Cannot open store: this runtime has no SQLite. Use Node 22.13, Deno 2.2 or Bun 1.2 or later; " +
      "on Node 20, use openStore of '@omniagent/hooks/node'",
    "cannot_open",
  );
}

/** Converts an error of SQLite to one that a store throws. */
export function sqliteError(what: string, error: unknown): Error {
  if (error instanceof StoreError || error instanceof StoreLimitError) return error;
  const message = errorMessage(error);
  if (/database is not open|database has closed|closed database/i.test(message)) {
    return closedError(error);
  }
  if (error instanceof TypeError && /^Cannot /.test(message)) return error;
  return new StoreError(`Cannot ${what}: SQLite failed: ${message}`, sqliteFailure(message), {
    cause: maskError(error),
  });
}

/** How often a listener looks whether another connection has committed, in milliseconds: it takes 5 µs. */
const INTERVAL = 50;

/** Returns the wake-up of a file. A commit is the signal: SQLite counts those of other connections. */
export function sqliteWake(database: Database): StoreWake {
  const statement = database.prepare("PRAGMA data_version");
  const read = (): unknown => {
    try {
      return statement.get()?.["data_version"];
    } catch {
      return undefined; // closed, or what the next read reports
    }
  };
  return {
    signal() {},
    listen(onWake) {
      let version = read();
      let cancel = (): void => {};
      const look = (): void => {
        cancel = setTimer(INTERVAL, look, true);
        const before = version;
        version = read();
        if (version === undefined) cancel();
        else if (version !== before) onWake();
      };
      cancel = setTimer(INTERVAL, look, true);
      return () => cancel();
    },
  };
}
