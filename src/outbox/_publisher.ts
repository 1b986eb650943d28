import type { Publication, PublishOptions, Receipt, Store, StoreKey } from "../core/mod.ts";
import { type Change, commitChange, readKeys } from "./_commit.ts";
import { Draft, putDue, putHead } from "./_draft.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { LaneTails, putLaneDue } from "./_lanes.ts";
import type { BornLease, Lessor } from "./_lessor.ts";
import { findRepeats, fitIntoCommit, lanesIn, prepareBatch, type Prepared } from "./_prepare.ts";
import { type Retention, type Seen, UNLEASED, VERSION } from "./_records.ts";
import type { Targets } from "./_targets.ts";
import { standsAlone, type Unit, Units } from "./_units.ts";
import { IdempotencyConflictError, OutboxUnavailableError } from "./errors.ts";

/** Commits under way, at most, that have idempotency keys. */
const MOST_ASIDE = 16;
/** How long a publish waits for the store, in milliseconds. */
const PATIENCE = 10_000;

/** What the publisher works with. */
export type PublisherOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly eventLog: boolean;
  readonly targets: Targets;
  readonly lessor: Lessor;
};

/** Stores events: those that come while a commit is under way share the next one. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #units: Units;
  /** Commits under way that the next one does not wait for. */
  readonly #aside = new Set<Promise<void>>();
  #busy = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#units = new Units(options.store.limits);
  }

  /** Stores a batch as a whole, or not at all. */
  async publish(
    batch: readonly Publication[],
    { signal, idempotencyKey }: PublishOptions = {},
  ): Promise<readonly Receipt[]> {
    const { store: { limits }, env, eventLog, targets } = this.#options;
    signal?.throwIfAborted();
    const all = await prepareBatch(batch, idempotencyKey, limits, targets);
    const repeats = findRepeats(all);
    const stored = all.filter((prepared) =>
      !repeats.has(prepared) && (eventLog || prepared.to.length > 0 || prepared.key !== undefined)
    );
    if (stored.length === 0) return all.map((prepared) => receiptOf(prepared));
    fitIntoCommit(stored, limits);
    await this.#storeChunks(stored);
    const waiting = this.#units.add(stored, env.now() + PATIENCE, signal);
    void this.#pump();
    const done = await waiting;
    return all.map((prepared) => {
      const original = repeats.get(prepared);
      if (original === undefined) return done.get(prepared) ?? receiptOf(prepared);
      return { ...receiptOf(prepared), id: done.get(original)!.id, duplicate: true };
    });
  }

  /** Bodies that no head can hold come first: until there is a head, nobody sees them. */
  async #storeChunks(batch: readonly Prepared[]): Promise<void> {
    const { store, keys, env, retention } = this.#options;
    for (const { event, chunks = [] } of batch) {
      for (const [n, chunk] of chunks.entries()) {
        const sets = [[keys.chunk(event.id, n), chunk, retention.rest]] as const;
        const change: Change = { checks: [], sums: [], deletes: [], sets };
        const outcome = await commitChange(store, change, env, PATIENCE);
        if (outcome.ok === "unknown") throw new OutboxUnavailableError(false, outcome.cause);
      }
    }
  }

  /**
   * Sends unit after unit, as many at once as a commit takes. One that needs a commit to itself keeps
   * nobody from the next: over a network each would wait for the answer to the one before.
   */
  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const next = (): readonly Unit[] => this.#units.next(this.#options.env.now());
    for (let units = next(); units.length > 0; units = next()) {
      const sent = this.#send(units)
        .catch((error) => units.forEach((unit) => unit.reject(error)))
        .finally(() => this.#aside.delete(sent));
      if (!units.some(standsAlone)) await sent;
      else if (this.#aside.add(sent).size === MOST_ASIDE) await Promise.race(this.#aside);
    }
    this.#busy = false;
  }

  /** Commits units until it is known what became of them. */
  async #send(units: readonly Unit[]): Promise<void> {
    const { store, env, lessor } = this.#options;
    const deadline = env.now() + PATIENCE;
    const left = (): number => deadline - env.now();
    for (let builds = 1;; builds++) {
      const batch = units.flatMap((unit) => unit.batch);
      if (batch.length === 0) return units.forEach((unit) => unit.resolve(unit.done));
      const leases: BornLease[] = [];
      const cancel = (): void => leases.forEach((lease) => lessor.cancel(lease));
      try {
        const tails = await this.#tailsOf(batch, left());
        const change = this.#changeFor(batch, leases, tails);
        const outcome = await commitChange(store, change, env, left());
        if (outcome.ok === "unknown") throw new OutboxUnavailableError("unknown", outcome.cause);
        // `false` may mean that it was applied, and that only the answer to that was lost.
        const versionstamp = outcome.ok ? outcome.versionstamp : await this.#look(units, deadline);
        if (versionstamp !== null) {
          // Found after it was built anew: it may be the earlier one, whose leases are not these.
          if (!outcome.ok && builds > 1) cancel(), leases.length = 0;
          return this.#stored(units, leases, versionstamp);
        }
      } catch (error) {
        cancel();
        throw error;
      }
      cancel();
      if (env.now() >= deadline) throw new OutboxUnavailableError(false);
    }
  }

  /** The lanes that some events go to. Until they are read, nothing was sent. */
  async #tailsOf(batch: readonly Prepared[], patience: number): Promise<LaneTails> {
    const { store, keys, env } = this.#options;
    try {
      return await LaneTails.read(store, keys, lanesIn(batch), env, patience);
    } catch (error) {
      if (!(error instanceof OutboxUnavailableError)) throw error;
      throw new OutboxUnavailableError(false, error.cause);
    }
  }

  /**
   * After a check failed: the versionstamp of the commit if it was applied. If not, what is a duplicate
   * is taken out of the batches.
   *
   * @throws {IdempotencyConflictError} when a key was used for something else
   */
  async #look(units: readonly Unit[], deadline: number): Promise<string | null> {
    const { store, keys, env } = this.#options;
    const read = (list: readonly StoreKey[]) => readKeys(store, list, env, deadline - env.now());
    const first = units[0]!.batch[0]!;
    const [head] = await read([keys.event(first.event.id)]);
    if (head!.versionstamp !== null) return head!.versionstamp;
    for (const unit of units) {
      const rest: Prepared[] = [];
      for (const prepared of unit.batch) {
        if (unit.done.has(prepared)) continue; // with the first of its batch
        const [entry] = prepared.key === undefined ? [] : await read([keys.seen("", prepared.key)]);
        const seen = (entry?.value ?? null) as Seen | null;
        if (seen === null) rest.push(prepared);
        else if (seen.hash !== prepared.hash) throw new IdempotencyConflictError();
        else setDuplicates(unit.done, prepared, seen);
      }
      unit.batch = rest;
    }
    return null;
  }

  /** One commit for some events: heads, due keys, counts. Its guard is that the first is not there. */
  #changeFor(batch: readonly Prepared[], leases: BornLease[], tails: LaneTails): Change {
    const { keys, env, retention } = this.#options;
    const at = env.now();
    const draft = new Draft();
    draft.checks.push({ key: keys.event(batch[0]!.event.id), versionstamp: null });
    for (const prepared of batch) {
      const { event: { id }, key, hash, others } = prepared;
      putHead(draft, { id, ...prepared }, at, keys, retention);
      for (const target of prepared.to) {
        const lease = this.#place(draft, prepared, target, at, tails);
        if (lease) leases.push(lease);
      }
      if (key !== undefined) {
        const rest = others && { others: others.map(({ event }) => event.id) };
        const seen: Seen = { v: VERSION, id, hash, ...rest };
        draft.checks.push({ key: keys.seen("", key), versionstamp: null });
        draft.sets.push([keys.seen("", key), seen, retention.seen]);
      }
    }
    tails.finish(draft);
    for (const lease of leases) {
      if (lease.session !== undefined) lease.more = tails.added(lease.target, lease.session) > 1;
    }
    return draft.change;
  }

  /** A delivery as it is born: leased to this process when it may be attempted at once. */
  #place(
    draft: Draft,
    prepared: Prepared,
    target: string,
    at: number,
    tails: LaneTails,
  ): BornLease | undefined {
    const { keys, retention, lessor } = this.#options;
    const { event: { id }, lanes } = prepared;
    const session = lanes.get(target);
    if (session !== undefined && !tails.append(draft, target, session, id, retention.rest)) return;
    const lease = lessor.lease(target);
    const due = lease?.due ?? UNLEASED;
    if (session === undefined) putDue(draft, keys.due(target, at, id), due, retention);
    else putLaneDue(draft, keys, target, at, session, due);
    return lease && { target, session, more: false, prepared, at, ...lease };
  }

  #stored(units: readonly Unit[], leases: readonly BornLease[], versionstamp: string): void {
    const { lessor } = this.#options;
    for (const unit of units) {
      for (const prepared of unit.batch) {
        unit.done.set(prepared, { ...receiptOf(prepared), deliveries: prepared.to.length });
      }
      unit.resolve(unit.done);
    }
    for (const lease of leases) lessor.attempt(lease, versionstamp);
    const deliveries = units.flatMap(({ batch }) => batch).flatMap(({ to }) => to);
    if (deliveries.length > leases.length) lessor.wake();
  }
}

/** What was published under a key is a duplicate of what was seen under it. */
function setDuplicates(done: Unit["done"], prepared: Prepared, { id, others = [] }: Seen): void {
  done.set(prepared, { ...receiptOf(prepared), id, duplicate: true });
  for (const [index, other] of (prepared.others ?? []).entries()) {
    done.set(other, { ...receiptOf(other), id: others[index]!, duplicate: true });
  }
}

function receiptOf({ event: { id } }: Prepared): Receipt {
  return { id, deliveries: 0, duplicate: false, handlers: [] };
}
