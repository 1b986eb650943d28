/** A key as Deno KV takes it. */
export type KvLikeKey = readonly (string | number)[];

/** What a KV gives for a key; both `value` and `versionstamp` are null when there is nothing. */
export type KvLikeEntry = {
  /** The key. */
  readonly key: readonly unknown[];
  /** Bytes, or an object whose `value` is a bigint (`KvU64`), when a store wrote it. */
  readonly value: unknown;
  /** Twenty hexadecimal digits. */
  readonly versionstamp: string | null;
};

/** How a commit ended. */
export type KvLikeCommit =
  | { readonly ok: true; readonly versionstamp: string }
  | { readonly ok: false };

/** The part of Deno KV's atomic operation that a store needs. Methods return the operation itself. */
export type KvLikeAtomic = {
  /** Applies the commit only while these hold. */
  check(...checks: { key: KvLikeKey; versionstamp: string | null }[]): KvLikeAtomic;
  /** Writes bytes; `expireIn` is in milliseconds. */
  set(key: KvLikeKey, value: Uint8Array, options?: { expireIn?: number }): KvLikeAtomic;
  /** Adds to a `KvU64`. */
  sum(key: KvLikeKey, value: bigint): KvLikeAtomic;
  /** Removes a key. */
  delete(key: KvLikeKey): KvLikeAtomic;
  /** Applies all of it. */
  commit(): Promise<KvLikeCommit>;
};

/** The part of Deno KV that a store needs: `Deno.Kv` is one, and so is the KV of the npm package `@deno/kv`. */
export type KvLike = {
  /** Reads one key. */
  get(key: KvLikeKey): Promise<KvLikeEntry>;
  /** Reads up to ten keys at one moment. */
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
  /** Begins a commit. */
  atomic(): KvLikeAtomic;
  /** Closes the KV. */
  close(): void;
};
