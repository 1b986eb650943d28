import { checkObject } from "../../internal/validate.ts";

/** A row as drivers return it: the columns that the store selects are texts. */
export type PostgresRow = Readonly<Record<string, unknown>>;

/**
 * A connection or a pool, recognized by its methods:
 *
 * - `query(text, values)` that resolves to rows or to `{ rows }`: `pg` (`Pool`, `Client`),
 *   `@neondatabase/serverless`, PGlite
 * - `unsafe(text, values)` that resolves to rows: `postgres`, `Bun.sql`
 */
export type PostgresClient =
  | {
    // deno-lint-ignore no-explicit-any -- every driver has overloads of its own
    query(text: string, values?: any[]): PromiseLike<any>;
  }
  | {
    // deno-lint-ignore no-explicit-any -- every driver has overloads of its own
    unsafe(text: string, values?: any[]): PromiseLike<any>;
  };

/** Runs one statement with at most one parameter, which is a text. */
export type Query = (text: string, value?: string) => Promise<readonly PostgresRow[]>;

/** Returns a function that runs a statement on a client. @throws {TypeError} when it isn't a client */
export function queryOf(subject: string, client: unknown): Query {
  const run = findRun(subject, client);
  if (run !== undefined) return run;
  throw new TypeError(
    `${subject}: the client must be a Pool or Client of 'pg', a client of 'postgres', Bun.sql, ` +
      "neon(), or PGlite, got an object without query() and unsafe()",
  );
}

/**
 * Returns a function that runs a statement in a transaction: a client of a driver, or a transaction of
 * Drizzle or Kysely.
 *
 * @throws {TypeError} when it isn't one, as far as can be seen
 */
export function queryInTransaction(subject: string, tx: object): Query {
  if (beginsTransactions(tx)) {
    throw new TypeError(
      `${subject}: 'tx' must be a transaction, got what begins one. Pass what the callback of ` +
        "begin() or transaction() receives, or the client on which you ran BEGIN",
    );
  }
  const run = findRun(subject, tx) ?? findBuilder(tx as Builder);
  if (run !== undefined) return run;
  throw new TypeError(
    `${subject}: 'tx' must be a transaction of 'pg', 'postgres', Bun.sql, PGlite, Drizzle or Kysely, ` +
      "got an object without query(), unsafe(), execute() and executeQuery()",
  );
}

function findRun(subject: string, client: unknown): Query | undefined {
  if (typeof client !== "function") checkObject(subject, "a client", client);
  const { query, unsafe } = client as {
    readonly query?: (text: string, values?: string[]) => Promise<unknown>;
    readonly unsafe?: (text: string, values?: string[]) => Promise<unknown>;
  };
  const run = typeof query === "function" ? query : unsafe; // neon() has both: its `unsafe` runs nothing
  if (typeof run !== "function") return undefined;
  return async (text, value) =>
    rowsOf(await run.call(client, text, ...(value === undefined ? [] : [[value]])));
}

/** A transaction of a query builder. */
type Builder = {
  /** Of Kysely: runs a compiled query. */
  executeQuery?(query: object): Promise<unknown>;
  /** Of Drizzle: runs a text, without parameters. */
  execute?(text: string): Promise<unknown>;
};

function findBuilder(tx: Builder): Query | undefined {
  if (typeof tx.executeQuery === "function") {
    return async (sql, value) => {
      const parameters = value === undefined ? [] : [value];
      // What `CompiledQuery.raw` of Kysely returns.
      const query = { kind: "RawNode", sqlFragments: [sql], parameters: [] };
      const queryId = { queryId: crypto.randomUUID() };
      return rowsOf(await tx.executeQuery!({ sql, parameters, query, queryId }));
    };
  }
  if (typeof tx.execute !== "function") return undefined;
  return async (text, value) =>
    rowsOf(await tx.execute!(value === undefined ? text : text.replace("$1", () => quote(value))));
}

/** Returns a text as a literal that doesn't depend on `standard_conforming_strings`. */
function quote(text: string): string {
  return `E'${text.replace(/['\\]/g, "$&$&")}'`;
}

function rowsOf(result: unknown): readonly PostgresRow[] {
  return Array.isArray(result) ? result : (result as { readonly rows: PostgresRow[] }).rows;
}

/**
 * Returns whether an object is a pool, or opens transactions, rather than being one: `postgres`, Bun.sql, PGlite and
 * Drizzle have `begin` or `transaction` without a way to end one, Kysely has `isTransaction`, and a `Pool` of
 * 'pg' counts its clients.
 */
function beginsTransactions(tx: object): boolean {
  const { begin, transaction, savepoint, rollback, release, isTransaction, totalCount } =
    tx as Readonly<Record<string, unknown>>;
  if (isTransaction !== undefined) return isTransaction !== true;
  if (typeof totalCount === "number") return true;
  const begins = typeof begin === "function" || typeof transaction === "function";
  return begins && ![savepoint, rollback, release].some((end) => typeof end === "function");
}
