import { retry } from "../../internal/async.ts";
import { checkKnown } from "../../internal/options.ts";
import { inspect } from "../../internal/validate.ts";
import {
  defineStore,
  type KeyRange,
  type OperationCheck,
  type Store,
  type StoreAtomic,
  type StoreBackend,
  type StoreChange,
  type StoreEntry,
  type StoreKey,
  type StoreLimits,
  type StoreListOptions,
  type StoreRecord,
  type StoreSelector,
  type StoreSetOptions,
  type StoreWake,
} from "../../store/mod.ts";
import { type PostgresClient, type PostgresRow, type Query, queryOf } from "./client.ts";
import { postgresError, wasRolledBack } from "./postgres_error.ts";
import { PostgresWake } from "./postgres_wake.ts";
import { migration, readSchemaName } from "./schema.ts";
import { openSessionOf } from "./session.ts";

/** Options of a `PostgresStore`. */
export type PostgresStoreOptions = {
  /** The schema of its tables and functions. @default {"hooks"} */
  readonly schema?: string | undefined;
  /**
   * Whether to receive wake-ups (`LISTEN`) on a session connection: one more than queries take. Behind a
   * pooler in transaction mode there are none, so pass false. Without them, a process sees what others
   * store at its next poll.
   *
   * @default {true} where the client can
   */
  readonly listen?: boolean | undefined;
};

/** How long a deadlock or a serialization failure is retried, in milliseconds: half of a commit's timeout. */
const RETRY_FOR = 5_000;
/** Changes after which the next 1,000 keys are swept: more keys than changes, so a pass ends. */
const SWEEP_AFTER = 500;

/**
 * A store in PostgreSQL 13 or later, for several machines. It uses the client that you have, and doesn't
 * close it: `pg`, `postgres`, `Bun.sql`, `neon()` and PGlite are recognized by their methods.
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
    if (typeof listen !== "boolean") {
      throw new TypeError(`${subject}: 'listen' must be true or false, got ${inspect(listen)}`);
    }
    this.#schema = readSchemaName(subject, options.schema);
    this.#query = queryOf(subject, client);
    const wake = new PostgresWake({
      query: this.#query,
      openSession: listen ? openSessionOf(client) : undefined,
      channel: this.#schema,
    });
    this.wake = wake;
    this.#store = defineStore(new PostgresBackend(this.#query, `"${this.#schema}"`, wake));
    this.limits = this.#store.limits;
  }

  /**
   * Creates the schema, or updates it. Safe to call at every start, and from several processes. The role
   * needs `CREATE` on the database; otherwise run `postgresSchema()` yourself.
   *
   * @throws {StoreError} when it can't
   */
  async migrate(): Promise<void> {
    try {
      await this.#query(migration(this.#schema));
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

  /** Ends the use of the store. The client stays open. */
  close(): void {
    this.#store.close();
  }
}

class PostgresBackend implements StoreBackend {
  readonly limits: StoreLimits = { checks: 1000, mutations: 1000, bytes: 819_200, value: 65_536 };
  readonly #query: Query;
  readonly #sql: { readonly [Name in "commit" | "read" | "list" | "sweep"]: string };
  #changed = 0;
  #sweptTo = "";
  #sweeping = false;
  #closed = false;
  readonly wake: PostgresWake;

  constructor(query: Query, schema: string, wake: PostgresWake) {
    this.#query = query;
    this.wake = wake;
    this.#sql = {
      commit: `select ${schema}.commit($1::text)::text as version`,
      read: `select ordinal::text, value, number, version from ${schema}.read($1::text)`,
      list: `select key, value, number, version from ${schema}.list($1::text)`,
      sweep: `select ${schema}.sweep($1::text) as key`,
    };
  }

  async read(ids: readonly string[]): Promise<readonly (StoreRecord | undefined)[]> {
    const rows = await this.#run("read", this.#sql.read, ids.map(toHex));
    const found = new Map(rows.map((row) => [Number(row["ordinal"]), recordOf(row)]));
    return ids.map((_, i) => found.get(i + 1));
  }

  async range(
    { start, end }: KeyRange,
    limit: number,
    reverse: boolean,
  ): Promise<readonly (StoreRecord & { readonly id: string })[]> {
    const request = { start: toHex(start), end: toHex(end), limit, reverse };
    const rows = await this.#run("list", this.#sql.list, request);
    return rows.map((row) => ({ id: fromHex(row["key"] as string), ...recordOf(row) }));
  }

  async commit(
    checks: readonly OperationCheck[],
    changes: readonly StoreChange[],
  ): Promise<string | null> {
    const request = requestOf(checks, changes);
    const isRetryable = (error: unknown): boolean => !this.#closed && wasRolledBack(error);
    try {
      const [row] = await retry(() => this.#query(this.#sql.commit, request), {
        timeout: RETRY_FOR,
        isRetryable,
        minPause: 5,
        maxPause: 250,
      });
      this.#sweepAfter(changes.length);
      const version = row!["version"] as string | null;
      return version === null ? null : formatVersion(version);
    } catch (error) {
      throw postgresError("commit", error);
    }
  }

  close(): void {
    this.#closed = true;
    this.wake.close();
  }

  async #run(what: string, text: string, request: unknown): Promise<readonly PostgresRow[]> {
    try {
      return await this.#query(text, JSON.stringify(request));
    } catch (error) {
      throw postgresError(what, error);
    }
  }

  /** Removes what has expired from the next page of keys, without anyone waiting for it. */
  #sweepAfter(changes: number): void {
    this.#changed += changes;
    if (this.#changed < SWEEP_AFTER || this.#sweeping || this.#closed) return;
    this.#changed = 0;
    this.#sweeping = true;
    this.#query(this.#sql.sweep, this.#sweptTo).then(
      ([row]) => this.#sweptTo = (row!["key"] as string | null) ?? "",
      () => {}, // a commit that meets the same failure reports it
    ).finally(() => this.#sweeping = false);
  }
}

function requestOf(checks: readonly OperationCheck[], changes: readonly StoreChange[]): string {
  const request = {
    checks: checks.map(({ id, versionstamp }) => [toHex(id), parseVersion(versionstamp)]),
    sets: [] as unknown[],
    deletes: [] as string[],
    adds: [] as unknown[],
    resets: [] as unknown[],
    numbers: [] as string[],
  };
  for (const change of changes) {
    const key = toHex(change.id);
    if ("afterAdd" in change) request.numbers.push(key);
    if (change.kind === "set") {
      request.sets.push([key, decoder.decode(change.content), change.expireIn ?? null]);
    } else if (change.kind === "delete") request.deletes.push(key);
    else request[change.kind === "add" ? "adds" : "resets"].push([key, String(change.by)]);
  }
  return JSON.stringify(request);
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

function recordOf({ value, number, version }: PostgresRow): StoreRecord {
  return {
    content: number === null ? encoder.encode(value as string) : BigInt(number as string),
    versionstamp: formatVersion(version as string),
  };
}

/** A versionstamp of a store has 20 hexadecimal digits; PostgreSQL has a bigint. */
function formatVersion(version: string): string {
  return BigInt(version).toString(16).padStart(20, "0");
}

function parseVersion(versionstamp: string | null): string | null {
  if (versionstamp === null) return null;
  const version = BigInt(`0x${versionstamp}`);
  return version < 1n << 63n ? version.toString() : "-1"; // it can't be one of this store's
}

function toHex(id: string): string {
  let hex = "";
  for (let i = 0; i < id.length; i++) hex += HEX[id.charCodeAt(i)];
  return hex;
}

function fromHex(hex: string): string {
  let id = "";
  for (let i = 0; i < hex.length; i += 2) {
    id += String.fromCharCode(parseInt(hex.slice(i, i + 2), 16));
  }
  return id;
}

const HEX: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);
