import type { Receipt } from "./emitter.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerContext, HandlerResult, Logger } from "./hook.ts";
import type { Registration } from "./registration.ts";
import type { RetryPolicy } from "./retry.ts";

/** What one attempt at a delivery came to. A value: an attempt never throws. */
export type Attempt = {
  /**
   * What is to be done: nothing more, try again, give up, or give up and send nothing more to this
   * target.
   */
  readonly verdict: "delivered" | "retry" | "final" | "disable";
  /** How long it took, in milliseconds. */
  readonly duration: number;
  /** The status of the answer, when there was one. */
  readonly status?: number;
  /** Settled without a request, because the target's `transform` gave null. */
  readonly skipped?: boolean;
  /** Sent twice, as a kept-alive connection was closed before the response: still one attempt. */
  readonly resent?: boolean;
  /** Why it was not delivered; holds no secret and no header value. */
  readonly error?: string;
  /** How long the receiver asks to wait, in milliseconds. */
  readonly retryAfter?: number;
  /** The beginning of the answer's body: 4 KiB at most, scrubbed of what we sent in headers. */
  readonly response?: string;
};

/** What an attempt is given. */
export type AttemptContext = {
  /** Which attempt it is; the first is 1. */
  readonly attempt: number;
  /** Aborts the attempt. */
  readonly signal: AbortSignal;
  /** Where to log. */
  readonly logger: Logger;
};

/** What a delivery queue delivers to, again and again if need be: a webhook, or a durable hook. */
export type DeliveryTarget = {
  /** Unique among hooks and webhooks. */
  readonly name: string;
  /** Limit of one attempt, in milliseconds. */
  readonly timeout: number;
  /** Attempts at once, at most. */
  readonly concurrency: number;
  /** When a failed delivery is tried again. */
  readonly retry: RetryPolicy;
  /** `"session"`: the events of one session one after the other, in order. @default none */
  readonly ordering?: "session";
  /**
   * A digest of where it goes. A queue that gave up on one address tries another; without it, all of a
   * target's life counts as one.
   */
  address?(): Promise<string>;
  /** Makes one attempt. Never rejects. */
  attempt(event: HookEvent, context: AttemptContext): Promise<Attempt>;
};

/**
 * A target that the registry can also deliver to by itself. `WebhookHook` is one; core knows no more
 * of it than this.
 */
export type Webhook = DeliveryTarget & {
  /** The patterns that it hears. */
  readonly events: readonly string[];
  /** Whether an event that a pattern matches is wanted. */
  accepts(event: HookEvent): boolean;
  /**
   * Delivers without a queue: all attempts, within the call, which ends soon after its signal aborts.
   *
   * @throws {WebhookError} when the last attempt failed
   */
  deliver(event: HookEvent, context: HandlerContext): Promise<void>;
  /** Waits for attempts that run, and gives back what is held. */
  close?(): HandlerResult;
};

/** One event for a queue. */
export type Publication = {
  /** The event as it is stored and sent: redacted, if there is a `redact`. */
  readonly event: HookEvent;
  /** The names of the targets that are to get it; may be empty. */
  readonly to: readonly string[];
  /** A second publication under the same key is a duplicate. */
  readonly idempotencyKey?: string;
  /**
   * Whether the event's id was made for this publication alone: then nobody looks whether it is stored
   * already. Otherwise an event whose id is stored is a duplicate. @default {false}
   */
  readonly fresh?: boolean;
};

/** Options of `publish`. */
export type PublishOptions = {
  /**
   * One key for the whole batch: a second batch under it is a duplicate, event by event. The keys of its
   * events are then not looked at.
   */
  readonly idempotencyKey?: string | undefined;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
};

/** What a queue that has events of its own may ask of the hooks that it belongs to. */
export type QueueHost = {
  /** The names of the targets that hear an event. */
  targetsOf(event: HookEvent): readonly string[];
  /** Where the hooks log: a queue without a logger of its own logs there too. */
  readonly logger?: Logger;
  /** Lets the handlers of this process hear an event that the queue stored by itself. Never throws. */
  announce(event: HookEvent): void;
};

/**
 * Durable delivery, given to `createHooks` as `outbox`: `createOutbox` of `./outbox` makes one. Core knows
 * this interface and no more.
 */
export type DeliveryQueue = {
  /**
   * Stores events and their deliveries. A batch is stored as a whole or not at all; the receipts are
   * in its order, with no handlers.
   */
  publish(
    batch: readonly Publication[],
    options?: PublishOptions,
  ): Promise<readonly Receipt[]>;
  /** Adds a target that stored deliveries can go to. */
  register(target: DeliveryTarget): Registration;
  /**
   * Is told whose queue it is, until what it gives is unregistered: when those hooks are closed.
   *
   * @throws {TypeError} when it is another's, and can't be shared
   */
  connect?(host: QueueHost): Registration;
  /** Begins to deliver; called by `init`. */
  start(): void;
  /**
   * Stops delivering; called by `close`, and once more when the last event has ended. `publish` goes on
   * working.
   */
  stop(): Promise<void>;
};
