import type { Store, StoreKey } from "../core/mod.ts";
import { commitChange } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** Keys that are listed, and deleted, at once, and the bytes that they may take: Deno KV takes 80 KiB. */
const BATCH = { keys: 500, bytes: 60_000 };
/** How long a batch waits for the store, in milliseconds. */
const PATIENCE = 10_000;
/** What is stored for a target; the mark that it was removed stays. */
const RANGES = ["lane", "dead", "delivery", "count"];

/**
 * Deletes what is stored for a target, batch after batch. Deletes need no check: the target was
 * removed for good, so nothing under these keys is wanted again. Due keys go last, as they are what
 * has a worker purge again when this is cut short; and all of it twice, as attempts that are
 * under way may settle until then.
 *
 * @throws {OutboxUnavailableError} when the store gives no answer in time; it can be called again
 */
export async function purge(store: Store, keys: Keys, env: Env, target: string): Promise<void> {
  for (const range of [...RANGES, "due", ...RANGES]) {
    for (;;) {
      const batch = await nextBatch(store, keys.below(range, target));
      if (batch.length === 0) break;
      const change = { checks: [], sums: [], deletes: batch, sets: [] };
      const outcome = await commitChange(store, change, env, PATIENCE);
      if (outcome.ok === "unknown") throw new OutboxUnavailableError("unknown", outcome.cause);
    }
  }
}

async function nextBatch(store: Store, prefix: StoreKey): Promise<readonly StoreKey[]> {
  const batch: StoreKey[] = [];
  let bytes = 0;
  const limit = Math.min(BATCH.keys, store.limits.mutations);
  for await (const { key } of store.list({ prefix }, { limit })) {
    bytes += 3 * JSON.stringify(key).length; // UTF-8 takes three bytes a character at most
    if (batch.length > 0 && bytes > BATCH.bytes) break;
    batch.push(key);
  }
  return batch;
}
