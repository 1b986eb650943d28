/**
 * A key: its parts, outermost first. Strings sort by their UTF-8 bytes, numbers after strings; -0 is 0,
 * and NaN is refused. 2048 bytes at most, each string's and two more, nine for a number.
 */
export type StoreKey = readonly (string | number)[];

/** What stands under a key; both `value` and `versionstamp` are null when nothing does. */
export type StoreEntry<Value = unknown> =
  & {
    /** The key. */
    readonly key: StoreKey;
  }
  & (
    | {
      /**
       * The value; what `sum` made reads as a bigint, and undefined stands for what another program wrote
       * there in a form that is not a store's.
       */
      readonly value: Value;
      /** Changes with every write of the key. */
      readonly versionstamp: string;
    }
    | {
      /** Nothing there. */
      readonly value: null;
      /** Nothing there. */
      readonly versionstamp: null;
    }
  );

/** A range of keys, as Deno KV selects it: `start` is in the range, `end` and a prefix itself are not. */
export type StoreSelector =
  | { readonly prefix: StoreKey; readonly start?: StoreKey }
  | { readonly prefix: StoreKey; readonly end: StoreKey }
  | { readonly start: StoreKey; readonly end: StoreKey };

/** Options of `list`. */
export type StoreListOptions = {
  /** How many entries at most. @default all */
  readonly limit?: number;
  /** From the last key to the first. @default {false} */
  readonly reverse?: boolean;
};

/** Options of a write. */
export type StoreSetOptions = {
  /**
   * Lifetime in milliseconds. A write without it clears the lifetime of an earlier one. The entry is
   * gone some time after that, not at once.
   */
  readonly expireIn?: number;
};

/** Asks that a key still has a versionstamp; null: that nothing stands under it. */
export type StoreCheck = {
  /** The key. */
  readonly key: StoreKey;
  /** The versionstamp that was read. */
  readonly versionstamp: string | null;
};

/** How a commit ended. `ok: false`: a check failed, perhaps because this commit was already applied. */
export type StoreCommit =
  | { readonly ok: true; readonly versionstamp: string }
  | { readonly ok: false };

/** Changes that are applied together, or not at all. */
export type StoreAtomic = {
  /** Applies the commit only while these hold. */
  check(...checks: readonly StoreCheck[]): StoreAtomic;
  /** Writes a JSON value. */
  set(key: StoreKey, value: unknown, options?: StoreSetOptions): StoreAtomic;
  /** Removes a key. */
  delete(key: StoreKey): StoreAtomic;
  /**
   * Adds to an unsigned 64-bit number, which begins at 0, wraps around and has no lifetime. Over JSON it
   * is a `TypeError`; what stands before it in the commit may then be applied, so sums go first.
   */
  sum(key: StoreKey, value: bigint): StoreAtomic;
  /**
   * Applies all of it. A `TypeError` or a `StoreLimitError` means that it was refused, as all is once the
   * store is closed; after any other error the outcome is unknown.
   */
  commit(): Promise<StoreCommit>;
};

/** What one commit or value may hold at most; the numbers are the backend's. */
export type StoreLimits = {
  /** Checks in a commit: 10 on every backend, 100 on a local file of Deno. */
  readonly checks: number;
  /** Changes in a commit. */
  readonly mutations: number;
  /** Bytes in a commit, keys and values together. */
  readonly bytes: number;
  /** Bytes of one value. */
  readonly value: number;
};

/**
 * Where hooks and the outbox keep things: the part of Deno KV's API that they need, under the same
 * names, for JSON values.
 *
 * `openStore` of `./kv` (Deno) and of `./node` (Node, Bun) opens one; `memoryStore` of `./testing` is one
 * for tests. `testStore` of `./testing` tells whether another one keeps to all of this.
 */
export type Store = {
  /** Reads one key. */
  get<Value = unknown>(key: StoreKey): Promise<StoreEntry<Value>>;
  /** Reads up to ten keys at one moment. */
  getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]>;
  /** Writes a JSON value. */
  set(key: StoreKey, value: unknown, options?: StoreSetOptions): Promise<void>;
  /** Removes a key. */
  delete(key: StoreKey): Promise<void>;
  /** Reads a range in the order of its keys. */
  list<Value = unknown>(
    selector: StoreSelector,
    options?: StoreListOptions,
  ): AsyncIterable<StoreEntry<Value>>;
  /** Begins a commit. */
  atomic(): StoreAtomic;
  /** Ends the use of the store, and closes what it opened itself: every later call is a `TypeError`. */
  close(): void;
  /** What the backend takes. */
  readonly limits: StoreLimits;
};
