import type { HookEvent } from "../core/mod.ts";

/** An accepted event. */
export type StoredEvent = {
  /** Of the commit that stored it: sorted by this, events are in the order of their commits. */
  readonly versionstamp: string;
  /** The event, as it is sent. */
  readonly event: HookEvent;
  /** When it was accepted, by the clock of the process that accepted it. */
  readonly acceptedAt: Date;
  /** Its targets. */
  readonly targets: readonly string[];
};

/** A page of a list. */
export type Page<Item> = {
  /** May be fewer than the limit, or none, even if there are more. */
  readonly items: readonly Item[];
  /** Where the list continues; absent at its end. */
  readonly cursor?: string;
};

/** Which page of a list. */
export type PageOptions = {
  /** Number of items, 1 to 1000. @default {100} */
  readonly limit?: number | undefined;
  /** Where an earlier page with the same other options ended. */
  readonly cursor?: string | undefined;
};

/** Which events a list has. */
export type EventListOptions = PageOptions & {
  /** A type, a prefix such as `tool.*`, or `*`. @default {"*"} */
  readonly type?: string | undefined;
  /** Only events of this session. */
  readonly sessionId?: string | undefined;
  /** Only events of this run. */
  readonly runId?: string | undefined;
  /** Only events made at this time or later, by the time in their ids. Events whose id isn't a UUID v7 are left out. */
  readonly since?: Date | undefined;
  /** Only events made before this time, likewise. */
  readonly until?: Date | undefined;
  /** By the time in their ids. `listDeliveries` lists the oldest first by default. @default {"newest"} */
  readonly order?: "newest" | "oldest" | undefined;
};

/**
 * Which deliveries a list has. `pending`: waiting or being attempted, by target and time, followed by
 * those that wait for another of their session, by target and session; `attempted`: all that were
 * attempted or settled, whatever their state; `dead`: given up, until replayed. The last two are sorted by
 * target and event.
 *
 * Deliveries that come, go or change while you read the pages make no other delivery appear twice or not
 * at all. A pending one that is itself moved to another time may.
 */
export type DeliveryListOptions = PageOptions & {
  /** Which deliveries. */
  readonly state: "pending" | "attempted" | "dead";
  /** Only deliveries to this target. */
  readonly target?: string | undefined;
  /** Only deliveries of events created at or after this time, by the time in their ids, as in `listEvents`. */
  readonly since?: Date | undefined;
  /** Only deliveries of events created before this time, likewise. */
  readonly until?: Date | undefined;
  /**
   * The oldest event of each target first, or the newest. Deliveries are worked off from the oldest on,
   * so that is the default here, while `listEvents` starts with the newest. @default {"oldest"}
   */
  readonly order?: "newest" | "oldest" | undefined;
};

/** Which decisions of gates a list has. */
export type DecisionListOptions = Omit<EventListOptions, "type"> & {
  /** What was decided. */
  readonly outcome?: "allowed" | "denied" | "asked" | "error" | undefined;
  /** Only decisions that this gate took part in. */
  readonly gate?: string | undefined;
  /** Only decisions about this tool. */
  readonly name?: string | undefined;
  /** Only decisions about this call. */
  readonly callId?: string | undefined;
};
