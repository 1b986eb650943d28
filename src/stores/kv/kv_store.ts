import { checkKnown } from "../../internal/options.ts";
import {
  AtomicOperation,
  checkReads,
  closedError,
  copySelector,
  decodeValue,
  encodeFullKey,
  limitOf,
  type OperationCheck,
  type OperationMutation,
  readLimits,
  type Store,
  type StoreAtomic,
  type StoreCommit,
  type StoreEntry,
  type StoreKey,
  type StoreLimits,
  type StoreListOptions,
  type StoreSelector,
  type StoreSetOptions,
} from "../../store/mod.ts";
import { retryLocked } from "../../store/sqlite_failure.ts";
import { backendError } from "./errors.ts";

/** A key of Deno KV. */
export type KvLikeKey = readonly (string | number)[];

/** An entry of a KV; both `value` and `versionstamp` are null when the key doesn't exist. */
export type KvLikeEntry = {
  /** The key. */
  readonly key: readonly unknown[];
  /** Bytes, or an object whose `value` is a bigint (`KvU64`), when a store wrote it. */
  readonly value: unknown;
  /** Twenty hexadecimal digits. */
  readonly versionstamp: string | null;
};

/** The result of a commit. */
export type KvLikeCommit =
  | { readonly ok: true; readonly versionstamp: string }
  | { readonly ok: false };

/** The part of Deno KV's atomic operation that a store uses. Methods return the operation itself. */
export type KvLikeAtomic = {
  /** Applies the commit only if these keys are unchanged. */
  check(...checks: { key: KvLikeKey; versionstamp: string | null }[]): KvLikeAtomic;
  /** Writes bytes; `expireIn` is in milliseconds. */
  set(key: KvLikeKey, value: Uint8Array, options?: { expireIn?: number }): KvLikeAtomic;
  /** Adds to a `KvU64`. */
  sum(key: KvLikeKey, value: bigint): KvLikeAtomic;
  /** Deletes a key. */
  delete(key: KvLikeKey): KvLikeAtomic;
  /** Applies the operation. */
  commit(): Promise<KvLikeCommit>;
};

/** The part of Deno KV that a store uses. `Deno.Kv` and the KV of the npm package `@deno/kv` have it. */
export type KvLike = {
  /** Reads a key. */
  get(key: KvLikeKey): Promise<KvLikeEntry>;
  /** Reads up to ten keys in one snapshot. */
  getMany(keys: readonly KvLikeKey[]): Promise<readonly KvLikeEntry[]>;
  /** Reads a range. */
  list(
    selector:
      | { prefix: KvLikeKey }
      | { prefix: KvLikeKey; start: KvLikeKey }
      | { prefix: KvLikeKey; end: KvLikeKey }
      | { start: KvLikeKey; end: KvLikeKey },
    options?: { limit?: number; reverse?: boolean },
  ): AsyncIterable<KvLikeEntry>;
  /** Starts an atomic operation. */
  atomic(): KvLikeAtomic;
  /** Closes the KV. */
  close(): void;
};

/** Options of a `KvStore`. */
export type KvStoreOptions = {
  /**
   * The limits of commits and values. On a local file of Deno, `checks: 100` allows larger batches.
   * @default {{ checks: 10, mutations: 1000, bytes: 819200, value: 65536 }} what every Deno KV accepts
   */
  readonly limits?: Partial<StoreLimits>;
  /** Whether `close` also closes the KV. @default {false} */
  readonly ownsKv?: boolean;
};

/**
 * A store over Deno KV: `Deno.Kv`, the KV of `@deno/kv`, or anything with the same methods.
 *
 * Values are stored as the UTF-8 bytes of their JSON, which Deno, Bun and Node read alike; other values in
 * the database read as undefined. Invalid arguments throw a `TypeError` or a `RangeError`, and values beyond
 * a limit throw a `StoreLimitError`, before anything is sent. While another process locks the file (`database
 * is locked`), commits and reads of keys, but not lists, are retried for up to 5 s. Other failures of the
 * backend throw a `StoreError` with its error as `cause`; the outcome of a commit is unknown then, unless
 * `stored` is false.
 *
 * ```ts
 * import { KvStore } from "@omniagent/hooks/kv";
 *
 * const kv = await Deno.openKv(":memory:");
 * const store = new KvStore(kv, { limits: { checks: 100 } });
 * await store.set(["greeting"], { text: "Grüße" });
 * console.log((await store.get(["greeting"])).value); // { text: "Grüße" }
 * store.close(); // leaves `kv` open, because it was opened elsewhere
 * kv.close();
 * ```
 */
export class KvStore implements Store {
  /** The limits of the backend. */
  readonly limits: StoreLimits;
  readonly #kv: KvLike;
  readonly #ownsKv: boolean;
  #closed = false;

  /** Creates a store over an open KV. @throws {TypeError | RangeError} when an option is invalid */
  constructor(kv: KvLike, options: KvStoreOptions = {}) {
    const subject = "Cannot create a store";
    checkKnown(subject, options, ["limits", "ownsKv"]);
    const { limits, ownsKv = false } = options;
    this.limits = readLimits(subject, limits);
    this.#kv = kv;
    this.#ownsKv = ownsKv;
  }

  /** Reads a key. */
  async get<Value = unknown>(key: StoreKey): Promise<StoreEntry<Value>> {
    const { key: copy } = encodeFullKey(key);
    const entry = await this.#read(() => this.#kv.get(copy));
    return entryOf<Value>(copy, entry);
  }

  /** Reads up to ten keys in one snapshot. */
  async getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]> {
    checkReads(keys);
    const copies = keys.map((key) => encodeFullKey(key).key);
    const entries = await this.#read(() => this.#kv.getMany(copies));
    return entries.map((entry, i) => entryOf(copies[i]!, entry));
  }

  /** Writes a JSON value. */
  async set(key: StoreKey, value: unknown, options?: StoreSetOptions): Promise<void> {
    await this.atomic().set(key, value, options).commit();
  }

  /** Deletes a key. */
  async delete(key: StoreKey): Promise<void> {
    await this.atomic().delete(key).commit();
  }

  /**
   * Reads a range in the order of its keys, in batches of 100 entries (up to 500 with a `limit` on Deno).
   * Later writes are visible from the next batch on.
   */
  list<Value = unknown>(
    selector: StoreSelector,
    options: StoreListOptions = {},
  ): AsyncIterable<StoreEntry<Value>> {
    this.#checkOpen();
    const limit = limitOf(options);
    return this.#list(copySelector(selector), {
      reverse: options.reverse ?? false,
      ...(limit < Infinity && { limit }),
    });
  }

  /** Starts a commit. */
  atomic(): StoreAtomic {
    return new AtomicOperation(this.limits, (checks, mutations) => this.#commit(checks, mutations));
  }

  /** Closes the store, and the KV if the store owns it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#ownsKv) this.#kv.close();
  }

  async #read<T>(action: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    try {
      return await retryLocked(action);
    } catch (error) {
      throw backendError("read", error);
    }
  }

  async *#list<Value>(
    selector: StoreSelector,
    options: { limit?: number; reverse: boolean },
  ): AsyncGenerator<StoreEntry<Value>, void> {
    // In reverse, `@deno/kv` also returns the entry whose key is the prefix itself.
    const above = "prefix" in selector ? selector.prefix.length : 0;
    try {
      this.#checkOpen();
      for await (const entry of this.#kv.list(selector, options)) {
        if (entry.key.length > above) {
          yield entryOf<Value>(entry.key as StoreKey, entry);
        }
        this.#checkOpen();
      }
    } catch (error) {
      throw this.#closed ? closedError() : backendError("list", error);
    }
  }

  async #commit(
    checks: readonly OperationCheck[],
    mutations: readonly OperationMutation[],
  ): Promise<StoreCommit> {
    this.#checkOpen();
    try {
      return await retryLocked(() => commitTo(this.#kv, checks, mutations));
    } catch (error) {
      throw backendError("commit", error);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError();
  }
}

/** Commits to a KV, with a new operation each time: Deno's can be committed only once. */
async function commitTo(
  kv: KvLike,
  checks: readonly OperationCheck[],
  mutations: readonly OperationMutation[],
): Promise<StoreCommit> {
  const atomic = kv.atomic();
  for (const { key, versionstamp } of checks) atomic.check({ key, versionstamp });
  for (const { key, content, expireIn } of mutations) {
    if (content === undefined) atomic.delete(key);
    else if (typeof content === "bigint") atomic.sum(key, content);
    else if (expireIn === undefined) atomic.set(key, content);
    else atomic.set(key, content, { expireIn: Math.max(1, expireIn) }); // `@deno/kv` rejects 0
  }
  const result = await atomic.commit();
  return result.ok ? { ok: true, versionstamp: result.versionstamp } : { ok: false };
}

/** Converts an entry of a KV. */
function entryOf<Value>(key: StoreKey, { value, versionstamp }: KvLikeEntry): StoreEntry<Value> {
  if (versionstamp === null) return { key, value: null, versionstamp };
  return { key, value: valueOf(value) as Value, versionstamp };
}

/** Converts a value. `KvU64` is a different class in each backend. */
function valueOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return decodeValue(value);
  const sum = (value as { readonly value?: unknown } | null | undefined)?.value;
  return typeof sum === "bigint" ? sum : undefined;
}
