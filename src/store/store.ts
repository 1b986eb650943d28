/**
 * A key: its parts, outermost first. Strings sort by their UTF-8 bytes, and numbers after strings. -0 is 0,
 * and NaN is an error. At most 2,048 bytes: a string takes its bytes and two more, a number takes nine.
 */
export type StoreKey = readonly (string | number)[];

/** The entry of a key. `value` and `versionstamp` are null if the key has no value. */
export type StoreEntry<Value = unknown> =
  & {
    /** The key. */
    readonly key: StoreKey;
  }
  & (
    | {
      /**
       * The value. A number that `sum` wrote is a bigint. A value that another program wrote in a format of
       * its own is undefined.
       */
      readonly value: Value;
      /** Changes with every write of the key. */
      readonly versionstamp: string;
    }
    | {
      /** Null, because the key has no value. */
      readonly value: null;
      /** Null, because the key has no value. */
      readonly versionstamp: null;
    }
  );

/** A range of keys, as in Deno KV: it includes `start`, and excludes `end` and the prefix itself. */
export type StoreSelector =
  | { readonly prefix: StoreKey; readonly start?: StoreKey }
  | { readonly prefix: StoreKey; readonly end: StoreKey }
  | { readonly start: StoreKey; readonly end: StoreKey };

/** Options of `list`. */
export type StoreListOptions = {
  /** The maximum number of entries. @default no limit */
  readonly limit?: number;
  /** Whether to list from the last key to the first. @default {false} */
  readonly reverse?: boolean;
};

/** Options of a write. */
export type StoreSetOptions = {
  /**
   * The lifetime in milliseconds. A write without it clears the lifetime of an earlier one. The entry is
   * deleted some time after that, not immediately.
   */
  readonly expireIn?: number;
};

/** Requires that a key still has a versionstamp; null requires that it has no value. */
export type StoreCheck = {
  /** The key. */
  readonly key: StoreKey;
  /** The versionstamp that was read. */
  readonly versionstamp: string | null;
};

/** The result of a commit. `ok: false`: a check failed, perhaps because this commit was already applied. */
export type StoreCommit =
  | { readonly ok: true; readonly versionstamp: string }
  | { readonly ok: false };

/** Changes that are applied as a whole, or not at all. */
export type StoreAtomic = {
  /** Applies the commit only if these checks succeed. */
  check(...checks: readonly StoreCheck[]): StoreAtomic;
  /** Writes a JSON value. */
  set(key: StoreKey, value: unknown, options?: StoreSetOptions): StoreAtomic;
  /** Deletes a key. */
  delete(key: StoreKey): StoreAtomic;
  /**
   * Adds to an unsigned 64-bit number, which starts at 0, wraps around, and has no lifetime. If the key has a
   * JSON value, the commit rejects with a `TypeError`, and changes before this one may have been applied:
   * call it first.
   */
  sum(key: StoreKey, value: bigint): StoreAtomic;
  /**
   * Applies the changes. After a `TypeError` or a `StoreLimitError` nothing was applied, as after `close`;
   * after any other error the outcome is unknown.
   */
  commit(): Promise<StoreCommit>;
};

/** The limits of a commit and of a value, which depend on the backend. */
export type StoreLimits = {
  /** Checks per commit: 10 on every backend, 100 on a local file of Deno. */
  readonly checks: number;
  /** Changes per commit. */
  readonly mutations: number;
  /** Bytes per commit, of keys and values. */
  readonly bytes: number;
  /** Bytes per value. */
  readonly value: number;
};

/**
 * Tells processes that share a store that something is due, so that they needn't wait for their next poll.
 * A hint only: a signal may be late, merged with others, or lost.
 */
export type StoreWake = {
  /** Wakes the others. Doesn't wait, and never throws. */
  signal(): void;
  /**
   * Calls back when another handle, such as one in another process, may have signaled. Returns a function
   * that ends this.
   */
  listen(onWake: () => void): () => void;
};

/**
 * Where hooks and the outbox store data: the part of the Deno KV API that they need, with the same names,
 * for JSON values.
 *
 * `openStore` of `./kv` (Deno) and of `./node` (Node, Bun) opens one, and `memoryStore` of `./testing`
 * creates one for tests. `testStore` of `./testing` tests your own.
 */
export type Store = {
  /** Reads one key. */
  get<Value = unknown>(key: StoreKey): Promise<StoreEntry<Value>>;
  /** Reads up to ten keys, as of one moment. */
  getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]>;
  /** Writes a JSON value. */
  set(key: StoreKey, value: unknown, options?: StoreSetOptions): Promise<void>;
  /** Deletes a key. */
  delete(key: StoreKey): Promise<void>;
  /** Reads a range of keys, in order. */
  list<Value = unknown>(
    selector: StoreSelector,
    options?: StoreListOptions,
  ): AsyncIterable<StoreEntry<Value>>;
  /** Starts a commit. */
  atomic(): StoreAtomic;
  /**
   * Returns this store inside a transaction that the caller has open in the same database: its reads and
   * commits are part of that transaction, and `wake.signal()` is sent with the next commit. After an error,
   * the transaction can only be rolled back. Absent from stores whose database has no such transactions.
   *
   * @throws {TypeError} when it is not a transaction
   */
  within?(tx: object): Store;
  /** Closes the store, and what it opened itself. Every later call throws a `TypeError`. */
  close(): void;
  /** The limits of the backend. */
  readonly limits: StoreLimits;
  /** Wakes other processes on the same data. @default none: they poll */
  readonly wake?: StoreWake;
};
