import type { Attempt, Logger } from "../core/mod.ts";
import type { Store } from "../store/mod.ts";
import { commitChange, readKeys } from "./_commit.ts";
import { Draft } from "./_draft.ts";
import {
  cleared,
  isSameOff,
  pauseAsked,
  pausedUntil,
  readEndpoint,
  reasonToEnd,
  type Standing,
  standingOf,
  withFailures,
} from "./_endpoint_record.ts";
import type { Env } from "./_env.ts";
import { DAY, type Keys } from "./_keys.ts";
import type { OwnEvents } from "./_own_events.ts";
import type { EndpointRecord, Retention } from "./_records.ts";
import { Rests } from "./_rests.ts";
import type { Slot, Targets } from "./_targets.ts";
import { TroubleLog } from "./_trouble_log.ts";
import type { DeliveryAlerts } from "./_delivery_alerts.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** How long a record that was read is believed, in milliseconds. */
const FRESH = 5_000;
/** How long a read or a write waits for the store, in milliseconds. */
const PATIENCE = 5_000;
/** How often failures are written at most, in milliseconds. */
const FLUSH_EVERY = 60_000;
/** Records of targets that are not registered any more that are kept, at most. */
const MOST_UNREGISTERED = 100;
/** A pause that is longer by less than this, in milliseconds, is not written anew. */
const PAUSE_STEP = 1_000;

/** What endpoints are kept with. */
export type EndpointsOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly targets: Targets;
  readonly events: OwnEvents;
  /** How long nothing but failures turns a target off, in milliseconds. */
  readonly disableAfter: number;
  readonly logger: Logger;
  readonly alerts: DeliveryAlerts;
};

/** A record as it was read, and what this process has not written of it yet. */
type Known = {
  record: EndpointRecord;
  failures: number;
  versionstamp: string | null;
  readAt: number;
  writtenAt: number;
};

/** Makes another record of one; undefined: it is as it should be. */
type Edit = (record: EndpointRecord) => EndpointRecord | undefined;

/** Whether targets get anything: what receivers answer turns them off, or has them wait. */
export class Endpoints {
  /** Receivers that are left alone for a moment. */
  readonly rests: Rests;
  readonly #options: EndpointsOptions;
  readonly #trouble: TroubleLog;
  readonly #known = new Map<string, Known>();
  readonly #addresses = new WeakMap<Slot, Promise<string>>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
    this.rests = new Rests(options.env);
    this.#trouble = new TroubleLog(options.logger, options.env);
  }

  /** Whether a target is known to get nothing now; what is not known yet is no reason. */
  blocked({ target: { name } }: Slot): boolean {
    const { record } = this.#known.get(name) ?? {};
    if (record === undefined) return false;
    const now = this.#options.env.now();
    return record.state !== "on" || pausedUntil(record, now) > now || this.rests.until(name) > 0;
  }

  /** How a target stands. */
  async standing(slot: Slot): Promise<Standing> {
    const { env } = this.#options;
    const address = await this.#addressOf(slot);
    const known = this.#known.get(slot.target.name);
    const fresh = known && Math.abs(env.now() - known.readAt) < FRESH;
    const { record } = fresh ? known : await this.#read(slot.target.name, true);
    return standingOf(record, address, env.now());
  }

  /** How anything stands of which something may be stored, registered here or not. */
  async describe(name: string): Promise<Standing & { readonly registered: boolean }> {
    const { targets, env } = this.#options;
    const slot = targets.get(name);
    const { record } = await this.#read(name, slot !== undefined);
    const address = slot ? await this.#addressOf(slot) : record.address ?? "";
    return { ...standingOf(record, address, env.now()), registered: slot !== undefined };
  }

  /**
   * Records the outcome of an attempt to deliver an event of this type. Resolves to whether it turned
   * the target off, in which case the delivery is held. Never rejects.
   */
  async note(slot: Slot, attempt: Attempt, type: string): Promise<boolean> {
    if (attempt.skipped) return false;
    this.rests.note(slot.target.name, attempt);
    try {
      const { record } = await this.standing(slot);
      if (attempt.verdict !== "delivered") return await this.#failed(slot, attempt, type);
      const known = this.#known.get(slot.target.name)!;
      known.failures = 0;
      if (record.failingSince !== undefined) await this.#edit(slot, cleared);
    } catch (error) {
      this.#trouble.warn(`What '${slot.target.name}' answered could not be noted`, error);
    }
    return false;
  }

  /** Changes a record by hand: as it is now, not as it was known. @throws {OutboxUnavailableError} */
  async change(name: string, edit: Edit): Promise<void> {
    const known = await this.#read(name, this.#options.targets.get(name) !== undefined);
    await this.#write(name, edit, known);
  }

  async #failed(slot: Slot, attempt: Attempt, type: string): Promise<boolean> {
    const { env, disableAfter } = this.#options;
    const { name } = slot.target;
    const known = this.#known.get(name)!;
    const now = env.now();
    known.failures++;
    const address = await this.#addressOf(slot);
    const { record } = standingOf(known.record, address, now);
    const asked = pauseAsked(attempt, now);
    const pauses = asked !== undefined && asked > pausedUntil(record, now) + PAUSE_STEP;
    const reason = reasonToEnd(
      withFailures(record, known.failures, now),
      attempt,
      now,
      disableAfter,
    );
    const due = Math.abs(now - known.writtenAt) >= FLUSH_EVERY;
    if (!pauses && reason === undefined && !due) return false;
    const { failures, writtenAt } = known;
    // What is being written is not this process's any more: others fail meanwhile.
    Object.assign(known, { failures: 0, writtenAt: now });
    const edit: Edit = (record) => {
      if (record.state === "off") return undefined;
      const failing = withFailures(record, failures, now);
      const reason = reasonToEnd(failing, attempt, now, disableAfter);
      if (reason !== undefined) return { ...failing, state: "off", reason };
      return pauses ? { ...failing, pausedUntil: asked } : failing;
    };
    try {
      const written = await this.#edit(slot, edit, type);
      return written?.state === "off" || attempt.verdict === "disable";
    } catch (error) {
      Object.assign(known, { failures: known.failures + failures, writtenAt });
      throw error;
    }
  }

  /** Changes the record of a target for its present address; gives what was written. */
  async #edit(slot: Slot, edit: Edit, type?: string): Promise<EndpointRecord | undefined> {
    const { env } = this.#options;
    const address = await this.#addressOf(slot);
    const one: Edit = (record) => {
      const standing = standingOf(record, address, env.now());
      if (standing.state === "deleted") return undefined;
      const edited = edit(standing.record);
      return edited && { ...edited, address };
    };
    return await this.#write(slot.target.name, one, undefined, type);
  }

  /** Writes a record on top of the one that is there. Gives what was written. */
  async #write(
    name: string,
    edit: Edit,
    from?: Known,
    type?: string,
  ): Promise<EndpointRecord | undefined> {
    const { store, keys, env, events, alerts } = this.#options;
    const key = keys.endpoint(name);
    const deadline = env.now() + PATIENCE;
    let known = from ?? this.#known.get(name) ?? await this.#read(name, true);
    for (;;) {
      const record = edit(known.record);
      if (record === undefined) return undefined;
      const draft = new Draft();
      draft.checks.push({ key, versionstamp: known.versionstamp });
      draft.sets.push([key, record, undefined]);
      const isNews = record.state === "off" && !isSameOff(known.record, record);
      const data = { target: name, reason: this.#explain(record.reason) };
      const announce = isNews ? events.put(draft, "webhook.disabled", data, type) : undefined;
      const outcome = await commitChange(store, draft.change, env, deadline - env.now());
      if (outcome.ok === true) {
        Object.assign(known, { record, versionstamp: outcome.versionstamp, readAt: env.now() });
        announce?.();
        if (isNews && type !== undefined) alerts.disabled(name, data.reason);
        return record;
      }
      if (outcome.ok === "unknown") {
        this.#forget(known);
        throw new OutboxUnavailableError("unknown", outcome.cause);
      }
      if (env.now() >= deadline) throw new OutboxUnavailableError(false);
      known = await this.#read(name, known === this.#known.get(name));
    }
  }

  #explain(reason: string | undefined): string {
    const days = Math.floor(this.#options.retention.head / DAY);
    const kept = days > 1 ? `${days} days` : days === 1 ? "a day" : "less than a day";
    return `${reason}; what is accepted for it is held, and gone after ${kept}`;
  }

  /** Reads a record; it is not `kept` when anybody may have asked for it, by any name. */
  async #read(name: string, isKept: boolean): Promise<Known> {
    const { store, keys, env } = this.#options;
    const [entry] = await readKeys(store, [keys.endpoint(name)], env, PATIENCE);
    const { value, versionstamp } = entry!;
    const read = { record: readEndpoint(value), versionstamp, readAt: env.now() };
    const known = this.#known.get(name);
    if (known) return Object.assign(known, read);
    const fresh: Known = { ...read, writtenAt: -Infinity, failures: 0 };
    if (isKept) this.#keep(name, fresh);
    return fresh;
  }

  /** Targets that come and go under new names leave nothing behind. */
  #keep(name: string, known: Known): void {
    const { targets } = this.#options;
    if (this.#known.size >= targets.size + MOST_UNREGISTERED) {
      for (const other of this.#known.keys()) {
        if (targets.get(other) !== undefined) continue;
        this.#known.delete(other);
        this.rests.forget(other);
      }
    }
    this.#known.set(name, known);
  }

  #forget(known: Known): void {
    known.readAt = -Infinity;
  }

  #addressOf(slot: Slot): Promise<string> {
    const known = this.#addresses.get(slot);
    if (known) return known;
    const { target } = slot;
    const address = Promise.resolve(target.address?.() ?? "").catch(() => "");
    this.#addresses.set(slot, address);
    return address;
  }
}
