import type { Store, StoreKey } from "../store/mod.ts";
import { commitChange } from "./_commit.ts";
import type { Env } from "./_env.ts";
import { DAY, dayIn, type Keys } from "./_keys.ts";
import type { Retention } from "./_records.ts";
import { endOf, scan } from "./_scan.ts";
import type { TroubleLog } from "./_trouble_log.ts";

const HOUR = 60 * 60 * 1000;
/** Days beyond the retention: other clocks may be behind, and a late settle counts on the day of its event. */
const SPARE_DAYS = 2;
/** Counts that one pass deletes at most: the rest has time until the next one. */
const MOST = 10_000;
/** Counts that one commit deletes. */
const BATCH = 500;
/** How long one commit waits for the store, in milliseconds. */
const PATIENCE = 5_000;

/** What the housekeeper works with. */
export type HousekeeperOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly log: TroubleLog;
};

/** Deletes counts that no figure needs any more, once a day: a sum has no lifetime of its own. */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  #on = false;
  #stopped = false;
  #next = 0;
  #tidying: Promise<void> | undefined;
  #cancel = (): void => {};

  constructor(options: HousekeeperOptions) {
    this.#options = options;
  }

  /** Tidies now and once a day. */
  start(): void {
    if (this.#on) return;
    this.#on = true;
    this.#stopped = false;
    void this.#loop();
  }

  /** Stops, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#on = false;
    this.#stopped = true;
    this.#cancel();
    await this.#tidying;
  }

  /** Tidies, if a day has passed since this process did, for as long as there is time. Never rejects. */
  tidy(deadline = Infinity): Promise<void> {
    const now = this.#options.env.now();
    if (now < this.#next || now >= deadline) return Promise.resolve();
    return this.#tidying ??= this.#tidy(deadline).finally(() => this.#tidying = undefined);
  }

  async #loop(): Promise<void> {
    await this.tidy();
    if (!this.#on) return;
    const { env } = this.#options;
    this.#cancel(); // it was stopped and started again meanwhile
    this.#cancel = env.after(Math.max(HOUR, this.#next - env.now()), () => void this.#loop(), true);
  }

  async #tidy(deadline: number): Promise<void> {
    const { env, log } = this.#options;
    this.#stopped = false; // what was stopped was an earlier one
    try {
      await this.#deleteOld(deadline);
      // Not every process at the same time, and no two of them at the same time for ever.
      this.#next = env.now() + DAY * (0.8 + 0.4 * env.random());
    } catch (error) {
      this.#next = env.now() + HOUR;
      if (!this.#stopped) log.warn("The outbox could not delete old counts", error);
    }
  }

  /** One read for each target that has none, which is most of them most of the time. */
  async #deleteOld(deadline: number): Promise<void> {
    const { keys, env, retention } = this.#options;
    const oldest = dayIn(env.now() - retention.head) - SPARE_DAYS;
    const end = endOf(keys.below("count"));
    let left = MOST;
    let target: string | undefined = "";
    while (target !== undefined && left > 0 && !this.#stopped && env.now() < deadline) {
      let found: string | undefined;
      // Day 0 is for ids without a time.
      for await (
        const { key } of scan(this.#options, { start: keys.below("count", target), end }, {
          batch: 1,
        })
      ) {
        found = String(key[2]);
        break;
      }
      if (found !== undefined) left -= await this.#deleteOf(found, oldest, left);
      target = found === undefined ? undefined : `${found}\0`;
    }
  }

  /** Deletes the counts of a target before a day; how many. */
  async #deleteOf(target: string, oldest: number, most: number): Promise<number> {
    const { store, keys, env } = this.#options;
    const range = {
      start: keys.below("count", target, 1),
      end: keys.below("count", target, oldest),
    };
    let deletes: StoreKey[] = [];
    let deleted = 0;
    const commit = async (): Promise<void> => {
      if (deletes.length === 0) return;
      const outcome = await commitChange(
        store,
        { checks: [], sums: [], deletes, sets: [] },
        env,
        PATIENCE,
      );
      if (outcome.ok === "unknown") throw outcome.cause;
      deleted += deletes.length;
      deletes = [];
    };
    for await (const { key } of scan(this.#options, range, { batch: BATCH })) {
      deletes.push(key);
      if (deletes.length === BATCH) await commit();
      if (deleted + deletes.length >= most) break;
    }
    await commit();
    return deleted;
  }
}
