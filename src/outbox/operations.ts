import type { Delivery, DeliverySummary } from "./delivery.ts";
import type { DeliveryListOptions, EventListOptions, Page, StoredEvent } from "./lists.ts";

/**
 * What became of a wish to deliver now. `moved`: it was waiting, and is due now; `queued`: it waits
 * behind another of its session; `replayed`: it was dead or delivered, and is delivered again;
 * `leased`: an attempt is under way; `gone`: its event is no longer kept; `unknown`: there is no such
 * delivery. What is due is sent once its target is on, which `endpoint` tells.
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
  readonly timeout: number;
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
export type TargetStats = Endpoint & {
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
  /** Deliveries leased for an attempt, by this process or another; of the first 500 that are due. */
  readonly leased: number;
  /**
   * When the last of these leases expires. If its process is gone, the delivery is attempted again
   * then.
   */
  readonly leasedUntil?: Date;
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
  /**
   * Resolves if the store accepts commits, for use in a readiness probe. Overwrites one key, at most
   * once a second; without traffic, a result is reused for five seconds.
   *
   * @throws {OutboxUnavailableError} when it does not; the message says what to do
   */
  checkStore(): Promise<void>;
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
  stats(): Promise<readonly TargetStats[]>;
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
