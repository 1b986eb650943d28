import type { Store } from "../store/mod.ts";
import { commitChange, readKeys } from "./_commit.ts";
import type { DeliveryAlerts } from "./_delivery_alerts.ts";
import type { Draft } from "./_draft.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import type { Job, Settlement } from "./_lease.ts";
import type { OwnEvents } from "./_own_events.ts";
import type { Retention } from "./_records.ts";
import { settlementDraft } from "./_settlement.ts";
import { Signal } from "./_signal.ts";
import type { TroubleLog } from "./_trouble_log.ts";

/** How long a settle is tried, in milliseconds; after that the lease ends, and somebody attempts again. */
const PATIENCE = 30_000;
/**
 * The most commits in flight. All but the first must be full, which costs less than many small ones.
 * Only one runs while commits take longer than `slow` milliseconds, because a publish may have to wait
 * for all of them.
 */
const COMMITS = { most: 4, slow: 1_000 };
/**
 * Outcomes waiting for a commit. At `busy`, publishing stops. At `most`, or if writing them takes
 * longer than `within` milliseconds, leasing stops.
 */
const BACKLOG = { busy: 128, most: 512, within: 1_000 };
/** Checks that a commit uses at most: as many as Deno KV takes on a local file. Other stores may have no limit. */
const MOST_CHECKS = 100;

type Waiting = {
  job: Job;
  readonly settlement: Settlement;
  readonly done: (settled: boolean) => void;
};

/** What the settler works with. */
export type SettlerOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly events: OwnEvents;
  readonly alerts: DeliveryAlerts;
  readonly log: TroubleLog;
};

/** Writes outcomes: those that come while a commit is under way share the next one. */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #moved = new Signal();
  #waiting: Waiting[] = [];
  #backlog = 0;
  #commits = 0;
  /** How long a commit takes, in milliseconds: the last ones count most. Unknown at first. */
  #pace: number | undefined;
  #stopping = false;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** How many outcomes wait for a commit, or for the answer to one. */
  get backlog(): number {
    return this.#backlog;
  }

  /** Whether so many wait that nothing more is to be attempted. */
  get isFull(): boolean {
    if (this.#backlog < this.#checks) return false;
    return this.#backlog >= BACKLOG.most || this.timeFor(this.#backlog) > BACKLOG.within;
  }

  /** Whether outcomes come faster than they are written. */
  get isBusy(): boolean {
    return this.#backlog >= BACKLOG.busy;
  }

  /** How long it takes to settle so many, in milliseconds, at the pace of the last commits. */
  timeFor(outcomes: number): number {
    return outcomes * (this.#pace ?? 0) / (this.#atOnce * this.#checks);
  }

  /** How many outcomes fit one commit: each takes a check. */
  get #checks(): number {
    return Math.min(this.#options.store.limits.checks, MOST_CHECKS);
  }

  get #atOnce(): number {
    return (this.#pace ?? Infinity) > COMMITS.slow ? 1 : COMMITS.most;
  }

  /** Resolves when fewer wait than now. */
  next(): Promise<void> {
    return this.#moved.next();
  }

  /** The store may already be closed while the outbox stops, so its errors are not logged. */
  quiet(stopping: boolean): void {
    this.#stopping = stopping;
  }

  /** Settles a lease; false when it was not ours any more, or the store gave no answer. */
  settle(job: Job, settlement: Settlement): Promise<boolean> {
    this.#backlog++;
    return new Promise((resolve) => {
      const done = (settled: boolean): void => {
        this.#backlog--;
        resolve(settled);
        this.#moved.notify();
      };
      this.#waiting.push({ job, settlement, done });
      this.#pump();
    });
  }

  #pump(): void {
    const checks = this.#checks;
    while (this.#waiting.length > 0) {
      if (this.#commits > 0 && this.#waiting.length < checks) return;
      if (this.#commits >= this.#atOnce) return;
      void this.#send(this.#gather());
    }
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    const { env } = this.#options;
    const start = env.now();
    this.#commits++;
    await this.#commit(group).catch((error) => this.#refused(group, error));
    this.#commits--;
    const took = Math.max(0, env.now() - start);
    this.#pace = (3 * (this.#pace ?? took) + took) / 4;
    this.#pump();
  }

  /** A commit that the store refuses may be the fault of one of its settles: the others are not lost. */
  async #refused(group: readonly Waiting[], error: unknown): Promise<void> {
    const { target } = group[0]!.job.lease;
    const whose = group.length > 1 ? `${group.length} deliveries` : `a delivery to '${target}'`;
    if (!this.#stopping) {
      this.#options.log.warn(`The store refused the outcome of ${whose}`, error);
    }
    if (group.length > 1) await this.#settleEach(group);
    else group[0]!.done(false);
  }

  async #settleEach(group: readonly Waiting[]): Promise<void> {
    for (const one of group) {
      await this.#commit([one]).catch((error) => this.#refused([one], error));
    }
  }

  /** The settles of the next commit. One that brings an event goes alone. */
  #gather(): readonly Waiting[] {
    let left = this.#checks;
    let count = 0;
    for (const waiting of this.#waiting) {
      left -= checksOf(waiting);
      const alone = waiting.settlement.kind === "dead";
      if (count > 0 && (alone || left < 0)) break;
      count++;
      if (alone) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** Commits a group; when one lease in it is lost, each on its own. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const { store, env, log } = this.#options;
    const { draft, announce } = this.#draftOf(group);
    const outcome = await commitChange(store, draft.change, env, PATIENCE);
    if (outcome.ok === true) announce();
    if (outcome.ok === "unknown") {
      log.warn("The outbox could not store the outcome of deliveries", outcome.cause);
    }
    if (outcome.ok === false && group.length > 1) {
      await this.#settleEach(group);
    } else if (outcome.ok === false && await this.#grew(group[0]!)) await this.#commit(group);
    else for (const { done } of group) done(outcome.ok === true);
  }

  #draftOf(group: readonly Waiting[]): { draft: Draft; announce: () => void } {
    return settlementDraft(group, this.#options);
  }

  /** Whether a settle failed only because its lane has more deliveries than when it was read. */
  async #grew(waiting: Waiting): Promise<boolean> {
    const { store, env } = this.#options;
    const { lease, lane } = waiting.job;
    if (lane === undefined || lane.more || waiting.settlement.kind === "returned") return false;
    const [due] = await readKeys(store, [lease.key], env, PATIENCE);
    if (due!.versionstamp !== lease.versionstamp) return false;
    waiting.job = { ...waiting.job, lane: { ...lane, more: true } };
    return true;
  }
}

/** Its due key, and its lane when that is to end. */
function checksOf({ job: { lane }, settlement: { kind } }: Waiting): number {
  return lane === undefined || lane.more || kind === "retry" || kind === "returned" ? 1 : 2;
}
