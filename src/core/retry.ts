import { inspect } from "../internal/validate.ts";
import {
  checkKnown,
  type Limits,
  MAX_DURATION,
  readCount,
  readDuration,
  readNumber,
} from "../internal/options.ts";

/**
 * When a failed delivery is tried again. A pure value: it reads no clock and makes no randomness.
 */
export type RetryPolicy = {
  /**
   * How long to wait after the n-th failure, in milliseconds.
   *
   * @param attempt Which attempt failed, from 1
   * @param random A number in [0, 1), which decides the jitter
   * @returns The delay; undefined: give up
   */
  delay(attempt: number, random: number): number | undefined;
  /** All delays together at their longest, in milliseconds: how long a delivery may be on its way. */
  readonly total: number;
};

/** How far a delay may stray, to either side, so that what failed together is not retried together. */
export interface JitterOptions {
  /** As a part of the delay, 0 to 1. Applied after the cap. @default {0.2} */
  readonly jitter?: number | undefined;
}

/** Options of `fixedRetry`. */
export interface FixedRetryOptions extends JitterOptions {
  /** Before each retry, in milliseconds. */
  readonly delay: number;
  /** How many retries follow the first attempt. */
  readonly retries: number;
}

/** Options of `exponentialRetry`. */
export interface ExponentialRetryOptions extends JitterOptions {
  /** Before the first retry, in milliseconds. */
  readonly delay: number;
  /** Multiplies each delay to get the next, 1 to 1,000. @default {2} */
  readonly factor?: number | undefined;
  /** The longest delay, in milliseconds; `Infinity`: ten years. @default {36000000} ten hours */
  readonly maxDelay?: number | undefined;
  /** How many retries follow the first attempt. */
  readonly retries: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** More retries than this are a mistake. */
const RETRIES: Limits = { min: 0, max: 1000 };
/** A delay that grows faster is a mistake. */
const MAX_FACTOR = 1000;
const SUBJECT = "Cannot create a retry policy";
/** What other libraries call the options. */
const RENAMED = { retry: "retries", count: "retries", attempts: "retries" };

/**
 * Retries after the delays of a list, then gives up.
 *
 * @param delays In milliseconds, one per retry
 * @throws {TypeError | RangeError} when a delay is no number from 0 to ten years, there are more than 1,000, or an option is wrong
 */
export function scheduleRetry(
  delays: readonly number[],
  options: JitterOptions = {},
): RetryPolicy {
  checkKnown(SUBJECT, options, ["jitter"]);
  if (!Array.isArray(delays)) {
    throw new TypeError(`${SUBJECT}: the delays must be a list, got ${inspect(delays)}`);
  }
  readCount(SUBJECT, "retries", delays.length, RETRIES);
  const schedule = Array.from(delays, (delay: number) => readDelay("delay", delay));
  const jitter = readJitter(options);
  return {
    delay(attempt, random) {
      const delay = schedule[attempt - 1];
      return delay === undefined ? undefined : Math.round(delay * (1 + jitter * (2 * random - 1)));
    },
    total: schedule.reduce((sum, delay) => sum + Math.round(delay * (1 + jitter)), 0),
  };
}

/**
 * Retries a number of times, always after the same delay.
 *
 * @throws {TypeError | RangeError} when an option is unknown or out of its range
 */
export function fixedRetry(options: FixedRetryOptions): RetryPolicy {
  checkKnown(SUBJECT, options, ["delay", "retries", "jitter"], RENAMED);
  const { retries } = options;
  const delay = readDelay("delay", options.delay);
  checkRetries(retries);
  const jitter = readJitter(options);
  return scheduleRetry(Array.from({ length: retries }, () => delay), { jitter });
}

/**
 * Retries after delays that grow by a factor up to a cap.
 *
 * @throws {TypeError | RangeError} when an option is unknown or out of its range
 */
export function exponentialRetry(options: ExponentialRetryOptions): RetryPolicy {
  const known = ["delay", "factor", "maxDelay", "retries", "jitter"];
  checkKnown(SUBJECT, options, known, RENAMED);
  const { factor = 2, maxDelay: longest = 10 * HOUR, retries } = options;
  checkRetries(retries);
  readNumber(SUBJECT, "factor", factor, { min: 1, max: MAX_FACTOR });
  const maxDelay = Math.min(readDelay("maxDelay", longest, true), MAX_DURATION);
  const delay = readDelay("delay", options.delay);
  const jitter = readJitter(options);
  return scheduleRetry(
    Array.from(
      { length: retries },
      (_, n) => delay === 0 ? 0 : Math.min(maxDelay, delay * factor ** n),
    ),
    { jitter },
  );
}

/** The schedule of a durable delivery: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, each ±20%. */
export const DEFAULT_RETRY: RetryPolicy = /* @__PURE__ */ scheduleRetry([
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
]);

function checkRetries(retries: number): void {
  if (retries === undefined) throw new TypeError(`${SUBJECT}: 'retries' is missing`);
  readCount(SUBJECT, "retries", retries, RETRIES);
}

function readDelay(name: string, delay: number, infinite = false): number {
  if (delay === undefined) throw new TypeError(`${SUBJECT}: '${name}' is missing`);
  return readDuration(SUBJECT, name, delay, { min: 0, infinite });
}

function readJitter({ jitter = 0.2 }: JitterOptions): number {
  return readNumber(SUBJECT, "jitter", jitter, { min: 0, max: 1 });
}
