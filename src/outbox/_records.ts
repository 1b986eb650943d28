import type { Attempt, WireEvent } from "../core/mod.ts";
import { beginningOf, LONGEST_REASON } from "./_beginning.ts";

/** The version of every record, and of the layout. A record of a newer one is left alone. */
export const VERSION = 1;

/** An accepted event. */
export type EventHead = {
  readonly v: number;
  /** The targets that are to get it. */
  readonly to: readonly string[];
  /** When it was accepted, in milliseconds; the `at` of its first due keys. */
  readonly at: number;
  /** The targets that get it in the order of its session. */
  readonly lane?: { readonly session: string; readonly targets: readonly string[] };
  /** Made for this head alone, where another process may have stored the same event. */
  readonly token?: string;
  /** The event, unless it is in chunks. */
  readonly event?: WireEvent;
  /** How many chunks hold its JSON. */
  readonly chunks?: number;
};

/** A live delivery. */
export type Due = {
  readonly v: number;
  /** Leased until; 0: not leased. */
  readonly until: number;
  /** The lease, new for each; empty: none. */
  readonly by: string;
  /** Leases since it was last settled. */
  readonly claims: number;
};

/** An attempt, and when it ended, in milliseconds. */
export type KeptAttempt = Attempt & { readonly at: number };

/** The log of a delivery. */
export type DeliveryLog = {
  readonly v: number;
  readonly state: "pending" | "delivered" | "dead" | "expired";
  /** When its due key is, while it is pending. */
  readonly at?: number;
  /** How many attempts were made. */
  readonly made: number;
  /** How many of them before it was last replayed: its schedule began anew then. */
  readonly base?: number;
  /** The last of them. */
  readonly attempts: readonly KeptAttempt[];
};

/** A delivery that was given up. */
export type Dead = { readonly v: number; readonly at: number; readonly reason: string };

/** A session's deliveries that wait for one another; `next`: the number of the next one to come. */
export type Lane = { readonly v: number; readonly next: number };

/** One of them. */
export type LaneEntry = { readonly v: number; readonly id: string };

/** Whether a target gets anything. Times are in milliseconds since 1970. */
export type EndpointRecord = {
  readonly v: number;
  readonly state: "on" | "off" | "deleted";
  /** Of the address that the rest is about; absent when it holds for any. */
  readonly address?: string;
  /** The first of the failures since the last success. */
  readonly failingSince?: number;
  /** How many there were, as far as was written. */
  readonly failures: number;
  /** As the receiver asked. */
  readonly pausedUntil?: number;
  /** Why it is off. */
  readonly reason?: string;
};

/** What an idempotency key was used for. */
export type Seen = {
  readonly v: number;
  readonly id: string;
  readonly hash: string;
  /** The other events of its batch, when it was the key of a whole one. */
  readonly others?: readonly string[];
};

/** Attempts that a log keeps. */
const KEPT_ATTEMPTS = 20;
/** Characters that they take at most, as JSON: 16 KiB in the worst case of UTF-8. */
const KEPT_CHARACTERS = 16 * 1024 / 3;

/** The last attempts, as many as a log has room for. There is always room for the last. */
export function keepAttempts(attempts: readonly KeptAttempt[]): readonly KeptAttempt[] {
  const kept = attempts.slice(-KEPT_ATTEMPTS);
  const last = kept.pop();
  if (last !== undefined) kept.push(shortened(last));
  while (kept.length > 1 && JSON.stringify(kept).length > KEPT_CHARACTERS) kept.shift();
  return kept;
}

/** An error is cut first; the answer's body gets the room that the rest leaves. */
function shortened({ error, response, ...attempt }: KeptAttempt): KeptAttempt {
  const short = error === undefined ? {} : { error: beginningOf(error, LONGEST_REASON) };
  const rest = { ...attempt, ...short };
  if (response === undefined) return rest;
  const room = KEPT_CHARACTERS - JSON.stringify([{ ...rest, response: "" }]).length;
  return { ...rest, response: beginningOf(response, room) };
}

/** Whether a due key's value is one that this version can work with. */
export function readDue(value: unknown): Due | "newer" {
  const due = value as Partial<Due> | null;
  if (typeof due?.v === "number" && due.v > VERSION) return "newer";
  const { until, by, claims } = due ?? {};
  if (typeof until === "number" && typeof by === "string" && typeof claims === "number") {
    return { v: VERSION, until, by, claims };
  }
  return { v: VERSION, until: 0, by: "", claims: 0 }; // unreadable counts as unleased: it is not lost
}

/** Lifetimes, in milliseconds. */
export type Retention = { readonly head: number; readonly rest: number; readonly seen: number };

/** A delivery that nobody has leased. */
export const UNLEASED: Due = { v: VERSION, until: 0, by: "", claims: 0 };
