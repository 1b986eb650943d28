import type { Receipt } from "./emitter.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerContext, HandlerResult, Logger } from "./hook.ts";
import type { Measurement } from "./metrics.ts";
import type { RetryPolicy } from "./retry_policy.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Store } from "../store/mod.ts";

/** The result of one attempt at a delivery. An attempt never throws. */
export type Attempt = {
  /**
   * What happens next: nothing more, a retry, a dead letter, or a dead letter after which nothing more is
   * sent to this target.
   */
  readonly verdict: "delivered" | "retry" | "final" | "disable";
  /** How long it took, in milliseconds. */
  readonly duration: number;
  /** The HTTP status, if there was a response. */
  readonly status?: number;
  /** Settled without a request, because the target's `transform` returned null. */
  readonly skipped?: boolean;
  /** Sent twice, because a kept-alive connection was closed before the response: still one attempt. */
  readonly resent?: boolean;
  /** Why it was not delivered. Contains no secret and no header value. */
  readonly error?: string;
  /** How long the receiver asks to wait, in milliseconds. */
  readonly retryAfter?: number;
  /** The first 4 KiB of the response body. Header values that were sent are redacted. */
  readonly response?: string;
};

/** What an attempt receives. */
export type AttemptContext = {
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** Aborts the attempt. */
  readonly signal: AbortSignal;
  /** Where to log. */
  readonly logger: Logger;
  /** The trace of this attempt, to send on. Without one, that of the event is sent. */
  readonly traceparent?: string | undefined;
};

/** A target of a delivery queue, which retries: a webhook, or a durable hook. */
export type DeliveryTarget = {
  /** Unique among hooks and webhooks. */
  readonly name: string;
  /** The time limit of one attempt, in milliseconds. */
  readonly timeout: number;
  /** The maximum number of concurrent attempts. */
  readonly concurrency: number;
  /** When a failed delivery is retried. */
  readonly retry: RetryPolicy;
  /** `"session"`: delivers the events of one session in order, one at a time. @default none */
  readonly ordering?: "session";
  /**
   * Why this process can't deliver to it, such as a key that is missing. Its deliveries are stored, and wait
   * for a process that can. @default none
   */
  readonly held?: string;
  /**
   * Returns a digest of the address. A queue that has disabled the target tries again when it changes.
   * Without it, the address counts as always the same.
   */
  address?(): Promise<string>;
  /** Makes one attempt. Never rejects. */
  attempt(event: HookEvent, context: AttemptContext): Promise<Attempt>;
};

/** A target that can also be delivered to without an outbox. `WebhookHook` is one. */
export type Webhook = DeliveryTarget & {
  /** The patterns that it subscribes to. */
  readonly events: readonly string[];
  /** Returns whether to deliver an event that a pattern matches. */
  accepts(event: HookEvent): boolean;
  /**
   * Delivers without an outbox: makes all attempts within the call. Ends soon after its signal aborts.
   *
   * @throws {WebhookError} when the last attempt failed
   */
  deliver(
    event: HookEvent,
    context: HandlerContext & { readonly telemetry?: Telemetry },
  ): Promise<void>;
  /** Waits for running attempts, and releases resources. */
  close?(): HandlerResult;
  /** Receives the slice of the store that belongs to this webhook, before its first delivery. */
  setStorage?(store: Store): void;
};

/** An event to publish. */
export type Publication = {
  /** The event to store and send, after `redact`. */
  readonly event: HookEvent;
  /** The names of the targets to deliver it to. May be empty. */
  readonly to: readonly string[];
  /** A second publication under the same key is a duplicate. */
  readonly idempotencyKey?: string;
  /**
   * Whether the id was created for this publication, so that it can't be stored yet. Otherwise an event
   * whose id is stored is a duplicate. @default {false}
   */
  readonly fresh?: boolean;
  /**
   * Whether the sender set the timestamp of the event. If so, it is part of the content of an idempotency
   * key. @default {false}
   */
  readonly hasTimestamp?: boolean;
};

/** Options of `publish`. */
export type PublishOptions = {
  /**
   * One key for the whole batch: a second batch with the same key is a duplicate, event by event. The keys
   * of its events are ignored then.
   */
  readonly idempotencyKey?: string | undefined;
  /** Stops waiting when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Records to store in the commit of the batch, which is then stored whether or not its events have
   * targets. Only for queues with `records`.
   *
   * Rejects with a `RecordConflictError` if one of them was changed meanwhile; nothing is stored then.
   */
  readonly records?: readonly RecordWrite[] | undefined;
};

/** The name of a record: strings, of which the first says what it is. */
export type RecordKey = readonly string[];

/** A record that is stored in one commit with events. */
export type RecordWrite = {
  readonly key: RecordKey;
  /** A JSON object with its version as `v`, a few kilobytes at most; null deletes the record. */
  readonly value: { readonly v: number } | null;
  /** The version that was read; null if the record isn't stored yet. Undefined overwrites anything. */
  readonly versionstamp?: string | null | undefined;
  /**
   * How long it is kept, in milliseconds; `Infinity`: always.
   * @default as long as the event
   */
  readonly lifetime?: number | undefined;
};

/** A record as it is stored. */
export type QueueRecord = {
  readonly key: RecordKey;
  /** Null when it isn't stored. */
  readonly value: unknown;
  /** Null when it isn't stored. */
  readonly versionstamp: string | null;
};

/** Small records next to the events of a queue. The gates keep decisions and asks in them. */
export type QueueRecords = {
  /** Reads records, in the order of their keys. */
  get(keys: readonly RecordKey[]): Promise<readonly QueueRecord[]>;
  /** Reads the records one string below a key, the greatest first, from `before` on. */
  list(
    below: RecordKey,
    options: { readonly limit: number; readonly before?: string | undefined },
  ): Promise<readonly QueueRecord[]>;
  /** Writes one record. Resolves to false if it was changed meanwhile. */
  put(write: RecordWrite): Promise<boolean>;
  /** Reads a stored event; undefined when it is unreadable or no longer kept. */
  event(id: string): Promise<HookEvent | undefined>;
};

/** A batch that was stored in a transaction of the caller, which may still be rolled back. */
export type PendingPublication = {
  /** Receipts in the order of the batch, without handlers. */
  readonly receipts: readonly Receipt[];
  /**
   * Resolves if the transaction was committed, and delivers what it stored.
   *
   * @throws {Error} when it was rolled back, or isn't committed yet
   */
  committed(): Promise<void>;
};

/** The part of the hooks that a queue uses to emit its own events. */
export type QueueHost = {
  /** Returns the names of the targets that receive an event. */
  targetsOf(event: HookEvent): readonly string[];
  /** The logger of the hooks. A queue without its own logs there too. */
  readonly logger?: Logger;
  /** Where the traces and metrics of deliveries go. */
  readonly telemetry?: Telemetry;
  /** Passes an event that the queue stored by itself to the handlers of this process. Never throws. */
  announce(event: HookEvent): void;
};

/** Durable delivery, passed to `createHooks` as `outbox`. `createOutbox` of `./outbox` returns one. */
export type DeliveryQueue = {
  /**
   * Stores events and their deliveries, all or none. Resolves to receipts in the order of the batch,
   * without handlers.
   */
  publish(
    batch: readonly Publication[],
    options?: PublishOptions,
  ): Promise<readonly Receipt[]>;
  /**
   * Does the same inside a transaction that the caller has open. Absent from queues that can't.
   *
   * @throws {TypeError} when the store has no transactions, or `tx` isn't one of them
   */
  publishIn?(
    tx: object,
    batch: readonly Publication[],
    options?: Pick<PublishOptions, "idempotencyKey">,
  ): Promise<PendingPublication>;
  /** Adds a target for stored deliveries. `unregister` removes it. */
  register(target: DeliveryTarget): { unregister(): void };
  /**
   * Connects the queue to its hooks. `unregister` is called when they are closed.
   *
   * @throws {TypeError} when it is connected to other hooks
   */
  connect?(host: QueueHost): { unregister(): void };
  /** Records next to events. Without them, gates can't keep decisions and asks. */
  readonly records?: QueueRecords;
  /** Returns the current values of gauges, by target. */
  measure?(): Promise<readonly Measurement[]>;
  /** Starts delivering. Called by `init`. */
  start(): void;
  /** Stops delivering, and resolves when no attempt is running. Called by `close`; `publish` still works. */
  stop(): Promise<void>;
};
