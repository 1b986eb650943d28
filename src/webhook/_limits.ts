import { type Limits, MAX_CONCURRENCY } from "../internal/options.ts";

const HOUR = 60 * 60 * 1000;

/** What the number options of a webhook accept, in code and in the configuration file. Milliseconds. */
export const WEBHOOK_LIMITS: {
  readonly [Name in "timeout" | "retryCount" | "retryDelay" | "concurrency"]:
    & Limits
    & { readonly min: number; readonly max: number };
} = {
  timeout: { min: 1, max: 120_000 },
  retryCount: { min: 0, max: 100 },
  retryDelay: { min: 0, max: HOUR },
  concurrency: { min: 1, max: MAX_CONCURRENCY },
};
