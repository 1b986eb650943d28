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
  /** Each delay is so many times the one before. @default {2} */
  readonly factor?: number | undefined;
  /** No delay is longer, in milliseconds. @default {36000000} ten hours */
  readonly maxDelay?: number | undefined;
  /** How many retries follow the first attempt. */
  readonly retries: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** More retries than this are a mistake. */
const MAX_RETRIES = 1000;

/**
 * Retries after the delays of a list, then gives up.
 *
 * @param delays In milliseconds, one per retry
 * @throws {RangeError} when a delay is not a finite number from 0, or there are more than 1,000
 */
export function scheduleRetry(
  delays: readonly number[],
  { jitter = 0.2 }: JitterOptions = {},
): RetryPolicy {
  checkRetries(delays.length);
  for (const delay of delays) check("delay", delay, 0, Number.MAX_SAFE_INTEGER);
  check("jitter", jitter, 0, 1);
  const schedule = [...delays];
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
 * @throws {RangeError} when an option is out of its range
 */
export function fixedRetry({ delay, retries, jitter }: FixedRetryOptions): RetryPolicy {
  checkRetries(retries);
  return scheduleRetry(Array.from({ length: retries }, () => delay), { jitter });
}

/**
 * Retries after delays that grow by a factor up to a cap.
 *
 * @throws {RangeError} when an option is out of its range
 */
export function exponentialRetry(
  { delay, factor = 2, maxDelay = 10 * HOUR, retries, jitter }: ExponentialRetryOptions,
): RetryPolicy {
  checkRetries(retries);
  check("factor", factor, 1, Number.MAX_SAFE_INTEGER);
  check("maxDelay", maxDelay, 0, Number.MAX_SAFE_INTEGER);
  check("delay", delay, 0, Number.MAX_SAFE_INTEGER);
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
  if (!Number.isInteger(retries) || retries < 0 || retries > MAX_RETRIES) {
    throw new RangeError(
      `Cannot make a retry policy as 'retries' must be an integer from 0 to ${MAX_RETRIES}: ` +
        `current value is ${retries}`,
    );
  }
}

function check(name: string, value: number, from: number, to: number): void {
  if (typeof value !== "number" || !(value >= from && value <= to)) {
    throw new RangeError(
      `Cannot make a retry policy as '${name}' must be a number from ${from} to ${to}: ` +
        `current value is ${String(value)}`,
    );
  }
}
