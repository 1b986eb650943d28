/**
 * The limits and defaults of webhooks, of gates over HTTP, and of what receives them. An entry of this folder:
 * the configuration and stored webhooks apply the same ones. Plain numbers, which bundlers inline.
 *
 * @module
 */
import { MAX_CONCURRENCY } from "../internal/limits.ts";
import type { Limits } from "../internal/options.ts";

/** The limits of a webhook's numeric options, in code and in the configuration file. Milliseconds. */
export const WEBHOOK_LIMITS: {
  readonly [Name in "timeout" | "retryCount" | "retryDelay" | "concurrency"]:
    & Limits
    & { readonly min: number; readonly max: number };
} = {
  timeout: { min: 1, max: 120_000 },
  retryCount: { min: 0, max: 100 },
  retryDelay: { min: 0, max: 3_600_000 },
  concurrency: { min: 1, max: MAX_CONCURRENCY },
};

/** How long an attempt may take by default, in milliseconds. That of a gate is in `core/gates/limits.ts`. */
export const DEFAULT_TIMEOUT = 10_000;
/** The delay before a quick retry by default, in milliseconds. */
export const DEFAULT_RETRY_DELAY = 1_000;
/** Attempts of a webhook, or requests of a gate, at once by default. */
export const DEFAULT_CONCURRENCY = 16;
/** The longest `Retry-After` that an inline delivery waits for, in milliseconds. For longer ones it gives up. */
export const MAX_INLINE_WAIT = 30_000;
/** The most secrets that sign or verify together: a request is compared with every one. */
export const MAX_SECRETS = 16;
/** The most of a response that is kept for the log, in bytes of UTF-8. */
export const MAX_EXCERPT = 4_096;
/** The longest response of a gate, in bytes. */
export const MAX_RESPONSE = 1_048_576;

/** The largest body that a receiver reads by default, in bytes. */
export const DEFAULT_MAX_BODY = 1_048_576;
/** How long a body may take to arrive by default, in milliseconds. */
export const DEFAULT_BODY_TIMEOUT = 10_000;
/** How far a timestamp may be from the receiver's clock by default, in milliseconds. */
export const DEFAULT_TOLERANCE = 300_000;
/** A day, in milliseconds: with more, a message that was intercepted could be replayed for that long. */
export const MAX_TOLERANCE = 86_400_000;
/** How long handling a message may take by default before another process may try, in milliseconds. */
export const DEFAULT_HANDLING_TIME = 300_000;
/** How long an id is remembered by default, in milliseconds: a week, longer than senders retry. */
export const DEFAULT_REMEMBER = 604_800_000;
/** The most ids that are kept without a store. The oldest are dropped first. */
export const MAX_IDS = 10_000;
