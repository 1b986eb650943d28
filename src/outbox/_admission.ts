import type { Endpoints } from "./_endpoints.ts";
import type { Env } from "./_env.ts";
import type { Settler } from "./_settler.ts";
import { Signal } from "./_signal.ts";
import type { Slot, Targets } from "./_targets.ts";

/** Outcomes of one target that may wait for a commit: half of all, so that it stops no other. */
const SHARE = 256;
/** Everything in flight must be settled within this, in milliseconds: half of what a lease has to spare. */
const LONGEST_SETTLE = 10_000;
/** Publishers wait while the store has left so many more deliveries behind than it has leased. */
const MOST_BEHIND = 1_000;
/** Longest that one publish commit waits for deliveries to catch up, in milliseconds. */
const LONGEST_HOLD = 5_000;

/** What admission is decided with. */
export type AdmissionOptions = {
  readonly env: Env;
  readonly targets: Targets;
  readonly endpoints: Endpoints;
  readonly settler: Settler;
};

/**
 * Limits what is in flight. A delivery is leased only if its target has a free slot and its outcome can
 * be settled soon. Publishers wait if deliveries are waiting for the store rather than for a receiver.
 * Otherwise, a store that writes events faster than outcomes would never catch up.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #moved = new Signal();
  #inFlight = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** How many more deliveries of a target may be leased now. */
  free(slot: Slot): number {
    const { settler } = this.#options;
    const { target: { concurrency }, attempting, settling } = slot;
    if (settler.isFull) return 0;
    const idle = attempting + settling === 0;
    if (!idle && settler.timeFor(this.#inFlight) > LONGEST_SETTLE) return 0;
    return Math.max(0, Math.min(concurrency - attempting, SHARE - settling));
  }

  /** Deliveries are leased: each takes a slot until its attempt has ended. */
  enter(slot: Slot, count = 1): void {
    slot.attempting += count;
    this.#inFlight += count;
  }

  /** They are not, after all. */
  cancel(slot: Slot, count = 1): void {
    slot.attempting -= count;
    this.#inFlight -= count;
  }

  /** The attempt has ended, and its outcome waits for a commit. */
  attempted(slot: Slot): void {
    slot.attempting--;
    slot.settling++;
  }

  /** The outcome was committed, or given up. */
  settled(slot: Slot): void {
    slot.settling--;
    this.#inFlight--;
    this.#moved.notify();
  }

  /** Deliveries were stored here that nobody has leased: how many, by target. */
  stored(unleased: ReadonlyMap<string, number>): void {
    const { targets, endpoints } = this.#options;
    for (const [name, count] of unleased) {
      const slot = targets.get(name);
      if (slot === undefined || endpoints.blocked(slot)) continue;
      slot.stored += count;
      slot.behind += count;
    }
  }

  /** Deliveries of a target were leased after all. */
  claimed(slot: Slot, count: number): void {
    slot.behind = Math.max(0, slot.behind - count);
    this.#moved.notify();
  }

  /** One of those that were leased was a retry, or came back: it was not among those that were stored. */
  retried(slot: Slot): void {
    slot.behind++;
  }

  /**
   * The store delays no delivery of a target: either only deliveries stored since `stored` was read are
   * due, or the target receives nothing at the moment.
   */
  caughtUp(slot: Slot, stored: number = slot.stored): void {
    slot.behind = slot.stored - stored;
    this.#moved.notify();
  }

  /**
   * Resolves when the next publish commit may start: immediately, unless outcomes or claims wait for
   * the store. A delivery stored with its lease costs the store less than one claimed later, so waiting
   * pays off. Never waits if this process doesn't deliver.
   */
  async turn(delivers: () => boolean): Promise<void> {
    const { env } = this.#options;
    if (!delivers() || !this.#mustWait()) return;
    let late = false;
    const cancel = env.after(LONGEST_HOLD, () => {
      late = true;
      this.#moved.notify();
    });
    while (!late && delivers() && this.#mustWait()) await this.#moved.next();
    cancel();
  }

  /** The process delivers no more: publishers go on. */
  stopped(): void {
    this.#moved.notify();
  }

  #mustWait(): boolean {
    return this.#options.settler.isBusy || this.#isBehind();
  }

  /** A target whose receiver holds most of its slots waits for that receiver: that is no reason. */
  #isBehind(): boolean {
    const { targets, endpoints } = this.#options;
    let behind = 0;
    for (const slot of targets.slots) {
      const slow = 2 * slot.attempting >= slot.target.concurrency;
      if (slot.behind > 0 && !slow && !endpoints.blocked(slot)) behind += slot.behind;
    }
    return behind > MOST_BEHIND;
  }
}
