import {
  closedError,
  type KeyRange,
  type OperationCheck,
  type StoreBackend,
  type StoreChange,
  StoreError,
  type StoreLimits,
  type StoreRecord,
  type StoreWake,
  SUM_RANGE,
} from "../../store/mod.ts";
import { retryLocked } from "../../store/sqlite_failure.ts";
import { type Column, type Database, sqliteError, sqliteWake } from "./database.ts";
import { prepareStatements, rollBack, type Statements, toBytes, toId } from "./schema.ts";
import type { WalSync } from "./wal_sync.ts";

/** Commits of one transaction at most: 64 share a sync well, and 256 hold the event loop for a few ms. */
const MAX_GROUP = 256;
/**
 * Turns of the event loop for which commits gather, once several shared a transaction: the loop is busy, and
 * a larger group syncs and writes less per commit. Where it is idle, a turn takes 10 µs.
 */
const BUSY_TURNS = 4;

/** Changes after which the next page of keys is swept. Two keys are visited for each change, so a pass ends. */
const SWEEP_AFTER = 512;
const SWEEP_PAGE = 1_024;

/** A commit that waits for its transaction. */
type Pending = {
  readonly checks: readonly OperationCheck[];
  readonly changes: readonly StoreChange[];
  readonly resolve: (versionstamp: string | null) => void;
  readonly reject: (error: unknown) => void;
};

/** How one commit of a group ended. */
type Outcome = { readonly versionstamp: string | null } | { readonly error: unknown };

/**
 * Reads and commits on one SQLite connection. Commits that are made in the same turn of the event loop
 * share a transaction, and thereby one sync of the disk; each keeps its own checks and its own outcome.
 */
export class SqliteBackend implements StoreBackend {
  readonly limits: StoreLimits = { checks: 1000, mutations: 1000, bytes: 819_200, value: 65_536 };
  readonly #database: Database;
  readonly #sync: WalSync | undefined;
  readonly #sql: Statements;
  #queue: Pending[] = [];
  /** The group whose transaction waits for a locked file. */
  #retrying: readonly Pending[] = [];
  #pumping = false;
  /** Turns for which the next group gathers. */
  #turns = 1;
  #closed = false;
  #changed = 0;
  #sweptTo: Uint8Array = new Uint8Array();
  readonly wake: StoreWake;

  /** `sync` makes a transaction durable that `COMMIT` alone doesn't. */
  constructor(database: Database, sync?: WalSync) {
    this.#database = database;
    this.#sync = sync;
    this.#sql = prepareStatements(database);
    this.wake = sqliteWake(database);
  }

  async read(ids: readonly string[]): Promise<readonly (StoreRecord | undefined)[]> {
    if (ids.length === 0) return [];
    const statement = this.#sql.read(ids.length);
    const keys = ids.map(toBytes);
    const rows = await this.#try("read", () => statement.all(...keys, Date.now()));
    const records = new Array<StoreRecord | undefined>(ids.length).fill(undefined);
    for (const row of rows) records[row["at"] as number] = recordOf(row);
    return records;
  }

  async range(
    { start, end }: KeyRange,
    limit: number,
    reverse: boolean,
  ): Promise<readonly (StoreRecord & { readonly id: string })[]> {
    const statement = reverse ? this.#sql.descending : this.#sql.ascending;
    const bounds = [toBytes(start), toBytes(end)] as const;
    const rows = await this.#try("list", () => statement.all(...bounds, Date.now(), limit));
    return rows.map((row) => ({ id: toId(row["k"] as Uint8Array), ...recordOf(row) }));
  }

  commit(
    checks: readonly OperationCheck[],
    changes: readonly StoreChange[],
  ): Promise<string | null> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ checks, changes, resolve, reject });
      if (this.#pumping) return;
      this.#pumping = true;
      void this.#pump();
    });
  }

  /** Commits what was queued, then closes the connection. Waits up to a second for a locked file. */
  close(): void {
    this.#closed = true;
    this.#queue.unshift(...this.#retrying);
    this.#retrying = [];
    if (this.#queue.length > 0) {
      this.#database.exec("PRAGMA busy_timeout = 1000; PRAGMA synchronous = FULL");
    }
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, MAX_GROUP);
      try {
        settle(group, this.#transact(group));
      } catch (error) {
        rejectAll(group, sqliteError("commit", error));
      }
    }
    this.#sync?.close();
    this.#database.close();
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      for (let turns = this.#turns; turns > 0; turns--) await nextTurn();
      const group = this.#queue.splice(0, MAX_GROUP);
      this.#turns = group.length > 1 ? BUSY_TURNS : 1;
      this.#retrying = group;
      try {
        const outcomes = await retryLocked(() => this.#attempt(group));
        if (this.#sync === undefined) settle(group, outcomes);
        else {
          void this.#sync.flush().then(
            () => settle(group, outcomes),
            (error) => rejectAll(group, sqliteError("commit", error)),
          );
        }
      } catch (error) {
        // Otherwise, `close` has taken the group over.
        if (this.#retrying === group) rejectAll(group, sqliteError("commit", error));
      }
      this.#retrying = [];
    }
    this.#pumping = false;
  }

  // deno-lint-ignore require-await -- what the transaction throws becomes a rejection
  async #attempt(group: readonly Pending[]): Promise<readonly Outcome[]> {
    if (this.#closed) throw closedError();
    this.#sync?.check();
    const outcomes = this.#transact(group);
    this.#retrying = [];
    return outcomes;
  }

  /** Applies a group in one transaction, without a break: no read sees a part of it. */
  #transact(group: readonly Pending[]): readonly Outcome[] {
    const { beginImmediate, commit, readStamp, writeStamp } = this.#sql;
    beginImmediate.run();
    try {
      const first = readStamp.get()?.["stamp"] as number | undefined;
      if (first === undefined) {
        throw new StoreError(
          "Cannot commit: the store's file has lost its versionstamp",
          "corrupt",
        );
      }
      let stamp = first;
      const now = Date.now();
      const outcomes = group.map(({ checks, changes }): Outcome => {
        if (!checks.every((check) => this.#holds(check, now))) return { versionstamp: null };
        const sums = this.#addAll(changes, now);
        if (sums === undefined) {
          return { error: new TypeError("Cannot sum: the key holds a JSON value") };
        }
        stamp++;
        for (const change of changes) this.#apply(change, sums, stamp, now);
        return { versionstamp: formatStamp(stamp) };
      });
      if (stamp > first) writeStamp.run(stamp);
      if (this.#changed >= SWEEP_AFTER) this.#sweep(now);
      commit.run();
      return outcomes;
    } catch (error) {
      rollBack(this.#database);
      throw error;
    }
  }

  #holds({ id, versionstamp }: OperationCheck, now: number): boolean {
    const found = this.#sql.stampOf.get(toBytes(id), now)?.["s"] as number | undefined;
    return versionstamp === (found === undefined ? null : formatStamp(found));
  }

  /** Works out the sums before anything is written; undefined if one is over JSON. */
  #addAll(changes: readonly StoreChange[], now: number): Map<string, bigint> | undefined {
    const sums = new Map<string, bigint>();
    for (const change of changes) {
      if (change.kind !== "add" && !change.afterAdd) continue;
      const value = this.#sql.valueOf.get(toBytes(change.id), now)?.["v"] ?? "0";
      if (!isNumber(value)) return undefined;
      if (change.kind !== "add") continue;
      sums.set(change.id, (BigInt(value) + change.by) % SUM_RANGE);
    }
    return sums;
  }

  #apply(
    change: StoreChange,
    sums: ReadonlyMap<string, bigint>,
    stamp: number,
    now: number,
  ): void {
    const key = toBytes(change.id);
    this.#changed++;
    if (change.kind === "delete") {
      this.#sql.remove.run(key);
      return;
    }
    if (change.kind === "set") {
      const expiry = change.expireIn === undefined ? null : now + change.expireIn;
      this.#sql.write.run(key, stamp, expiry, change.content);
      return;
    }
    const sum = change.kind === "reset" ? change.by : sums.get(change.id)!;
    this.#sql.write.run(key, stamp, null, String(sum));
  }

  /** Removes expired entries from the next page of keys, and starts again after the last. */
  #sweep(now: number): void {
    this.#changed = 0;
    const last = this.#sql.pageEnd.get(this.#sweptTo, SWEEP_PAGE)?.["k"] as Uint8Array | null;
    if (last != null) this.#sql.removeExpired.run(this.#sweptTo, last, now);
    this.#sweptTo = last ?? new Uint8Array();
  }

  async #try<T>(what: string, action: () => T): Promise<T> {
    try {
      // deno-lint-ignore require-await -- what the action throws becomes a rejection
      return await retryLocked(async () => action());
    } catch (error) {
      throw sqliteError(what, error);
    }
  }
}

function settle(group: readonly Pending[], outcomes: readonly Outcome[]): void {
  for (const [i, { resolve, reject }] of group.entries()) {
    const outcome = outcomes[i]!;
    if ("error" in outcome) reject(outcome.error);
    else resolve(outcome.versionstamp);
  }
}

function rejectAll(group: readonly Pending[], error: unknown): void {
  for (const { reject } of group) reject(error);
}

function recordOf(row: Readonly<Record<string, Column>>): StoreRecord {
  const { v, s } = row as { readonly v: Column; readonly s: number };
  const content = isNumber(v) ? BigInt(v) : v instanceof Uint8Array ? v : UNREADABLE;
  return { content, versionstamp: formatStamp(s) };
}

/** Replaces content that another program wrote: bytes that aren't JSON. */
const UNREADABLE = new Uint8Array();

function isNumber(value: Column): value is string {
  return typeof value === "string" && /^\d+$/.test(value);
}

function formatStamp(stamp: number): string {
  return stamp.toString(16).padStart(20, "0");
}

/** Resolves after the callbacks of this turn, so that all their commits are in the queue. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

declare const setImmediate: (callback: () => void) => unknown;
