/**
 * Shared by the workers and their tests.
 * @module
 */

/** The secret of the sender and the receiver. */
export const SECRET = `whsec_${btoa("known to everyone who reads this")}`;

/** A request to the sender. */
export interface Job {
  /** The URL of the webhook. */
  readonly url: string;
  /** @default `SECRET` */
  readonly secret?: string;
  /** @default {10000} */
  readonly timeout?: number;
  /** @default {0} */
  readonly retryCount?: number;
  /** @default {"native"} */
  readonly format?: "native" | "cloudevents" | "cloudevents-binary";
  /** Whether the webhook uses the service binding instead of a connection. */
  readonly binding?: boolean;
  /** Aborts `emit` after this many milliseconds. */
  readonly abortAfter?: number;
  /** Whether `emitInBackground` is given `ctx.waitUntil`. */
  readonly waitUntil?: boolean;
  /** A URL that the sender fetches after emitting, before it responds. */
  readonly respondAfter?: string;
  /** The first request with this name creates hooks, which the others share. */
  readonly shared?: string;
}

/** The result of a request to the sender. */
export interface Outcome {
  /** The id of the event; empty if the webhook failed. */
  readonly id: string;
  /** Why each attempt failed. */
  readonly failures: readonly string[];
}

/** A webhook that the receiver verified. */
export interface Received {
  readonly id: string;
  readonly type: string;
  readonly sessionId?: string;
  readonly data: unknown;
}
