import { checkFunctions } from "../internal/validate.ts";
import {
  AtomicOperation,
  type OperationCheck,
  type OperationMutation,
} from "./atomic_operation.ts";
import { closedError } from "./errors.ts";
import { decodeKey, encodeFullKey, type KeyRange, limitOf, rangeOf } from "./key.ts";
import { checkReads, readLimits } from "./commit_limits.ts";
import type {
  Store,
  StoreAtomic,
  StoreCommit,
  StoreEntry,
  StoreKey,
  StoreLimits,
  StoreListOptions,
  StoreSelector,
  StoreSetOptions,
  StoreWake,
} from "./store.ts";
import { decodeValue, type StoredValue, SUM_RANGE } from "./value.ts";

/** What a backend stores under a key. */
export type StoreRecord = {
  /** The UTF-8 bytes of JSON, or the number that `sum` made. */
  readonly content: StoredValue;
  /** 20 hexadecimal digits, of the commit that wrote it. */
  readonly versionstamp: string;
};

/**
 * The one change that a commit makes to a key, after all its changes of that key are folded.
 *
 * - `set`: store these bytes, for `expireIn` milliseconds if given
 * - `delete`: remove the key
 * - `add`: add to the number under the key, which starts at 0 and wraps at 2^64. If it holds JSON
 *   that hasn't expired, throw a `TypeError` and apply nothing of the commit
 * - `reset`: store this number, whatever is under the key
 *
 * `afterAdd`: the commit added to the key first, so the rule of `add` holds too.
 */
export type StoreChange =
  | {
    readonly kind: "set";
    readonly id: string;
    readonly content: Uint8Array;
    readonly expireIn?: number | undefined;
    readonly afterAdd?: boolean;
  }
  | { readonly kind: "delete"; readonly id: string; readonly afterAdd?: boolean }
  | { readonly kind: "add"; readonly id: string; readonly by: bigint }
  | {
    readonly kind: "reset";
    readonly id: string;
    readonly by: bigint;
    readonly afterAdd?: boolean;
  };

/**
 * What `defineStore` builds a store on. An `id` is an encoded key, one character per byte (0 to 255);
 * compared as bytes, ids sort as their keys do.
 */
export type StoreBackend = {
  /** Limits of a commit and a value. @default what every Deno KV takes */
  readonly limits?: Partial<StoreLimits>;
  /** Reads up to ten keys at one moment; undefined where nothing is stored. */
  read(
    ids: readonly string[],
  ): MaybePromise<readonly (StoreRecord | undefined)[]>;
  /** Reads up to `limit` records from `start` (inclusive) to `end` (exclusive), backwards if `reverse`. */
  range(
    range: KeyRange,
    limit: number,
    reverse: boolean,
  ): MaybePromise<readonly (StoreRecord & { readonly id: string })[]>;
  /**
   * Applies all changes if all checks hold, and resolves to the versionstamp, or to null if one doesn't.
   * No two changes have the same `id`.
   */
  commit(
    checks: readonly OperationCheck[],
    changes: readonly StoreChange[],
  ): MaybePromise<string | null>;
  /** Releases what the backend opened, and ends what `wake` listens to. Called once. */
  close(): void;
  /** Wakes other processes on the same data. @default none: they poll */
  readonly wake?: StoreWake;
};

type MaybePromise<T> = T | Promise<T>;

/** Entries of one batch of a list: without a limit, and at most. */
const BATCH = { usual: 100, most: 500 };

/**
 * Builds a `Store` on a database that can read keys, read a range, and commit changes under checks.
 * `defineStore` checks arguments, encodes keys and values, enforces limits and folds several changes of
 * one key into one. Verify the result with `testStore` of `./testing`.
 *
 * @throws {TypeError | RangeError} when a member is missing or a limit is wrong
 */
export function defineStore(backend: StoreBackend): Store {
  checkFunctions("Cannot define store", backend, ["read", "range", "commit", "close"]);
  if (backend.wake !== undefined) {
    checkFunctions("Cannot define store: 'wake'", backend.wake, ["signal", "listen"]);
  }
  return new BackedStore(backend);
}

class BackedStore implements Store {
  readonly limits: StoreLimits;
  declare readonly wake?: StoreWake;
  readonly #backend: StoreBackend;
  #closed = false;

  constructor(backend: StoreBackend) {
    this.limits = readLimits("Cannot define store", backend.limits);
    this.#backend = backend;
    if (backend.wake !== undefined) this.wake = backend.wake;
  }

  async get<Value>(key: StoreKey): Promise<StoreEntry<Value>> {
    return (await this.getMany([key]))[0] as StoreEntry<Value>;
  }

  async getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]> {
    checkReads(keys);
    const encoded = keys.map(encodeFullKey);
    this.#checkOpen();
    const records = await this.#backend.read(encoded.map(({ id }) => id));
    return encoded.map(({ key }, i) => entryOf(key, records[i]));
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
    return new AtomicOperation(this.limits, (checks, mutations) => this.#commit(checks, mutations));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#backend.close();
  }

  async #commit(
    checks: readonly OperationCheck[],
    mutations: readonly OperationMutation[],
  ): Promise<StoreCommit> {
    this.#checkOpen();
    const versionstamp = await this.#backend.commit(checks, foldChanges(mutations));
    return versionstamp === null ? { ok: false } : { ok: true, versionstamp };
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
      const batch = await this.#backend.range({ start, end }, wanted, reverse);
      for (const record of batch) {
        const key = decodeKey(record.id);
        if (key === undefined) continue; // of no store: nothing could read or delete it
        yield entryOf(key, record) as StoreEntry<Value>;
        left--;
      }
      if (batch.length < wanted) return;
      const { id } = batch.at(-1)!;
      if (reverse) end = id;
      else start = `${id}\0`; // no key sorts between these two
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError();
  }
}

function entryOf(key: StoreKey, record: StoreRecord | undefined): StoreEntry {
  if (record === undefined) return { key, value: null, versionstamp: null };
  return { key, value: decodeValue(record.content), versionstamp: record.versionstamp };
}

/** Folds the changes of each key into one, in the order of their first appearance. */
function foldChanges(mutations: readonly OperationMutation[]): readonly StoreChange[] {
  const changes = new Map<string, StoreChange>();
  for (const mutation of mutations) {
    changes.set(mutation.id, fold(changes.get(mutation.id), mutation));
  }
  return [...changes.values()];
}

function fold(
  before: StoreChange | undefined,
  { id, content, expireIn }: OperationMutation,
): StoreChange {
  const added = before?.kind === "add" || (before !== undefined && "afterAdd" in before);
  const afterAdd = added && { afterAdd: true };
  if (content === undefined) return { kind: "delete", id, ...afterAdd };
  if (typeof content !== "bigint") return { kind: "set", id, content, expireIn, ...afterAdd };
  if (before === undefined) return { kind: "add", id, by: content };
  if (before.kind === "set") throw new TypeError("Cannot sum: the key holds a JSON value");
  if (before.kind === "delete") return { kind: "reset", id, by: content, ...afterAdd };
  return { ...before, by: (before.by + content) % SUM_RANGE };
}
