/**
 * How the clients and query builders of PostgreSQL run a transaction.
 * @module
 */
import { PGlite } from "@electric-sql/pglite";
import type { PostgresClient } from "@omniagent/hooks/postgres";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { CompiledQuery, Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import postgres from "postgres";

/** Runs a statement without parameters. */
type Run = (text: string) => Promise<unknown>;

/** A database, for a store and for transactions. */
export type Database = {
  /** What the store uses, with connections of its own. */
  readonly client: PostgresClient;
  /** What begins transactions, which is none itself. */
  readonly root: object;
  /** Runs a transaction: commits it, or rolls it back when the body throws. */
  transaction<T>(body: (tx: object, run: Run) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

function openPg(url: string): pg.Pool {
  return new pg.Pool({ connectionString: url, max: 8 });
}

function openPostgres(url: string): postgres.Sql {
  return postgres(url, { max: 8, onnotice: () => {} });
}

/** Opens a database, by the name of what runs its transactions. */
export const databases: Readonly<Record<string, (url: string) => Database>> = {
  pg(url) {
    const pool = openPg(url);
    return {
      client: pool,
      root: pool,
      async transaction(body) {
        const tx = await pool.connect();
        try {
          await tx.query("BEGIN");
          const result = await body(tx, (text) => tx.query(text));
          await tx.query("COMMIT");
          return result;
        } catch (error) {
          await tx.query("ROLLBACK");
          throw error;
        } finally {
          tx.release();
        }
      },
      close: () => pool.end(),
    };
  },
  postgres(url) {
    const sql = openPostgres(url);
    return {
      client: sql,
      root: sql,
      transaction: (body) => sql.begin((tx) => body(tx, (text) => tx.unsafe(text))) as never,
      close: () => sql.end({ timeout: 1 }),
    };
  },
  "Drizzle on pg"(url) {
    const pool = openPg(url);
    const db = drizzlePg(pool);
    return {
      client: pool,
      root: db,
      transaction: (body) => db.transaction((tx) => body(tx, (text) => tx.execute(text))),
      close: () => pool.end(),
    };
  },
  "Drizzle on postgres"(url) {
    const sql = openPostgres(url);
    const db = drizzlePostgres(sql);
    return {
      client: sql,
      root: db,
      transaction: (body) =>
        db.transaction((tx) => body(tx, async (text) => await tx.execute(text))),
      close: () => sql.end({ timeout: 1 }),
    };
  },
  Kysely(url) {
    const pool = openPg(url);
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    return {
      client: pool,
      root: db,
      transaction: (body) =>
        db.transaction().execute((tx) =>
          body(tx, (text) => tx.executeQuery(CompiledQuery.raw(text)))
        ),
      close: () => db.destroy(),
    };
  },
  PGlite() {
    const database = new PGlite();
    return {
      client: database,
      root: database,
      transaction: (body) => database.transaction((tx) => body(tx, (text) => tx.query(text))),
      close: () => database.close(),
    };
  },
  ..."Bun" in globalThis && { "Bun.sql": openBun },
};

/** The part of `Bun.SQL` that is used here. */
type BunSql = {
  unsafe(text: string, values?: unknown[]): Promise<unknown[]>;
  begin<T>(body: (tx: BunSql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

function openBun(url: string): Database {
  const { Bun } = globalThis as unknown as { Bun: { SQL: new (url: string) => BunSql } };
  const sql = new Bun.SQL(url);
  return {
    client: sql,
    root: sql,
    transaction: (body) => sql.begin((tx) => body(tx, (text) => tx.unsafe(text))),
    close: () => sql.close(),
  };
}
