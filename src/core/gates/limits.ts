/**
 * The limits and defaults of gates and asks. Plain numbers, which bundlers inline: `createHooks` loads this file.
 *
 * @module
 */

/** How long one gate may take, in milliseconds: an agent waits for it before every tool call. */
export const GATE_TIMEOUT = 5_000;
/** How long a decision may take, in milliseconds: twice what one gate may. */
export const DECISION_TIMEOUT = 10_000;

/** Failures in a row after which a gate's circuit breaker opens: it is not called for a while. */
export const BREAKER_FAILURES = 5;
/** How long that lasts, in milliseconds: as long as one call of a gate may take. */
export const COOLDOWN = 5_000;

/**
 * The longest text of a gate that is recorded, and that a webhook gate may return, in characters: it is stored
 * with every decision.
 */
export const MAX_TEXT = 16_384;

/** How long a person may take, unless a gate says otherwise, in milliseconds: ten minutes. */
export const ASK_TIMEOUT = 600_000;
/** The longest that a person may take, in milliseconds: 30 days, as long as the outbox keeps events by default. */
export const MAX_ASK_TIMEOUT = 2_592_000_000;
/** The longest name of who resolves an ask, in characters: it is stored. */
export const MAX_BY = 256;
/** The longest note of who resolves an ask, in characters: it is stored. */
export const MAX_NOTE = 2_000;
/** The shortest key of approval links, in characters: 32 random characters of base64 are 192 bits. */
export const MIN_APPROVAL_KEY = 32;
