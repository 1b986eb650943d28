/**
 * What the folders that stand on core share with it: checks, signals, slots, bytes, JSON. A second door of
 * the folder; the package exports nothing of it.
 *
 * @module
 */
export { abortable, follow, sleep, within } from "./_abort.ts";
export { attemptCause } from "./_attempt_cause.ts";
export { type Bytes, decodeBase64, encodeBase64, joinBytes, sha256Hex, toHex } from "./_bytes.ts";
export {
  checkFunctions,
  checkName,
  checkObject,
  checkPatterns,
  NAME,
  NAME_RULE,
  show,
  TOKEN,
  TOKEN_RULE,
} from "./_check.ts";
export {
  findEnvelopeFaults,
  ID,
  ID_RULE,
  isEventId,
  isEventType,
  isPattern,
  isSession,
  MAX_SESSION,
  parseTime,
  patternsFor,
  SESSION_RULE,
  TYPE_RULE,
} from "./_event_rules.ts";
export {
  isJson,
  isPlainUtf8,
  isText,
  isUtf8,
  type MediaType,
  parseMediaType,
  parseRetryAfter,
  parseStringItem,
} from "./_http_fields.ts";
export { copyJson } from "./_json.ts";
export {
  checkDefined,
  checkKnown,
  checkRetry,
  describePadding,
  LEASE,
  type Limits,
  MAX_CONCURRENCY,
  MAX_DURATION,
  OR_INFINITE,
  readCount,
  readDuration,
  readNumber,
  unknownOption,
  wholeMilliseconds,
} from "./_options.ts";
export { canonicalJson, decodeUtf8, type JsonText, parseJson } from "./_json_text.ts";
export { adoptEvent, isSnapshot, mutableCopy, seal, snapshotOf } from "./_snapshot.ts";
export { readBytes, type ReadLimits } from "./_read_bytes.ts";
export { maskError } from "./_mask_error.ts";
export { maskUrl, maskUrls } from "./_mask_url.ts";
export { consoleLogger, guarded } from "./_reporter.ts";
export { Slots } from "./_slots.ts";
export { nearest } from "./_suggest.ts";
export { after, every } from "./_timer.ts";
