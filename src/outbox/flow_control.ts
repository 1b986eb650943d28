import type { Clock } from "../internal/clock.ts";
import { newLease, type RegisteredTarget, type SlotLease, type Targets } from "./targets.ts";
import { LEASE_MARGIN } from "./timeouts.ts";
import { Signal } from "./wake_up.ts";

/** Outcomes of one target that may wait for a commit: half of `BACKLOG.max`, so it stops no other. */
// mutant: settle-share
const MAX_SETTLING = 256;
/**
 * Deliveries leased before they have a slot: as many as are attempted within `time` milliseconds, and `max`
 * at most. Every `check` milliseconds, those that have waited as long are given back: none waits for two of them.
 */
const AHEAD = { max: 128, time: 500, check: 1_000 };
/** Everything in flight must be settled within this, in milliseconds. The rest is to read, and for clocks to differ. */
const MAX_SETTLE_TIME = LEASE_MARGIN / 2;
/** Publishers wait while more deliveries than this wait for the store. */
const MAX_BEHIND = 1_000;
/** How long one publish waits for deliveries to catch up, in milliseconds: `behind` is an estimate. */
const MAX_HOLD = 5_000;
/**
 * Outcomes waiting for a commit. At `busy`, publishing stops. At `max`, or if writing them takes longer
 * than `time` milliseconds, leasing stops.
 */
const BACKLOG = { busy: 128, max: 512, time: 1_000 };
/**
 * Settle commits in flight. All but the first must be full, which costs less than many small ones. Only
 * one runs while commits take longer than `slow` milliseconds, because a publish may have to wait for
 * all of them.
 */
const COMMITS = { max: 4, slow: 1_000 };
/** Checks of a settle commit: as many as Deno KV takes on a local file. Other stores may have no limit. */
const MAX_CHECKS = 100;

/** Dependencies of `FlowControl`. */
type FlowControlOptions = {
  readonly clock: Clock;
  readonly targets: Targets;
  /** Checks that a commit of the store takes. */
  readonly checks: number;
  /** Returns whether a target is known to receive nothing now. */
  readonly isBlocked: (registered: RegisteredTarget) => boolean;
};

/** A leased delivery that waits for a slot. */
type Waiter = {
  readonly registered: RegisteredTarget;
  readonly since: number;
  readonly resolve: (hasSlot: boolean) => void;
};

/**
 * Limits what is in flight. A delivery is leased only if its target has a free slot and its outcome can
 * be settled soon. Publishers wait if deliveries are waiting for the store rather than for a receiver.
 * Otherwise, a store that writes events faster than outcomes would never catch up.
 */
export class FlowControl {
  /** Outcomes that fit one commit: each takes a check. */
  readonly checks: number;
  readonly #options: FlowControlOptions;
  readonly #changed = new Signal();
  #isOpen = false;
  /** Deliveries that wait for the same slots, in order. */
  readonly #waiting = new Map<RegisteredTarget["slots"], Set<Waiter>>();
  /** Cancels the timer that gives back deliveries that wait for too long. */
  #cancelTimer: (() => void) | undefined;
  #inFlight = 0;
  #backlog = 0;
  /** How long a settle commit takes, in milliseconds, as a moving average. Unknown at first. */
  #commitTime: number | undefined;

  constructor(options: FlowControlOptions) {
    this.#options = options;
    this.checks = Math.min(options.checks, MAX_CHECKS);
  }

  /** Opens when the worker starts, closes when it stops: then nothing is leased, and no publisher waits. */
  set isOpen(isOpen: boolean) {
    this.#isOpen = isOpen;
    if (!isOpen) {
      this.#giveBack(Infinity);
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
    }
    this.#changed.notify();
  }

  /** Leases a delivery that is stored now, if its target has a free slot or soon will. */
  lease(name: string): SlotLease | undefined {
    const { clock, targets } = this.#options;
    const registered = targets.get(name);
    if (!this.#isOpen || registered === undefined) return undefined;
    if (this.free(registered) === 0 && this.free(registered, this.#ahead(registered)) === 0) {
      return undefined;
    }
    if (this.#options.isBlocked(registered)) return undefined;
    this.enter(registered);
    return { registered, due: newLease(clock, registered.target.timeout, 1) };
  }

  /** Returns how many more deliveries of a target may be leased now, if `ahead` may wait for a slot. */
  free(
    { target: { concurrency }, slots: { attempting }, settling }: RegisteredTarget,
    ahead = 0,
  ): number {
    if (this.isFull) return 0;
    const isIdle = attempting + settling === 0;
    if (!isIdle && this.#timeFor(this.#inFlight) > MAX_SETTLE_TIME) return 0;
    return Math.max(0, Math.min(concurrency + ahead - attempting, MAX_SETTLING - settling));
  }

  /** Returns how many deliveries may wait for a slot: none while others are due, because those go first. */
  #ahead({ target: { concurrency }, behind, hasDue, pace }: RegisteredTarget): number {
    if (behind > 0 || hasDue) return 0;
    const time = Math.max(1, pace.at(this.#options.clock.now()));
    return Math.min(AHEAD.max, Math.floor(concurrency * AHEAD.time / time));
  }

  /**
   * Waits until a leased delivery has a slot. Resolves to false if it has to be given back, because it waited
   * too long, its target is paused or off, or the worker stops.
   */
  hasSlot(registered: RegisteredTarget): Promise<boolean> {
    const { slots, target } = registered;
    const waiting = this.#waiting.get(slots) ?? new Set();
    if (waiting.size === 0 && slots.running < target.concurrency) {
      slots.running++;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      waiting.add({ registered, since: this.#options.clock.now(), resolve });
      this.#waiting.set(slots, waiting);
      if (!this.#isOpen) this.#giveBack(Infinity);
      else this.#limitWaiting();
    });
  }

  /** Frees the slot of an attempt that has ended for the next delivery. */
  leaveSlot({ slots }: RegisteredTarget): void {
    slots.running--;
    const waiting = this.#waiting.get(slots);
    if (waiting === undefined) return;
    for (const waiter of waiting) {
      const { registered, resolve } = waiter;
      if (slots.running >= registered.target.concurrency) return;
      waiting.delete(waiter);
      const isBlocked = this.#options.isBlocked(registered);
      if (!isBlocked) slots.running++;
      resolve(!isBlocked);
    }
    this.#waiting.delete(slots);
  }

  /** Gives back deliveries that have waited since a time or longer. */
  #giveBack(latest: number): void {
    for (const [slots, waiting] of this.#waiting) {
      for (const waiter of waiting) {
        if (waiter.since > latest) break;
        waiting.delete(waiter);
        waiter.resolve(false);
      }
      if (waiting.size === 0) this.#waiting.delete(slots);
    }
  }

  /** Gives back deliveries that wait too long: another process may have a slot. */
  #limitWaiting(): void {
    if (this.#cancelTimer !== undefined) return;
    const { clock } = this.#options;
    this.#cancelTimer = clock.setTimer(AHEAD.check, () => {
      this.#cancelTimer = undefined;
      this.#giveBack(clock.now() - AHEAD.check);
      if (this.#waiting.size > 0) this.#limitWaiting();
    }, true);
  }

  /** Takes a slot for each delivery, until its attempt has ended. */
  enter(registered: RegisteredTarget, count = 1): void {
    registered.slots.attempting += count;
    this.#inFlight += count;
  }

  /** Gives slots back: the deliveries were not leased. */
  cancel(registered: RegisteredTarget, count = 1): void {
    this.enter(registered, -count);
  }

  /** Records that an attempt has ended, after `took` ms if it was made. Its outcome waits for a commit. */
  attempted(registered: RegisteredTarget, took?: number): void {
    if (took !== undefined) registered.pace.ended(this.#options.clock.now(), took);
    registered.slots.attempting--;
    registered.settling++;
    this.#backlog++;
  }

  /** Records that an outcome was committed, or given up. */
  settled(registered: RegisteredTarget): void {
    registered.settling--;
    this.#backlog--;
    this.#inFlight--;
    this.#changed.notify();
  }

  /** Records how long a settle commit took, in milliseconds. */
  committed(took: number): void {
    this.#commitTime = (3 * (this.#commitTime ?? took) + took) / 4;
  }

  /** How many settle commits may be in flight. */
  get commits(): number {
    return (this.#commitTime ?? Infinity) > COMMITS.slow ? 1 : COMMITS.max;
  }

  /** How long it takes to settle what waits, in milliseconds. */
  get settleTime(): number {
    return this.#timeFor(this.#backlog);
  }

  /** Whether too many outcomes wait to attempt anything more. */
  get isFull(): boolean {
    if (this.#backlog < this.checks) return false;
    // mutant: settler-is-full
    return this.#backlog >= BACKLOG.max || this.settleTime > BACKLOG.time;
  }

  /** Resolves when a delivery is settled or claimed. */
  change(): Promise<void> {
    return this.#changed.next();
  }

  /** Deliveries were stored here without a lease: how many, by target. */
  stored(unleased: ReadonlyMap<string, number>): void {
    if (!this.#isOpen) return;
    for (const [name, count] of unleased) {
      const registered = this.#options.targets.get(name);
      if (registered && !this.#options.isBlocked(registered)) registered.behind += count;
    }
  }

  /** Deliveries of a target were leased after all. */
  claimed(registered: RegisteredTarget, count: number): void {
    registered.behind = Math.max(0, registered.behind - count);
    this.#changed.notify();
  }

  /** Records that nothing more is due, or the target receives nothing now: the store delays no delivery. */
  caughtUp(registered: RegisteredTarget): void {
    registered.behind = 0;
    registered.hasDue = false;
    this.#changed.notify();
  }

  /**
   * Resolves when the next publish commit may start: immediately, unless outcomes or claims wait for
   * the store. A delivery stored with its lease costs the store less than one claimed later, so waiting
   * pays off. Never waits if this process doesn't deliver.
   */
  async turn(): Promise<void> {
    if (!this.#mustWait) return;
    let isOver = false;
    const cancel = this.#options.clock.setTimer(MAX_HOLD, () => {
      isOver = true;
      this.#changed.notify();
    });
    while (!isOver && this.#mustWait) await this.#changed.next();
    cancel();
  }

  get #mustWait(): boolean {
    // mutant: publishers-wait
    return this.#isOpen && (this.#backlog >= BACKLOG.busy || this.#behind > MAX_BEHIND);
  }

  /** A target that waits for its receiver doesn't count. */
  get #behind(): number {
    let behind = 0;
    for (const registered of this.#options.targets.all) {
      if (this.#waitsForReceiver(registered) || this.#options.isBlocked(registered)) continue;
      behind += registered.behind;
    }
    return behind;
  }

  /**
   * Returns whether the receiver of a target holds its slots, rather than the store. Slots are also taken while a
   * commit stores their deliveries, so the time of an attempt decides.
   */
  #waitsForReceiver({ slots: { attempting }, target, pace }: RegisteredTarget): boolean {
    if (2 * attempting < target.concurrency) return false;
    return pace.at(this.#options.clock.now()) > (this.#commitTime ?? 0);
  }

  /** Returns how long it takes to settle this many, in milliseconds, at the pace of the last commits. */
  #timeFor(outcomes: number): number {
    return outcomes * (this.#commitTime ?? 0) / (this.commits * this.checks);
  }
}
