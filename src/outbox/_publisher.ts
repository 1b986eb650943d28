import type { Publication, PublishOptions, Receipt } from "../core/mod.ts";
import { type Store, StoreLimitError } from "../store/mod.ts";
import { storeChunks } from "./_chunks.ts";
import { commitChange } from "./_commit.ts";
import { findStored, receiptOf } from "./_duplicates.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { fitIntoCommit, type Room } from "./_fit.ts";
import { LaneTails } from "./_lanes.ts";
import type { BornLease, Lessor } from "./_lessor.ts";
import { Lines } from "./_lines.ts";
import { findRepeats, lanesIn, prepareBatch, type Prepared } from "./_prepare.ts";
import { publicationDraft } from "./_publication.ts";
import type { Retention } from "./_records.ts";
import { Signal } from "./_signal.ts";
import type { Targets } from "./_targets.ts";
import type { StoreHealth } from "./_store_health.ts";
import { standsAlone, type Unit, Units } from "./_units.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** Commits under way, at most, that keep nobody from the next. */
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
  readonly health: StoreHealth;
};

/** Stores events: those that come while a commit is under way share the next one. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #room: Room;
  readonly #units: Units;
  readonly #lines = new Lines();
  /** Commits under way that the next one does not wait for. */
  #aside = 0;
  readonly #landed = new Signal();
  #busy = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { store: { limits }, keys: { prefixBytes: prefix } } = options;
    this.#room = { ...limits, prefix };
    this.#units = new Units(this.#room, PATIENCE);
  }

  /** Stores a batch as a whole, or not at all. */
  async publish(
    batch: readonly Publication[],
    { signal, idempotencyKey }: PublishOptions = {},
  ): Promise<readonly Receipt[]> {
    const { store: { limits }, env, eventLog, targets } = this.#options;
    signal?.throwIfAborted();
    const turn = this.#lines.enter(batch, targets);
    let waiting: Promise<Map<Prepared, Receipt>> | undefined;
    let all: readonly Prepared[];
    let repeats: ReadonlyMap<Prepared, Prepared>;
    try {
      all = await prepareBatch(batch, idempotencyKey, limits, targets);
      repeats = findRepeats(all);
      const stored = all.filter((prepared) =>
        !repeats.has(prepared) && (eventLog || prepared.to.length > 0 || prepared.key !== undefined)
      );
      fitIntoCommit(stored, this.#room);
      await storeChunks(stored, this.#options);
      await turn?.come;
      if (stored.length > 0) waiting = this.#units.add(stored, env.now(), signal);
    } finally {
      turn?.leave();
    }
    void this.#pump();
    const done = await waiting;
    return all.map((prepared) => {
      const original = repeats.get(prepared);
      if (original === undefined) return done?.get(prepared) ?? receiptOf(prepared);
      const { id } = done?.get(original) ?? receiptOf(original);
      return { ...receiptOf(prepared), id, duplicate: true };
    });
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
      const sent = this.#sendOrSplit(units);
      if (units.some(standsAlone)) await this.#letGo(sent);
      else await sent;
      await this.#options.lessor.turn();
    }
    this.#busy = false;
  }

  /** Resolves when the next commit need not wait for this one, nor for those before it. */
  async #letGo(sent: Promise<void>): Promise<void> {
    this.#aside++;
    void sent.then(() => {
      this.#aside--;
      this.#landed.notify();
    });
    if (this.#aside === MOST_ASIDE) await this.#landed.next();
  }

  /** Sends units; when the store finds them too large together, each alone. Never rejects. */
  async #sendOrSplit(units: readonly Unit[]): Promise<void> {
    try {
      await this.#send(units);
    } catch (error) {
      const split = error instanceof StoreLimitError && units.length > 1;
      if (!split) return units.forEach((unit) => unit.reject(error));
      for (const unit of units) await this.#sendOrSplit([unit]);
    }
  }

  /** Commits units until it is known what became of them. */
  async #send(units: readonly Unit[]): Promise<void> {
    const { store, env, lessor, health } = this.#options;
    const deadline = env.now() + PATIENCE;
    const left = (): number => deadline - env.now();
    for (let builds = 1;; builds++) {
      const batch = units.flatMap((unit) => unit.batch);
      if (batch.length === 0) return units.forEach((unit) => unit.resolve(unit.done));
      const leases: BornLease[] = [];
      const cancel = (): void => leases.forEach((lease) => lessor.cancel(lease));
      try {
        const tails = await this.#tailsOf(batch, left());
        const { change } = publicationDraft(batch, tails, leases, this.#options);
        const outcome = await commitChange(store, change, env, left(), { failFast: true });
        health.note(outcome);
        if (outcome.ok === "unknown") {
          throw new OutboxUnavailableError(outcome.stored, outcome.cause);
        }
        this.#units.answered(env.now());
        // `false` may mean that it was applied, and that only the answer to that was lost.
        const versionstamp = outcome.ok
          ? outcome.versionstamp
          : await findStored(units, this.#options, left());
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

  #stored(units: readonly Unit[], leases: readonly BornLease[], versionstamp: string): void {
    const { lessor } = this.#options;
    for (const unit of units) {
      for (const prepared of unit.batch) {
        unit.done.set(prepared, { ...receiptOf(prepared), deliveries: prepared.to.length });
      }
      unit.resolve(unit.done);
    }
    for (const lease of leases) lessor.attempt(lease, versionstamp);
    const batch = units.flatMap((unit) => unit.batch);
    const deliveries = batch.reduce((sum, { to }) => sum + to.length, 0);
    if (deliveries > leases.length) lessor.stored(unleased(batch, leases));
  }
}

/** Deliveries that nobody has leased, by target; those of a session's queue wait for one another anyway. */
function unleased(
  batch: readonly Prepared[],
  leases: readonly BornLease[],
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const add = (target: string, count: number): void =>
    void counts.set(target, (counts.get(target) ?? 0) + count);
  for (const { to, lanes } of batch) {
    for (const target of to) if (!lanes.has(target)) add(target, 1);
  }
  for (const { target, session } of leases) if (session === undefined) add(target, -1);
  return counts;
}
