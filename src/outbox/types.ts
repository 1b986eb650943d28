/**
 * The interface of an outbox, and functions that recognize one. Loads no other part of the outbox.
 *
 * @module
 */
import type { DeliveryQueue, Logger } from "../core/mod.ts";
import type { Clock } from "../internal/clock.ts";
import type { Store } from "../store/mod.ts";
import type { AttemptReport } from "./logging.ts";
import type {
  BackgroundReplays,
  DecisionListOptions,
  Delivery,
  DeliveryListOptions,
  DeliverySummary,
  Endpoint,
  EventListOptions,
  Page,
  ReplayOptions,
  ReplayResult,
  RetryOutcome,
  StoredEvent,
  TargetStats,
} from "./operation_types.ts";

/** Options of an outbox. Durations are in milliseconds. */
export interface OutboxOptions {
  /** The first part of every key. @default {"hooks"} */
  readonly prefix?: string | undefined;
  /**
   * How long an event is kept. If it isn't delivered by then, it is lost. At least twice the longest retry
   * schedule, and at most ten years. @default {2592000000} 30 days
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
  /** Called after each attempt of this process, once its outcome is stored. Its errors are ignored. */
  readonly onAttempt?: ((report: AttemptReport) => void) | undefined;
}

/** Durable delivery over a store. */
export type Outbox =
  & DeliveryQueue
  & OutboxOperations
  & {
    /**
     * Makes the due deliveries that fit a timeout, in milliseconds: for a cron job, where no process keeps
     * running. `settled`: how many deliveries this call attempted; `remaining`: whether something due is
     * left, or there was no time to look; `next`: when the next delivery to a target of this process is due:
     * now if something remains, undefined if none is pending. Skips and logs targets whose own `timeout` is
     * longer: by default, webhooks have 10 s, durable hooks 30 s.
     *
     * @throws {TypeError | RangeError} when the timeout is wrong
     */
    drainOnce(options: { readonly timeout: number }): Promise<{
      readonly settled: number;
      readonly remaining: boolean;
      readonly next: Date | undefined;
    }>;
  };

/**
 * Operations for operators. Every method throws an `OutboxUnavailableError` when the store doesn't respond in
 * time.
 */
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
   * Lists accepted events, newest first. Unreadable ones are left out. With a filter, a page reads up to
   * 1,000 events. It may then have fewer items than requested, or none, and a cursor.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another list
   */
  listEvents(options?: EventListOptions): Promise<Page<StoredEvent>>;
  /**
   * Lists gate decisions, newest first: the `gate.decided` events. Filters by `outcome`, `gate`, and `name`
   * use an index. With any other filter, a page reads up to 1,000 decisions. It may then have fewer items
   * than requested, or none, and a cursor.
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
   * Makes a waiting, dead, or delivered delivery due now. The schedule of a dead or delivered one starts
   * again. After an error, it can be called again.
   */
  retry(target: string, eventId: string): Promise<RetryOutcome>;
  /**
   * Delivers many events again, target after target, in the order of the events. Their schedules start again.
   * After a crash, run it again: deliveries that were replayed are no longer dead. If the store stops
   * responding, it resolves to what was done until then, with a cursor, or throws if that is nothing.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or a cursor comes from another replay
   */
  replay(options: ReplayOptions): Promise<ReplayResult>;
  /** Replays in the background, for more deliveries than one call can handle. */
  readonly replays: BackgroundReplays;
  /**
   * Returns the statistics of every target that is registered here or has deliveries of events within
   * the retention, by the day in their ids; ids without a time count forever. They are read from counts.
   */
  stats(): Promise<readonly TargetStats[]>;
  /** Returns whether a target receives deliveries. */
  endpoint(target: string): Promise<Endpoint>;
  /** Delivers to a target again, held deliveries first. @throws {TypeError} when it was removed */
  enable(target: string): Promise<void>;
  /** Stops delivering to a target: its deliveries are held. */
  disable(target: string, reason?: string): Promise<void>;
  /** Removes a target for good. Resolves when everything that is stored for it is deleted. */
  remove(target: string): Promise<void>;
};

/** The inner parts of an outbox. */
type OutboxParts = {
  readonly store: Store;
  readonly prefix: string;
  readonly clock: Clock;
  /** Makes it keep the process alive. Returns a function that ends this. */
  readonly keepAlive: () => () => void;
  /** Makes it read the state of its targets again, after another process has changed one. */
  readonly refreshTargets: () => void;
};

/** All outboxes. */
const outboxes = new WeakMap<object, OutboxParts>();

/** Returns whether a queue is an outbox. */
export function isOutbox(queue: DeliveryQueue | undefined): queue is Outbox {
  return queue !== undefined && outboxes.has(queue);
}

/** Marks a queue as an outbox, with its inner parts. */
export function noteOutbox(outbox: Outbox, parts: OutboxParts): void {
  outboxes.set(outbox, parts);
}

/** Returns the inner parts of an outbox; undefined for another queue. */
export function partsOf(queue: DeliveryQueue | undefined): OutboxParts | undefined {
  return queue && outboxes.get(queue);
}

/** Makes an outbox keep the process alive while it runs, even if nothing is due. Returns a function that ends this. */
export function keepAlive(queue: DeliveryQueue | undefined): () => void {
  return partsOf(queue)?.keepAlive() ?? (() => {});
}
