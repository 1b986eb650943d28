import type { Publication, PublishOptions, Receipt } from "../core/mod.ts";
import { onAbort } from "../internal/async.ts";
import { StoreLimitError } from "../store/errors.ts";
import { addSizes, CommitBuilder, type CommitSize, fits, GroupCommit } from "./commit.ts";
import {
  type NewLease as NewLeaseOf,
  type Prepared,
  putPublication,
  receiptOf,
  sessionNames,
  SessionTails,
} from "./put_publication.ts";
import { findStored } from "./duplicates.ts";
import { OutboxUnavailableError } from "./errors.ts";
import { type BatchPlan, planBatch, type PrepareOptions, storeChunks } from "./prepare.ts";
import type { CommitOutcome, StoreClient } from "./store_client.ts";
import type { FlowControl } from "./flow_control.ts";
import type { SlotLease } from "./targets.ts";
import { COMMIT_TIMEOUT } from "./timeouts.ts";

/** Commits in flight that the next one doesn't wait for: more at once gain nothing over a network. */
const MAX_INDEPENDENT = 16;

/** A delivery that was stored with a lease of this process. */
type NewLease = NewLeaseOf<SlotLease>;

/** Dependencies of `PublishQueue`. */
type PublishQueueOptions = {
  readonly client: StoreClient;
  readonly prepare: PrepareOptions;
  readonly flowControl: FlowControl;
  /** Learns how each commit ended. */
  readonly health: { note(outcome: CommitOutcome): void };
  /** Takes the deliveries that were stored with a lease, at the versionstamp of their commit. */
  readonly take: (leases: readonly NewLease[], versionstamp: string) => void;
  /** Deliveries were stored without a lease. */
  readonly wake: () => void;
};

/** A batch that is stored as a whole, and its caller. */
type Unit = {
  /** What is still to be stored. */
  batch: readonly Prepared[];
  /** Its sessions, as texts. */
  readonly sessions: readonly string[];
  readonly size: CommitSize;
  /** When it began to wait. */
  readonly since: number;
  readonly done: Map<Prepared, Receipt>;
  readonly resolve: (done: Map<Prepared, Receipt>) => void;
  readonly reject: (error: unknown) => void;
};

/** Stores events. */
export class PublishQueue {
  readonly #options: PublishQueueOptions;
  readonly #prepare: PrepareOptions;
  readonly #queue = new GroupCommit<Unit>({
    next: (waiting, inFlight) => this.#next(waiting, inFlight),
    send: (units) => this.#send(units),
  });
  readonly #sessions = new KeyedMutex();
  /** Whether the next commit has to wait. */
  #isHeld = false;
  /** The sessions of commits that others don't wait for: those that come next in them do. */
  readonly #busy = new Set<string>();
  #respondedAt = -Infinity;

  constructor(options: PublishQueueOptions) {
    this.#options = options;
    this.#prepare = options.prepare;
  }

  /** Stores a batch as a whole, or not at all. */
  async publish(
    batch: readonly Publication[],
    { signal, idempotencyKey, records }: PublishOptions = {},
  ): Promise<readonly Receipt[]> {
    signal?.throwIfAborted();
    // Preparing a large event takes longer than a small one that is published after it.
    const lock = this.#sessions.lock(this.#orderedSessions(batch));
    let waiting: Promise<Map<Prepared, Receipt>> | undefined;
    let plan: BatchPlan;
    try {
      plan = await planBatch(batch, { idempotencyKey, records }, this.#prepare);
      const { stored, size } = plan;
      await storeChunks(stored, this.#options.client);
      await lock?.acquired;
      if (stored.length > 0) waiting = this.#add(stored, size, signal);
    } finally {
      lock?.release();
    }
    return plan.receipts(await waiting ?? new Map());
  }

  #orderedSessions(batch: readonly Publication[]): readonly string[] {
    const { targets } = this.#prepare;
    const sessions = batch.flatMap(({ event, to }) =>
      to.flatMap((target) => targets.sessionFor(target, event) ?? [])
    );
    return [...new Set(sessions)];
  }

  /** Queues a batch. Once its signal aborts, its caller waits no longer, and it is no longer sent. */
  #add(
    batch: readonly Prepared[],
    size: CommitSize,
    signal: AbortSignal | undefined,
  ): Promise<Map<Prepared, Receipt>> {
    return new Promise((resolve, reject) => {
      let unsubscribe = (): void => {};
      const unit: Unit = {
        batch,
        sessions: sessionNames(batch).map((name) => JSON.stringify(name)),
        size,
        since: this.#options.client.clock.now(),
        done: new Map(),
        resolve(done) {
          unsubscribe();
          resolve(done);
        },
        reject(error) {
          unsubscribe();
          reject(error);
        },
      };
      this.#queue.add(unit);
      if (signal === undefined) return;
      unsubscribe = onAbort(signal, () => {
        this.#queue.remove(unit);
        unit.reject(signal.reason);
      });
    });
  }

  /**
   * Returns the units of the next commit. One that may be a duplicate goes alone: if it is one, its checks
   * fail. Those of sessions fail only when another process committed first. Where a transaction of a caller
   * can lock a session, each commit has the units of one, or none: no other caller waits with them.
   */
  #next(waiting: ReadonlySet<Unit>, inFlight: number): readonly Unit[] {
    if (this.#isHeld || inFlight >= MAX_INDEPENDENT) return [];
    const { client: { clock, store: { limits } } } = this.#options;
    const units: Unit[] = [];
    const sessions = new Set<string>();
    const passedOver = new Set<string>(this.#busy);
    let total = { checks: 0, mutations: 0, bytes: 0, keys: 0 };
    for (const unit of waiting) {
      if (clock.now() - Math.max(unit.since, this.#respondedAt) >= COMMIT_TIMEOUT) {
        this.#queue.remove(unit); // the store does not respond to any caller
        unit.reject(new OutboxUnavailableError(false));
        continue;
      }
      if (this.#canBeLocked) {
        const joins = units.length === 0 || unit.sessions.every((name) => sessions.has(name)) &&
            (unit.sessions.length > 0) === (sessions.size > 0);
        if (!joins || unit.sessions.some((name) => passedOver.has(name))) {
          for (const name of unit.sessions) passedOver.add(name); // what comes later in them, too
          continue;
        }
      }
      for (const name of unit.sessions) sessions.add(name);
      // Of a group only the first event is checked, and each session once.
      total = { ...addSizes(total, unit.size), checks: 1 + sessions.size };
      if (units.length > 0 && (isGuarded(unit) || !fits(total, limits))) break;
      units.push(unit);
      if (isGuarded(unit)) break;
    }
    return units;
  }

  async #send(units: readonly Unit[]): Promise<void> {
    this.#isHeld = true;
    const locked = this.#canBeLocked ? units.flatMap(({ sessions }) => sessions) : [];
    for (const name of locked) this.#busy.add(name);
    const sent = this.#sendOrSplit(units);
    // Over a network, each of these would wait for the response to the one before.
    if (locked.length === 0 && !units.some(isIndependent)) await sent;
    await this.#options.flowControl.turn();
    this.#isHeld = false;
    this.#queue.pump();
    await sent;
    for (const name of locked) this.#busy.delete(name);
  }

  /** Whether a transaction of a caller can lock a session until it ends. */
  get #canBeLocked(): boolean {
    return this.#options.client.store.within !== undefined;
  }

  /** Sends units; when the store finds them too large together, each alone. Never rejects. */
  async #sendOrSplit(units: readonly Unit[]): Promise<void> {
    try {
      await this.#commit(units);
    } catch (error) {
      if (error instanceof StoreLimitError && units.length > 1) {
        for (const unit of units) await this.#sendOrSplit([unit]);
      } else for (const unit of units) unit.reject(error);
    }
  }

  /** Commits units until their outcome is known. */
  async #commit(units: readonly Unit[]): Promise<void> {
    const { client, flowControl, health } = this.#options;
    const { clock } = client;
    const deadline = clock.now() + COMMIT_TIMEOUT;
    const left = (): number => deadline - clock.now();
    for (let builds = 1;; builds++) {
      const batch = units.flatMap((unit) => unit.batch);
      if (batch.length === 0) return units.forEach((unit) => unit.resolve(unit.done));
      let leases: readonly NewLease[] = [];
      const cancel = (): void => leases.forEach(({ registered }) => flowControl.cancel(registered));
      try {
        const builder = new CommitBuilder();
        leases = await this.#build(builder, batch, left());
        const outcome = await client.commit(builder.commit, left(), { failFast: true });
        health.note(outcome);
        if (outcome.ok === "unknown") {
          throw new OutboxUnavailableError(outcome.stored, outcome.cause);
        }
        this.#respondedAt = clock.now();
        // `false` may mean that it was applied, and that only the response was lost.
        const versionstamp = outcome.ok
          ? outcome.versionstamp
          : await findStored(client, units, left());
        if (versionstamp !== null) {
          // Found after it was built again: it may be the earlier one, which has other leases.
          if (!outcome.ok && builds > 1) {
            cancel();
            leases = [];
          }
          return this.#stored(units, leases, versionstamp);
        }
      } catch (error) {
        cancel();
        throw error;
      }
      cancel();
      if (clock.now() >= deadline) throw new OutboxUnavailableError(false);
    }
  }

  async #build(
    builder: CommitBuilder,
    batch: readonly Prepared[],
    timeout: number,
  ): Promise<readonly NewLease[]> {
    const { client, flowControl } = this.#options;
    const { clock, keys } = client;
    const sessions = sessionNames(batch);
    const entries = await client.get(sessions.map((name) => keys.session(...name)), { timeout });
    const tails = new SessionTails(sessions, client, entries);
    const lease = (target: string): SlotLease | undefined => flowControl.lease(target);
    return putPublication(builder, batch, { at: clock.now(), tails, lease, layout: client });
  }

  #stored(units: readonly Unit[], leases: readonly NewLease[], versionstamp: string): void {
    const { flowControl, take, wake } = this.#options;
    for (const unit of units) {
      for (const prepared of unit.batch) {
        unit.done.set(prepared, { ...receiptOf(prepared), deliveries: prepared.to.length });
      }
      unit.resolve(unit.done);
    }
    take(leases, versionstamp);
    const batch = units.flatMap((unit) => unit.batch);
    const deliveries = batch.reduce((sum, { to }) => sum + to.length, 0);
    if (deliveries === leases.length) return;
    flowControl.stored(countUnleased(batch, leases));
    wake();
  }
}

/** Counts deliveries without a lease by target. Those of a session wait for one another anyway. */
function countUnleased(
  batch: readonly Prepared[],
  leases: readonly NewLease[],
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const add = (target: string, count: number): void =>
    void counts.set(target, (counts.get(target) ?? 0) + count);
  for (const { to, sessions } of batch) {
    for (const target of to) if (!sessions.has(target)) add(target, 1);
  }
  for (const { target, session } of leases) if (session === undefined) add(target, -1);
  return counts;
}

/** Returns whether a unit may be a duplicate. */
function isGuarded({ batch }: Unit): boolean {
  return batch.some(({ key, token, records = [] }) =>
    key !== undefined || token !== undefined ||
    records.some(({ versionstamp }) => versionstamp !== undefined)
  );
}

/** Returns whether a unit goes alone and has no place in an order. */
function isIndependent(unit: Unit): boolean {
  return isGuarded(unit) && unit.sessions.length === 0;
}

/** Locks on several keys at once, in the order in which they were asked for. */
class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Queues for keys; undefined without any. */
  lock(
    keys: readonly string[],
  ): { readonly acquired: Promise<unknown>; readonly release: () => void } | undefined {
    if (keys.length === 0) return undefined;
    const acquired = Promise.all(keys.map((key) => this.#last.get(key)));
    let release!: () => void;
    const released = new Promise<void>((resolve) => release = resolve);
    for (const key of keys) this.#last.set(key, released);
    void released.then(() => {
      for (const key of keys) if (this.#last.get(key) === released) this.#last.delete(key);
    });
    return { acquired, release };
  }
}
