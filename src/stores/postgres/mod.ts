/**
 * A store in PostgreSQL, for several machines.
 *
 * @module
 */
export type { PostgresClient } from "./client.ts";
export { PostgresStore, type PostgresStoreOptions } from "./postgres_store.ts";
export { postgresSchema } from "./schema.ts";
export type { Store } from "../../store/mod.ts";
