import { checkFunctions } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import {
  AtomicOperation,
  checkReads,
  decodeValue,
  encodeFullKey,
  type KeyRange,
  limitOf,
  rangeOf,
  readLimits,
  type Store,
  type StoreAtomic,
  type StoreEntry,
  type StoreKey,
  type StoreLimits,
  type StoreListOptions,
  type StoreSelector,
  type StoreSetOptions,
} from "../store/mod.ts";
import { Records, type StoredRecord } from "./_records.ts";

/** Entries that Deno KV lists at once: this many, or `limit` of them up to the second number. */
const BATCH = { usual: 100, most: 500 };

/** Options of `memoryStore`. */
export type MemoryStoreOptions = {
  /** The clock, in milliseconds: decides when `expireIn` is over. @default `Date.now` */
  readonly now?: () => number;
  /** What a commit and a value may hold, to try others. @default what every Deno KV takes */
  readonly limits?: Partial<StoreLimits>;
};

/**
 * A store in memory, for tests. It behaves as one over Deno KV does, with the same order of keys, limits
 * and versionstamps, except where the real one can only be waited for or has a fault:
 *
 * - An entry is gone at the very millisecond when its lifetime is over, on the clock `now`.
 * - A commit is applied as a whole or not at all. On Deno KV, a `sum` that fails because its key holds
 *   JSON leaves applied what went before it.
 * - A call takes effect before it returns its promise.
 *
 * A value is kept as JSON, and what is read is a fresh copy. A value that JSON can't carry is a
 * `TypeError`: undefined, a bigint, a function, a cycle, NaN, a Map, bytes. What is wrong with one key or
 * value throws where it is given; what is wrong with a whole commit, in `commit`.
 *
 * `list` reads 100 entries at once (`limit` of them, up to 500, when there is one), each batch as the
 * store is at that moment: what is written meanwhile shows from the next batch on.
 *
 * ```ts
 * import { memoryStore } from "@omniagent/hooks/testing";
 *
 * let now = 0;
 * const store = memoryStore({ now: () => now });
 * await store.set(["lock", "s-1"], { by: "worker" }, { expireIn: 1000 });
 * now = 1000;
 * console.log((await store.get(["lock", "s-1"])).value); // null
 * ```
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly limits: StoreLimits;
  readonly #records: Records;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    const subject = "Cannot create a store in memory";
    checkKnown(subject, options, ["now", "limits"]);
    checkFunctions(subject, options, [], ["now"]);
    const { now = Date.now, limits } = options;
    this.limits = readLimits(subject, limits);
    this.#records = new Records(now);
  }

  get<Value>(key: StoreKey): Promise<StoreEntry<Value>> {
    return promise(() => this.#read<Value>(key));
  }

  getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]> {
    return promise(() => {
      checkReads(keys);
      this.#checkOpen();
      return keys.map((key) => this.#read(key));
    });
  }

  async set(key: StoreKey, value: unknown, options?: StoreSetOptions): Promise<void> {
    await this.atomic().set(key, value, options).commit();
  }

  async delete(key: StoreKey): Promise<void> {
    await this.atomic().delete(key).commit();
  }

  list<Value>(
    selector: StoreSelector,
    options: StoreListOptions = {},
  ): AsyncIterable<StoreEntry<Value>> {
    this.#checkOpen();
    return this.#list(rangeOf(selector), limitOf(options), options.reverse ?? false);
  }

  atomic(): StoreAtomic {
    return new AtomicOperation(this.limits, (checks, mutations) => {
      this.#checkOpen();
      return this.#records.commit(checks, mutations);
    });
  }

  close(): void {
    this.#closed = true;
  }

  #read<Value>(key: StoreKey): StoreEntry<Value> {
    this.#checkOpen();
    const { id, key: copy } = encodeFullKey(key);
    const record = this.#records.get(id);
    return record ? entryOf(record) : { key: copy, value: null, versionstamp: null };
  }

  async *#list<Value>(
    { start, end }: KeyRange,
    limit: number,
    reverse: boolean,
  ): AsyncGenerator<StoreEntry<Value>, void> {
    const size = Math.min(limit === Infinity ? BATCH.usual : limit, BATCH.most);
    for (let left = limit; left > 0;) {
      this.#checkOpen();
      const wanted = Math.min(size, left);
      const batch = this.#records.read({ start, end }, wanted, reverse);
      for (const record of batch) yield entryOf<Value>(record);
      if (batch.length < wanted) return;
      left -= wanted;
      const { id } = batch.at(-1)!;
      if (reverse) end = id;
      else start = `${id}\0`; // nothing sorts between a key and this
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new TypeError("Cannot use the store as it is closed");
  }
}

/** What a call gives or throws at once, as a promise. */
function promise<T>(call: () => T): Promise<T> {
  return new Promise((resolve) => resolve(call()));
}

function entryOf<Value>({ key, content, versionstamp }: StoredRecord): StoreEntry<Value> {
  return { key: [...key], value: decodeValue(content) as Value, versionstamp };
}
