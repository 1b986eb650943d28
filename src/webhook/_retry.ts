import { follow } from "../core/kit.ts";
import type { RetryPolicy } from "../core/mod.ts";

/** Some quick retries, then a schedule. */
export function quickThen(quick: RetryPolicy, count: number, schedule: RetryPolicy): RetryPolicy {
  return {
    delay: (attempt, random) =>
      attempt <= count ? quick.delay(attempt, random) : schedule.delay(attempt - count, random),
    total: quick.total + schedule.total,
  };
}

/** Waits; false as soon as the signal aborts. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      release();
      resolve(true);
    }, milliseconds);
    const release = follow(signal, () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}
