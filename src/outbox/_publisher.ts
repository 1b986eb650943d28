import {
  follow,
  type Publication,
  type PublishOptions,
  type Receipt,
  type Store,
  type StoreKey,
} from "../core/mod.ts";
import { type Change, commitChange, readKeys, Sums } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import type { BornLease, Lessor } from "./_lessor.ts";
import {
  findRepeats,
  fitIntoCommit,
  mutationsOf,
  prepare,
  type Prepared,
  sizeOf,
} from "./_prepare.ts";
import { type EventHead, type Retention, type Seen, UNLEASED, VERSION } from "./_records.ts";
import { IdempotencyConflictError, OutboxUnavailableError } from "./errors.ts";

/** How long a publish waits for the store, in milliseconds. */
const PATIENCE = 10_000;

/** A batch that is stored as a whole, and who waits for it. */
type Unit = {
  batch: readonly Prepared[];
  readonly deadline: number;
  readonly done: Map<Prepared, Receipt>;
  resolve: (done: Map<Prepared, Receipt>) => void;
  reject: (error: unknown) => void;
};

/** What the publisher works with. */
export type PublisherOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly eventLog: boolean;
  readonly lessor: Lessor;
};

/** Stores events: those that come while a commit is under way share the next one. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #waiting = new Set<Unit>();
  #busy = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Stores a batch as a whole, or not at all. */
  async publish(
    batch: readonly Publication[],
    { signal }: PublishOptions = {},
  ): Promise<readonly Receipt[]> {
    const { store: { limits }, env, eventLog } = this.#options;
    signal?.throwIfAborted();
    const all = await Promise.all(batch.map((publication) => prepare(publication, limits)));
    const repeats = findRepeats(all);
    const stored = all.filter((prepared) =>
      !repeats.has(prepared) && (eventLog || prepared.to.length > 0 || prepared.key !== undefined)
    );
    if (stored.length === 0) return all.map((prepared) => receiptOf(prepared));
    fitIntoCommit(stored, limits);
    await this.#storeChunks(stored);
    const done = await new Promise<Map<Prepared, Receipt>>((resolve, reject) => {
      const deadline = env.now() + PATIENCE;
      const unit: Unit = { batch: stored, deadline, done: new Map(), resolve, reject };
      this.#waiting.add(unit);
      if (signal) giveUp(signal, () => this.#waiting.delete(unit), unit);
      void this.#pump();
    });
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

  /** Sends unit after unit, as many at once as a commit takes. */
  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let units = this.#gather(); units.length > 0; units = this.#gather()) {
      await this.#send(units).catch((error) => units.forEach((unit) => unit.reject(error)));
    }
    this.#busy = false;
  }

  /** The units of the next commit. One with idempotency keys goes alone: its checks may fail. */
  #gather(): readonly Unit[] {
    const { store: { limits }, env } = this.#options;
    const units: Unit[] = [];
    let mutations = 0;
    let bytes = 0;
    for (const unit of this.#waiting) {
      if (env.now() >= unit.deadline) {
        this.#waiting.delete(unit);
        unit.reject(new OutboxUnavailableError(false));
        continue;
      }
      mutations += mutationsOf(unit.batch);
      bytes += sizeOf(unit.batch);
      const alone = unit.batch.some(({ key }) => key !== undefined);
      if (units.length > 0 && (alone || mutations > limits.mutations || bytes > limits.bytes)) {
        break;
      }
      this.#waiting.delete(unit);
      units.push(unit);
      if (alone) break;
    }
    return units;
  }

  /** Commits units until it is known what became of them. */
  async #send(units: readonly Unit[]): Promise<void> {
    const { store, env, lessor } = this.#options;
    const deadline = env.now() + PATIENCE;
    for (let builds = 1;; builds++) {
      const batch = units.flatMap((unit) => unit.batch);
      if (batch.length === 0) return units.forEach((unit) => unit.resolve(unit.done));
      const leases: BornLease[] = [];
      const cancel = (): void => leases.forEach((lease) => lessor.cancel(lease));
      try {
        const change = this.#changeFor(batch, leases);
        const outcome = await commitChange(store, change, env, deadline - env.now());
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
        const [entry] = prepared.key === undefined ? [] : await read([keys.seen("", prepared.key)]);
        const seen = (entry?.value ?? null) as Seen | null;
        if (seen === null) rest.push(prepared);
        else if (seen.hash !== prepared.hash) throw new IdempotencyConflictError();
        else unit.done.set(prepared, { ...receiptOf(prepared), id: seen.id, duplicate: true });
      }
      unit.batch = rest;
    }
    return null;
  }

  /** One commit for some events: heads, due keys, counts. Its guard is that the first is not there. */
  #changeFor(batch: readonly Prepared[], leases: BornLease[]): Change {
    const { keys, env, retention, lessor } = this.#options;
    const at = env.now();
    const checks = [{ key: keys.event(batch[0]!.event.id), versionstamp: null }];
    const sums = new Sums();
    const sets: [StoreKey, unknown, number | undefined][] = [];
    for (const prepared of batch) {
      const { event: { id }, wire, to, chunks, key, hash } = prepared;
      const body = chunks ? { chunks: chunks.length } : { event: wire };
      const head: EventHead = { v: VERSION, to, at, ...body };
      sets.push([keys.event(id), head, retention.head]);
      for (const target of to) {
        const lease = lessor.lease(target);
        if (lease) leases.push({ target, prepared, at, ...lease });
        sets.push([keys.due(target, at, id), lease?.due ?? UNLEASED, retention.rest]);
        sums.add(keys.count(target, id, "accepted"));
      }
      if (key !== undefined) {
        const seen: Seen = { v: VERSION, id, hash };
        checks.push({ key: keys.seen("", key), versionstamp: null });
        sets.push([keys.seen("", key), seen, retention.seen]);
      }
    }
    return { checks, sums: sums.entries(), deletes: [], sets };
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
    lessor.wake();
  }
}

/** With the signal nobody waits for a unit any longer; one that was not sent yet is not sent. */
function giveUp(signal: AbortSignal, withdraw: () => void, unit: Unit): void {
  const release = follow(signal, () => {
    withdraw();
    unit.reject(signal.reason);
  });
  const { resolve, reject } = unit;
  unit.resolve = (done) => (release(), resolve(done));
  unit.reject = (error) => (release(), reject(error));
}

function receiptOf({ event: { id } }: Prepared): Receipt {
  return { id, deliveries: 0, duplicate: false, handlers: [] };
}
