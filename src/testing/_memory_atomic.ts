import {
  type StoreAtomic,
  type StoreCheck,
  type StoreCommit,
  type StoreKey,
  StoreLimitError,
  type StoreLimits,
  type StoreSetOptions,
} from "../core/mod.ts";
import type { Check, Mutation } from "./_records.ts";
import { encodeWritableKey } from "./_store_key.ts";
import { checkAddend, checkLifetime, type Content, encodeValue, sizeOf } from "./_store_value.ts";

/** Bytes of the keys that one commit writes, in Deno KV. */
const KEYS_LIMIT = 81_920;

const VERSIONSTAMP = /^[0-9a-f]{20}$/;

/** Gathers a commit. What is wrong with one argument throws at the call, what is with the whole at the end. */
export class MemoryAtomic implements StoreAtomic {
  readonly #limits: StoreLimits;
  readonly #apply: (checks: readonly Check[], mutations: readonly Mutation[]) => StoreCommit;
  readonly #checks: Check[] = [];
  readonly #mutations: Mutation[] = [];
  #bytes = 0;
  #keyBytes = 0;

  /** A commit that `apply` applies. */
  constructor(
    limits: StoreLimits,
    apply: (checks: readonly Check[], mutations: readonly Mutation[]) => StoreCommit,
  ) {
    this.#limits = limits;
    this.#apply = apply;
  }

  check(...checks: readonly StoreCheck[]): this {
    for (const { key, versionstamp } of checks) {
      if (versionstamp !== null && !VERSIONSTAMP.test(versionstamp)) {
        throw new TypeError(
          `Cannot check as 'versionstamp' must be null or what was read: ` +
            `current value is ${versionstamp}`,
        );
      }
      const { id } = encodeWritableKey(key);
      this.#checks.push({ id, versionstamp });
      this.#bytes += id.length;
    }
    return this;
  }

  set(key: StoreKey, value: unknown, options?: StoreSetOptions): this {
    return this.#write(key, encodeValue(value), options);
  }

  sum(key: StoreKey, value: bigint, options?: StoreSetOptions): this {
    checkAddend(value);
    return this.#write(key, value, options);
  }

  delete(key: StoreKey): this {
    const encoded = encodeWritableKey(key);
    this.#mutations.push(encoded);
    this.#bytes += encoded.id.length;
    return this;
  }

  // deno-lint-ignore require-await -- what it throws has to reject
  async commit(): Promise<StoreCommit> {
    checkLimit("checks", this.#checks.length, this.#limits.checks);
    checkLimit("mutations", this.#mutations.length, this.#limits.mutations);
    checkLimit("bytes", this.#bytes, this.#limits.bytes);
    checkLimit("bytes of keys", this.#keyBytes, KEYS_LIMIT);
    return this.#apply(this.#checks, this.#mutations);
  }

  #write(key: StoreKey, content: Content, { expireIn }: StoreSetOptions = {}): this {
    checkLifetime(expireIn);
    const { id, key: copy } = encodeWritableKey(key);
    const size = sizeOf(content);
    checkLimit("bytes of a value", size, this.#limits.value);
    this.#mutations.push({ id, key: copy, content, expireIn });
    this.#keyBytes += id.length;
    this.#bytes += 2 * id.length + size; // Deno KV counts a key twice when a value goes with it
    return this;
  }
}

function checkLimit(what: string, found: number, limit: number): void {
  if (found <= limit) return;
  throw new StoreLimitError(
    `Cannot commit as '${what}' is limited to ${limit}: current value is ${found}`,
  );
}
