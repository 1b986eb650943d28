import type { HookEvent } from "../core/mod.ts";

/** An accepted event. */
export type StoredEvent = {
  /** Of the commit that stored it: sorted by this, events are in the order of their commits. */
  readonly versionstamp: string;
  /** The event, as it is sent. */
  readonly event: HookEvent;
  /** When it was accepted, by the clock of the process that did. */
  readonly acceptedAt: Date;
  /** The targets that were to get it. */
  readonly targets: readonly string[];
};

/** A part of a list. */
export type Page<Item> = {
  /** May be fewer than asked for, and none, though there are more. */
  readonly items: readonly Item[];
  /** Where the list goes on; absent at its end. */
  readonly cursor?: string;
};

/** Which part of a list. */
export type PageOptions = {
  /** How many items at most, 1 to 1000. @default {100} */
  readonly limit?: number | undefined;
  /** Where an earlier page ended; with the same other options. */
  readonly cursor?: string | undefined;
};

/** Which events a list has. */
export type EventListOptions = PageOptions & {
  /** A type, a prefix such as `tool.*`, or `*`. @default {"*"} */
  readonly type?: string | undefined;
  /** Of this session only. */
  readonly sessionId?: string | undefined;
  /** Made at this time or later, by the time in their ids: with it, ids that are no UUID v7 are left out. */
  readonly since?: Date | undefined;
  /** Made before this time, likewise. */
  readonly until?: Date | undefined;
  /** By the time in their ids. @default {"newest"} */
  readonly order?: "newest" | "oldest" | undefined;
};

/**
 * Which deliveries a list has. `pending`: waiting or being attempted, by target and time, then those that
 * are delivered in order, by target and session; `attempted`: every one that was attempted or settled,
 * whatever its state; `dead`: given up, until replayed; both by target and event.
 *
 * None is listed twice and none is missed because others come, go or change meanwhile. A pending one that
 * is itself moved to another time meanwhile may be.
 */
export type DeliveryListOptions = PageOptions & {
  /** Which. */
  readonly state: "pending" | "attempted" | "dead";
  /** Of this target only. */
  readonly target?: string | undefined;
  /** `newest` is the reverse: of each target the newest event first. @default {"oldest"} */
  readonly order?: "newest" | "oldest" | undefined;
};
