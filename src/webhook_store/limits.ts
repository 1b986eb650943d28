/**
 * The limits and defaults of stored webhooks. Those of every webhook are in `webhook/limits.ts`.
 *
 * @module
 */
import { DAY } from "../internal/clock.ts";

/** The most webhooks of a store: each instance keeps all of them in memory. */
export const MAX_WEBHOOKS = 10_000;
/** The fields of a webhook as JSON, in UTF-8 bytes. Sealed, they still fit the 64 KiB of a value in Deno KV. */
export const MAX_BYTES: number = 32 * 1024;
/** The most encryption keys at once: one, and those that it replaces. */
export const MAX_KEYS = 16;
/** How long old secrets sign by default, in milliseconds. */
export const DEFAULT_OVERLAP: number = DAY;
/** How long old secrets sign at most, in milliseconds. */
export const MAX_OVERLAP: number = 30 * DAY;
/** How long a name may take to resolve when a URL is stored, in milliseconds. */
export const GUARD_TIMEOUT = 10_000;
/** Tests that run at the same time: each is a request that may take two minutes. */
export const MAX_TESTS = 16;
