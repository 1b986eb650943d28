import type { Attempt, HookEvent } from "../core/mod.ts";

/** How a delivery stands. */
export type DeliveryState = "pending" | "delivered" | "dead" | "expired";

/** An attempt as it is kept. */
export type LoggedAttempt = Attempt & {
  /** When it ended, by the clock of the process that made it. */
  readonly at: Date;
};

/** How a delivery stands. */
export type Delivery = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** What became of it. */
  readonly state: DeliveryState;
  /** How many attempts were made. */
  readonly made: number;
  /** The last 20 of them, the latest last. */
  readonly attempts: readonly LoggedAttempt[];
  /** When it is due, while it is pending and its time is known. */
  readonly dueAt?: Date;
};

/** A delivery in a list. What a list does not read to make it is absent. */
export type DeliverySummary = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** What became of it. */
  readonly state: DeliveryState;
  /** When it is due; of pending ones, except where those of a session wait for one another. */
  readonly dueAt?: Date;
  /** Until when a process has it for an attempt; of pending ones. */
  readonly leasedUntil?: Date;
  /** How many attempts were made; of attempted ones. */
  readonly made?: number;
  /** The latest of them; of attempted ones. */
  readonly lastAttempt?: LoggedAttempt;
  /** When it was given up; of dead ones. */
  readonly diedAt?: Date;
  /** Why it was given up; of dead ones. */
  readonly reason?: string;
};

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
};

/**
 * What became of a wish to deliver now. `moved`: it was waiting, and is due now; `queued`: it waits
 * behind another of its session; `replayed`: it was dead or delivered, and is delivered again;
 * `leased`: an attempt is under way; `gone`: its event is no longer kept; `unknown`: there is no such
 * delivery.
 */
export type RetryOutcome = "moved" | "queued" | "replayed" | "leased" | "gone" | "unknown";

/** What is replayed. */
export type ReplayOptions = {
  /** Of this target only. */
  readonly target?: string | undefined;
  /** Dead ones, or delivered ones, which receivers then get again. @default {"dead"} */
  readonly state?: "dead" | "delivered" | undefined;
  /** Of events of this type: exact, a prefix such as `tool.*`, or `*`. @default {"*"} */
  readonly type?: string | undefined;
  /** Of events made at this time or later. */
  readonly since?: Date | undefined;
  /** Of events made before this time. */
  readonly until?: Date | undefined;
  /** How long it may take, in milliseconds; what is left then is told by the cursor. */
  readonly budgetMs: number;
  /** Where an earlier call ended; with the same other options. */
  readonly cursor?: string | undefined;
};

/** What a replay came to. */
export type ReplayResult = {
  /** How many are delivered again. */
  readonly replayed: number;
  /**
   * How many could not be: their event is no longer kept, or somebody else was faster. When the store's
   * answer was lost, one that was replayed, and delivered since, may be counted here.
   */
  readonly refused: number;
  /** Where to go on; absent when all were seen. */
  readonly cursor?: string;
};

/** Whether a target gets anything, and why not. */
export type Endpoint = {
  /** The webhook or durable hook. */
  readonly target: string;
  /**
   * `paused`: as its receiver asked, until a time; `off`: by hand, for failing too long, or because its
   * receiver answered 410: what is accepted for it is held; `deleted`: for good.
   */
  readonly state: "on" | "paused" | "off" | "deleted";
  /** Whether this process delivers to it. What is stored for a target of no process is held. */
  readonly registered: boolean;
  /** Since when every attempt failed. */
  readonly failingSince?: Date;
  /** How many failed since then, as far as was written. */
  readonly failures: number;
  /** Until when it is paused. */
  readonly pausedUntil?: Date;
  /** Why it is off. */
  readonly reason?: string;
};

/** The figures of one target, over the events accepted within the retention. */
export type TargetFigures = Endpoint & {
  /** Deliveries stored. */
  readonly accepted: number;
  /** Of these: delivered. */
  readonly delivered: number;
  /** Given up, and not replayed. */
  readonly dead: number;
  /** Never delivered as their event was gone. */
  readonly expired: number;
  /** Waiting, or being attempted: the rest. */
  readonly pending: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** Attempts under way in this process. */
  readonly inFlight: number;
};

/** The events of the outbox itself: `createHooks<AgentEvents & OutboxEvents>`. They have no session. */
export type OutboxEvents = {
  /** A target gets nothing more. */
  readonly "webhook.disabled": {
    /** The webhook or durable hook. */
    readonly target: string;
    /** Why. */
    readonly reason: string;
  };
  /** A delivery was given up. */
  readonly "delivery.dead": {
    /** The webhook or durable hook. */
    readonly target: string;
    /** The event that it did not get. */
    readonly event_id: string;
    /** Why. */
    readonly reason: string;
  };
};

/** What an operator needs: part of the value of `createOutbox`. */
export type OutboxOperations = {
  /** An accepted event; undefined: there is none that can be read, or it is no longer kept. */
  getEvent(id: string): Promise<StoredEvent | undefined>;
  /**
   * Accepted events, newest first. Those that can't be read are left out. A filter reads up to 1000 events
   * a page, which may then have fewer items than asked for, or none, and a cursor.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another list
   * @throws {OutboxUnavailableError} when the store gives no answer in time
   */
  listEvents(options?: EventListOptions): Promise<Page<StoredEvent>>;
  /** How a delivery stands; undefined: there is none. */
  get(target: string, eventId: string): Promise<Delivery | undefined>;
  /**
   * Deliveries.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another list
   * @throws {OutboxUnavailableError} when the store gives no answer in time
   */
  listDeliveries(options: DeliveryListOptions): Promise<Page<DeliverySummary>>;
  /**
   * Delivers now what waits, is dead, or was delivered; its schedule begins anew if it was dead or
   * delivered. After an error it can be called again.
   *
   * @throws {OutboxUnavailableError} when the store gives no answer in time
   */
  retry(target: string, eventId: string): Promise<RetryOutcome>;
  /**
   * Delivers many again, target after target in the order of their events; their schedules begin anew.
   * After a crash, run it again: dead ones that were replayed are no longer dead. When the store gives no
   * answer half-way, what was done until then is told, with a cursor.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another replay
   * @throws {OutboxUnavailableError} when the store gives no answer in time, and nothing was done
   */
  replay(options: ReplayOptions): Promise<ReplayResult>;
  /**
   * The figures of every target that is registered here or has deliveries of events of the days within
   * the retention, by the time in their ids; ids without one count for ever. They are read from counts.
   *
   * @throws {OutboxUnavailableError} when the store gives no answer in time
   */
  figures(): Promise<readonly TargetFigures[]>;
  /** Whether a target gets anything. */
  endpoint(target: string): Promise<Endpoint>;
  /**
   * Delivers to a target again: first what was held, in order.
   *
   * @throws {TypeError} when it was removed: that is for good, and its name is used up
   */
  enable(target: string): Promise<void>;
  /** Delivers nothing more to a target: what is accepted for it is held. */
  disable(target: string, reason?: string): Promise<void>;
  /** Forgets a target for good, with everything stored for it. Resolves when it is gone. */
  remove(target: string): Promise<void>;
};
