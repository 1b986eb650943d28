import type { Attempt, HookEvent } from "../core/mod.ts";

/** An accepted event. */
export type StoredEvent = {
  /** The versionstamp of its commit: sorted by this, events are in the order of their commits. */
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
  /** Only events created at this time or later, by the time in their ids. Excludes events whose id isn't a UUID v7. */
  readonly since?: Date | undefined;
  /** Only events created before this time, by the time in their ids. */
  readonly until?: Date | undefined;
  /** The order, by the time in their ids. `listDeliveries` lists the oldest first by default. @default {"newest"} */
  readonly order?: "newest" | "oldest" | undefined;
};

/**
 * Which deliveries a list has. `pending`: waiting or being attempted, by target and time, followed by those
 * that wait for another of their session, by target and session. `attempted`: attempted or settled, in any
 * state. `dead`: given up, until replayed. The last two are sorted by target and event.
 *
 * If deliveries are added, removed, or changed while you read the pages, all others still appear exactly
 * once. A pending one that moves to another time may appear twice or not at all.
 */
export type DeliveryListOptions = PageOptions & {
  /** Which deliveries. */
  readonly state: "pending" | "attempted" | "dead";
  /** Only deliveries to this target. */
  readonly target?: string | undefined;
  /** Only deliveries of events created at or after this time, by the time in their ids, as in `listEvents`. */
  readonly since?: Date | undefined;
  /** Only deliveries of events created before this time, by the time in their ids. */
  readonly until?: Date | undefined;
  /**
   * The oldest event of each target first, or the newest. The oldest delivery goes out first, so that is the
   * default here, while `listEvents` starts with the newest. @default {"oldest"}
   */
  readonly order?: "newest" | "oldest" | undefined;
};

/** Which decisions of gates a list has. */
export type DecisionListOptions = Omit<EventListOptions, "type"> & {
  /** The decision. `error`: denied because something failed. */
  readonly outcome?: "allowed" | "denied" | "asked" | "error" | undefined;
  /** Only decisions that this gate took part in. */
  readonly gate?: string | undefined;
  /** Only decisions about this tool. */
  readonly name?: string | undefined;
  /** Only decisions about this call. */
  readonly callId?: string | undefined;
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
  /** The last 20 attempts, oldest first. */
  readonly attempts: readonly LoggedAttempt[];
  /** When it is due; absent unless it is pending and the time is known. */
  readonly dueAt?: Date;
  /** When its lease ends: if the process that attempts it is gone, another takes over then. Absent with `ordering`. */
  readonly leasedUntil?: Date;
};

/** A delivery in a list. Fields that the list doesn't read are absent. */
export type DeliverySummary = {
  /** The webhook or durable hook. */
  readonly target: string;
  /** The event. */
  readonly eventId: string;
  /** Its state. */
  readonly state: DeliveryState;
  /** When it is due; only for pending ones, unless it waits behind another of its session. */
  readonly dueAt?: Date;
  /** When its lease ends; only for pending ones. */
  readonly leasedUntil?: Date;
  /** Number of attempts; only for attempted and dead ones. */
  readonly made?: number;
  /** The latest attempt; only for attempted ones. */
  readonly lastAttempt?: LoggedAttempt;
  /** When it was given up; only for dead ones. */
  readonly diedAt?: Date;
  /** Why it was given up; only for dead ones. */
  readonly reason?: string;
};

/**
 * The outcome of `retry`. `moved`: it was waiting, and is due now; `queued`: it waits behind another of its
 * session; `replayed`: it was dead or delivered, and is delivered again; `leased`: an attempt is in progress;
 * `gone`: its event is no longer kept; `unknown`: there is no such delivery. A due delivery is sent once its
 * target is on: see `endpoint`.
 */
export type RetryOutcome = "moved" | "queued" | "replayed" | "leased" | "gone" | "unknown";

/** Whether a target receives deliveries, and why not. */
export type Endpoint = {
  /** The webhook or durable hook. */
  readonly target: string;
  /**
   * `paused`: until a time that its receiver asked for. `off`: by hand, because it failed for too long, or
   * because its receiver responded with 410; its deliveries are held. `deleted`: for good.
   */
  readonly state: "on" | "paused" | "off" | "deleted";
  /** Whether this process delivers to it. If no process does, its deliveries are held. */
  readonly registered: boolean;
  /** When the first attempt since the last success failed. */
  readonly failingSince?: Date;
  /** How many attempts failed since then. May lag, because failures are written at intervals. */
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
  /** All others: waiting, or being attempted. */
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

/** Which deliveries to replay. */
export type ReplayFilter = {
  /** Only deliveries to this target. */
  readonly target?: string | undefined;
  /** Dead ones, or delivered ones, which receivers then receive again. @default {"dead"} */
  readonly state?: "dead" | "delivered" | undefined;
  /** Only events of this type: exact, a prefix such as `tool.*`, or `*`. @default {"*"} */
  readonly type?: string | undefined;
  /** Only events created at this time or later. */
  readonly since?: Date | undefined;
  /** Only events created before this time. */
  readonly until?: Date | undefined;
};

/** Which deliveries one call replays, and how long it may take. */
export type ReplayOptions = ReplayFilter & {
  /** How long it may take, in milliseconds. The cursor says where to continue. */
  readonly timeout: number;
  /** Where an earlier call with the same other options ended. */
  readonly cursor?: string | undefined;
};

/** The result of a replay. */
export type ReplayResult = {
  /** How many are delivered again. */
  readonly replayed: number;
  /**
   * How many could not be replayed: their event is no longer kept, or another call replayed them first. If a
   * response of the store was lost, a delivery that was replayed, and delivered since, may be counted here.
   */
  readonly refused: number;
  /** Where to continue; absent at the end. */
  readonly cursor?: string;
};

/** A replay in the background, as every process on the store sees it. */
export type BackgroundReplay = {
  /** Its id, a UUID v7. */
  readonly id: string;
  /** Which deliveries it replays. */
  readonly filter: ReplayFilter & { readonly state: "dead" | "delivered" };
  /** `running` until it has looked at all deliveries, or someone cancels it. */
  readonly status: "running" | "done" | "canceled";
  /** How many deliveries it has to look at; absent until they are counted. */
  readonly total?: number;
  /** How many of them it has looked at: replayed, refused, or of another type. */
  readonly seen: number;
  /** How many are delivered again. */
  readonly replayed: number;
  /** How many could not be: their event is no longer kept, or another call was faster. */
  readonly refused: number;
  /** When it was started. */
  readonly startedAt: Date;
  /** When it was done or canceled. */
  readonly endedAt?: Date;
};

/**
 * Replays in the background. Their progress is in the store, so any process can show it. If the process that
 * replays ends, another one continues as soon as it starts or reads the replay. Replays are kept for a week.
 */
export type BackgroundReplays = {
  /**
   * Starts a replay. After a crash, up to a second of it is repeated, so receivers may get a few events
   * again.
   *
   * @throws {TypeError | RangeError} when the filter is wrong
   * @throws {ReplayLimitError} when 20 are running
   */
  start(filter?: ReplayFilter): Promise<BackgroundReplay>;
  /** Returns a replay; undefined if there is none. */
  get(id: string): Promise<BackgroundReplay | undefined>;
  /** Lists replays, newest first. @throws {RangeError} when the limit isn't 1 to 100 */
  list(options?: {
    /** Maximum number of replays. @default {20} */
    readonly limit?: number | undefined;
  }): Promise<readonly BackgroundReplay[]>;
  /** Cancels a replay and returns it; undefined if there is none. Deliveries already replayed still go out. */
  cancel(id: string): Promise<BackgroundReplay | undefined>;
};
