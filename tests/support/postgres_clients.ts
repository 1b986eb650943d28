/**
 * The clients of PostgreSQL that the tests use, and whether they use TLS.
 * @module
 */
import type { PostgresClient } from "@omniagent/hooks/postgres";
import pg from "pg";
import postgres from "postgres";

/** A client with several connections. */
export type Connection = {
  readonly client: PostgresClient;
  close(): Promise<void>;
};

type Connect = (url: string, options?: ConnectOptions) => Connection;

/** `pooled`: through PgBouncer in transaction mode. */
type ConnectOptions = { readonly tls?: boolean; readonly pooled?: boolean };

/** Bun's own client; undefined elsewhere. */
const { Bun } = globalThis as {
  readonly Bun?: {
    readonly SQL: new (url: string, options: object) => PostgresClient & {
      close(options: { readonly timeout: number }): Promise<void>;
    };
  };
};

const bunSql: Readonly<Record<string, Connect>> = Bun === undefined ? {} : {
  bun_sql(url, { tls = false, pooled = false } = {}) {
    const client = new Bun.SQL(url, {
      max: 8,
      tls: tls && { rejectUnauthorized: false },
      prepare: !pooled,
    });
    return { client, close: () => client.close({ timeout: 0 }) };
  },
};

/** How to connect, by the name of the package. */
export const clients: Readonly<Record<string, Connect>> = {
  ...bunSql,
  pg(url, { tls = false } = {}) {
    const ssl = tls && { rejectUnauthorized: false };
    const client = new pg.Pool({ connectionString: url, max: 8, ssl });
    client.on("error", () => {}); // an idle connection that a crash of the server ended
    return { client, close: () => client.end() };
  },
  postgres(url, { tls = false } = {}) {
    const ssl = tls && { rejectUnauthorized: false };
    const client = postgres(url, { max: 8, ssl, onnotice: () => {} });
    return { client, close: () => client.end({ timeout: 1 }) };
  },
};
