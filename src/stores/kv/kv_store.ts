import { checkKnown } from "../../internal/options.ts";
import {
  AtomicOperation,
  checkReads,
  copySelector,
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
import { commitOn, entryOf } from "./codec.ts";
import { closedError, failure } from "./failure.ts";
import type { KvLike } from "./kv_like.ts";
import { retryLocked } from "./retry_locked.ts";

/** Options of a `KvStore`. */
export type KvStoreOptions = {
  /**
   * What a commit and a value may hold. On a local file of Deno, `checks: 100` makes larger batches.
   * @default {{ checks: 10, mutations: 1000, bytes: 819200, value: 65536 }} what every Deno KV takes
   */
  readonly limits?: Partial<StoreLimits>;
  /** Whether `close` closes the KV. @default {false} */
  readonly ownsKv?: boolean;
};

/**
 * A store over Deno KV: over `Deno.Kv`, the KV of `@deno/kv`, or whatever has their form.
 *
 * Values are kept as the UTF-8 bytes of their JSON, which Deno, Bun and Node read alike; what else stands
 * in the database reads as undefined. A wrong argument is a `TypeError` or a `RangeError`, and what
 * exceeds a limit a `StoreLimitError` that names limit and size, before anything is sent. When another
 * process holds the file (`database is locked`), commits and reads of keys, but not lists, are tried again
 * for up to 5 s, with jitter. An error of the backend is an `Error` with `cause`, and after one the outcome of a commit is
 * unknown.
 *
 * ```ts
 * import { KvStore } from "@omniagent/hooks/kv";
 *
 * const kv = await Deno.openKv(":memory:");
 * const store = new KvStore(kv, { limits: { checks: 100 } });
 * await store.set(["greeting"], { text: "Grüße" });
 * console.log((await store.get(["greeting"])).value); // { text: "Grüße" }
 * store.close(); // leaves `kv` open: whoever opened it closes it
 * kv.close();
 * ```
 */
export class KvStore implements Store {
  /** What the backend takes. */
  readonly limits: StoreLimits;
  readonly #kv: KvLike;
  readonly #ownsKv: boolean;
  #closed = false;

  /** A store over an open KV. @throws {TypeError | RangeError} when an option is unknown or wrong */
  constructor(kv: KvLike, options: KvStoreOptions = {}) {
    const subject = "Cannot create a store";
    checkKnown(subject, options, ["limits", "ownsKv"]);
    const { limits, ownsKv = false } = options;
    this.limits = readLimits(subject, limits);
    this.#kv = kv;
    this.#ownsKv = ownsKv;
  }

  /** Reads one key. */
  async get<Value = unknown>(key: StoreKey): Promise<StoreEntry<Value>> {
    const { key: copy } = encodeFullKey(key);
    const entry = await this.#read(() => this.#kv.get(copy));
    return entryOf<Value>(copy, entry);
  }

  /** Reads up to ten keys at one moment. */
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

  /** Removes a key. */
  async delete(key: StoreKey): Promise<void> {
    await this.atomic().delete(key).commit();
  }

  /**
   * Reads a range in the order of its keys, 100 entries at once (`limit` of them, up to 500, when Deno
   * reads): what is written meanwhile shows from the next batch on.
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

  /** Begins a commit. */
  atomic(): StoreAtomic {
    return new AtomicOperation(this.limits, (checks, mutations) => this.#commit(checks, mutations));
  }

  /** Ends the use of the store, and closes the KV if the store owns it. */
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
      throw failure("read", error);
    }
  }

  async *#list<Value>(
    selector: StoreSelector,
    options: { limit?: number; reverse: boolean },
  ): AsyncGenerator<StoreEntry<Value>, void> {
    // In reverse, `@deno/kv` also gives what stands under the prefix itself.
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
      throw this.#closed ? closedError() : failure("list", error);
    }
  }

  async #commit(
    checks: readonly OperationCheck[],
    mutations: readonly OperationMutation[],
  ): Promise<StoreCommit> {
    this.#checkOpen();
    try {
      return await retryLocked(() => commitOn(this.#kv, checks, mutations));
    } catch (error) {
      throw failure("commit", error);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError();
  }
}
