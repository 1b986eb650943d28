import { HOUR, MINUTE } from "../internal/clock.ts";
import { MAX_DURATION } from "../internal/limits.ts";
import {
  checkKnown,
  type Limits,
  readCount,
  readDuration,
  readNumber,
} from "../internal/options.ts";
import { checkList } from "../internal/validate.ts";

/** When a failed delivery is retried. A pure value: it reads no clock and no random numbers. */
export type RetryPolicy = {
  /**
   * Returns how long to wait after a failed attempt, in milliseconds; undefined to give up.
   *
   * @param attempt The number of the attempt that failed, from 1
   * @param random A number in [0, 1), which determines the jitter
   */
  delay(attempt: number, random: number): number | undefined;
  /** The sum of all delays at their longest, in milliseconds. */
  readonly total: number;
};

/** Options of retry policies. */
export interface RetryOptions {
  /** The delay before the first retry, in milliseconds. */
  readonly delay: number;
  /** How many retries follow the first attempt. */
  readonly retries: number;
  /** Multiplies each delay to get the next, 1 to 1,000. Not for `fixedRetry`. @default {2} */
  readonly factor?: number | undefined;
  /**
   * The longest delay, in milliseconds; `Infinity` means ten years. Not for `fixedRetry`.
   * @default {36000000} ten hours
   */
  readonly maxDelay?: number | undefined;
  /**
   * How far a delay may vary to either side, as a fraction of it, 0 to 1, so that deliveries that failed
   * together are not retried together. Applied after `maxDelay`. @default {0.2}
   */
  readonly jitter?: number | undefined;
}

/** The maximum number of retries: more are a mistake. */
const RETRIES: Limits = { min: 0, max: 1000 };
/** The maximum growth of a delay: more is a mistake. */
const MAX_FACTOR = 1000;
const SUBJECT = "Cannot create a retry policy";
/** The names of options in other libraries. */
const RENAMED = { retry: "retries", count: "retries", attempts: "retries" };

/**
 * Returns a policy that retries after the delays of a list, then gives up.
 *
 * @param delays The delay before each retry, in milliseconds: 0 to ten years, at most 1,000 of them
 * @throws {TypeError | RangeError} when a delay or an option is invalid
 */
export function scheduleRetry(
  delays: readonly number[],
  options: Pick<RetryOptions, "jitter"> = {},
): RetryPolicy {
  checkKnown(SUBJECT, options, ["jitter"]);
  checkList(SUBJECT, "delays", delays);
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
 * Returns a policy that retries a number of times, always after the same delay.
 *
 * @throws {TypeError | RangeError} when an option is unknown or out of range
 */
export function fixedRetry(
  options: Pick<RetryOptions, "delay" | "retries" | "jitter">,
): RetryPolicy {
  checkKnown(SUBJECT, options, ["delay", "retries", "jitter"], RENAMED);
  const { retries } = options;
  const delay = readDelay("delay", options.delay);
  checkRetries(retries);
  const jitter = readJitter(options);
  return scheduleRetry(Array.from({ length: retries }, () => delay), { jitter });
}

/**
 * Returns a policy that retries after delays that grow by a factor, up to a maximum.
 *
 * @throws {TypeError | RangeError} when an option is unknown or out of range
 */
export function exponentialRetry(options: RetryOptions): RetryPolicy {
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
  5_000,
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

function readJitter({ jitter = 0.2 }: Pick<RetryOptions, "jitter">): number {
  return readNumber(SUBJECT, "jitter", jitter, { min: 0, max: 1 });
}
