import { checkKnown, OR_INFINITE, readCount } from "../internal/options.ts";
import { StoreLimitError } from "./errors.ts";
import type { StoreKey, StoreLimits } from "./store.ts";

/** The maximum size of a key in Deno KV, in bytes. */
export const KEY_LIMIT = 2048;

/**
 * The limits of Deno KV. Every backend accepts 10 checks: `@deno/kv`, the denokv server and Deno Deploy. A
 * local file of Deno accepts 100.
 */
export const KV_LIMITS: StoreLimits = Object.freeze({
  checks: 10,
  mutations: 1000,
  bytes: 819_200,
  value: 65_536,
});

/** Completes limits with those of every Deno KV. @throws {TypeError | RangeError} */
export function readLimits(subject: string, limits: Partial<StoreLimits> = {}): StoreLimits {
  checkKnown(`${subject} with these limits`, limits, Object.keys(KV_LIMITS));
  const read = { ...KV_LIMITS };
  for (const name of Object.keys(limits) as (keyof StoreLimits)[]) {
    read[name] = readCount(subject, `limits.${name}`, limits[name], OR_INFINITE) ?? KV_LIMITS[name];
  }
  return Object.freeze(read);
}

/** The maximum size of the keys of one commit in Deno KV, in bytes. */
export const KEYS_LIMIT = 81_920;

/** The maximum number of keys of one `getMany` in Deno KV. */
const READS_LIMIT = 10;

/** Asserts that `getMany` can read keys at once. @throws {StoreLimitError} */
export function checkReads(keys: readonly StoreKey[]): void {
  if (keys.length <= READS_LIMIT) return;
  throw new StoreLimitError(
    `Cannot read ${keys.length} keys: getMany takes at most ${READS_LIMIT}. Read them in parts`,
  );
}

/** Asserts that a commit stays within a limit. @throws {StoreLimitError} */
export function checkLimit(what: string, found: number, limit: number): void {
  if (found <= limit) return;
  throw new StoreLimitError(
    `Cannot commit: '${what}' must be at most ${limit}, got ${found}. ${advice(what)}`,
  );
}

/** Returns what to do about a limit. */
function advice(what: string): string {
  return what === "bytes of a value" ? "Store less under one key" : "Split the commit";
}
