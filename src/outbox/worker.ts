import type { HookEvent } from "../core/mod.ts";
import { sleep } from "../internal/clock.ts";
import type { CountCleanup } from "./count_cleanup.ts";
import type { NewLease } from "./put_publication.ts";
import type { ThrottledLogger } from "./logging.ts";
import type { Outcome } from "./records.ts";
import type { StoreClient } from "./store_client.ts";
import type { FlowControl } from "./flow_control.ts";
import type { FreshEvent, Job, Lease, Pass, PassOptions, SlotLease, Targets } from "./targets.ts";
import { STOP_TIMEOUT } from "./timeouts.ts";
import { Alarm, Signal, type WakeUp } from "./wake_up.ts";

/** How often to poll while no delivery is known to be due, in milliseconds: at first, and at most. */
const POLL = { first: 1_000, max: 60_000 };
/** When `stop` aborts attempts, in milliseconds: a second before it is done, to store how they went. */
const ABORT_AFTER = STOP_TIMEOUT - 1_000;
/** How long a drain waits before it tries again to lease what it could not, in milliseconds: at least half of it. */
const DRAIN_PAUSE = 100;

/** The steps of a delivery. */
type Steps = {
  /** Leases due deliveries. */
  claim(options: PassOptions): Promise<Pass>;
  jobOf(lease: Lease, fresh: FreshEvent | undefined): Promise<Job>;
  attempt(job: Job, fresh: HookEvent | undefined, signal: AbortSignal): Promise<Outcome>;
  settle(job: Job, outcome: Outcome): Promise<boolean>;
};

/** Dependencies of `Worker`. */
type WorkerOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly flowControl: FlowControl;
  readonly cleanup: CountCleanup;
  readonly log: ThrottledLogger;
  readonly wakeUp: WakeUp;
  readonly steps: Steps;
};

/** The result of `drainOnce`. */
type DrainResult = {
  readonly settled: number;
  readonly remaining: boolean;
  readonly next: Date | undefined;
};

type Take = (delivery: Promise<boolean>) => void;

/** Decides when to look for due deliveries, and takes each from its lease to its outcome. */
export class Worker {
  readonly #options: WorkerOptions;
  #unlisten = (): void => {};
  readonly #alarm: Alarm;
  readonly #inFlight = new Set<Promise<unknown>>();
  #abort = new AbortController();
  #isRunning = false;
  /** By `stop`. A worker that was never started may still `drainOnce`. */
  #isStopped = false;
  #passing: Promise<Pass> | undefined;
  #isLooping = false;
  #isWanted = false;
  /** Whether the last pass left due deliveries. */
  #hasLeft = false;
  #poll = POLL.first;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.client.clock, () => this.wake());
    options.wakeUp.onCall(() => this.wake());
  }

  /** Undoes `stop` without starting: new hooks use the outbox, and may drain it. */
  renew(): void {
    if (this.#isRunning) return;
    this.#isStopped = false;
    this.#options.log.isMuted = false;
    this.#abort = new AbortController(); // attempts of the hooks before stay aborted
  }

  /** Starts to deliver. */
  start(): void {
    if (this.#isRunning) return;
    this.renew();
    this.#isRunning = true;
    this.#options.flowControl.isOpen = true;
    this.#poll = POLL.first;
    this.#options.cleanup.start();
    this.#unlisten = this.#options.wakeUp.listen();
    this.wake();
  }

  /** Stops claiming, lets attempts end, aborts those that don't, and gives their leases back. */
  async stop(): Promise<void> {
    const { client: { clock }, flowControl, cleanup } = this.#options;
    const abort = this.#abort; // another may have begun by then
    this.#isRunning = false;
    this.#isStopped = true;
    flowControl.isOpen = false;
    this.#alarm.cancel();
    this.#unlisten();
    const cancelAbort = clock.setTimer(
      ABORT_AFTER,
      () => abort.abort(new Error("the outbox stops")),
    );
    const isOver = new Signal();
    const cancelOver = clock.setTimer(STOP_TIMEOUT, () => isOver.notify());
    await Promise.race([Promise.all([this.#idle(), cleanup.stop()]), isOver.next()]);
    if (this.#inFlight.size > 0) this.#abandon();
    cancelAbort();
    cancelOver();
  }

  /** Keeps the process alive while it runs. Returns a function that ends that. */
  keepAlive(): () => void {
    return this.#alarm.keepAlive();
  }

  /** Looks for due deliveries as soon as a pass that runs has ended. */
  wake(): void {
    if (!this.#isRunning) return;
    this.#alarm.cancel();
    this.#isWanted = true;
    if (!this.#isLooping) void this.#loop();
  }

  /** Deliveries become due soon: when a transaction ends, of which this process doesn't learn. */
  expect(): void {
    this.#poll = POLL.first;
    this.#noteDue(this.#options.client.clock.now() + POLL.first);
  }

  /** Attempts deliveries that were stored with a lease, by the commit with this versionstamp. */
  takeStored(stored: readonly NewLease<SlotLease>[], versionstamp: string): void {
    const { keys, clock } = this.#options.client;
    for (const { target, registered, session, more, prepared: { event }, at, due } of stored) {
      const isAlone = session === undefined;
      const id = isAlone ? event.id : undefined;
      const key = isAlone ? keys.due(target, at, event.id) : keys.sessionDue(target, at, session);
      const lease: Lease = { target, registered, key, at, due, versionstamp, id, session };
      if (this.#isRunning) void this.#take(lease, { event, versionstamp, more });
      else void this.#hold(this.#giveBack(lease));
    }
    if (stored.length > 0) this.#noteDue(clock.now() + POLL.first); // busy: it polls more often
  }

  /** Makes the due deliveries that fit the time. Waits only for those that it leased. */
  async drainOnce(timeout: number): Promise<DrainResult> {
    const { client: { clock }, cleanup } = this.#options;
    const deadline = clock.now() + timeout;
    const mine = new Set<Promise<void>>();
    const ended = new Signal();
    let settled = 0;
    let last: Pass | undefined;
    let remaining = true;
    const take: Take = (delivery) => {
      const held = delivery.then((isSettled) => {
        if (isSettled) settled++;
        mine.delete(held);
        ended.notify();
      });
      mine.add(held);
    };
    try {
      while (clock.now() < deadline) {
        const wasIdle = mine.size === 0;
        last = await this.#pass(deadline - clock.now(), take);
        const { claimed, left, owed } = last;
        this.#warnOfTimeouts(left, timeout);
        if (claimed > 0 && left.length === 0) continue;
        if (mine.size > 0) {
          await ended.next();
          continue;
        }
        if (!wasIdle) continue; // it may have read a lease that has ended since
        remaining = owed || left.length > 0;
        const isInTime = left.some((name) => this.#timeoutOf(name) <= deadline - clock.now());
        if (this.#isStopped || !(owed || isInTime)) break;
        const pause = DRAIN_PAUSE * (0.5 + clock.random());
        await sleep(clock, Math.min(pause, deadline - clock.now()));
      }
    } finally {
      await Promise.all(mine);
    }
    if (!this.#isStopped) await cleanup.run(deadline);
    const next = remaining ? clock.now() : last?.next;
    return { settled, remaining, next: next === undefined ? undefined : new Date(next) };
  }

  #timeoutOf(name: string): number {
    return this.#options.targets.get(name)?.target.timeout ?? Infinity;
  }

  #warnOfTimeouts(names: readonly string[], timeout: number): void {
    for (const name of names) {
      const needed = this.#timeoutOf(name);
      if (needed <= timeout) continue;
      this.#options.log.warn(
        `Deliveries to '${name}' can't be drained: its timeout of ${needed} ms is longer than ` +
          `the drain's of ${timeout} ms`,
      );
    }
  }

  /** Gives up deliveries in flight. The store may be closed from now on, so its errors are no longer logged. */
  #abandon(): void {
    const { log } = this.#options;
    log.warn(
      `The outbox stopped before ${this.#inFlight.size} deliveries were settled: each is attempted ` +
        `again once its lease has ended`,
    );
    log.isMuted = true;
  }

  /** Resolves when nothing is claimed, attempted or settled. */
  async #idle(): Promise<void> {
    await this.#passing?.catch(() => {});
    await Promise.all(this.#inFlight);
  }

  /** Makes one pass at a time. Those who ask meanwhile share it; `take` receives its deliveries. */
  #pass(longest: number, take: Take = () => {}): Promise<Pass> {
    if (this.#passing) return this.#passing;
    this.#alarm.forget();
    return this.#passing = this.#options.steps.claim({
      longest,
      take: (lease) => take(this.#take(lease)),
      isWanted: () => !this.#isStopped,
    }).finally(() => this.#passing = undefined);
  }

  /** Passes until there is nothing more to claim, then sets the alarm. */
  async #loop(): Promise<void> {
    const { flowControl, log } = this.#options;
    let pass: Pass | undefined;
    this.#isLooping = true;
    while (this.#isRunning && this.#isWanted) {
      this.#isWanted = false;
      while (this.#isRunning && flowControl.isFull) await flowControl.change();
      if (!this.#isRunning) break;
      try {
        pass = await this.#pass(Infinity);
        // A slot that came free while the pass was at another target did not wake the worker.
        if (pass.left.some((name) => this.#isFree(name))) this.#isWanted = true;
      } catch (error) {
        if (this.#isRunning) log.warn("The outbox could not look for what is due", error);
      }
    }
    this.#isLooping = false;
    if (!this.#isRunning) return;
    this.#hasLeft = (pass?.left.length ?? 0) > 0;
    this.#poll = pass && pass.claimed > 0 ? POLL.first : Math.min(this.#poll * 2, POLL.max);
    this.#alarm.note(pass?.next, pass?.retry);
    this.#alarm.set(this.#poll);
  }

  #isFree(name: string): boolean {
    const { targets, flowControl } = this.#options;
    const registered = targets.get(name);
    return registered !== undefined && flowControl.free(registered) > 0;
  }

  #take(lease: Lease, fresh?: FreshEvent): Promise<boolean> {
    return this.#hold(this.#deliver(lease, fresh));
  }

  /** Makes `stop` wait for some work. */
  #hold<T>(work: Promise<T>): Promise<T> {
    const held = work.finally(() => this.#inFlight.delete(held));
    this.#inFlight.add(held);
    return held;
  }

  /** Gives back a lease, because the worker was stopped while the delivery was being stored. */
  async #giveBack(lease: Lease): Promise<void> {
    const { flowControl, steps } = this.#options;
    flowControl.attempted(lease.registered);
    await steps.settle({ lease, id: lease.id ?? "" }, { kind: "returned" });
    flowControl.settled(lease.registered);
    this.#options.wakeUp.callOthers();
  }

  /** Takes a delivery from its lease to its outcome. Resolves to whether it was settled. */
  async #deliver(lease: Lease, fresh: FreshEvent | undefined): Promise<boolean> {
    const { flowControl, steps, log, wakeUp, client: { clock } } = this.#options;
    const { registered, target } = lease;
    let start: number | undefined;
    let job: Job = { lease, id: lease.id ?? "" };
    let outcome: Outcome = { kind: "returned" };
    try {
      job = await steps.jobOf(lease, fresh);
      if (await flowControl.hasSlot(registered)) {
        start = clock.now();
        outcome = await steps.attempt(job, fresh?.event, this.#abort.signal);
      } else this.#hasLeft = true;
    } catch (error) {
      log.warn(`Deliveries to '${target}' could not be attempted`, error);
    }
    if (start !== undefined) flowControl.leaveSlot(registered);
    flowControl.attempted(registered, start && clock.now() - start);
    if (this.#hasLeft) this.wake();
    const isSettled = await steps.settle(job, outcome);
    flowControl.settled(registered);
    if (this.#hasLeft) this.wake();
    if (outcome.kind === "returned") wakeUp.callOthers(); // another process may take it
    if (!isSettled || outcome.kind === "returned") return false;
    if (outcome.kind === "retry") this.#noteDue(outcome.at, outcome.at);
    else if (job.head) this.wake(); // the next of its session
    return true;
  }

  /** Records a due time, perhaps of a retry, that the last pass did not know. */
  #noteDue(at: number, retry?: number): void {
    this.#alarm.note(at, retry);
    if (this.#isRunning && !this.#isLooping) this.#alarm.hasten();
  }
}
