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

/** The part of Deno KV that a store uses: `Deno.Kv` fits, and so does the KV of the npm package `@deno/kv`. */
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
