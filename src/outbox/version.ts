import { CommitBuilder } from "./commit.ts";
import { OutboxUnavailableError } from "./errors.ts";
import { VERSION } from "./records.ts";
import type { StoreClient } from "./store_client.ts";
import { COMMIT_TIMEOUT } from "./timing.ts";

/** How far the clocks of processes may differ, in milliseconds: five minutes. */
const CLOCK_SKEW = 5 * 60 * 1000;

/** What is stored of the layout itself. */
type MetaRecord = {
  readonly v: number;
  /**
   * Since when decisions are in the index, in milliseconds since 1970. Absent if no process that supports
   * the index has written to the store.
   */
  readonly indexed?: number;
};

/**
 * Stores the version of the layout, if there is none, and since when decisions are indexed.
 *
 * @throws {Error} when the version is a newer one
 */
export async function readVersion(client: StoreClient, { create = true } = {}): Promise<void> {
  const { keys, clock } = client;
  const [entry] = await client.get([keys.meta], { timeout: COMMIT_TIMEOUT });
  const { value, versionstamp } = entry!;
  const meta = value as MetaRecord | null;
  const { v, indexed } = meta ?? { v: VERSION };
  if (v > VERSION) {
    throw new Error(
      `Cannot use store: its outbox has format ${v}, and this version supports ${VERSION}`,
    );
  }
  if (indexed !== undefined || !create) return;
  // What is already stored isn't indexed, including what processes whose clocks are ahead have stored.
  const since = meta === null ? 0 : clock.now() + CLOCK_SKEW;
  const builder = new CommitBuilder();
  builder.check(keys.meta, versionstamp);
  builder.set(keys.meta, { v: VERSION, indexed: since } satisfies MetaRecord, undefined);
  const outcome = await client.commit(builder.commit, COMMIT_TIMEOUT, { failFast: true });
  if (outcome.ok === "unknown") throw new OutboxUnavailableError(false, outcome.cause);
}

/** Returns since when decisions are in the index, in milliseconds; `Infinity` if none is. */
export async function indexedSince(client: StoreClient): Promise<number> {
  const [entry] = await client.get([client.keys.meta]);
  return (entry!.value as MetaRecord | null)?.indexed ?? Infinity;
}
