import { encodeFullKey } from "./key.ts";
import { checkLimit, KEYS_LIMIT } from "./commit_limits.ts";
import { checkAddend, encodeValue, readLifetime, sizeOf, type StoredValue } from "./value.ts";
import type {
  StoreAtomic,
  StoreCheck,
  StoreCommit,
  StoreKey,
  StoreLimits,
  StoreSetOptions,
} from "./store.ts";

const VERSIONSTAMP = /^[0-9a-f]{20}$/;

/** A check, its key as it is and encoded. */
export type OperationCheck = StoreCheck & { readonly id: string };

/** A change: bytes are written, a bigint is added, and undefined deletes the key. */
export type OperationMutation = {
  /** The encoded key. */
  readonly id: string;
  /** The key. */
  readonly key: StoreKey;
  /** Its new value. */
  readonly content?: StoredValue;
  /** Lifetime in milliseconds; undefined: none. */
  readonly expireIn?: number | undefined;
};

/**
 * Gathers a commit and checks it against Deno KV's limits before anything is sent. An invalid argument throws
 * at the call, and an invalid commit in `commit`.
 */
export class AtomicOperation implements StoreAtomic {
  readonly #limits: StoreLimits;
  readonly #apply: Apply;
  readonly #checks: OperationCheck[] = [];
  readonly #mutations: OperationMutation[] = [];
  #bytes = 0;
  #keyBytes = 0;

  /** A commit that `apply` applies. */
  constructor(limits: StoreLimits, apply: Apply) {
    this.#limits = limits;
    this.#apply = apply;
  }

  /** Applies the commit only while these hold. */
  check(...checks: readonly StoreCheck[]): this {
    for (const { key, versionstamp } of checks) {
      if (versionstamp !== null && !VERSIONSTAMP.test(versionstamp)) {
        throw new TypeError(
          `Cannot check a key: 'versionstamp' must be null or what was read, got ${versionstamp}`,
        );
      }
      const encoded = encodeFullKey(key);
      this.#checks.push({ ...encoded, versionstamp });
      this.#bytes += encoded.id.length;
    }
    return this;
  }

  /** Writes a JSON value. */
  set(key: StoreKey, value: unknown, options: StoreSetOptions = {}): this {
    const expireIn = readLifetime(options);
    return this.#write(key, encodeValue(value), expireIn);
  }

  /** Adds to an unsigned 64-bit number. */
  sum(key: StoreKey, value: bigint): this {
    checkAddend(value);
    return this.#write(key, value, undefined);
  }

  /** Removes a key. */
  delete(key: StoreKey): this {
    const encoded = encodeFullKey(key);
    this.#mutations.push(encoded);
    this.#bytes += encoded.id.length;
    return this;
  }

  /** Applies all of it. */
  async commit(): Promise<StoreCommit> {
    checkLimit("checks", this.#checks.length, this.#limits.checks);
    checkLimit("mutations", this.#mutations.length, this.#limits.mutations);
    checkLimit("bytes", this.#bytes, this.#limits.bytes);
    checkLimit("bytes of keys", this.#keyBytes, KEYS_LIMIT);
    return await this.#apply(this.#checks, this.#mutations);
  }

  #write(key: StoreKey, content: StoredValue, expireIn: number | undefined): this {
    const encoded = encodeFullKey(key);
    const size = sizeOf(content);
    checkLimit("bytes of a value", size, this.#limits.value);
    this.#mutations.push({ ...encoded, content, expireIn });
    this.#keyBytes += encoded.id.length;
    this.#bytes += 2 * encoded.id.length + size; // Deno KV counts a key twice when a value goes with it
    return this;
  }
}

type Apply = (
  checks: readonly OperationCheck[],
  mutations: readonly OperationMutation[],
) => StoreCommit | Promise<StoreCommit>;
