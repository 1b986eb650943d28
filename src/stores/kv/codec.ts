import {
  decodeValue,
  type OperationCheck,
  type OperationMutation,
  type StoreCommit,
  type StoreEntry,
  type StoreKey,
} from "../../store/mod.ts";
import type { KvLike, KvLikeAtomic, KvLikeEntry } from "./kv_like.ts";

/** Commits on a KV, with a new operation each time: Deno's can be committed once. */
export async function commitOn(
  kv: KvLike,
  checks: readonly OperationCheck[],
  mutations: readonly OperationMutation[],
): Promise<StoreCommit> {
  const atomic = kv.atomic();
  for (const { key, versionstamp } of checks) {
    atomic.check({ key, versionstamp });
  }
  for (const mutation of mutations) apply(atomic, mutation);
  const result = await atomic.commit();
  return result.ok ? { ok: true, versionstamp: result.versionstamp } : { ok: false };
}

function apply(atomic: KvLikeAtomic, { key, content, expireIn }: OperationMutation): void {
  if (content === undefined) atomic.delete(key);
  else if (typeof content === "bigint") atomic.sum(key, content);
  else if (expireIn === undefined) atomic.set(key, content);
  else atomic.set(key, content, { expireIn: Math.max(1, expireIn) }); // `@deno/kv` refuses 0
}

/** What a KV gave for a key, as a store gives it. */
export function entryOf<Value>(
  key: StoreKey,
  { value, versionstamp }: KvLikeEntry,
): StoreEntry<Value> {
  if (versionstamp === null) return { key, value: null, versionstamp };
  return { key, value: read(value) as Value, versionstamp };
}

/** `KvU64` is another class at each backend. */
function read(value: unknown): unknown {
  if (value instanceof Uint8Array) return decodeValue(value);
  const sum = (value as { readonly value?: unknown } | null | undefined)?.value;
  return typeof sum === "bigint" ? sum : undefined;
}
