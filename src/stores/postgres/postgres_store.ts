import { retry } from "../../internal/async.ts";
import { checkKnown } from "../../internal/options.ts";
import { checkBoolean } from "../../internal/validate.ts";
import {
  defineStore,
  type ExportedEntry,
  type Store,
  type StoreAtomic,
  type StoreEntry,
  type StoreKey,
  type StoreLimits,
  type StoreListOptions,
  type StoreSelector,
  type StoreSetOptions,
  type StoreWake,
} from "../../store/mod.ts";
import {
  type PostgresClient,
  type PostgresRow,
  type Query,
  queryInTransaction,
  queryOf,
} from "./client.ts";
import { PostgresBackend } from "./postgres_backend.ts";
import { postgresError, wasInterrupted, wasRolledBack } from "./postgres_error.ts";
import { openSessionOf, PostgresWake } from "./postgres_wake.ts";
import { DEFAULT_SCHEMA, migration, readSchemaName } from "./schema.ts";

/** How long a migration whose connection ends is repeated, in milliseconds. */
const RETRY_FOR = 3_000;

/** Options of a `PostgresStore`. */
export type PostgresStoreOptions = {
  /** The schema of its tables and functions. @default {"hooks"} */
  readonly schema?: string | undefined;
  /**
   * Whether to receive wake-ups (`LISTEN`) on a session connection: one more than queries take. Behind a
   * pooler in transaction mode there are none, so pass false. Without them, a process sees events of others
   * at its next poll.
   *
   * @default {true} where the client can
   */
  readonly listen?: boolean | undefined;
};

/**
 * A store in PostgreSQL 13 or later, for several machines. It uses your client, and doesn't close it: `pg`,
 * `postgres`, `Bun.sql`, `neon()` and PGlite are recognized by their methods.
 *
 * Every call is one statement with one text parameter, so that it works through PgBouncer in transaction
 * mode. Lifetimes follow the clock of the server. After a failover to an asynchronous replica,
 * the last commits may be missing: use a synchronous one.
 *
 * ```ts ignore
 * import { createHooks } from "@omniagent/hooks";
 * import { createOutbox } from "@omniagent/hooks/outbox";
 * import { PostgresStore } from "@omniagent/hooks/postgres";
 * import { Pool } from "pg";
 *
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL });
 * pool.on("error", console.error); // pg ends the process otherwise when an idle connection breaks
 * const store = new PostgresStore(pool);
 * await store.migrate();
 * const hooks = createHooks({ outbox: createOutbox(store) });
 * ```
 */
export class PostgresStore implements Store {
  /** Limits of a commit and a value: 1000 checks, 1000 changes, 819,200 bytes; 65,536 bytes. */
  readonly limits: StoreLimits;
  /** Wakes other processes by `NOTIFY`, at most every 100 ms. */
  readonly wake: StoreWake;
  readonly #query: Query;
  readonly #schema: string;
  readonly #store: Store;

  /** A store on an open client. @throws {TypeError} when it isn't one, or an option is wrong */
  constructor(client: PostgresClient, options: PostgresStoreOptions = {}) {
    const subject = "Cannot create store";
    checkKnown(subject, options, ["schema", "listen"]);
    const { listen = true } = options;
    checkBoolean(subject, "listen", listen);
    this.#schema = readSchemaName(subject, options.schema);
    this.#query = queryOf(subject, client);
    const wake = new PostgresWake({
      query: this.#query,
      openSession: listen ? openSessionOf(client) : undefined,
      channel: this.#schema,
    });
    this.wake = wake;
    this.#store = defineStore(new PostgresBackend(this.#query, this.#schema, { wake }));
    this.limits = this.#store.limits;
  }

  /**
   * Creates the schema, or updates it. Safe to call at every start, and from several processes. The role
   * needs `CREATE` on the database; otherwise run `postgresSchema()` yourself.
   *
   * @throws {StoreError} when it can't
   */
  async migrate(): Promise<void> {
    const isRetryable = (error: unknown) => wasRolledBack(error) || wasInterrupted(error);
    try {
      await retry(() => this.#query(migration(this.#schema)), { timeout: RETRY_FOR, isRetryable });
    } catch (error) {
      throw postgresError("migrate", error);
    }
  }

  /** Reads one key. */
  get<Value = unknown>(key: StoreKey): Promise<StoreEntry<Value>> {
    return this.#store.get<Value>(key);
  }

  /** Reads up to ten keys at one moment. */
  getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]> {
    return this.#store.getMany(keys);
  }

  /** Writes a JSON value. */
  set(key: StoreKey, value: unknown, options?: StoreSetOptions): Promise<void> {
    return this.#store.set(key, value, options);
  }

  /** Removes a key. */
  delete(key: StoreKey): Promise<void> {
    return this.#store.delete(key);
  }

  /** Reads a range in the order of its keys, in batches of 100 (`limit`, up to 500). */
  list<Value = unknown>(
    selector: StoreSelector,
    options?: StoreListOptions,
  ): AsyncIterable<StoreEntry<Value>> {
    return this.#store.list<Value>(selector, options);
  }

  /** Begins a commit. */
  atomic(): StoreAtomic {
    return this.#store.atomic();
  }

  /**
   * Returns this store inside a transaction that you have open: its reads and commits are part of that
   * transaction. `tx` is a client of `pg` after `BEGIN`, or a transaction of `postgres`, `Bun.sql`, PGlite,
   * Drizzle or Kysely. The driver's error for a serialization failure or a deadlock is thrown unchanged: roll
   * back, and start again.
   *
   * @throws {TypeError} when it isn't a transaction
   */
  within(tx: object): Store {
    const query = queryInTransaction("Cannot use transaction", tx);
    return defineStore(new PostgresBackend(query, this.#schema, { wake: undefined }));
  }

  /** Closes the store. The client stays open. */
  close(): void {
    this.#store.close();
  }
}

/** Rows that are read at once: at most 32 MiB, as a value has 64 KiB. */
const PAGE = 500;

const SQL = `select encode(e.key, 'hex') as key, e.value,
    (select (sum(n.value) % 18446744073709551616)::text from "${DEFAULT_SCHEMA}".sums n
      where n.key = e.key and e.value is null) as number,
    ceil(extract(epoch from e.expires_at - clock_timestamp()) * 1000)::text as expire_in
  from "${DEFAULT_SCHEMA}".entries e
  where e.key > decode($1::text, 'hex') and (e.expires_at is null or e.expires_at > clock_timestamp())
  order by e.key limit ${PAGE}`;

/**
 * Reads all entries of a `PostgresStore` with their lifetimes, in pages.
 *
 * @throws {StoreError} when they can't be read
 */
export async function* readPostgresEntries(
  client: PostgresClient,
): AsyncGenerator<readonly ExportedEntry[], void> {
  const query = queryOf("Cannot read store", client);
  for (let last = "";;) {
    let rows: readonly PostgresRow[];
    try {
      rows = await query(SQL, last);
    } catch (error) {
      throw postgresError("read the store", error);
    }
    if (rows.length === 0) return;
    yield rows.filter(({ value, number }) => value !== null || number !== null).map(entryOf);
    last = rows.at(-1)!["key"] as string;
  }
}

const encoder = new TextEncoder();

function entryOf({ key, value, number, expire_in }: PostgresRow): ExportedEntry {
  return {
    id: (key as string).replace(/../g, (byte) => String.fromCharCode(parseInt(byte, 16))),
    content: value === null ? BigInt(number as string) : encoder.encode(value as string),
    // The clock went on since the condition was checked.
    expireIn: expire_in === null ? undefined : Math.max(1, Number(expire_in)),
  };
}
