import type { Logger, Store } from "../core/mod.ts";
import { Attempter, type Fresh } from "./_attempter.ts";
import { Claimer, newLease, type Pass } from "./_claimer.ts";
import { drain } from "./_drain.ts";
import type { Endpoints } from "./_endpoints.ts";
import type { Env } from "./_env.ts";
import { Housekeeper } from "./_housekeeper.ts";
import type { Keys } from "./_keys.ts";
import type { BornLease, Lessor } from "./_lessor.ts";
import type { Job, Lease, Settlement } from "./_lease.ts";
import type { OwnEvents } from "./_own_events.ts";
import type { Retention } from "./_records.ts";
import { purge } from "./_removal.ts";
import { Settler } from "./_settler.ts";
import type { Targets } from "./_targets.ts";
import { TroubleLog } from "./_trouble_log.ts";

/** Claims pause while so many settles wait. */
const MAX_BACKLOG = 100;
/** How often to look when nothing says that there is something, in milliseconds: at first, and at most. */
const POLL = { first: 1_000, most: 60_000 };
/** `stop` lets attempts end for so long, in milliseconds, then aborts them, and is done by the second. */
const STOP = { abort: 3_500, done: 4_500 };

/** What the worker works with. */
export type WorkerOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly targets: Targets;
  readonly endpoints: Endpoints;
  readonly events: OwnEvents;
  readonly logger: Logger;
};

/** Delivers: leases what is due, attempts it, settles. */
export class Worker implements Lessor {
  readonly #options: WorkerOptions;
  readonly #trouble: TroubleLog;
  readonly #housekeeper: Housekeeper;
  readonly #claimer: Claimer;
  readonly #settler: Settler;
  readonly #attempter: Attempter;
  readonly #inFlight = new Set<Promise<unknown>>();
  #abort = new AbortController();
  #running = false;
  /** By `stop`; a worker that was never started may still `drainOnce`. */
  #stopped = false;
  #passing: Promise<Pass> | undefined;
  /** Hears of what the pass leases. */
  #claimed: ((delivery: Promise<boolean>) => void) | undefined;
  #looping = false;
  #again = false;
  #left = false;
  /** When the timer wakes, and the next time at which something of ours is due, as far as is known. */
  #wakeAt = Infinity;
  #next = Infinity;
  #poll = POLL.first;
  #cancelTimer = (): void => {};

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#trouble = new TroubleLog(options.logger, options.env);
    this.#housekeeper = new Housekeeper({ ...options, log: this.#trouble });
    this.#attempter = new Attempter(options);
    this.#settler = new Settler({ ...options, log: this.#trouble });
    const wanted = (): boolean => !this.#stopped;
    const { store, keys, env } = options;
    this.#claimer = new Claimer({
      ...options,
      wanted,
      purge: (target) => purge(store, keys, env, target),
      take: (lease) => {
        const delivery = this.#take(lease);
        this.#claimed?.(delivery);
      },
    });
  }

  /** Whoever has the outbox now has not stopped it, and attempts what the one before can't abort. */
  renew(): void {
    if (this.#running) return;
    this.#stopped = false;
    this.#abort = new AbortController();
  }

  start(): void {
    if (this.#running) return;
    this.renew();
    this.#running = true;
    this.#poll = POLL.first;
    this.#housekeeper.start();
    this.wake();
  }

  /** Claims no more, lets attempts end, aborts what is left, and returns its leases. */
  async stop(): Promise<void> {
    const { env } = this.#options;
    const abort = this.#abort; // by then another may have begun
    this.#running = false;
    this.#stopped = true;
    this.#cancelTimer();
    const cancelAbort = env.after(STOP.abort, () => abort.abort(new Error("the outbox stops")));
    let cancelDone = (): void => {};
    const late = new Promise<void>((resolve) => cancelDone = env.after(STOP.done, resolve));
    await Promise.race([Promise.all([this.#quiet(), this.#housekeeper.stop()]), late]);
    cancelAbort();
    cancelDone();
  }

  lease(target: string): Pick<BornLease, "slot" | "due"> | undefined {
    const { targets, env } = this.#options;
    const slot = targets.get(target);
    if (!this.#running || slot === undefined || targets.free(target) === 0) return undefined;
    if (this.#options.endpoints.blocked(slot)) return undefined;
    slot.taken++;
    return { slot, due: newLease(env, slot.target.timeout, 1) };
  }

  cancel({ slot }: BornLease): void {
    slot.taken--;
  }

  attempt(
    { target, slot, session, more, prepared, at, due }: BornLease,
    versionstamp: string,
  ): void {
    const { keys } = this.#options;
    const { event } = prepared;
    const id = session === undefined ? event.id : undefined;
    const key = session === undefined
      ? keys.due(target, at, event.id)
      : keys.laneDue(target, at, session);
    const lease: Lease = { target, slot, key, at, due, versionstamp, id, session };
    if (!this.#running) return void this.#hold(this.#giveBack(lease));
    void this.#take(lease, { event, versionstamp, more });
    this.#soon(this.#options.env.now() + POLL.first); // busy: it looks more than once a minute
  }

  /** Looks for what is due, as soon as a look that is under way has ended. */
  wake(): void {
    if (!this.#running) return;
    this.#cancelTimer();
    this.#again = true;
    if (!this.#looping) void this.#loop();
  }

  /** Delivers what is due and can be done in time. */
  async drainOnce(budgetMs: number): Promise<{ settled: number; remaining: boolean }> {
    const { env } = this.#options;
    const deadline = env.now() + budgetMs;
    const result = await drain(budgetMs, {
      ...this.#options,
      log: this.#trouble,
      pass: (longest, take) => this.#pass(longest, take),
      wanted: () => !this.#stopped,
    });
    if (!this.#stopped) await this.#housekeeper.tidy(deadline);
    return result;
  }

  /** Resolves when nothing is claimed, attempted or settled. */
  async #quiet(): Promise<void> {
    await this.#passing?.catch(() => {});
    await Promise.all(this.#inFlight);
  }

  /** One pass at a time; those who ask meanwhile share it. Who began it is told of its leases. */
  #pass(longest: number, mine?: (delivery: Promise<boolean>) => void): Promise<Pass> {
    if (this.#passing) return this.#passing;
    this.#next = Infinity;
    this.#claimed = mine;
    return this.#passing = this.#claimer.pass(longest).finally(() => {
      this.#passing = this.#claimed = undefined;
    });
  }

  /** Passes until there is nothing more to claim, then sleeps. */
  async #loop(): Promise<void> {
    let pass: Pass | undefined;
    this.#looping = true;
    while (this.#running && this.#again) {
      this.#again = false;
      while (this.#settler.backlog > MAX_BACKLOG) await Promise.race(this.#inFlight);
      if (!this.#running) break;
      try {
        pass = await this.#pass(Infinity);
        // A slot that came free while the pass went on elsewhere woke nobody.
        if (pass.left.some((name) => this.#options.targets.free(name) > 0)) this.#again = true;
      } catch (error) {
        this.#trouble.warn("The outbox could not look for what is due", error);
      }
    }
    this.#looping = false;
    if (!this.#running) return;
    this.#left = (pass?.left.length ?? 0) > 0;
    this.#poll = pass && pass.claimed > 0 ? POLL.first : Math.min(this.#poll * 2, POLL.most);
    const next = Math.min(pass?.next ?? Infinity, this.#next);
    this.#sleep(Math.min(this.#poll, next - this.#options.env.now()));
  }

  /** Wakes after a time; jittered, so that processes that began together do not look together. */
  #sleep(milliseconds: number): void {
    const { env } = this.#options;
    const wait = Math.max(milliseconds, 10) * (1 + 0.2 * env.random());
    this.#cancelTimer();
    this.#wakeAt = env.now() + wait;
    this.#cancelTimer = env.after(wait, () => this.wake());
  }

  #take(lease: Lease, fresh?: Fresh): Promise<boolean> {
    return this.#hold(this.#deliver(lease, fresh));
  }

  /** `stop` waits for it. */
  #hold<T>(work: Promise<T>): Promise<T> {
    const held = work.finally(() => this.#inFlight.delete(held));
    this.#inFlight.add(held);
    return held;
  }

  /** The worker was stopped while the delivery was being stored. */
  async #giveBack(lease: Lease): Promise<void> {
    lease.slot.taken--;
    await this.#settler.settle({ lease, id: lease.id ?? "" }, { kind: "returned" });
  }

  /** Whether it was settled. */
  async #deliver(lease: Lease, fresh: Fresh | undefined): Promise<boolean> {
    let job: Job = { lease, id: lease.id ?? "" };
    let settlement: Settlement = { kind: "returned" };
    try {
      job = await this.#attempter.jobOf(lease, fresh);
      settlement = await this.#attempter.attempt(job, fresh?.event, this.#abort.signal);
    } catch (error) {
      this.#trouble.warn(`Deliveries to '${lease.target}' could not be attempted`, error);
    }
    lease.slot.taken--;
    if (this.#left) this.wake();
    const settled = await this.#settler.settle(job, settlement);
    if (!settled || settlement.kind === "returned") return false;
    if (settlement.kind === "retry") this.#soon(settlement.at);
    else if (job.lane) this.wake(); // the next of its session
    return true;
  }

  /** There is something to look for at a time that the last pass did not know. */
  #soon(at: number): void {
    this.#next = Math.min(this.#next, at);
    if (this.#running && !this.#looping && at < this.#wakeAt) {
      this.#sleep(at - this.#options.env.now());
    }
  }
}
