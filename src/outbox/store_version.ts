import { MINUTE } from "../internal/clock.ts";
import { CommitBuilder } from "./commit.ts";
import { OutboxUnavailableError } from "./errors.ts";
import { VERSION } from "./records.ts";
import type { StoreClient } from "./store_client.ts";
import { COMMIT_TIMEOUT } from "./timeouts.ts";

/** How far the clocks of processes may differ, in milliseconds: five minutes. */
const CLOCK_SKEW = 5 * MINUTE;

/** The record of the layout. */
type MetaRecord = {
  readonly v: number;
  /**
   * Since when decisions are in the index, in milliseconds since 1970. Absent if no process that supports
   * the index has written to the store.
   */
  readonly indexed?: number;
};

/** Checks once that this version of the package can use the stored data. */
export class VersionCheck {
  readonly #client: StoreClient;
  #isDone = false;
  #running: Promise<void> | undefined;

  constructor(client: StoreClient) {
    this.#client = client;
  }

  /** Checks the format once. @throws {Error} when the stored data has a newer one; the next call checks again */
  run(): Promise<void> {
    return this.#running ??= this.#run().catch((error) => {
      this.#running = undefined;
      throw error;
    });
  }

  async #run(): Promise<void> {
    await readVersion(this.#client);
    this.#isDone = true;
  }

  /** Does the same in a transaction of the caller, in which it stores nothing. */
  async runWithin(client: StoreClient): Promise<void> {
    if (!this.#isDone) await readVersion(client, { create: false });
  }
}

/**
 * Stores the version of the layout, if there is none, and since when decisions are indexed.
 *
 * @throws {Error} when the version is a newer one
 */
async function readVersion(client: StoreClient, { create = true } = {}): Promise<void> {
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
  // Events that are already stored aren't indexed, including those of processes whose clocks are ahead.
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
