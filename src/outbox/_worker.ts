import type { Logger } from "../core/mod.ts";
import type { Store } from "../store/mod.ts";
import { Admission } from "./_admission.ts";
import { Alarm } from "./_alarm.ts";
import { Attempter, type Fresh } from "./_attempter.ts";
import { Claimer, newLease, type Pass } from "./_claimer.ts";
import { drain } from "./_drain.ts";
import type { DeliveryAlerts } from "./_delivery_alerts.ts";
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
  readonly alerts: DeliveryAlerts;
  readonly logger: Logger;
};

/** Delivers: leases what is due, attempts it, settles. */
export class Worker implements Lessor {
  readonly #options: WorkerOptions;
  readonly #trouble: TroubleLog;
  readonly #housekeeper: Housekeeper;
  readonly #claimer: Claimer;
  readonly #settler: Settler;
  readonly #admission: Admission;
  readonly #attempter: Attempter;
  readonly #inFlight = new Set<Promise<unknown>>();
  #abort = new AbortController();
  #running = false;
  /** By `stop`; a worker that was never started may still `drainOnce`. */
  #stopped = false;
  /** Whether `stop` has given up what was in flight. */
  #isOver = false;
  #passing: Promise<Pass> | undefined;
  /** Hears of what the pass leases. */
  #claimed: ((delivery: Promise<boolean>) => void) | undefined;
  #looping = false;
  #again = false;
  #left = false;
  readonly #alarm: Alarm;
  #poll = POLL.first;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.env, () => this.wake());
    this.#trouble = new TroubleLog(options.logger, options.env);
    this.#housekeeper = new Housekeeper({ ...options, log: this.#trouble });
    this.#settler = new Settler({ ...options, log: this.#trouble });
    this.#admission = new Admission({ ...options, settler: this.#settler });
    this.#attempter = new Attempter({ ...options, settler: this.#settler });
    const wanted = (): boolean => !this.#stopped;
    const { store, keys, env } = options;
    this.#claimer = new Claimer({
      ...options,
      admission: this.#admission,
      log: this.#trouble,
      wanted,
      purge: async (target) => {
        await purge(store, keys, env, target);
        options.alerts.removed(target);
      },
      take: (lease) => {
        const delivery = this.#take(lease);
        this.#claimed?.(delivery);
      },
    });
  }

  /** Whoever has the outbox now has not stopped it, and attempts what the one before can't abort. */
  renew(): void {
    if (this.#running) return;
    this.#stopped = this.#isOver = false;
    this.#settler.quiet(false);
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
    this.#admission.stopped();
    this.#alarm.cancel();
    const cancelAbort = env.after(STOP.abort, () => abort.abort(new Error("the outbox stops")));
    let cancelDone = (): void => {};
    const late = new Promise<void>((resolve) => cancelDone = env.after(STOP.done, resolve));
    await Promise.race([Promise.all([this.#quiet(), this.#housekeeper.stop()]), late]);
    if (this.#inFlight.size > 0) this.#abandon();
    cancelAbort();
    cancelDone();
  }

  /** Keeps the process alive while it runs; gives what ends that. */
  keepAlive(): () => void {
    return this.#alarm.keepAlive();
  }

  lease(target: string): Pick<BornLease, "slot" | "due"> | undefined {
    const { targets, env } = this.#options;
    const slot = targets.get(target);
    if (!this.#running || slot === undefined || this.#admission.free(slot) === 0) return undefined;
    if (this.#options.endpoints.blocked(slot)) return undefined;
    this.#admission.enter(slot);
    return { slot, due: newLease(env, slot.target.timeout, 1) };
  }

  cancel({ slot }: BornLease): void {
    this.#admission.cancel(slot);
  }

  turn(): Promise<void> {
    return this.#admission.turn(() => this.#running);
  }

  stored(unleased: ReadonlyMap<string, number>): void {
    if (this.#running) this.#admission.stored(unleased);
    this.wake();
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
    this.#alarm.cancel();
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

  /** Time is up. The store may be closed from now on, so its errors are no longer logged. */
  #abandon(): void {
    this.#trouble.warn(
      `The outbox stopped before ${this.#inFlight.size} deliveries were settled: each is attempted ` +
        `again once its lease has ended`,
    );
    this.#isOver = true;
    this.#settler.quiet(true);
  }

  /** Resolves when nothing is claimed, attempted or settled. */
  async #quiet(): Promise<void> {
    await this.#passing?.catch(() => {});
    await Promise.all(this.#inFlight);
  }

  /** One pass at a time; those who ask meanwhile share it. Who began it is told of its leases. */
  #pass(longest: number, mine?: (delivery: Promise<boolean>) => void): Promise<Pass> {
    if (this.#passing) return this.#passing;
    this.#alarm.forget();
    this.#claimed = mine;
    return this.#passing = this.#claimer.pass(longest).finally(() => {
      this.#passing = this.#claimed = undefined;
    });
  }

  #free(name: string): number {
    const slot = this.#options.targets.get(name);
    return slot ? this.#admission.free(slot) : 0;
  }

  /** Passes until there is nothing more to claim, then sleeps. */
  async #loop(): Promise<void> {
    let pass: Pass | undefined;
    this.#looping = true;
    while (this.#running && this.#again) {
      this.#again = false;
      while (this.#running && this.#settler.isFull) await this.#settler.next();
      if (!this.#running) break;
      try {
        pass = await this.#pass(Infinity);
        // A slot that came free while the pass went on elsewhere woke nobody.
        if (pass.left.some((name) => this.#free(name) > 0)) this.#again = true;
      } catch (error) {
        if (this.#running) this.#trouble.warn("The outbox could not look for what is due", error);
      }
    }
    this.#looping = false;
    if (!this.#running) return;
    this.#left = (pass?.left.length ?? 0) > 0;
    this.#poll = pass && pass.claimed > 0 ? POLL.first : Math.min(this.#poll * 2, POLL.most);
    this.#alarm.note(pass?.next, pass?.retry);
    this.#alarm.set(this.#poll);
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
    this.#admission.attempted(lease.slot);
    await this.#settler.settle({ lease, id: lease.id ?? "" }, { kind: "returned" });
    this.#admission.settled(lease.slot);
  }

  /** Whether it was settled. */
  async #deliver(lease: Lease, fresh: Fresh | undefined): Promise<boolean> {
    let job: Job = { lease, id: lease.id ?? "" };
    let settlement: Settlement = { kind: "returned" };
    try {
      job = await this.#attempter.jobOf(lease, fresh);
      settlement = await this.#attempter.attempt(job, fresh?.event, this.#abort.signal);
    } catch (error) {
      if (!this.#isOver) {
        this.#trouble.warn(`Deliveries to '${lease.target}' could not be attempted`, error);
      }
    }
    const isFirst = "log" in settlement && settlement.log.made === 0;
    if (fresh === undefined && lease.session === undefined && !isFirst) {
      this.#admission.retried(lease.slot);
    }
    this.#admission.attempted(lease.slot);
    if (this.#left) this.wake();
    const settled = await this.#settler.settle(job, settlement);
    this.#admission.settled(lease.slot);
    if (this.#left) this.wake();
    if (!settled || settlement.kind === "returned") return false;
    if (settlement.kind === "retry") this.#soon(settlement.at, settlement.at);
    else if (job.lane) this.wake(); // the next of its session
    return true;
  }

  /** There is something to look for at a time that the last pass did not know, perhaps a retry. */
  #soon(at: number, retry?: number): void {
    this.#alarm.note(at, retry);
    if (this.#running && !this.#looping) this.#alarm.hasten();
  }
}
