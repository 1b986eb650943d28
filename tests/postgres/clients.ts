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

/** How to connect, by the name of the package. */
export const clients: Readonly<
  Record<string, (url: string, options?: { readonly tls?: boolean }) => Connection>
> = {
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
