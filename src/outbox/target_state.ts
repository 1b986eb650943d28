import type { Attempt } from "../core/mod.ts";
import { type Clock, DAY } from "../internal/clock.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import { CommitBuilder } from "./commit.ts";
import { OutboxUnavailableError } from "./errors.ts";
import type { DeliveryAlerts, ThrottledLogger } from "./logging.ts";
import { readTargetRecord, type TargetRecord } from "./records.ts";
import type { StoreClient } from "./store_client.ts";
import {
  cleared,
  isSameOff,
  pauseAsked,
  pausedUntil,
  reasonToDisable,
  type RegisteredTarget,
  statusOf,
  type Targets,
  type TargetStatus,
  withFailures,
} from "./targets.ts";
import { BACKGROUND_TIMEOUT } from "./timeouts.ts";

/** How long a record that was read is trusted, in milliseconds: another process may have changed it. */
const MAX_AGE = 5_000;
/** How often failures are written at most, in milliseconds. */
const WRITE_EVERY = 60_000;
/** Records that are kept of targets that are no longer registered. */
const MAX_UNREGISTERED = 100;
/** A pause that is longer by less than this, in milliseconds, is not written again. */
const PAUSE_STEP = 1_000;

/** Dependencies of target states. */
type TargetStatesOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly alerts: DeliveryAlerts;
  readonly log: ThrottledLogger;
  /** How long a target may only fail before it is turned off, in milliseconds. */
  readonly disableAfter: number;
  /** Adds `webhook.disabled` to the commit that turns a target off. Returns a function that announces it. */
  readonly putDisabled: (
    commit: CommitBuilder,
    data: { readonly target: string; readonly reason: string },
    cause: string | undefined,
  ) => () => void;
};

/** A record as it was read, and what this process has not written of it yet. */
type Known = {
  record: TargetRecord;
  failures: number;
  versionstamp: string | null;
  readAt: number;
  /** How often others had changed a target, as far as this process knew when it began to read. */
  changes: number;
  writtenAt: number;
};

/** The status of a target, and whether this process delivers to it. */
type Described = TargetStatus & { readonly registered: boolean };

/** Returns a changed record; undefined: it stays as it is. */
type Edit = (record: TargetRecord) => TargetRecord | undefined;

/** How a record is written. */
type WriteOptions = {
  /** As it was read. @default as it is known */
  readonly known?: Known;
  /** The type of the event whose delivery is the reason. */
  readonly cause?: string | undefined;
  /** Whether other processes are to read it at once. */
  readonly isCounted?: boolean;
};

/** The state of each target: responses of receivers, or operators, turn it off or pause it. */
export class TargetStates {
  readonly breaker: CircuitBreaker;
  readonly #options: TargetStatesOptions;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #addresses = new WeakMap<RegisteredTarget, Promise<string>>();
  /** How often others have changed a target. */
  #changes = 0;

  constructor(options: TargetStatesOptions) {
    this.#options = options;
    this.#clock = options.client.clock;
    this.breaker = new CircuitBreaker(this.#clock);
  }

  /** Returns whether a target is known to receive nothing now. */
  isBlocked({ target: { name, held } }: RegisteredTarget): boolean {
    if (held !== undefined) return true;
    const { record } = this.#known.get(name) ?? {};
    if (record === undefined) return false;
    const now = this.#clock.now();
    return record.state !== "on" || pausedUntil(record, now) > now ||
      this.breaker.until(name) > 0;
  }

  /** Returns the status of a registered target. */
  async status(registered: RegisteredTarget): Promise<TargetStatus> {
    const { name } = registered.target;
    const address = await this.#addressOf(registered);
    const known = this.#known.get(name);
    const isFresh = known && known.changes === this.#changes &&
      Math.abs(this.#clock.now() - known.readAt) < MAX_AGE;
    const { record } = isFresh ? known : await this.#read(name, true);
    return statusOf(record, address, this.#clock.now());
  }

  /** Reads the status of any target, registered here or not. */
  async describe(name: string): Promise<Described> {
    const registered = this.#options.targets.get(name);
    const { record } = await this.#read(name, registered !== undefined);
    return await this.statusFrom(name, record);
  }

  /** Returns the status of any target from its record. */
  async statusFrom(name: string, record: TargetRecord): Promise<Described> {
    const registered = this.#options.targets.get(name);
    const address = registered ? await this.#addressOf(registered) : record.address ?? "";
    const status = statusOf(record, address, this.#clock.now());
    return { ...status, registered: registered !== undefined };
  }

  /**
   * Records the result of an attempt to deliver an event of this type. Resolves to whether it turned
   * the target off, in which case the delivery is held. Never rejects.
   */
  async note(registered: RegisteredTarget, attempt: Attempt, type: string): Promise<boolean> {
    if (attempt.skipped) return false;
    const { name } = registered.target;
    this.breaker.note(name, attempt);
    try {
      const { record } = await this.status(registered);
      if (attempt.verdict !== "delivered") return await this.#failed(registered, attempt, type);
      this.#known.get(name)!.failures = 0;
      if (record.failingSince !== undefined) await this.#edit(registered, cleared);
    } catch (error) {
      this.#options.log.warn(`The result of an attempt could not be noted for '${name}'`, error);
    }
    return false;
  }

  /**
   * Changes a record for a person: reads it again first, counts the change, and signals other processes.
   *
   * @throws {OutboxUnavailableError}
   */
  async change(name: string, edit: Edit): Promise<void> {
    const { client: { store }, targets } = this.#options;
    const known = await this.#read(name, targets.get(name) !== undefined);
    const written = await this.#write(name, edit, { known, isCounted: true });
    if (written !== undefined) store.wake?.signal();
  }

  /** Marks all records that were read as stale: another process has changed one. */
  refresh(): void {
    this.#changes++;
  }

  async #failed(registered: RegisteredTarget, attempt: Attempt, type: string): Promise<boolean> {
    const { disableAfter } = this.#options;
    const known = this.#known.get(registered.target.name)!;
    const now = this.#clock.now();
    known.failures++;
    const address = await this.#addressOf(registered);
    const { record } = statusOf(known.record, address, now);
    const asked = pauseAsked(attempt, now);
    const pauses = asked !== undefined && asked > pausedUntil(record, now) + PAUSE_STEP;
    const failing = withFailures(record, known.failures, now);
    const isOver = reasonToDisable(failing, attempt, now, disableAfter) !== undefined;
    const isDue = Math.abs(now - known.writtenAt) >= WRITE_EVERY;
    if (!pauses && !isOver && !isDue) return false;
    const { failures, writtenAt } = known;
    // Failures that are being written are not counted again by those that come meanwhile.
    Object.assign(known, { failures: 0, writtenAt: now });
    const edit: Edit = (record) => {
      if (record.state === "off") return undefined;
      const failing = withFailures(record, failures, now);
      const reason = reasonToDisable(failing, attempt, now, disableAfter);
      if (reason !== undefined) return { ...failing, state: "off", reason };
      return pauses ? { ...failing, pausedUntil: asked } : failing;
    };
    try {
      const written = await this.#edit(registered, edit, type);
      return written?.state === "off" || attempt.verdict === "disable";
    } catch (error) {
      Object.assign(known, { failures: known.failures + failures, writtenAt });
      throw error;
    }
  }

  /** Changes the record of a target for its present address. Returns what was written. */
  async #edit(
    registered: RegisteredTarget,
    edit: Edit,
    cause?: string,
  ): Promise<TargetRecord | undefined> {
    const address = await this.#addressOf(registered);
    const atAddress: Edit = (record) => {
      const status = statusOf(record, address, this.#clock.now());
      if (status.state === "deleted") return undefined;
      const edited = edit(status.record);
      return edited && { ...edited, address };
    };
    return await this.#write(registered.target.name, atAddress, { cause });
  }

  /** Writes a record over the one that is stored. Returns what was written. */
  async #write(name: string, edit: Edit, options: WriteOptions): Promise<TargetRecord | undefined> {
    const { client } = this.#options;
    const deadline = this.#clock.now() + BACKGROUND_TIMEOUT;
    let known = options.known ?? this.#known.get(name) ?? await this.#read(name, true);
    for (;;) {
      const record = edit(known.record);
      if (record === undefined) return undefined;
      const changes = this.#changes;
      const builder = new CommitBuilder();
      const announce = this.#put(builder, name, { record, known }, options);
      const outcome = await client.commit(builder.commit, deadline - this.#clock.now());
      if (outcome.ok === true) {
        const { versionstamp } = outcome;
        Object.assign(known, { record, versionstamp, changes, readAt: this.#clock.now() });
        announce();
        return record;
      }
      if (outcome.ok === "unknown") {
        known.readAt = -Infinity; // it is read again
        throw new OutboxUnavailableError("unknown", outcome.cause, "change a target");
      }
      if (this.#clock.now() >= deadline) {
        throw new OutboxUnavailableError(false, undefined, "change a target");
      }
      known = await this.#read(name, known === this.#known.get(name));
    }
  }

  /** Adds a record to a commit. Returns what to call once that has succeeded. */
  #put(
    builder: CommitBuilder,
    name: string,
    { record, known }: { readonly record: TargetRecord; readonly known: Known },
    { cause, isCounted }: WriteOptions,
  ): () => void {
    const { client: { keys }, putDisabled, alerts } = this.#options;
    builder.check(keys.target(name), known.versionstamp);
    builder.set(keys.target(name), record, undefined);
    if (isCounted) builder.sum(keys.targetChanges);
    // mutant: is-turned-off
    const isTurnedOff = record.state === "off" && !isSameOff(known.record, record);
    if (!isTurnedOff) return () => {};
    const data = { target: name, reason: this.#explain(record.reason) };
    const announce = putDisabled(builder, data, cause);
    return () => {
      announce();
      if (cause !== undefined) alerts.disabled(name, data.reason);
    };
  }

  #explain(reason: string | undefined): string {
    const days = Math.floor(this.#options.client.retention.head / DAY);
    const kept = days > 1 ? `${days} days` : days === 1 ? "a day" : "less than a day";
    return `${reason}; what is accepted for it is held, and gone after ${kept}`;
  }

  /** Reads a record. It is not kept when anyone may have asked for it, by any name. */
  async #read(name: string, isKept: boolean): Promise<Known> {
    const { client } = this.#options;
    const changes = this.#changes;
    const [entry] = await client.get([client.keys.target(name)]);
    const { value, versionstamp } = entry!;
    const readAt = this.#clock.now();
    const read = { record: readTargetRecord(value), versionstamp, changes, readAt };
    const known = this.#known.get(name);
    if (known) return Object.assign(known, read);
    const fresh: Known = { ...read, writtenAt: -Infinity, failures: 0 };
    if (isKept) this.#keep(name, fresh);
    return fresh;
  }

  /** Evicts old records: targets may come and go under new names. */
  #keep(name: string, known: Known): void {
    const { targets } = this.#options;
    if (this.#known.size >= targets.size + MAX_UNREGISTERED) {
      for (const other of this.#known.keys()) {
        if (targets.get(other) !== undefined) continue;
        this.#known.delete(other);
        this.breaker.forget(other);
      }
    }
    this.#known.set(name, known);
  }

  #addressOf(registered: RegisteredTarget): Promise<string> {
    const known = this.#addresses.get(registered);
    if (known) return known;
    const address = Promise.resolve(registered.target.address?.() ?? "").catch(() => "");
    this.#addresses.set(registered, address);
    return address;
  }
}
