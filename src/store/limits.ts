import { checkKnown, OR_INFINITE, readCount } from "../internal/options.ts";
import { StoreLimitError } from "./errors.ts";
import type { StoreKey, StoreLimits } from "./store.ts";

/**
 * What Deno KV takes, with the 10 checks that every backend of it takes: `@deno/kv`, the denokv server
 * and Deno Deploy. A local file of Deno takes 100.
 */
export const KV_LIMITS: StoreLimits = Object.freeze({
  checks: 10,
  mutations: 1000,
  bytes: 819_200,
  value: 65_536,
});

/** Limits, with those of every Deno KV for what was left out. @throws {TypeError | RangeError} */
export function readLimits(subject: string, limits: Partial<StoreLimits> = {}): StoreLimits {
  checkKnown(`${subject} with these limits`, limits, Object.keys(KV_LIMITS));
  const read = { ...KV_LIMITS };
  for (const name of Object.keys(limits) as (keyof StoreLimits)[]) {
    read[name] = readCount(subject, `limits.${name}`, limits[name], OR_INFINITE) ?? KV_LIMITS[name];
  }
  return Object.freeze(read);
}

/** Bytes of the keys that one commit writes, in Deno KV. */
export const KEYS_LIMIT = 81_920;

/** Keys of one `getMany` in Deno KV. */
const READS_LIMIT = 10;

/** Refuses a `getMany` of too many keys. */
export function checkReads(keys: readonly StoreKey[]): void {
  if (keys.length <= READS_LIMIT) return;
  throw new StoreLimitError(
    `Cannot read ${keys.length} keys: getMany takes at most ${READS_LIMIT}. Read them in parts`,
  );
}

/** Refuses a commit of which something is too large. */
export function checkLimit(what: string, found: number, limit: number): void {
  if (found <= limit) return;
  throw new StoreLimitError(
    `Cannot commit: '${what}' must be at most ${limit}, got ${found}. ${advice(what)}`,
  );
}

/** What to do about a limit. */
function advice(what: string): string {
  return what === "bytes of a value" ? "Store less under one key" : "Split the commit";
}
