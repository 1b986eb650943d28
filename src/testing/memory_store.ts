import { checkKnown } from "../internal/options.ts";
import { checkFunctions } from "../internal/validate.ts";
import {
  defineStore,
  type KeyRange,
  type OperationCheck,
  readLimits,
  type Store,
  type StoreBackend,
  type StoreChange,
  type StoredValue,
  type StoreLimits,
  type StoreRecord,
  SUM_RANGE,
} from "../store/mod.ts";

/** Options of `memoryStore`. */
export type MemoryStoreOptions = {
  /** Returns the time in milliseconds; decides when an entry has expired. @default `Date.now` */
  readonly now?: () => number;
  /** Limits of a value and a commit, to test with other ones. @default what every Deno KV accepts */
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
 * Values are kept as JSON, and each read returns a fresh copy. A value that JSON can't represent throws a
 * `TypeError`: undefined, a bigint, a function, a cycle, NaN, a Map, bytes. An invalid key or value throws in
 * the call that receives it, and an invalid commit in `commit`.
 *
 * `list` reads batches of 100 entries, or of `limit` entries, up to 500. Each batch shows the store at that
 * moment, so later writes appear from the next batch on.
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
 * @throws {TypeError | RangeError} when an option is unknown or invalid
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const subject = "Cannot create memory store";
  checkKnown(subject, options, ["now", "limits"]);
  checkFunctions(subject, options, [], ["now"]);
  const { now = Date.now, limits } = options;
  return defineStore(new MemoryBackend(now, readLimits(subject, limits)));
}

/** One entry. It is replaced, never changed, so a reader has a snapshot. */
type Entry = StoreRecord & {
  /** The encoded key. */
  readonly id: string;
  /** Time in milliseconds; `Infinity` without a lifetime. */
  readonly expiresAt: number;
};

/** The entries by encoded key, and in order. A read removes the expired entries it finds. */
class MemoryBackend implements StoreBackend {
  readonly limits: StoreLimits;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  /** The keys of `#entries`, sorted. */
  readonly #ids: string[] = [];
  #commits = 0;

  constructor(now: () => number, limits: StoreLimits) {
    this.#now = now;
    this.limits = limits;
  }

  read(ids: readonly string[]): readonly (Entry | undefined)[] {
    return ids.map((id) => this.#get(id));
  }

  range({ start, end }: KeyRange, limit: number, reverse: boolean): readonly Entry[] {
    const [from, to] = [this.#find(start), this.#find(end)];
    const found: Entry[] = [];
    const expired: string[] = [];
    for (let i = 0; i < to - from && found.length < limit; i++) {
      const entry = this.#entries.get(this.#ids[reverse ? to - 1 - i : from + i]!)!;
      if (this.#isExpired(entry)) expired.push(entry.id);
      else found.push(entry);
    }
    for (const id of expired) this.#delete(id);
    return found;
  }

  commit(checks: readonly OperationCheck[], changes: readonly StoreChange[]): string | null {
    for (const { id, versionstamp } of checks) {
      if ((this.#get(id)?.versionstamp ?? null) !== versionstamp) return null;
    }
    // Every sum before anything is written, because one can fail.
    const sums = new Map(changes.map((change) => [change.id, this.#sum(change)]));
    const versionstamp = `${(++this.#commits).toString(16).padStart(16, "0")}0000`;
    for (const change of changes) {
      const { id, kind } = change;
      if (kind === "delete") this.#delete(id);
      else if (kind !== "set") {
        this.#set({ id, content: sums.get(id)!, versionstamp, expiresAt: Infinity });
      } else {
        const { content, expireIn } = change;
        const expiresAt = expireIn === undefined ? Infinity : this.#now() + expireIn;
        this.#set({ id, content, versionstamp, expiresAt });
      }
    }
    return versionstamp;
  }

  close(): void {}

  /** Returns the number that a change writes. @throws {TypeError} for a sum over JSON */
  #sum(change: StoreChange): bigint | undefined {
    const before: StoredValue | undefined = change.kind === "add" || change.afterAdd
      ? this.#get(change.id)?.content
      : undefined;
    if (before !== undefined && typeof before !== "bigint") {
      throw new TypeError("Cannot sum: the key holds a JSON value");
    }
    if (change.kind === "reset") return change.by;
    return change.kind === "add" ? ((before ?? 0n) + change.by) % SUM_RANGE : undefined;
  }

  #get(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || !this.#isExpired(entry)) return entry;
    this.#delete(id);
    return undefined;
  }

  #set(entry: Entry): void {
    if (!this.#entries.has(entry.id)) this.#ids.splice(this.#find(entry.id), 0, entry.id);
    this.#entries.set(entry.id, entry);
  }

  #delete(id: string): void {
    if (this.#entries.delete(id)) this.#ids.splice(this.#find(id), 1);
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

  #isExpired({ expiresAt }: Entry): boolean {
    return expiresAt !== Infinity && expiresAt <= this.#now();
  }
}
