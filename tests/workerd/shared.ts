/**
 * What the workers and the tests that talk to them agree on.
 * @module
 */

/** What the sender signs with and the receiver verifies by. */
export const SECRET = `whsec_${btoa("known to everyone who reads this")}`;

/** What the sender is asked to do. */
export interface Job {
  /** Where the webhook goes. */
  readonly url: string;
  /** @default `SECRET` */
  readonly secret?: string;
  /** @default {10000} */
  readonly timeout?: number;
  /** @default {0} */
  readonly retryCount?: number;
  /** @default {"native"} */
  readonly format?: "native" | "cloudevents" | "cloudevents-binary";
  /** Whether the webhook is sent over the service binding, not over a connection. */
  readonly binding?: boolean;
  /** Aborts `emit` after so many milliseconds. */
  readonly abortAfter?: number;
  /** Whether `emitAsync` is given `ctx.waitUntil`. */
  readonly waitUntil?: boolean;
  /** What the sender fetches after `emitAsync`, before it answers. */
  readonly answerAfter?: string;
  /** Hooks of this name are made by the first request that wants them, and serve the others too. */
  readonly shared?: string;
}

/** What became of it. */
export interface Outcome {
  /** Of the event; empty when the webhook failed. */
  readonly id: string;
  /** Why each attempt failed. */
  readonly failures: readonly string[];
}

/** What the receiver has verified. */
export interface Received {
  readonly id: string;
  readonly type: string;
  readonly sessionId?: string;
  readonly data: unknown;
}
