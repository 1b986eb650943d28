import { CommitBuilder, GroupCommit } from "./commit.ts";
import type { DeliveryAlerts, ThrottledLogger } from "./logging.ts";
import {
  type Count,
  type DeadLetterRecord,
  type DeliveryRecord,
  type DueRecord,
  keepAttempts,
  type Outcome,
  UNLEASED,
  VERSION,
} from "./records.ts";
import { putDue } from "./put_publication.ts";
import type { StoreClient } from "./store_client.ts";
import type { SystemEvents } from "./system_events.ts";
import type { FlowControl } from "./flow_control.ts";
import type { Job } from "./targets.ts";
import { SETTLE_TIMEOUT } from "./timeouts.ts";

/** Dependencies of `Settler`. */
type SettlerOptions = {
  readonly client: StoreClient;
  readonly flowControl: FlowControl;
  readonly events: SystemEvents;
  readonly alerts: DeliveryAlerts;
  readonly log: ThrottledLogger;
};

type Settled = { job: Job; readonly outcome: Outcome; readonly done: (settled: boolean) => void };

/** An outcome that is logged with its delivery. */
type Logged = Exclude<Outcome, { readonly kind: "returned" | "empty" }>;

/** Stores outcomes: those that come while a commit is in flight share the next one. */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #queue = new GroupCommit<Settled>({
    next: (waiting, inFlight) => this.#next(waiting, inFlight),
    send: (group) => this.#send(group),
  });

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Settles a lease. Resolves to false when the lease was lost, or the store didn't respond. */
  settle(job: Job, outcome: Outcome): Promise<boolean> {
    return new Promise((done) => this.#queue.add({ job, outcome, done }));
  }

  /** Returns the outcomes of the next commit. One that adds an event goes alone. */
  #next(waiting: ReadonlySet<Settled>, inFlight: number): readonly Settled[] {
    const { flowControl: { checks, commits } } = this.#options;
    const isFull = waiting.size >= checks;
    if (inFlight >= commits || (inFlight > 0 && !isFull)) return [];
    const group: Settled[] = [];
    let left = checks;
    for (const settled of waiting) {
      left -= endsSession(settled) ? 2 : 1;
      const isAlone = settled.outcome.kind === "dead";
      if (group.length > 0 && (isAlone || left < 0)) break;
      group.push(settled);
      if (isAlone) break;
    }
    return group;
  }

  async #send(group: readonly Settled[]): Promise<void> {
    const { client: { clock }, flowControl } = this.#options;
    const start = clock.now();
    await this.#commitOrSplit(group);
    flowControl.committed(Math.max(0, clock.now() - start));
  }

  /** Commits a group. When the store rejects it, one of its outcomes may be to blame: each is tried alone. */
  async #commitOrSplit(group: readonly Settled[]): Promise<void> {
    try {
      await this.#commit(group);
    } catch (error) {
      const { target } = group[0]!.job.lease;
      const whose = group.length > 1 ? `${group.length} deliveries` : `a delivery to '${target}'`;
      this.#options.log.warn(`The store rejected the outcome of ${whose}`, error);
      if (group.length > 1) await this.#commitEach(group);
      else group[0]!.done(false);
    }
  }

  async #commitEach(group: readonly Settled[]): Promise<void> {
    for (const one of group) await this.#commitOrSplit([one]);
  }

  /** Commits a group; when one lease in it is lost, each on its own. */
  async #commit(group: readonly Settled[]): Promise<void> {
    const { client, log } = this.#options;
    const builder = new CommitBuilder();
    const announcements = group.map(({ job, outcome }) => this.#put(builder, job, outcome));
    const outcome = await client.commit(builder.commit, SETTLE_TIMEOUT);
    if (outcome.ok === false && group.length > 1) return await this.#commitEach(group);
    if (outcome.ok === false && await this.#hasGrown(group[0]!)) return await this.#commit(group);
    if (outcome.ok === "unknown") {
      log.warn("The outbox could not store the outcome of deliveries", outcome.cause);
    }
    if (outcome.ok === true) announcements.forEach((announce) => announce());
    for (const { done } of group) done(outcome.ok === true);
  }

  /** Returns whether an outcome was rejected only because its session has more deliveries than when it was read. */
  async #hasGrown(settled: Settled): Promise<boolean> {
    const { lease, head } = settled.job;
    if (head === undefined || head.more || settled.outcome.kind === "returned") return false;
    const [due] = await this.#options.client.get([lease.key]);
    if (due!.versionstamp !== lease.versionstamp) return false;
    settled.job = { ...settled.job, head: { ...head, more: true } };
    return true;
  }

  /** Adds an outcome to a commit. Returns a function to call once it has succeeded. */
  #put(builder: CommitBuilder, job: Job, outcome: Outcome): () => void {
    const { client, events, alerts } = this.#options;
    const { lease: { key, versionstamp, target }, id } = job;
    builder.check(key, versionstamp);
    if (outcome.kind === "returned") {
      putReturned(builder, job, client);
      return () => {};
    }
    putNext(builder, job, outcome, client);
    if (outcome.kind === "empty") return () => {};
    putLog(builder, job, outcome, client);
    const { type } = outcome as { readonly type?: string };
    const announce = outcome.kind === "dead" && type !== undefined
      ? events.put(builder, "delivery.dead", { target, event_id: id, reason: outcome.reason }, type)
      : () => {};
    return () => {
      if (outcome.kind !== "retry") {
        const ended = { target, outcome: outcome.kind };
        events.telemetry.count("omniagent.hooks.deliveries", 1, ended);
      }
      alerts.settled(target, id, outcome);
      announce();
    };
  }
}

/** Returns whether an outcome ends its session, unless that grows meanwhile. Its record is checked then. */
function endsSession({ job: { head }, outcome: { kind } }: Settled): boolean {
  return head !== undefined && !head.more && kind !== "retry" && kind !== "returned";
}

/** Gives a lease back: the due key stays where it is, and the claim doesn't count. */
function putReturned(builder: CommitBuilder, { lease }: Job, { retention }: StoreClient): void {
  const back: DueRecord = { ...UNLEASED, claims: Math.max(0, lease.due.claims - 1) };
  builder.set(lease.key, back, lease.session === undefined ? retention.rest : undefined);
}

/** Ends the lease: deletes or moves the due key, and takes the delivery out of its session. */
function putNext(
  builder: CommitBuilder,
  { lease, id, head }: Job,
  outcome: Outcome,
  client: StoreClient,
): void {
  const { target, session, key, at } = lease;
  const { keys, clock } = client;
  if (outcome.kind === "retry") {
    builder.delete(key);
    return putDue(builder, { target, at: outcome.at, id, session }, UNLEASED, client);
  }
  if (head === undefined || session === undefined) return builder.delete(key);
  if (head.n !== undefined) builder.delete(keys.sessionEntry(target, session, head.n));
  if (head.more) {
    // Sessions that wait go first. Never before its own time, which another clock may have set.
    const next = Math.max(at, clock.now());
    if (next !== at) builder.delete(key);
    return putDue(builder, { target, at: next, id, session }, UNLEASED, client);
  }
  builder.delete(key);
  builder.check(keys.session(target, session), head.versionstamp);
  builder.delete(keys.session(target, session));
}

function putLog(
  builder: CommitBuilder,
  { lease: { target }, id }: Job,
  outcome: Logged,
  { keys, retention: { rest }, clock }: StoreClient,
): void {
  for (const what of countsOf(outcome)) builder.sum(keys.count(target, id, what));
  builder.set(keys.delivery(target, id), logOf(outcome, clock.now()), rest);
  if (outcome.kind !== "dead") return;
  const { reason, log, attempt } = outcome;
  const made = log.made + (attempt ? 1 : 0);
  const dead: DeadLetterRecord = { v: VERSION, at: clock.now(), reason, made };
  builder.set(keys.dead(target, id), dead, rest);
}

function logOf(outcome: Logged, now: number): DeliveryRecord {
  const { kind, log } = outcome;
  const attempt = kind === "expired" ? undefined : outcome.attempt;
  return {
    v: VERSION,
    state: kind === "retry" ? "pending" : kind,
    ...(kind === "retry" ? { at: outcome.at } : {}),
    made: log.made + (attempt ? 1 : 0),
    ...(log.base === undefined ? {} : { base: log.base }),
    attempts: attempt ? keepAttempts([...log.attempts, { ...attempt, at: now }]) : log.attempts,
  };
}

function countsOf(outcome: Logged): readonly Count[] {
  const isFailed = (outcome.kind === "retry" || outcome.kind === "dead") && outcome.attempt;
  return [
    ...(outcome.kind === "retry" ? [] : [outcome.kind]),
    ...(isFailed ? ["failed" as const] : []),
  ];
}
