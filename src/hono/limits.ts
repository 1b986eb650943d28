/**
 * The limits and defaults of the HTTP app. Those of pages are in `internal/page_size.ts`.
 *
 * @module
 */
import { HOUR } from "../internal/clock.ts";
import { checkKnown, type Limits, OR_INFINITE, readCount } from "../internal/options.ts";
import { checkObject } from "../internal/validate.ts";

/** Limits of requests and streams. */
export interface HooksAppLimits {
  /** Maximum size of a body, in bytes. @default {1048576} */
  readonly body?: number | undefined;
  /** Maximum size of all header names and values, in bytes. @default {16384} */
  readonly headers?: number | undefined;
  /** Maximum nesting of arrays and objects. @default {64} */
  readonly jsonDepth?: number | undefined;
  /** Maximum number of events in a batch, up to 100. @default {100} */
  readonly events?: number | undefined;
  /** Maximum number of requests that wait for handlers at the same time. @default {1000} */
  readonly waits?: number | undefined;
  /** Maximum number of open event streams. @default {1000} */
  readonly streams?: number | undefined;
  /**
   * Maximum number of bytes that wait for one reader of an event stream. A slower reader is disconnected.
   * @default {1048576}
   */
  readonly streamBuffer?: number | undefined;
}

/** All limits, with their defaults. */
export type AppLimits = { readonly [Name in keyof HooksAppLimits]-?: number };

/** Each limit: its default, and its bounds. */
const LIMITS: Readonly<Record<keyof HooksAppLimits, readonly [number, Limits]>> = {
  body: [1024 * 1024, OR_INFINITE],
  headers: [16 * 1024, OR_INFINITE],
  jsonDepth: [64, { max: 200, advice: "no payload is nested deeper" }],
  events: [100, { max: 100, advice: "more don't fit in one commit" }],
  waits: [1000, OR_INFINITE],
  streams: [1000, OR_INFINITE],
  streamBuffer: [1024 * 1024, OR_INFINITE],
};

/** Completes limits with the defaults. @throws {TypeError | RangeError} when one is invalid or unknown */
export function readLimits(subject: string, limits: HooksAppLimits = {}): AppLimits {
  checkObject(subject, "'limits'", limits);
  checkKnown(`${subject} with these limits`, limits, Object.keys(LIMITS));
  const read = Object.entries(LIMITS).map(([name, [byDefault, rule]]) => {
    const limit = limits[name as keyof HooksAppLimits];
    return [name, readCount(subject, `limits.${name}`, limit, rule) ?? byDefault];
  });
  return Object.fromEntries(read);
}

/** How long a body may take to arrive by default, in milliseconds. */
export const BODY_TIMEOUT = 10_000;
/**
 * The interval of the comments that keep a stream alive by default, in milliseconds: half of the shortest idle
 * timeout that a supported host has: Bun's 10 s.
 */
export const HEARTBEAT = 5_000;
/** How often a stream polls the store by default, in milliseconds. */
export const POLL_INTERVAL = 1_000;
/** Longest `Authorization` header that is read, in characters: the work per request stays bounded. */
export const MAX_AUTHORIZATION = 4_096;
/** How long `/ready` waits for the store, in milliseconds: shorter than the 5 s of common probes. */
export const READY_TIMEOUT = 4_000;
/** Longest session of the console, in milliseconds: a working day. */
export const SESSION_LIFETIME: number = 12 * HOUR;

/** The longest that a replay or a drain may take, in milliseconds. */
export const MAX_BUDGET = 300_000;
/** Default duration of a replay, in milliseconds. */
export const REPLAY_TIMEOUT = 10_000;
/**
 * Default duration of a drain, in milliseconds. Fits the minute of a cron job, and exceeds the default
 * timeouts of webhooks (10 s) and durable hooks (30 s), which would be skipped otherwise.
 */
export const DRAIN_TIMEOUT = 50_000;
