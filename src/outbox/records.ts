import type { Attempt, WireEvent } from "../core/mod.ts";
import { DAY } from "../internal/clock.ts";
import type { StoreKey, StoreSelector } from "../store/mod.ts";
import { truncate } from "../internal/truncate.ts";
import { MAX_ATTEMPTS, MAX_ATTEMPTS_LENGTH } from "./limits.ts";

/** The version of every record, and of the layout. A record of a newer version is left alone. */
export const VERSION = 1;

/** An accepted event. */
export type EventRecord = {
  readonly v: number;
  /** Its targets. */
  readonly to: readonly string[];
  /** When it was accepted, in milliseconds: the `at` of its first due keys. */
  readonly at: number;
  /** The targets that receive it in the order of its session. */
  readonly lane?: { readonly session: string; readonly targets: readonly string[] };
  /** Identifies this record where another process may have stored the same event. */
  readonly token?: string;
  /** The event, unless it is in chunks. */
  readonly event?: WireEvent;
  /** How many chunks hold its JSON. */
  readonly chunks?: number;
};

/** A pending delivery, or a session with pending deliveries. */
export type DueRecord = {
  readonly v: number;
  /** When its lease ends; 0: not leased. */
  readonly until: number;
  /** The lease, new each time; empty: not leased. */
  readonly by: string;
  /** Leases since it was last settled. */
  readonly claims: number;
};

/** An attempt, and when it ended, in milliseconds. */
export type KeptAttempt = Attempt & { readonly at: number };

/** Returns the key of a delivery's log. */
export type DeliveryRecord = {
  readonly v: number;
  readonly state: "pending" | "delivered" | "dead" | "expired";
  /** The time in its due key, while it is pending. */
  readonly at?: number;
  /** Number of attempts. */
  readonly made: number;
  /** Number of attempts before the last replay, which restarted its schedule. */
  readonly base?: number;
  /** The last attempts. */
  readonly attempts: readonly KeptAttempt[];
};

/** A delivery that was given up. `made`, its attempts, is absent from records of 0.1. */
export type DeadLetterRecord = {
  readonly v: number;
  readonly at: number;
  readonly reason: string;
  readonly made?: number;
};

/** A session with pending deliveries to an ordered target; `next`: the number of the next entry. */
export type SessionRecord = { readonly v: number; readonly next: number };

/** One of these deliveries. */
export type SessionEntry = { readonly v: number; readonly id: string };

/** Whether a target receives deliveries. Times are in milliseconds since 1970. */
export type TargetRecord = {
  readonly v: number;
  readonly state: "on" | "off" | "deleted";
  /** The address that this state is about; absent if it applies to any. */
  readonly address?: string;
  /** The first failure since the last success. */
  readonly failingSince?: number;
  /** Failures since then. May lag, because failures are written at intervals. */
  readonly failures: number;
  /** As the receiver asked. */
  readonly pausedUntil?: number;
  /** Why it is off. */
  readonly reason?: string;
};

/** Returns the key of what an idempotency key was used for. */
export type IdempotencyRecord = {
  readonly v: number;
  readonly id: string;
  readonly hash: string;
  /** The other events of its batch, when it was the key of a whole one. */
  readonly others?: readonly string[];
};

type Attempted = { readonly attempt: Attempt; readonly log: DeliveryRecord; readonly type: string };

/** How a lease ends. A dead delivery has no `type` when its event could not be read. */
export type Outcome =
  | ({ readonly kind: "delivered" } & Attempted)
  | ({ readonly kind: "retry"; readonly at: number } & Attempted)
  | (
    & { readonly kind: "dead"; readonly log: DeliveryRecord; readonly reason: string }
    & Partial<Attempted>
  )
  | { readonly kind: "expired"; readonly log: DeliveryRecord }
  /** The session has no delivery left. */
  | { readonly kind: "empty" }
  /** It was not attempted, or the attempt was aborted: the lease is given back. */
  | { readonly kind: "returned" };

/** The first delivery of a session. */
export type SessionHead = {
  /** Its number in the session; undefined: the session has none. */
  readonly n: number | undefined;
  /** The event. */
  readonly id: string;
  /** Whether others wait behind it. */
  readonly more: boolean;
  /** Of the session's record as it was read. */
  readonly versionstamp: string | null;
};

/** A due record that isn't leased. */
export const UNLEASED: DueRecord = { v: VERSION, until: 0, by: "", claims: 0 };

/** The log of a delivery that was never settled. */
export const NEW_LOG: DeliveryRecord = { v: VERSION, state: "pending", made: 0, attempts: [] };

/** Reads a due record. One that can't be read counts as not leased, so it isn't lost. */
export function readDue(value: unknown): DueRecord | "newer" {
  const due = value as Partial<DueRecord> | null;
  if (typeof due?.v === "number" && due.v > VERSION) return "newer";
  const { until, by, claims } = due ?? {};
  const isWhole = typeof until === "number" && typeof by === "string" && typeof claims === "number";
  return isWhole ? { v: VERSION, until, by, claims } : UNLEASED;
}

/** Reads the log of a delivery. One that can't be read counts as absent. */
export function readLog(value: unknown): DeliveryRecord {
  const log = value as DeliveryRecord | null;
  const isWhole = typeof log?.made === "number" && Array.isArray(log.attempts);
  return isWhole ? log! : NEW_LOG;
}

/** Reads an event's record; undefined when this version can't. */
export function readEventRecord(value: unknown): EventRecord | undefined {
  const record = value as EventRecord | null | undefined;
  const isWhole = Array.isArray(record?.to) && typeof record.at === "number" && record.v <= VERSION;
  return isWhole ? record! : undefined;
}

/** Returns the session in whose order a target receives an event. */
export function sessionOf(record: EventRecord | undefined, target: string): string | undefined {
  return record?.lane?.targets.includes(target) ? record.lane.session : undefined;
}

/** The record of a target for which none is stored. */
export const ON: TargetRecord = { v: VERSION, state: "on", failures: 0 };

/** Reads a target's record. One that can't be read counts as absent. */
export function readTargetRecord(value: unknown): TargetRecord {
  const { state, failures } = (value ?? {}) as Partial<TargetRecord>;
  const isKnown = state === "on" || state === "off" || state === "deleted";
  return isKnown && typeof failures === "number" ? value as TargetRecord : ON;
}

/** Characters of an error that are kept, as JSON in quotes. */
export const MAX_REASON_LENGTH = 2_000;

/** Returns the last attempts that fit a log. The last one always does. */
export function keepAttempts(attempts: readonly KeptAttempt[]): readonly KeptAttempt[] {
  const kept = attempts.slice(-MAX_ATTEMPTS);
  const last = kept.pop();
  if (last !== undefined) kept.push(shortened(last));
  while (kept.length > 1 && JSON.stringify(kept).length > MAX_ATTEMPTS_LENGTH) kept.shift();
  return kept;
}

/** Truncates the error first. The response's body gets the remaining room. */
function shortened({ error, response, ...attempt }: KeptAttempt): KeptAttempt {
  const short = error === undefined ? {} : { error: truncate(error, MAX_REASON_LENGTH) };
  const rest = { ...attempt, ...short };
  if (response === undefined) return rest;
  const room = MAX_ATTEMPTS_LENGTH - JSON.stringify([{ ...rest, response: "" }]).length;
  return { ...rest, response: truncate(response, room) };
}

/** What is counted per target and day: the day on which the event was accepted. */
export type Count = "accepted" | "delivered" | "dead" | "expired" | "failed";

/** The keys of all records, under one prefix. They are a stored format, whose version is at `[prefix, "meta"]`. */
export class Keys {
  /** The version of the layout. */
  readonly meta: StoreKey;
  /** Overwritten to check that the store accepts commits. */
  readonly probe: StoreKey;
  /** Counts changes that people make to targets, so that other processes know when to read them again. */
  readonly targetChanges: StoreKey;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.meta = [prefix, "meta"];
    this.probe = [prefix, "probe"];
    this.targetChanges = [prefix, "endpoints"];
  }

  event(id: string): StoreKey {
    return [this.#prefix, "event", id];
  }

  /** Returns the key of a part of a large event. */
  chunk(id: string, n: number): StoreKey {
    return [this.#prefix, "chunk", id, n];
  }

  /** Returns the key of a decision in its index: see `decision_index.ts`. */
  decided(group: readonly string[], id: string): StoreKey {
    return [this.#prefix, "decided", ...group, id];
  }

  /** Returns the key of a pending delivery. Workers scan nothing else. */
  due(target: string, at: number, id: string): StoreKey {
    return [this.#prefix, "due", target, at, id];
  }

  /** Returns the key of a delivery's log. */
  delivery(target: string, id: string): StoreKey {
    return [this.#prefix, "delivery", target, id];
  }

  /** Returns the key of a dead letter. */
  dead(target: string, id: string): StoreKey {
    return [this.#prefix, "dead", target, id];
  }

  /** Returns the key of what an idempotency key was used for. */
  idempotency(key: string): StoreKey {
    return [this.#prefix, "seen", "", key];
  }

  count(target: string, eventId: string, what: Count): StoreKey {
    return [this.#prefix, "count", target, dayIn(timeOf(eventId) ?? 0), what];
  }

  target(name: string): StoreKey {
    return [this.#prefix, "endpoint", name];
  }

  /** Returns the key of a session's record, which exists while the session has pending deliveries. */
  session(target: string, session: string): StoreKey {
    return [this.#prefix, "lane", target, session];
  }

  /** Returns the key of the n-th delivery of a session. */
  sessionEntry(target: string, session: string, n: number): StoreKey {
    return [this.#prefix, "lane", target, session, n];
  }

  /** Returns the one due key of a session. */
  sessionDue(target: string, at: number, session: string): StoreKey {
    return [this.#prefix, "due", target, at, "lane", session];
  }

  /** Returns the key of a record of the hooks, such as a decision or an ask. */
  record(...name: readonly string[]): StoreKey {
    return [this.#prefix, "record", ...name];
  }

  /** Returns the prefix of some keys, such as `"dead", target`. */
  below(...parts: readonly (string | number)[]): StoreKey {
    return [this.#prefix, ...parts];
  }

  /** Selects due keys from a target on, or from a key of it on. */
  dueFrom(target: string, start?: StoreKey): StoreSelector {
    const prefix = [this.#prefix, "due"];
    return { prefix, start: start ?? [...prefix, target] };
  }

  /** Selects due keys of a target from a time on. */
  dueOf(target: string, at: number): StoreSelector {
    return { start: this.below("due", target, at), end: this.below("due", `${target}\0`) };
  }

  /** Selects due keys from one target up to, but not including, another. */
  dueBetween(target: string, end: string): StoreSelector {
    return { start: this.below("due", target), end: this.below("due", end) };
  }
}

/** Returns the UTC day of a time, counted from 1970. */
export function dayIn(time: number): number {
  return Math.floor(time / DAY);
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** The latest time that the 48 bits of a UUID v7 hold. */
const MAX_TIME = 2 ** 48 - 1;

/** Returns the time in a UUID v7, in milliseconds; undefined for any other id. */
export function timeOf(id: string): number | undefined {
  return UUID_V7.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}

/** Returns a text that sorts before the ids of a time, and after those of every earlier one. */
export function beforeIdsAt(time: Date): string {
  const milliseconds = Math.min(Math.max(0, time.getTime()), MAX_TIME);
  const digits = milliseconds.toString(16).padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}
