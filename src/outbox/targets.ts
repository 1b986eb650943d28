import type { Attempt, DeliveryTarget, HookEvent } from "../core/mod.ts";
import { type Clock, DAY, MINUTE } from "../internal/clock.ts";
import { MAX_CONCURRENCY } from "../internal/limits.ts";
import { checkRetry, LEASE, readCount, readDuration } from "../internal/options.ts";
import type { StoreKey } from "../store/mod.ts";
import { MAX_ASKED_PAUSE, MAX_ORDERED, MIN_FAILURES } from "./limits.ts";
import { type DueRecord, ON, type SessionHead, type TargetRecord, VERSION } from "./records.ts";
import { LEASE_MARGIN } from "./timeouts.ts";

/** A receiver that ended no attempt for this long has become slow, in milliseconds. */
const MAX_SILENCE = 1_000;

/** A target that this process delivers to. */
export type RegisteredTarget = {
  readonly target: DeliveryTarget;
  /** Shared with earlier targets of the same name. */
  readonly slots: Slots;
  /** Outcomes that wait for a commit. */
  settling: number;
  /** Deliveries that this process stored without a lease and has not leased since, as an estimate. */
  behind: number;
  /** Whether the last pass left due deliveries of it. */
  hasDue: boolean;
  /** How long its attempts take. */
  readonly pace: Pace;
};

/** The load of a target. */
type Slots = {
  /** Leased deliveries whose attempt has not ended. */
  attempting: number;
  /** Deliveries whose attempt has begun. */
  running: number;
};

/** How long attempts of a target take. */
class Pace {
  /** A moving average, in milliseconds. Unknown at first. */
  #average: number | undefined;
  #lastEnd = 0;

  /** Records how long an attempt took, in milliseconds. */
  ended(now: number, took: number): void {
    this.#average = (3 * (this.#average ?? took) + took) / 4;
    this.#lastEnd = now;
  }

  /** Returns how long an attempt takes now, in milliseconds, while attempts are in flight. */
  at(now: number): number {
    if (this.#average === undefined) return Infinity;
    const silence = now - this.#lastEnd;
    return silence > MAX_SILENCE ? silence : this.#average;
  }
}

/** A due key that this process leased: its versionstamp is the lease. */
export type Lease = {
  readonly target: string;
  readonly registered: RegisteredTarget;
  /** The due key, and the time in it. */
  readonly key: StoreKey;
  readonly at: number;
  readonly due: DueRecord;
  readonly versionstamp: string;
  /** The event; undefined: the due key is a session's. */
  readonly id: string | undefined;
  readonly session: string | undefined;
};

/** A slot of a target, and the lease that took it. */
export type SlotLease = Pick<Lease, "registered" | "due">;

/** The delivery that a lease is about. */
export type Job = { readonly lease: Lease; readonly id: string; readonly head?: SessionHead };

/** What one pass over the due keys found. */
export type Pass = {
  /** Number of deliveries that were leased. */
  readonly claimed: number;
  /** The earliest time at which something else is due, as far as is known. */
  readonly next: number | undefined;
  /** The same for deliveries that aren't leased. */
  readonly retry: number | undefined;
  /** Targets with due deliveries that could not be leased: no slot, no time, or too many outcomes to store. */
  readonly left: readonly string[];
  /** Whether due deliveries can be leased in a moment: in a cooldown, or another process was faster. */
  readonly owed: boolean;
};

/** How a pass goes. */
export type PassOptions = {
  /** Targets whose attempts may take longer are left out, in milliseconds. */
  readonly longest: number;
  /** Takes a leased delivery. */
  readonly take: (lease: Lease) => void;
  /** Returns whether to continue claiming. */
  readonly isWanted: () => boolean;
};

/** An event that this process has just stored, so it isn't read again. */
export type FreshEvent = {
  readonly event: HookEvent;
  /** Of the commit that stored it. */
  readonly versionstamp: string;
  /** Whether others of its session were stored by it. */
  readonly more: boolean;
};

/** Returns a new lease. */
export function newLease(clock: Clock, timeout: number, claims: number): DueRecord {
  const until = clock.now() + timeout + LEASE_MARGIN;
  return { v: VERSION, until, by: crypto.randomUUID(), claims };
}

/** The targets that this process delivers to. */
export class Targets {
  readonly #targets = new Map<string, RegisteredTarget>();
  /** Those of targets that were unregistered while their attempts were running. */
  readonly #retired = new Map<string, Slots>();
  readonly #retention: number;
  #ordered = 0;

  /** `retention` of events, in milliseconds. */
  constructor(retention: number) {
    this.#retention = retention;
  }

  /** Registers a target. @throws {TypeError | RangeError} when it is invalid */
  register(target: DeliveryTarget): { unregister(): void } {
    const { name, retry, ordering } = target;
    const subject = `Cannot register '${name}' with the outbox`;
    readDuration(subject, "timeout", target.timeout, LEASE);
    readCount(subject, "concurrency", target.concurrency, { max: MAX_CONCURRENCY });
    checkRetry(subject, retry);
    if (this.#targets.has(name)) throw new TypeError(`${subject}: the name is taken`);
    if (ordering !== undefined && this.#ordered >= MAX_ORDERED) {
      throw new RangeError(
        `${subject}: it has ${MAX_ORDERED} targets with an 'ordering', the most that it can have`,
      );
    }
    if (2 * retry.total > this.#retention) {
      throw new RangeError(
        `${subject}: 'retention' must be at least twice its retry schedule (${retry.total} ms), ` +
          `got ${this.#retention}`,
      );
    }
    const registered: RegisteredTarget = {
      target,
      slots: this.#retired.get(name) ?? { attempting: 0, running: 0 },
      settling: 0,
      behind: 0,
      hasDue: false,
      pace: new Pace(),
    };
    this.#targets.set(name, registered);
    this.#retired.delete(name);
    if (ordering !== undefined) this.#ordered++;
    const unregister = (): void => {
      if (this.#targets.get(name) !== registered) return;
      this.#targets.delete(name);
      if (ordering !== undefined) this.#ordered--;
      this.#retire(name, registered.slots);
    };
    return { unregister };
  }

  /** Remembers attempts that are still running, in case a changed target takes the name. */
  #retire(name: string, slots: Slots): void {
    for (const [other, { attempting }] of this.#retired) {
      if (attempting === 0) this.#retired.delete(other);
    }
    if (slots.attempting > 0) this.#retired.set(name, slots);
  }

  get(name: string): RegisteredTarget | undefined {
    return this.#targets.get(name);
  }

  /** Returns the session in whose order a target receives an event; undefined: in none. */
  sessionFor(name: string, { sessionId }: HookEvent): string | undefined {
    const isOrdered = this.#targets.get(name)?.target.ordering === "session";
    return isOrdered && sessionId ? sessionId : undefined;
  }

  get names(): readonly string[] {
    return [...this.#targets.keys()];
  }

  get size(): number {
    return this.#targets.size;
  }

  get all(): Iterable<RegisteredTarget> {
    return this.#targets.values();
  }
}

/** How much clocks may differ, in milliseconds. */
const CLOCK_TOLERANCE = MINUTE;

/** The status of a target at an address and a time. */
export type TargetStatus = {
  readonly state: "on" | "paused" | "off" | "deleted";
  readonly record: TargetRecord;
};

/** Returns the part of a record that applies to an address: notes about another one don't count. */
export function statusOf(record: TargetRecord, address: string, now: number): TargetStatus {
  if (record.state === "deleted") return { state: "deleted", record };
  if (record.address !== undefined && record.address !== address) {
    return { state: "on", record: ON };
  }
  if (record.state === "off") return { state: "off", record };
  return { state: pausedUntil(record, now) > now ? "paused" : "on", record };
}

/** Returns until when a target is paused; 0 when the clock that wrote it was wrong. */
export function pausedUntil({ pausedUntil = 0 }: TargetRecord, now: number): number {
  return pausedUntil > now + MAX_ASKED_PAUSE + CLOCK_TOLERANCE ? 0 : pausedUntil;
}

/** Returns whether two records say that the target is off, for the same reason. */
export function isSameOff(a: TargetRecord, b: TargetRecord): boolean {
  return a.state === b.state && a.reason === b.reason && a.address === b.address;
}

/** Returns the record after a success; undefined: there was no failure. */
export function cleared({ failingSince, ...record }: TargetRecord): TargetRecord | undefined {
  return failingSince === undefined ? undefined : { ...record, failures: 0 };
}

/**
 * Returns the record with more failures. The first that is written counts from now, not from when it
 * was: other processes may have succeeded meanwhile.
 */
export function withFailures(record: TargetRecord, failures: number, now: number): TargetRecord {
  const { failingSince = now } = record;
  return { ...record, failingSince, failures: record.failures + failures };
}

/** Returns until when a receiver asks not to be called at all; undefined: it doesn't ask. */
export function pauseAsked({ status, retryAfter }: Attempt, now: number): number | undefined {
  if (retryAfter === undefined || (status !== 429 && status !== 503)) return undefined;
  return now + Math.min(retryAfter, MAX_ASKED_PAUSE);
}

/** Returns why a target is to be turned off; undefined: it stays on. */
export function reasonToDisable(
  { failingSince, failures }: TargetRecord,
  { verdict, status }: Attempt,
  now: number,
  disableAfter: number,
): string | undefined {
  if (verdict === "disable") {
    return status === 410 ? "the receiver responded 410" : "the receiver wants no more requests";
  }
  if (failingSince === undefined || failures < MIN_FAILURES) return undefined;
  if (now - failingSince < disableAfter) return undefined;
  const days = Math.floor((now - failingSince) / DAY);
  return `nothing but failures for ${days >= 1 ? `${days} days` : "too long"}: ${failures} of them`;
}
