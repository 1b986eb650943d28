import { checkKnown } from "../internal/options.ts";
import { checkFunctions } from "../internal/validate.ts";
import {
  AtomicOperation,
  checkReads,
  decodeValue,
  encodeFullKey,
  type KeyRange,
  limitOf,
  type OperationCheck,
  type OperationMutation,
  rangeOf,
  readLimits,
  type Store,
  type StoreAtomic,
  type StoreCommit,
  type StoredValue,
  type StoreEntry,
  type StoreKey,
  type StoreLimits,
  type StoreListOptions,
  type StoreSelector,
  type StoreSetOptions,
  SUM_RANGE,
} from "../store/mod.ts";

/** Entries of a batch, as Deno KV lists them: 100, or `limit` of them up to 500. */
const DEFAULT_BATCH = 100;
const MAX_BATCH = 500;

/** Options of `memoryStore`. */
export type MemoryStoreOptions = {
  /** Returns the time in milliseconds; decides when an entry has expired. @default `Date.now` */
  readonly now?: () => number;
  /** Limits of a value and a commit, to test with others. @default what every Deno KV accepts */
  readonly limits?: Partial<StoreLimits>;
};

/**
 * Creates a store in memory, for tests. It behaves like a store over Deno KV, with the same key order,
 * limits and versionstamps, with three differences that make tests exact:
 *
 * - An entry expires at the exact millisecond, on the clock `now`.
 * - A commit is applied completely or not at all. On Deno KV, a `sum` that fails because its key holds
 *   JSON leaves the mutations before it applied.
 * - A call takes effect before it returns its promise.
 *
 * Values are kept as JSON, and each read returns a fresh copy. A value that JSON can't represent is a
 * `TypeError`: undefined, a bigint, a function, a cycle, NaN, a Map, bytes. An invalid key or value throws
 * in the call that receives it, an invalid commit in `commit`.
 *
 * `list` reads batches of 100 entries (`limit` entries, up to 500, if there is a limit). Each batch shows
 * the store at that moment, so later writes appear from the next batch on.
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
 *
 * @throws {TypeError | RangeError} if an option is unknown or invalid
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly limits: StoreLimits;
  readonly #records: SortedRecords;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    const subject = "Cannot create memory store";
    checkKnown(subject, options, ["now", "limits"]);
    checkFunctions(subject, options, [], ["now"]);
    const { now = Date.now, limits } = options;
    this.limits = readLimits(subject, limits);
    this.#records = new SortedRecords(now);
  }

  get<Value>(key: StoreKey): Promise<StoreEntry<Value>> {
    return settled(() => this.#read<Value>(key));
  }

  getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]> {
    return settled(() => {
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
    return record ? toEntry(record) : { key: copy, value: null, versionstamp: null };
  }

  async *#list<Value>(
    { start, end }: KeyRange,
    limit: number,
    reverse: boolean,
  ): AsyncGenerator<StoreEntry<Value>, void> {
    const size = limit === Infinity ? DEFAULT_BATCH : Math.min(limit, MAX_BATCH);
    for (let left = limit; left > 0;) {
      this.#checkOpen();
      const wanted = Math.min(size, left);
      const batch = this.#records.read({ start, end }, wanted, reverse);
      for (const record of batch) yield toEntry<Value>(record);
      if (batch.length < wanted) return;
      left -= wanted;
      const { id } = batch.at(-1)!;
      if (reverse) end = id;
      else start = `${id}\0`; // no key sorts between the two
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new TypeError("Cannot use the store as it is closed");
  }
}

/** One entry. It is replaced, never changed, so a reader has a snapshot. */
type StoredRecord = {
  /** The encoded key. */
  readonly id: string;
  readonly key: StoreKey;
  readonly content: StoredValue;
  readonly versionstamp: string;
  /** Time in milliseconds; `Infinity` without a lifetime. */
  readonly expiresAt: number;
};

/** The entries of a store, by encoded key and in order. A read removes the expired entries it finds. */
class SortedRecords {
  readonly #records = new Map<string, StoredRecord>();
  /** The keys of `#records`, sorted. */
  readonly #ids: string[] = [];
  readonly #now: () => number;
  #commits = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(id: string): StoredRecord | undefined {
    const record = this.#records.get(id);
    if (record === undefined || !this.#isExpired(record)) return record;
    this.#delete(id);
    return undefined;
  }

  /** Returns up to `limit` entries of a range. */
  read({ start, end }: KeyRange, limit: number, reverse: boolean): readonly StoredRecord[] {
    const [from, to] = [this.#find(start), this.#find(end)];
    const found: StoredRecord[] = [];
    const expired: string[] = [];
    for (let i = 0; i < to - from && found.length < limit; i++) {
      const record = this.#records.get(this.#ids[reverse ? to - 1 - i : from + i]!)!;
      if (this.#isExpired(record)) expired.push(record.id);
      else found.push(record);
    }
    for (const id of expired) this.#delete(id);
    return found;
  }

  /** Applies mutations in their order if all checks pass. */
  commit(checks: readonly OperationCheck[], mutations: readonly OperationMutation[]): StoreCommit {
    for (const { id, versionstamp } of checks) {
      if ((this.get(id)?.versionstamp ?? null) !== versionstamp) return { ok: false };
    }
    const versionstamp = `${(this.#commits + 1).toString(16).padStart(16, "0")}0000`;
    const staged = this.#stage(mutations, versionstamp);
    this.#commits++;
    for (const [id, record] of staged) {
      if (record === undefined) this.#delete(id);
      else this.#set(record);
    }
    return { ok: true, versionstamp };
  }

  /** Computes every new entry before anything is written, because a sum can fail. */
  #stage(
    mutations: readonly OperationMutation[],
    versionstamp: string,
  ): ReadonlyMap<string, StoredRecord | undefined> {
    const staged = new Map<string, StoredRecord | undefined>();
    for (const { id, key, content, expireIn } of mutations) {
      if (content === undefined) {
        staged.set(id, undefined);
        continue;
      }
      const before = staged.has(id) ? staged.get(id) : this.get(id);
      staged.set(id, {
        id,
        key,
        content: typeof content === "bigint" ? sum(before?.content, content) : content,
        versionstamp,
        expiresAt: expireIn === undefined ? Infinity : this.#now() + expireIn,
      });
    }
    return staged;
  }

  #set(record: StoredRecord): void {
    if (!this.#records.has(record.id)) this.#ids.splice(this.#find(record.id), 0, record.id);
    this.#records.set(record.id, record);
  }

  #delete(id: string): void {
    if (this.#records.delete(id)) this.#ids.splice(this.#find(id), 1);
  }

  /** Returns the index of the first key that does not sort before `id`. */
  #find(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isExpired({ expiresAt }: StoredRecord): boolean {
    return expiresAt !== Infinity && expiresAt <= this.#now();
  }
}

function sum(content: StoredValue | undefined, value: bigint): bigint {
  if (content === undefined || typeof content === "bigint") {
    return ((content ?? 0n) + value) % SUM_RANGE;
  }
  throw new TypeError("Cannot sum: the key holds a JSON value");
}

function toEntry<Value>({ key, content, versionstamp }: StoredRecord): StoreEntry<Value> {
  return { key: [...key], value: decodeValue(content) as Value, versionstamp };
}

/** Calls at once, and returns its result or its error as a promise. */
function settled<T>(call: () => T): Promise<T> {
  return new Promise((resolve) => resolve(call()));
}
