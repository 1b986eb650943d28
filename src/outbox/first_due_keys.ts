import { MINUTE } from "../internal/clock.ts";
import type { StoreKey } from "../store/mod.ts";
import type { StoreClient } from "./store_client.ts";
import type { Targets } from "./targets.ts";

/**
 * A look at all due keys that has a read of `SLOW` milliseconds has passed many deleted rows, and isn't
 * repeated before `LOOK_SHARE` times as long as its reads took, at most `MAX_LOOK_PAUSE` milliseconds.
 */
const SLOW = 100;
const LOOK_SHARE = 10;
const MAX_LOOK_PAUSE = 5 * MINUTE;
/** What becomes due earlier than this before now is found by looks only, in milliseconds: clocks differ. */
const MARGIN = 10_000;

/** What the due keys are found with. */
type FirstDueKeysOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  /** By target, due keys that were read and not leased yet: the first of these is not read again. */
  readonly windows: ReadonlyMap<
    string,
    { readonly claimable: readonly { readonly key: StoreKey }[] }
  >;
};

/** How long the reads of a look took, in milliseconds. */
type LookTimes = { slowest: number; total: number; hasFailed: boolean };

/**
 * Finds the first due key of each target that has any. Where deleted rows stay for a while, as on
 * PostgreSQL while a transaction is open, a read passes those of all keys that were deleted in its range.
 * So after a look at all keys that took long, there are only glances for a while: they begin where the last
 * read of a target found nothing earlier.
 */
export class FirstDueKeys {
  readonly #options: FirstDueKeysOptions;
  /** The targets that the last look found. */
  #found: readonly string[] = [];
  /** Until when there are only glances. */
  #nextLook = -Infinity;
  /** By target, a time before which it had no due key when that was last read. */
  #bounds = new Map<string, number>();
  /** How many transactions stored due keys that may be before the bounds, and how many of them a look has seen. */
  #commits = 0;
  #seenCommits = 0;

  constructor(options: FirstDueKeysOptions) {
    this.#options = options;
  }

  /** Finds the first due key of each target; `isWhole`: of each that has any, however long that takes. */
  find({ isWhole }: { readonly isWhole: boolean }): AsyncGenerator<StoreKey, void> {
    return isWhole || !this.#isSlow ? this.#look() : this.#glance();
  }

  /** Returns where a glance at a target begins; undefined: at its first key, as a look does. */
  startOf(name: string): StoreKey | undefined {
    const bound = this.#isSlow ? this.#bounds.get(name) : undefined;
    return bound === undefined ? undefined : this.#options.client.keys.below("due", name, bound);
  }

  /** A transaction that stored due keys at a time is committed. If it took long, only a look finds them. */
  committed(at: number): void {
    if (this.#options.client.clock.now() - at >= MARGIN) this.#commits++;
  }

  /** Finds the first due key of every target. It starts at a random one, so that none is always last. */
  async *#look(): AsyncGenerator<StoreKey, void> {
    const { client: { clock }, targets, windows } = this.#options;
    const began = clock.now();
    const commits = this.#commits;
    const bounds = new Map(targets.names.map((name) => [name, began - MARGIN]));
    const start = this.#found.length > 1
      ? this.#found[Math.floor(clock.random() * this.#found.length)]!
      : "";
    const times: LookTimes = { slowest: 0, total: 0, hasFailed: false };
    const found: string[] = [];
    try {
      for (let [from, isWrapped] = [start, start === ""];;) {
        const first = await this.#timed(times, () => this.#first(from));
        const name = first === undefined ? undefined : String(first[2]);
        if (name === undefined || (isWrapped && start !== "" && name >= start)) {
          if (isWrapped) break;
          [from, isWrapped] = ["", true];
          continue;
        }
        // Of a window, only what was known before is known: what became due earlier wasn't read.
        const bound = windows.has(name) ? this.#bounds.get(name) ?? 0 : timeIn(first!);
        bounds.set(name, Math.min(bound, began - MARGIN));
        found.push(name);
        yield first!;
        from = `${name}\0`;
      }
      [this.#found, this.#bounds, this.#seenCommits] = [found, bounds, commits];
    } catch (error) {
      times.hasFailed = true; // a store that doesn't respond is no store with deleted rows
      throw error;
    } finally {
      this.#nextLook = clock.now() + pauseAfter(times);
    }
  }

  async #timed<Result>(times: LookTimes, read: () => Promise<Result>): Promise<Result> {
    const { clock } = this.#options.client;
    const began = clock.now();
    try {
      return await read();
    } finally {
      const took = clock.now() - began;
      times.slowest = Math.max(times.slowest, took);
      times.total += took;
    }
  }

  /**
   * Finds the first due key of each target of this process, from where the last read of it found nothing
   * earlier. What is due before that by now is found by the next look.
   */
  async *#glance(): AsyncGenerator<StoreKey, void> {
    const { client, client: { clock, keys }, targets: { names }, windows } = this.#options;
    const start = Math.floor(clock.random() * names.length);
    for (const name of [...names.slice(start), ...names.slice(0, start)]) {
      const began = clock.now();
      let first = windows.get(name)?.claimable[0]?.key;
      if (first === undefined) {
        const bound = this.#bounds.get(name) ?? 0;
        const [entry] = await client.list(keys.dueOf(name, bound), { limit: 1 });
        first = entry?.key;
        const next = first === undefined ? Infinity : timeIn(first);
        this.#bounds.set(name, Math.max(bound, Math.min(next, began - MARGIN)));
      }
      if (first !== undefined) yield first;
    }
  }

  /** Whether looking at all due keys took so long that it isn't done again yet. */
  get #isSlow(): boolean {
    const left = this.#nextLook - this.#options.client.clock.now();
    const isUpToDate = this.#seenCommits === this.#commits;
    return isUpToDate && left > 0 && left <= MAX_LOOK_PAUSE; // longer: the clock was set back
  }

  /**
   * Finds the first due key at or after a target's name. The first key of a kept window isn't read again: on
   * PostgreSQL, that read passes the rows of all keys deleted before it, while an open transaction keeps them.
   */
  async #first(from: string): Promise<StoreKey | undefined> {
    const { client, client: { keys }, windows } = this.#options;
    let kept: string | undefined;
    for (const name of windows.keys()) {
      if (name >= from && (kept === undefined || name < kept)) kept = name;
    }
    const range = kept === undefined ? keys.dueFrom(from) : keys.dueBetween(from, kept);
    const [entry] = kept === from ? [] : await client.list(range, { limit: 1 });
    return entry?.key ??
      (kept === undefined ? undefined : windows.get(kept)!.claimable[0]!.key);
  }
}

/** Returns how long to wait after a look before the next one, in milliseconds. */
function pauseAfter({ slowest, total, hasFailed }: LookTimes): number {
  const isSlow = slowest >= SLOW && !hasFailed;
  return isSlow ? Math.min(LOOK_SHARE * total, MAX_LOOK_PAUSE) : 0;
}

/** Returns the time in a due key. */
function timeIn(key: StoreKey): number {
  return typeof key[3] === "number" ? key[3] : 0;
}
