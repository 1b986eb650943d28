import type { Store, StoreKey } from "../store/mod.ts";
import { commitChange } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { readList, type Source } from "./_scan.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** Keys that are listed, and deleted, at once, and the bytes that they may take: Deno KV takes 80 KiB. */
const BATCH = { keys: 500, bytes: 60_000 };
/** How long a batch waits for the store, in milliseconds. */
const PATIENCE = 10_000;
/** How often all is looked at, while more comes: what is left then has due keys, which call for a purge. */
const ROUNDS = 10;
/** What is stored for a target; the mark that it was removed stays. */
const RANGES = ["lane", "dead", "delivery", "count"];

/**
 * Deletes what is stored for a target, batch after batch. Deletes need no check: the target was
 * removed for good, so nothing under these keys is wanted again. Due keys go last, as they are what
 * has a worker purge again when this is cut short; and all of it twice at least, as attempts that are
 * under way may settle, and events be accepted, until then. A crash may leave a count behind, which
 * goes with its day.
 *
 * @throws {OutboxUnavailableError} when the store gives no answer in time; it can be called again
 */
export async function purge(store: Store, keys: Keys, env: Env, target: string): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    for (const range of RANGES) await purgeRange(store, keys.below(range, target), env);
    const deleted = await purgeDue(store, keys, env, target);
    if (round > 1 && deleted === 0) return; // of the last range: nothing came since the others
  }
}

/** Deletes due keys, each after the lane that it stands for: a lane that comes later has another. */
async function purgeDue(store: Store, keys: Keys, env: Env, target: string): Promise<number> {
  for (let deleted = 0;;) {
    const batch = await nextBatch({ store, env }, keys.below("due", target));
    if (batch.length === 0) return deleted;
    const lanes = batch.flatMap(([, , , , , session]) => session === undefined ? [] : [session]);
    for (const session of lanes) {
      await purgeRange(store, keys.below("lane", target, session), env);
      await deleteAll(store, [keys.below("lane", target, session)], env);
    }
    await deleteAll(store, batch, env);
    deleted += batch.length;
  }
}

/** Deletes a range; how many keys. */
async function purgeRange(store: Store, prefix: StoreKey, env: Env): Promise<number> {
  for (let deleted = 0;;) {
    const batch = await nextBatch({ store, env }, prefix);
    if (batch.length === 0) return deleted;
    await deleteAll(store, batch, env);
    deleted += batch.length;
  }
}

async function deleteAll(store: Store, deletes: readonly StoreKey[], env: Env): Promise<void> {
  const change = { checks: [], sums: [], deletes, sets: [] };
  const outcome = await commitChange(store, change, env, PATIENCE);
  if (outcome.ok === "unknown") {
    throw new OutboxUnavailableError("unknown", outcome.cause, "remove a target");
  }
}

async function nextBatch(source: Source, prefix: StoreKey): Promise<readonly StoreKey[]> {
  const batch: StoreKey[] = [];
  let bytes = 0;
  const limit = Math.min(BATCH.keys, source.store.limits.mutations);
  for (const { key } of await readList(source, { prefix }, { limit })) {
    bytes += 3 * JSON.stringify(key).length; // UTF-8 takes three bytes a character at most
    if (batch.length > 0 && bytes > BATCH.bytes) break;
    batch.push(key);
  }
  return batch;
}
