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

/** Returns how a client runs a statement. @throws {TypeError} when it isn't a client */
export function queryOf(subject: string, client: unknown): Query {
  if (typeof client !== "function") checkObject(subject, "a client", client);
  const { query, unsafe } = client as {
    readonly query?: (text: string, values?: string[]) => Promise<unknown>;
    readonly unsafe?: (text: string, values?: string[]) => Promise<unknown>;
  };
  const run = typeof query === "function" ? query : unsafe; // neon() has both: its `unsafe` runs nothing
  if (typeof run !== "function") {
    throw new TypeError(
      `${subject}: the client must be a Pool or Client of 'pg', a client of 'postgres', Bun.sql, ` +
        "neon(), or PGlite, got an object without query() and unsafe()",
    );
  }
  return async (text, value) => {
    const result = await run.call(client, text, ...(value === undefined ? [] : [[value]]));
    return Array.isArray(result) ? result : (result as { readonly rows: PostgresRow[] }).rows;
  };
}
