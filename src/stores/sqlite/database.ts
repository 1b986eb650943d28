import { StoreError } from "../../store/mod.ts";

/** What SQLite returns for a column that the store reads. */
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

/** Opens a file with the SQLite of the runtime. @throws {StoreError} where the runtime has none */
export function openDatabase(path: string): Database {
  const { process } = globalThis as {
    readonly process?: {
      getBuiltinModule?(name: string): Readonly<Record<string, unknown>> | undefined;
    };
  };
  const find = (module: string, name: string): OpenDatabase | undefined =>
    process?.getBuiltinModule?.(module)?.[name] as OpenDatabase | undefined;
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
