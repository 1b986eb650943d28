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
   * From which time on decisions are in their index, in milliseconds. Absent: no process has written to the
   * store since there is one.
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
      `Cannot use store: its outbox has format ${v}, and this version knows ${VERSION}`,
    );
  }
  if (indexed !== undefined || !create) return;
  // What is stored already isn't indexed, nor is what a process whose clock is ahead has stored.
  const since = meta === null ? 0 : clock.now() + CLOCK_SKEW;
  const builder = new CommitBuilder();
  builder.check(keys.meta, versionstamp);
  builder.set(keys.meta, { v: VERSION, indexed: since } satisfies MetaRecord, undefined);
  const outcome = await client.commit(builder.commit, COMMIT_TIMEOUT, { failFast: true });
  if (outcome.ok === "unknown") throw new OutboxUnavailableError(false, outcome.cause);
}

/** Returns from which time on decisions are in their index, in milliseconds; `Infinity`: none is. */
export async function indexedSince(client: StoreClient): Promise<number> {
  const [entry] = await client.get([client.keys.meta]);
  return (entry!.value as MetaRecord | null)?.indexed ?? Infinity;
}
