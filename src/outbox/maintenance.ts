/**
 * Keeps a store usable: deletes old counts, probes commits, and checks its version.
 *
 * @module
 */
import { CommitBuilder } from "./commit.ts";
import { OutboxUnavailableError } from "./errors.ts";
import type { ThrottledLogger } from "./logging.ts";
import { dayIn, VERSION } from "./records.ts";
import { type CommitOutcome, endOf, type StoreClient } from "./store_client.ts";
import type { Targets } from "./targets.ts";
import { BACKGROUND_TIMEOUT, COMMIT_TIMEOUT, PROBE_TIMEOUT } from "./timing.ts";
import { DAY, HOUR, MINUTE } from "../internal/clock.ts";

/** Days beyond the retention: other clocks may be behind, and a late settle counts on the day of its event. */
const SPARE_DAYS = 2;
/** Days whose counts are created: today's, and those until the run after the next one. */
const DAYS_AHEAD = 3;
/** Counts that one run deletes at most: the rest has time until the next one. */
const MAX_COUNTS = 10_000;
/** Counts of one commit: Deno KV takes 1,000 changes. */
const BATCH = 500;

/** Dependencies of `Cleanup`. */
type CleanupOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly log: ThrottledLogger;
};

/** Deletes old counts once a day, as a sum has no lifetime of its own, and creates those of the next days. */
export class Cleanup {
  readonly #options: CleanupOptions;
  #isOn = false;
  #isStopped = false;
  #next = 0;
  #running: Promise<void> | undefined;
  #cancel = (): void => {};

  constructor(options: CleanupOptions) {
    this.#options = options;
  }

  /** Cleans up now and once a day. */
  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    void this.#loop();
  }

  /** Stops and waits for running work. */
  async stop(): Promise<void> {
    this.#isOn = false;
    this.#isStopped = true;
    this.#cancel();
    await this.#running;
  }

  /** Cleans up until a deadline, if this process hasn't for a day. Never rejects. */
  run(deadline = Infinity): Promise<void> {
    const now = this.#options.client.clock.now();
    if (now < this.#next || now >= deadline) return Promise.resolve();
    return this.#running ??= this.#run(deadline).finally(() => this.#running = undefined);
  }

  async #loop(): Promise<void> {
    await this.run();
    if (!this.#isOn) return;
    const { clock } = this.#options.client;
    this.#cancel(); // it was stopped and started again meanwhile
    const wait = Math.max(HOUR, this.#next - clock.now());
    this.#cancel = clock.setTimer(wait, () => void this.#loop(), true);
  }

  async #run(deadline: number): Promise<void> {
    const { client: { clock }, log } = this.#options;
    this.#isStopped = false;
    try {
      await this.#createCounts();
      await this.#deleteOldCounts(deadline);
      // Not all processes at the same time, and no two of them at the same time forever.
      this.#next = clock.now() + DAY * (0.8 + 0.4 * clock.random());
    } catch (error) {
      this.#next = clock.now() + HOUR;
      if (!this.#isStopped) log.warn("The outbox could not create or delete counts", error);
    }
  }

  /**
   * Creates the counts of the coming days, where callers have transactions: one that created a count would
   * keep everyone who adds to it waiting until it ends.
   */
  async #createCounts(): Promise<void> {
    const { client, targets } = this.#options;
    if (client.store.within === undefined) return;
    const today = dayIn(client.clock.now());
    for (const target of targets.names) {
      const builder = new CommitBuilder();
      for (let day = today; day < today + DAYS_AHEAD; day++) {
        builder.sum(client.keys.below("count", target, day, "accepted"), 0n);
      }
      const outcome = await client.commit(builder.commit, BACKGROUND_TIMEOUT);
      if (outcome.ok === "unknown") throw outcome.cause;
    }
  }

  /** Takes one read for each target that has none to delete, which is most of them. */
  async #deleteOldCounts(deadline: number): Promise<void> {
    const { client } = this.#options;
    const { keys, clock, retention } = client;
    const oldest = dayIn(clock.now() - retention.head) - SPARE_DAYS;
    const end = endOf(keys.below("count"));
    let left = MAX_COUNTS;
    let from = "";
    while (left > 0 && !this.#isStopped && clock.now() < deadline) {
      const start = keys.below("count", from);
      const [first] = await client.list({ start, end }, { limit: 1 });
      if (first === undefined) return;
      const target = String(first.key[2]);
      left -= await this.#deleteCounts(target, oldest, left);
      from = `${target}\0`;
    }
  }

  /** Deletes the counts of a target before a day. Day 0 is for ids without a time. Returns how many. */
  async #deleteCounts(target: string, oldest: number, most: number): Promise<number> {
    const { client } = this.#options;
    const start = client.keys.below("count", target, 1);
    const end = client.keys.below("count", target, oldest);
    for (let deleted = 0;;) {
      const limit = Math.min(BATCH, most - deleted);
      const entries = limit > 0 ? await client.list({ start, end }, { limit }) : [];
      if (entries.length === 0) return deleted;
      const builder = new CommitBuilder();
      for (const { key } of entries) builder.delete(key);
      const outcome = await client.commit(builder.commit, BACKGROUND_TIMEOUT);
      if (outcome.ok === "unknown") throw outcome.cause;
      deleted += entries.length;
    }
  }
}

/** How long the result of a probe is used, in milliseconds: after a success, and after a failure. */
const USED_FOR = { succeeded: 5_000, failed: 1_000 };
/**
 * Bytes that a probe writes once a publish has failed. A few bytes may still fit a full disk, in a page that
 * SQLite has already; events would not.
 */
const LARGE = 32 * 1024;

/** Tracks whether the store accepts commits, from the last publish and from probes. */
export class StoreHealth {
  readonly #client: StoreClient;
  /** Whether a publish failed since the last success. */
  #isFailing = false;
  #probe: Promise<CommitOutcome> | undefined;
  #probedAt = -Infinity;
  #usedFor = 0;

  constructor(client: StoreClient) {
    this.#client = client;
  }

  /** Notes how the commit of a publish ended. */
  note({ ok }: CommitOutcome): void {
    if (this.#isFailing === (ok === "unknown")) return;
    this.#isFailing = ok === "unknown";
    this.#probedAt = -Infinity; // the result of an earlier probe is out of date
  }

  /**
   * Resolves when the store accepts commits. Probes at most once a second; all callers share a probe.
   *
   * @throws {OutboxUnavailableError} when it doesn't
   */
  async check(): Promise<void> {
    const { clock } = this.#client;
    if (this.#probe === undefined || Math.abs(clock.now() - this.#probedAt) >= this.#usedFor) {
      this.#probedAt = clock.now();
      this.#usedFor = Infinity; // until there is a result
      const isLarge = this.#isFailing;
      this.#probe = this.#write(isLarge).then((outcome) => {
        const isFailed = outcome.ok === "unknown";
        // A small probe doesn't tell whether a publish that failed meanwhile would succeed.
        const isStale = !isFailed && this.#isFailing && !isLarge;
        this.#isFailing = isFailed || isStale;
        this.#probedAt = clock.now();
        this.#usedFor = isStale ? 0 : isFailed ? USED_FOR.failed : USED_FOR.succeeded;
        return outcome;
      });
    }
    const outcome = await this.#probe;
    if (outcome.ok !== "unknown") return;
    throw new OutboxUnavailableError(outcome.stored, outcome.cause, "use the outbox");
  }

  /** Overwrites one key. It needs no check, because doing it twice changes nothing. */
  async #write(isLarge: boolean): Promise<CommitOutcome> {
    const { keys, clock, retention } = this.#client;
    const fill = isLarge ? { fill: "x".repeat(LARGE) } : {};
    const builder = new CommitBuilder();
    builder.set(keys.probe, { v: VERSION, at: clock.now(), ...fill }, retention.rest);
    try {
      return await this.#client.commit(builder.commit, PROBE_TIMEOUT, { failFast: true });
    } catch (cause) {
      return { ok: "unknown", cause, stored: false }; // it is closed
    }
  }
}

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
