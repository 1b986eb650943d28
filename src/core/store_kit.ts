/**
 * What every store of this package shares: Deno KV's keys, values, ranges and limits, checked before
 * anything is sent. A second door of the folder: the root entry has no use for it and doesn't load it.
 *
 * @module
 */
export { type DraftCheck, type DraftMutation, StoreDraft } from "./_store_draft.ts";
export { encodeFullKey } from "./_store_key.ts";
export { checkReads, KV_LIMITS, readLimits } from "./_store_limits.ts";
export { copySelector, type KeyRange, limitOf, rangeOf } from "./_store_range.ts";
export { type Content, decodeValue, SUM_RANGE } from "./_store_value.ts";
