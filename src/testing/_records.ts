import {
  type KeyRange,
  type OperationCheck,
  type OperationMutation,
  type StoreCommit,
  type StoredValue,
  type StoreKey,
  SUM_RANGE,
} from "../store/mod.ts";
import { SortedKeys } from "./_sorted_keys.ts";

/** What stands under one key. It is replaced, never changed: whoever has it has a snapshot. */
export type StoredRecord = {
  /** The encoded key. */
  readonly id: string;
  /** The key as it is read back. */
  readonly key: StoreKey;
  /** The value. */
  readonly content: StoredValue;
  /** Of the commit that wrote it. */
  readonly versionstamp: string;
  /** When it is gone, on the store's clock; `Infinity` without a lifetime. */
  readonly expiresAt: number;
};

/** The content of a store. What has expired is forgotten when it is met. */
export class Records {
  readonly #records = new Map<string, StoredRecord>();
  readonly #keys = new SortedKeys();
  readonly #now: () => number;
  #commits = 0;

  /** No records yet; `now` is the clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** What stands under a key. */
  get(id: string): StoredRecord | undefined {
    const record = this.#records.get(id);
    if (record === undefined || !this.#isExpired(record)) return record;
    this.#delete(id);
    return undefined;
  }

  /** Up to `limit` records of a range, as they are at this moment. */
  read({ start, end }: KeyRange, limit: number, reverse: boolean): readonly StoredRecord[] {
    const ids = reverse ? this.#keys.descending(start, end) : this.#keys.ascending(start, end);
    const found: StoredRecord[] = [];
    const expired: string[] = [];
    for (const id of ids) {
      const record = this.#records.get(id)!;
      if (this.#isExpired(record)) expired.push(id);
      else found.push(record);
      if (found.length === limit) break;
    }
    for (const id of expired) this.#delete(id);
    return found;
  }

  /** Applies changes in their order if all checks hold. */
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

  /** All is worked out before anything is written, because a sum can fail. */
  #stage(
    mutations: readonly OperationMutation[],
    versionstamp: string,
  ): Map<string, StoredRecord | undefined> {
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
        content: typeof content === "bigint" ? add(before?.content, content) : content,
        versionstamp,
        expiresAt: expireIn === undefined ? Infinity : this.#now() + expireIn,
      });
    }
    return staged;
  }

  #set(record: StoredRecord): void {
    if (!this.#records.has(record.id)) this.#keys.add(record.id);
    this.#records.set(record.id, record);
  }

  #delete(id: string): void {
    if (this.#records.delete(id)) this.#keys.delete(id);
  }

  #isExpired({ expiresAt }: StoredRecord): boolean {
    return expiresAt !== Infinity && expiresAt <= this.#now();
  }
}

/** The sum of what stands under a key and a number. */
function add(content: StoredValue | undefined, value: bigint): bigint {
  if (content === undefined || typeof content === "bigint") {
    return ((content ?? 0n) + value) % SUM_RANGE;
  }
  throw new TypeError("Cannot sum as the key holds a JSON value");
}
