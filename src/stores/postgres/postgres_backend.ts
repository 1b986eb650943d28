import { retry } from "../../internal/async.ts";
import type {
  KeyRange,
  OperationCheck,
  StoreBackend,
  StoreChange,
  StoreLimits,
  StoreRecord,
  StoreWake,
} from "../../store/mod.ts";
import type { PostgresRow, Query } from "./client.ts";
import { postgresError, wasRolledBack } from "./postgres_error.ts";

/** How long a deadlock or a serialization failure is retried, in milliseconds: half of a commit's timeout. */
const RETRY_FOR = 5_000;
/** Changes after which the next 1,000 keys are swept: more keys than changes, so a pass ends. */
const SWEEP_AFTER = 500;

/** Options of a `PostgresBackend`. */
type BackendOptions = {
  /** Closed with it. Undefined in a transaction of the caller, where nothing is retried or swept. */
  readonly wake: (StoreWake & { close(): void }) | undefined;
};

/** Reads and commits with the functions of the schema. */
export class PostgresBackend implements StoreBackend {
  readonly limits: StoreLimits = { checks: 1000, mutations: 1000, bytes: 819_200, value: 65_536 };
  readonly #query: Query;
  readonly #sql: { readonly [Name in "notify" | "commit" | "read" | "list" | "sweep"]: string };
  readonly wake: StoreWake & { close?(): void };
  readonly #isInTransaction: boolean;
  #changed = 0;
  #sweptTo = "";
  #sweeping = false;
  #closed = false;
  /** Whether the next commit wakes other processes, once its transaction is committed. */
  #mustNotify = false;

  constructor(query: Query, schema: string, { wake }: BackendOptions) {
    this.#query = query;
    this.#isInTransaction = wake === undefined;
    this.wake = wake ?? { signal: () => this.#mustNotify = true, listen: () => () => {} };
    this.#sql = {
      notify: `, pg_notify('${schema}', '')::text as sent`,
      commit: `select "${schema}".commit($1::text)::text as version`,
      read: `select ordinal::text, value, number, version from "${schema}".read($1::text)`,
      list: `select key, value, number, version from "${schema}".list($1::text)`,
      sweep: `select "${schema}".sweep($1::text) as key`,
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
    const request = requestOf(checks, changes, this.#isInTransaction);
    const isRetryable = (error: unknown): boolean =>
      !this.#closed && !this.#isInTransaction && wasRolledBack(error);
    const text = this.#sql.commit + (this.#mustNotify ? this.#sql.notify : "");
    this.#mustNotify = false;
    try {
      const [row] = await retry(() => this.#query(text, request), {
        timeout: RETRY_FOR,
        isRetryable,
        minPause: 5,
        maxPause: 250,
      });
      this.#sweepAfter(changes.length);
      const version = row!["version"] as string | null;
      return version === null ? null : formatVersion(version);
    } catch (error) {
      throw this.#errorOf("commit", error);
    }
  }

  close(): void {
    this.#closed = true;
    this.wake.close?.();
  }

  async #run(what: string, text: string, request: unknown): Promise<readonly PostgresRow[]> {
    try {
      return await this.#query(text, JSON.stringify(request));
    } catch (error) {
      throw this.#errorOf(what, error);
    }
  }

  /** Returns the error to throw. In a transaction, it is that of the driver, which says to start again. */
  #errorOf(what: string, error: unknown): unknown {
    return this.#isInTransaction && wasRolledBack(error) ? error : postgresError(what, error);
  }

  /** Removes expired entries from the next page of keys. Callers don't wait for this. */
  #sweepAfter(changes: number): void {
    this.#changed += changes;
    if (this.#changed < SWEEP_AFTER || this.#sweeping || this.#closed) return;
    if (this.#isInTransaction) return;
    this.#changed = 0;
    this.#sweeping = true;
    this.#query(this.#sql.sweep, this.#sweptTo).then(
      ([row]) => this.#sweptTo = (row!["key"] as string | null) ?? "",
      () => {}, // a commit that meets the same failure reports it
    ).finally(() => this.#sweeping = false);
  }
}

function requestOf(
  checks: readonly OperationCheck[],
  changes: readonly StoreChange[],
  isInTransaction: boolean,
): string {
  const request = {
    inTransaction: isInTransaction,
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

/** Converts a bigint of PostgreSQL to a versionstamp, which has 20 hexadecimal digits. */
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
