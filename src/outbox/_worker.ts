import {
  type Attempt,
  consoleLogger,
  type HookEvent,
  type Logger,
  type Store,
} from "../core/mod.ts";
import { Claimer, MAX_CLAIMS, newLease, type Pass } from "./_claimer.ts";
import type { Env } from "./_env.ts";
import { Housekeeper } from "./_housekeeper.ts";
import type { Keys } from "./_keys.ts";
import type { BornLease, Lessor } from "./_lessor.ts";
import { loadDelivery, NEW_LOG } from "./_reader.ts";
import type { DeliveryLog, Retention } from "./_records.ts";
import { type Lease, type Settlement, Settler } from "./_settler.ts";
import type { Slot, Targets } from "./_targets.ts";
import { TroubleLog } from "./_trouble_log.ts";

/** An attempt starts only while its lease has this left beyond its timeout, in milliseconds. */
const START_MARGIN = 5_000;
/** Claims pause while so many settles wait. */
const MAX_BACKLOG = 100;
/** How often to look when nothing says that there is something, in milliseconds: at first, and at most. */
const POLL = { first: 1_000, most: 60_000 };
/** `stop` lets attempts end for so long, in milliseconds, then aborts them, and is done by the second. */
const STOP = { abort: 3_500, done: 4_500 };
/** A receiver's `Retry-After` moves a delivery by so much at most, in milliseconds. */
const MAX_RETRY_AFTER = 24 * 60 * 60 * 1000;

/** What the worker works with. */
export type WorkerOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly targets: Targets;
  readonly logger?: Logger | undefined;
};

/** Delivers: leases what is due, attempts it, settles. */
export class Worker implements Lessor {
  readonly #options: WorkerOptions;
  readonly #logger: Logger;
  readonly #trouble: TroubleLog;
  readonly #housekeeper: Housekeeper;
  readonly #claimer: Claimer;
  readonly #settler: Settler;
  readonly #inFlight = new Set<Promise<void>>();
  #abort = new AbortController();
  #running = false;
  /** By `stop`; a worker that was never started may still `drainOnce`. */
  #stopped = false;
  #passing: Promise<Pass> | undefined;
  #again = false;
  #left = false;
  /** A slot came free since the pass began. */
  #freed = false;
  #settled = 0;
  #poll = POLL.first;
  #cancelTimer = (): void => {};

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? consoleLogger;
    this.#trouble = new TroubleLog(this.#logger, options.env);
    this.#housekeeper = new Housekeeper({ ...options, log: this.#trouble });
    this.#settler = new Settler(options);
    const wanted = (): boolean => !this.#stopped;
    this.#claimer = new Claimer({ ...options, wanted, take: (lease) => this.#take(lease) });
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopped = false;
    this.#abort = new AbortController();
    this.#poll = POLL.first;
    this.#housekeeper.start();
    this.wake();
  }

  /** Claims no more, lets attempts end, aborts what is left, and returns its leases. */
  async stop(): Promise<void> {
    const { env } = this.#options;
    this.#running = false;
    this.#stopped = true;
    this.#cancelTimer();
    const cancelAbort = env.after(
      STOP.abort,
      () => this.#abort.abort(new Error("the outbox stops")),
    );
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
    slot.taken++;
    return { slot, due: newLease(env, slot.target.timeout, 1) };
  }

  cancel({ slot }: BornLease): void {
    slot.taken--;
  }

  attempt({ target, slot, prepared, at, due }: BornLease, versionstamp: string): void {
    const { event } = prepared;
    this.#take({ target, slot, id: event.id, at, due, versionstamp }, event);
  }

  /** Looks for what is due, as soon as a look that is under way has ended. */
  wake(): void {
    if (!this.#running) return;
    this.#cancelTimer();
    this.#again = true;
    if (!this.#passing) void this.#loop();
  }

  /** Delivers what is due and can be done in time. */
  async drainOnce(budgetMs: number): Promise<{ settled: number; remaining: boolean }> {
    const { env } = this.#options;
    const deadline = env.now() + budgetMs;
    const before = this.#settled;
    let remaining = true;
    try {
      while (env.now() < deadline) {
        const pass = await this.#pass(deadline - env.now());
        const idle = this.#inFlight.size === 0;
        if (pass.claimed === 0 && idle) {
          remaining = pass.left;
          break;
        }
        if ((pass.claimed === 0 || pass.left) && !idle) await Promise.race(this.#inFlight);
      }
    } finally {
      await Promise.all(this.#inFlight);
    }
    await this.#housekeeper.tidy(deadline);
    return { settled: this.#settled - before, remaining };
  }

  /** Resolves when nothing is claimed, attempted or settled. */
  async #quiet(): Promise<void> {
    await this.#passing?.catch(() => {});
    await Promise.all(this.#inFlight);
  }

  /** One pass at a time; those who ask meanwhile share it. */
  #pass(longest: number): Promise<Pass> {
    return this.#passing ??= this.#claimer.pass(longest).finally(() => this.#passing = undefined);
  }

  /** Passes until there is nothing more to claim, then sleeps. */
  async #loop(): Promise<void> {
    let pass: Pass | undefined;
    while (this.#running && this.#again) {
      this.#again = false;
      this.#freed = false;
      while (this.#settler.backlog > MAX_BACKLOG) await Promise.race(this.#inFlight);
      try {
        pass = await this.#pass(Infinity);
        if (pass.left && this.#freed) this.#again = true;
      } catch (error) {
        this.#trouble.warn("The outbox could not look for what is due", error);
      }
    }
    if (!this.#running) return;
    this.#left = pass?.left ?? false;
    this.#poll = pass && pass.claimed > 0 ? POLL.first : Math.min(this.#poll * 2, POLL.most);
    this.#sleep(Math.min(this.#poll, (pass?.next ?? Infinity) - this.#options.env.now()));
  }

  /** Wakes after a time; jittered, so that processes that began together do not look together. */
  #sleep(milliseconds: number): void {
    const { env } = this.#options;
    this.#cancelTimer();
    this.#cancelTimer = env.after(
      Math.max(milliseconds, 10) * (1 + 0.2 * env.random()),
      () => this.wake(),
    );
  }

  #take(lease: Lease, event?: HookEvent): void {
    const delivery = this.#deliver(lease, event).finally(() => this.#inFlight.delete(delivery));
    this.#inFlight.add(delivery);
  }

  async #deliver(lease: Lease, known: HookEvent | undefined): Promise<void> {
    let settlement: Settlement = { kind: "returned" };
    try {
      settlement = await this.#attempt(lease, known);
    } catch (error) {
      this.#trouble.warn(`Deliveries to '${lease.target}' could not be attempted`, error);
    }
    lease.slot.taken--;
    this.#freed = true;
    if (this.#left) this.wake();
    const settled = await this.#settler.settle(lease, settlement);
    if (settled && settlement.kind !== "returned") this.#settled++;
    if (settled && settlement.kind === "retry") this.#soon(settlement.at);
  }

  /** Something of ours is due at a time that the last pass did not know. */
  #soon(at: number): void {
    if (!this.#running || this.#passing) return void (this.#again = true);
    this.#poll = POLL.first;
    const wait = Math.max(0, at - this.#options.env.now());
    if (wait < POLL.most) this.#sleep(Math.min(wait, POLL.first));
  }

  /** Attempts a delivery, if there is still something to attempt. */
  async #attempt(lease: Lease, known: HookEvent | undefined): Promise<Settlement> {
    const { store, keys, env } = this.#options;
    const { target } = lease.slot;
    const { event, log } = known
      ? { event: known, log: NEW_LOG }
      : await loadDelivery(store, keys, lease.target, lease.id, env);
    if (event === "expired") return { kind: "expired", log };
    if (event === "unreadable") return { kind: "dead", log, reason: "unreadable" };
    if (lease.due.claims > MAX_CLAIMS) {
      return { kind: "dead", log, reason: "lost lease: the outcome of its attempts is unknown" };
    }
    const { signal } = this.#abort;
    const late = env.now() >= lease.due.until - target.timeout - START_MARGIN;
    if (late || signal.aborted) return { kind: "returned" };
    const attempt = await target.attempt(event, {
      attempt: log.made + 1,
      signal,
      logger: this.#logger,
    });
    if (signal.aborted && attempt.verdict !== "delivered") return { kind: "returned" };
    return this.#judge(attempt, log, lease.slot);
  }

  #judge(attempt: Attempt, log: DeliveryLog, { target }: Slot): Settlement {
    const { env } = this.#options;
    if (attempt.verdict === "delivered") return { kind: "delivered", attempt, log };
    const reason = attempt.error ?? attempt.verdict;
    if (attempt.verdict !== "retry") return { kind: "dead", attempt, log, reason };
    const delay = target.retry.delay(log.made - (log.base ?? 0) + 1, env.random());
    if (delay === undefined) return { kind: "dead", attempt, log, reason };
    const asked = Math.min(attempt.retryAfter ?? 0, MAX_RETRY_AFTER);
    return { kind: "retry", attempt, log, at: env.now() + Math.max(delay, asked) };
  }
}
