import { fromWire, type HookEvent } from "../core/mod.ts";
import { retry } from "../internal/async.ts";
import type { Clock } from "../internal/clock.ts";
import {
  type Store,
  type StoreCommit,
  type StoreEntry,
  storeErrorOf,
  type StoreKey,
  StoreLimitError,
  type StoreListOptions,
  type StoreSelector,
} from "../store/mod.ts";
import type { Commit, CommitBuilder } from "./commit.ts";
import { OutboxUnavailableError } from "./errors.ts";
import type { Retention } from "./limits.ts";
import {
  type DeliveryRecord,
  type EventRecord,
  type Keys,
  readLog,
  readTargetRecord,
  type SessionEntry,
  type SessionHead,
} from "./records.ts";
import { CALL_TIMEOUT, COMMIT_TIMEOUT, READ_TIMEOUT } from "./timeouts.ts";

/** Keys of one `getMany`: Deno KV's limit. */
const MAX_KEYS = 10;
/** Entries that a scan reads at once, unless fewer are wanted: an event can have 64 KiB. */
const PAGE = 100;

/**
 * The outcome of a commit. `unknown`: no response in time. `stored` is then false if the store reported
 * for every try that nothing was applied; otherwise it may still be applied.
 */
export type CommitOutcome = StoreCommit | {
  readonly ok: "unknown";
  readonly cause: unknown;
  readonly stored: false | "unknown";
};

/** Options of `commit`. */
type CommitOptions = {
  /** Whether to give up as soon as the store says that only an operator can help, as on a full disk. */
  readonly failFast?: boolean;
};

/** Options of a read. */
export type ReadOptions = {
  /** In milliseconds. @default READ_TIMEOUT */
  readonly timeout?: number;
  /** What an error says about the operation that reads. @default {false} */
  readonly stored?: false | "unknown";
};

/** Keys from `start` up to but without `end`. */
export type Range = { readonly start: StoreKey; readonly end: StoreKey };

/** How a range is scanned. */
export type ScanOptions = {
  /** From its end. */
  readonly reverse?: boolean;
  /** Entries that are read at once. */
  readonly page?: number;
  /** The most that are read at once in a long range: each read doubles `page`. @default `page` */
  readonly maxPage?: number | undefined;
};

/** A delivery's event, or why it can't be sent, and its log. */
export type LoadedDelivery = {
  readonly event: HookEvent | "expired" | "unreadable";
  readonly log: DeliveryRecord;
};

/** Reads and commits; retries while the store fails. */
export class StoreClient {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly retention: Retention;
  /** Whether the store is inside a transaction of the caller. */
  readonly #isInTransaction: boolean;

  constructor(
    store: Store,
    keys: Keys,
    clock: Clock,
    retention: Retention,
    isInTransaction: boolean = false,
  ) {
    this.store = store;
    this.keys = keys;
    this.clock = clock;
    this.retention = retention;
    this.#isInTransaction = isInTransaction;
  }

  /**
   * Returns a client inside a transaction of the caller. It calls the store once, without a time limit, and
   * throws the store's error: after an error, only the caller can roll back and start again.
   *
   * @throws {TypeError} when the store has no transactions, or `tx` isn't one of them
   */
  within(tx: object): StoreClient {
    const { store, keys, clock, retention } = this;
    if (store.within !== undefined) {
      return new StoreClient(store.within(tx), keys, clock, retention, true);
    }
    throw new TypeError(
      "Cannot publish in a transaction: the outbox's store must be a PostgresStore. With other stores, " +
        "emit without 'tx', after the commit",
    );
  }

  /**
   * Sends a commit, and sends the same commit again when its outcome is unknown: every commit checks a key that it
   * changes, so it is applied once at most. `ok: false`: another process committed first, or it was applied
   * before.
   *
   * @throws what the store throws for a wrong argument, a limit, or when it is closed
   */
  async commit(
    commit: Commit,
    timeout = COMMIT_TIMEOUT,
    { failFast = false }: CommitOptions = {},
  ): Promise<CommitOutcome> {
    if (this.#isInTransaction) return await this.#send(commit);
    let cause: unknown;
    let stored: false | "unknown" = false;
    const isRetryable = (error: unknown): boolean => {
      if (isRejected(error)) return false;
      cause = error;
      const known = storeErrorOf(error);
      if (known?.stored !== false) stored = "unknown";
      return !(failFast && known?.transient === false);
    };
    try {
      return await this.#retry(() => this.#send(commit), timeout, isRetryable);
    } catch (error) {
      // After an earlier failure this means that the store was closed since.
      if (isRejected(error) && cause === undefined) throw error;
      return { ok: "unknown", cause, stored };
    }
  }

  /**
   * Sends a commit. Resolves to false when another process committed first, or it was applied before.
   *
   * @param action What failed, in errors: `"retry"`
   * @throws {OutboxUnavailableError} when the store doesn't respond in time
   */
  async write(
    { commit }: CommitBuilder,
    action: string,
    timeout = COMMIT_TIMEOUT,
  ): Promise<boolean> {
    const outcome = await this.commit(commit, timeout);
    if (outcome.ok !== "unknown") return outcome.ok;
    throw new OutboxUnavailableError("unknown", outcome.cause, action);
  }

  /**
   * Reads keys, each ten of them at one moment.
   *
   * @throws {OutboxUnavailableError} when the store doesn't respond in time
   */
  async get(
    keys: readonly StoreKey[],
    options: ReadOptions = {},
  ): Promise<readonly StoreEntry[]> {
    const entries: StoreEntry[] = [];
    for (let from = 0; from < keys.length; from += MAX_KEYS) {
      const some = keys.slice(from, from + MAX_KEYS);
      entries.push(...await this.#read(() => this.store.getMany(some), options));
    }
    return entries;
  }

  /** Reads a list at one moment. @throws {OutboxUnavailableError} when the store doesn't respond in time */
  list(selector: StoreSelector, options: StoreListOptions): Promise<readonly StoreEntry[]> {
    return this.#read(async () => {
      const entries: StoreEntry[] = [];
      for await (const entry of this.store.list(selector, options)) entries.push(entry);
      return entries;
    });
  }

  /**
   * Reads a range page by page, each as the store is at that moment.
   *
   * @throws {OutboxUnavailableError} when the store doesn't respond in time
   */
  async *scan(
    { start, end }: Range,
    { reverse = false, page = PAGE, maxPage = page }: ScanOptions = {},
  ): AsyncGenerator<StoreEntry, void> {
    for (;; page = Math.max(page, Math.min(page * 2, maxPage))) {
      const entries = await this.list({ start, end }, { limit: page, reverse });
      yield* entries;
      if (entries.length < page) return;
      const { key } = entries.at(-1)!;
      if (reverse) end = key;
      else start = after(key);
    }
  }

  /** Reads a delivery's event and log. */
  async loadDelivery(target: string, id: string): Promise<LoadedDelivery> {
    const [record, log] = await this.get([this.keys.event(id), this.keys.delivery(target, id)]);
    return {
      event: await this.readEvent(id, record!.value as EventRecord | null),
      log: readLog(log!.value),
    };
  }

  /** Reads the event of a record, wherever its body is. */
  async readEvent(
    id: string,
    record: EventRecord | null,
    options?: ReadOptions,
  ): Promise<LoadedDelivery["event"]> {
    if (record === null) return "expired";
    const chunks = Array.from({ length: record.chunks ?? 0 }, (_, n) => this.keys.chunk(id, n));
    const parts = (await this.get(chunks, options)).map(({ value }) => value);
    if (parts.includes(null)) return "unreadable";
    try {
      return fromWire(parts.length === 0 ? record.event : JSON.parse(parts.join("")));
    } catch {
      return "unreadable";
    }
  }

  /** Reads the first delivery of a session. */
  async readSessionHead(target: string, session: string): Promise<SessionHead> {
    // The record first: a delivery that is added after that changes its versionstamp.
    const [record] = await this.get([this.keys.session(target, session)]);
    const { versionstamp } = record!;
    const [first, second] = await this.list(
      { prefix: this.keys.session(target, session) },
      { limit: 2 },
    );
    if (first === undefined) return { n: undefined, id: "", more: false, versionstamp };
    const { id = "" } = (first.value ?? {}) as Partial<SessionEntry>; // unreadable: as if expired
    return { n: Number(first.key.at(-1)), id, more: second !== undefined, versionstamp };
  }

  /** Returns whether a target was removed. What a slow process leaves behind of it doesn't count. */
  async isRemoved(target: string): Promise<boolean> {
    const [entry] = await this.get([this.keys.target(target)]);
    return readTargetRecord(entry!.value).state === "deleted";
  }

  /** Sends sums, deletes and sets in this order: when a sum fails, changes before it stay applied. */
  async #send({ checks, sums, deletes, sets }: Commit): Promise<StoreCommit> {
    const atomic = this.store.atomic().check(...checks);
    for (const [key, by] of sums) atomic.sum(key, by);
    for (const key of deletes) atomic.delete(key);
    for (const [key, value, expireIn] of sets) {
      atomic.set(key, value, expireIn === undefined ? {} : { expireIn });
    }
    return await atomic.commit();
  }

  async #read<T>(
    read: () => Promise<T>,
    { timeout = READ_TIMEOUT, stored = false }: ReadOptions = {},
  ): Promise<T> {
    if (this.#isInTransaction) return await read();
    try {
      // A store that can't be opened, such as one without its schema, needs an operator.
      const isRetryable = (error: unknown): boolean =>
        !isRejected(error) && storeErrorOf(error)?.failure !== "cannot_open";
      return await this.#retry(read, timeout, isRetryable);
    } catch (error) {
      if (isRejected(error)) throw error;
      throw new OutboxUnavailableError(stored, error, stored ? "publish" : "read");
    }
  }

  #retry<T>(
    call: () => Promise<T>,
    timeout: number,
    isRetryable: (error: unknown) => boolean,
  ): Promise<T> {
    return retry(call, { timeout, callTimeout: CALL_TIMEOUT, isRetryable, clock: this.clock });
  }
}

/** Returns whether the store sent nothing: a wrong argument, a limit, or it is closed. */
function isRejected(error: unknown): boolean {
  return error instanceof TypeError || error instanceof StoreLimitError;
}

/** Returns the key right after a key. */
export function after(key: StoreKey): StoreKey {
  return [...key, ""];
}

/** Returns the key right after all that is below a key, which ends with a text. */
export function endOf(key: StoreKey): StoreKey {
  return [...key.slice(0, -1), `${key.at(-1)}\0`];
}

/** Returns the range of all keys below a key, which ends with a text. */
export function rangeBelow(key: StoreKey): Range {
  return { start: after(key), end: endOf(key) };
}
