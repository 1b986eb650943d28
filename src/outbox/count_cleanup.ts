import { DAY, HOUR } from "../internal/clock.ts";
import { CommitBuilder } from "./commit.ts";
import type { ThrottledLogger } from "./logging.ts";
import { dayIn } from "./records.ts";
import { endOf, type StoreClient } from "./store_client.ts";
import type { Targets } from "./targets.ts";
import { BACKGROUND_TIMEOUT } from "./timeouts.ts";

/** Days beyond the retention: other clocks may be behind, and a late settle counts on the day of its event. */
const SPARE_DAYS = 2;
/** Days whose counts are created: today's, and those until the run after the next one. */
const DAYS_AHEAD = 3;
/** Counts that one run deletes at most: the rest has time until the next one. */
const MAX_COUNTS = 10_000;
/** Counts of one commit: Deno KV takes 1,000 changes. */
const BATCH = 500;

/** Dependencies of `CountCleanup`. */
type CountCleanupOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly log: ThrottledLogger;
};

/** Deletes old counts once a day, as a sum has no lifetime of its own, and creates those of the next days. */
export class CountCleanup {
  readonly #options: CountCleanupOptions;
  #isOn = false;
  #isStopped = false;
  #next = 0;
  #running: Promise<void> | undefined;
  #cancel = (): void => {};

  constructor(options: CountCleanupOptions) {
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
