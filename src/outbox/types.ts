import type { Attempt, DeliveryQueue, Logger } from "../core/mod.ts";
import type {
  DecisionListOptions,
  DeliveryListOptions,
  EventListOptions,
  Page,
  StoredEvent,
} from "./list_types.ts";
import type { AttemptReport } from "./logging.ts";
import type { BackgroundReplays, ReplayOptions, ReplayResult } from "./replay_types.ts";

export type * from "./list_types.ts";
export type * from "./replay_types.ts";

/** Options of an outbox. Durations are in milliseconds. */
export interface OutboxOptions {
  /** The first part of every key. @default {"hooks"} */
  readonly prefix?: string | undefined;
  /**
   * How long an event is kept: what is not delivered by then is gone. At least twice the longest retry
   * schedule, ten years at most. @default {2592000000} 30 days
   */
  readonly retention?: number | undefined;
  /** Whether events without a target are stored too. @default {true} */
  readonly eventLog?: boolean | undefined;
  /**
   * A webhook or durable hook is turned off when every attempt has failed for this long, at least 20 of
   * them. `Infinity`: never. @default {432000000} 5 days
   */
  readonly disableAfter?: number | undefined;
  /**
   * Logs store failures, disabled targets, and deliveries that are dead, expired, or retried more than
   * a minute later, a few lines per target. `false`: nothing. @default the logger of the hooks, otherwise
   * the console
   */
  readonly logger?: Logger | false | undefined;
  /** Called after each attempt of this process, once its outcome is stored. What it throws is ignored. */
  readonly onAttempt?: ((report: AttemptReport) => void) | undefined;
}

/** Durable delivery over a store. */
export type Outbox =
  & DeliveryQueue
  & OutboxOperations
  & {
    /**
     * Delivers what is due and can be done within a timeout, in milliseconds: for a cron job, where no
     * process keeps running. `settled`: how many deliveries this call attempted; `remaining`: whether
     * something due is left, or there was no time to look; `next`: when the next delivery to a target of
     * this process is due: now if something remains, undefined if none is pending. A target whose own
     * `timeout` is longer gets nothing, which is logged: webhooks have 10 s, durable hooks 30 s by default.
     *
     * @throws {TypeError | RangeError} when the timeout is wrong
     */
    drainOnce(options: { readonly timeout: number }): Promise<{
      readonly settled: number;
      readonly remaining: boolean;
      readonly next: Date | undefined;
    }>;
  };

/** The state of a delivery. */
export type DeliveryState = "pending" | "delivered" | "dead" | "expired";

/** An attempt in the log of a delivery. */
export type LoggedAttempt = Attempt & {
  /** When it ended, by the clock of the process that made it. */
  readonly at: Date;
};

/** A delivery: an event on its way to a target. */
export type Delivery = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** Its state. */
  readonly state: DeliveryState;
  /** Number of attempts. */
  readonly made: number;
  /** The last 20 attempts, the latest last. */
  readonly attempts: readonly LoggedAttempt[];
  /** When it is due, while it is pending and its time is known. */
  readonly dueAt?: Date;
  /** When its lease ends: if the process is gone that attempts it, another does then. Absent with `ordering`. */
  readonly leasedUntil?: Date;
};

/** A delivery in a list. What the list doesn't read is absent. */
export type DeliverySummary = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** Its state. */
  readonly state: DeliveryState;
  /** When it is due; of pending ones, unless it waits behind another of its session. */
  readonly dueAt?: Date;
  /** When its lease ends; of pending ones. */
  readonly leasedUntil?: Date;
  /** Number of attempts; of attempted and dead ones. */
  readonly made?: number;
  /** The latest attempt; of attempted ones. */
  readonly lastAttempt?: LoggedAttempt;
  /** When it was given up; of dead ones. */
  readonly diedAt?: Date;
  /** Why it was given up; of dead ones. */
  readonly reason?: string;
};

/**
 * The outcome of `retry`. `moved`: it was waiting, and is due now; `queued`: it waits behind another of
 * its session; `replayed`: it was dead or delivered, and is delivered again; `leased`: an attempt is in
 * progress; `gone`: its event is no longer kept; `unknown`: there is no such delivery. A due delivery is
 * sent once its target is on, see `endpoint`.
 */
export type RetryOutcome = "moved" | "queued" | "replayed" | "leased" | "gone" | "unknown";

/** Whether a target receives deliveries, and why not. */
export type Endpoint = {
  /** The webhook or durable hook. */
  readonly target: string;
  /**
   * `paused`: until a time that its receiver asked for; `off`: by hand, for failing too long, or because
   * its receiver responded with 410: what is accepted for it is held; `deleted`: for good.
   */
  readonly state: "on" | "paused" | "off" | "deleted";
  /** Whether this process delivers to it. What is stored for a target of no process is held. */
  readonly registered: boolean;
  /** When the first failure since the last success was. */
  readonly failingSince?: Date;
  /** How many attempts failed since then, as far as was written. */
  readonly failures: number;
  /** Until when it is paused. */
  readonly pausedUntil?: Date;
  /** Why it is off. */
  readonly reason?: string;
};

/** Statistics of one target, over the events accepted within the retention. */
export type TargetStats = Endpoint & {
  /** Deliveries stored. */
  readonly accepted: number;
  /** Of these: delivered. */
  readonly delivered: number;
  /** Given up, and not replayed. */
  readonly dead: number;
  /** Not delivered before their event was deleted. */
  readonly expired: number;
  /** Waiting, or being attempted: all others. */
  readonly pending: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** When the first pending delivery is or was due. Absent if none is pending, or none is scheduled yet. */
  readonly oldestDue?: Date;
  /** Attempts in progress in this process. */
  readonly inFlight: number;
  /** Deliveries leased for an attempt, by this process or another; of the first 500 that are due. */
  readonly leased: number;
  /** When the last of these leases ends. If its process is gone, the delivery is attempted again then. */
  readonly leasedUntil?: Date;
};

/** The events of the outbox itself: `createHooks<AgentEvents & OutboxEvents>`. They have no session. */
export type OutboxEvents = {
  /** A target was turned off. */
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
    /** The event that it did not receive. */
    readonly event_id: string;
    /** Why. */
    readonly reason: string;
  };
};

/** What operators need. Every method throws an `OutboxUnavailableError` when the store doesn't respond in time. */
export type OutboxOperations = {
  /**
   * Resolves if the store accepts commits, for use in a readiness probe. Overwrites one key, at most
   * once a second; without traffic, a result is reused for five seconds.
   *
   * @throws {OutboxUnavailableError} when it doesn't; the message says what to do
   */
  checkStore(): Promise<void>;
  /** Returns an accepted event; undefined if it is unreadable or no longer kept. */
  getEvent(id: string): Promise<StoredEvent | undefined>;
  /**
   * Lists accepted events, newest first. Unreadable ones are left out. A filter reads up to 1000 events
   * a page, which may then have fewer items than asked for, or none, and a cursor.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another list
   */
  listEvents(options?: EventListOptions): Promise<Page<StoredEvent>>;
  /**
   * Lists what gates decided, newest first: the `gate.decided` events. Filters by `outcome`, `gate`, and
   * `name` use an index. With any other filter, a page reads up to 1,000 decisions. It may then have fewer
   * items than requested, or none, and a cursor.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another list
   */
  listDecisions(options?: DecisionListOptions): Promise<Page<StoredEvent>>;
  /** Returns a delivery; undefined if there is none. */
  get(target: string, eventId: string): Promise<Delivery | undefined>;
  /**
   * Lists deliveries, oldest first.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another list
   */
  listDeliveries(options: DeliveryListOptions): Promise<Page<DeliverySummary>>;
  /**
   * Delivers now what waits, is dead, or was delivered. The schedule of a dead or delivered one starts
   * again. After an error it can be called again.
   */
  retry(target: string, eventId: string): Promise<RetryOutcome>;
  /**
   * Delivers many again, target after target in the order of their events. Their schedules start again.
   * After a crash, run it again: dead ones that were replayed are no longer dead. When the store stops
   * responding, it resolves to what was done until then, with a cursor, and throws if that is nothing.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another replay
   */
  replay(options: ReplayOptions): Promise<ReplayResult>;
  /** Replays in the background, for more than one call can do. */
  readonly replays: BackgroundReplays;
  /**
   * Returns the statistics of every target that is registered here or has deliveries of events within
   * the retention, by the day in their ids; ids without a time count forever. They are read from counts.
   */
  stats(): Promise<readonly TargetStats[]>;
  /** Returns whether a target receives deliveries. */
  endpoint(target: string): Promise<Endpoint>;
  /** Delivers to a target again, first what was held. @throws {TypeError} when it was removed */
  enable(target: string): Promise<void>;
  /** Stops delivering to a target: what is accepted for it is held. */
  disable(target: string, reason?: string): Promise<void>;
  /** Removes a target for good, with everything stored for it. Resolves when that is deleted. */
  remove(target: string): Promise<void>;
};
