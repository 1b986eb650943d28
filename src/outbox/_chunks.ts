import type { Store } from "../store/mod.ts";
import { type Change, commitChange } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import type { Prepared } from "./_prepare.ts";
import type { Retention } from "./_records.ts";
import { readMany } from "./_scan.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** How long a commit waits for the store, in milliseconds. */
const PATIENCE = 10_000;

/** What chunks are stored with. */
export type ChunksOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
};

/**
 * Stores the bodies that no head can hold. They come first: until there is a head, nobody sees them. Those
 * of an event that is there already are not written over.
 *
 * @throws {OutboxUnavailableError} when the store gives no answer in time: nothing is stored
 */
export async function storeChunks(
  batch: readonly Prepared[],
  { store, keys, env, retention }: ChunksOptions,
): Promise<void> {
  for (const { event: { id }, token, chunks = [] } of batch) {
    if (chunks.length > 0 && token !== undefined) {
      const [head] = await readMany({ store, env }, [keys.event(id)]);
      if (head!.versionstamp !== null) continue;
    }
    for (const [n, chunk] of chunks.entries()) {
      const sets = [[keys.chunk(id, n), chunk, retention.rest]] as const;
      const change: Change = { checks: [], sums: [], deletes: [], sets };
      const outcome = await commitChange(store, change, env, PATIENCE, { failFast: true });
      if (outcome.ok === "unknown") throw new OutboxUnavailableError(false, outcome.cause);
    }
  }
}
