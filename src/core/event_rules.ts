import { inspect, invalidOption } from "../internal/validate.ts";
import type { HookEvent } from "./events.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";

/** Longest event type, in characters. */
const MAX_LENGTH = 128;
const WORDS = /^[a-z0-9_]+(?:\.[a-z0-9_]+)*$/;

/** Describes event types in messages. */
export const TYPE_RULE = "must be dot-separated words of [a-z0-9_], 128 characters at most";

/** Returns whether a value can be an event's type. */
export function isEventType(type: unknown): type is string {
  return typeof type === "string" && type.length <= MAX_LENGTH && WORDS.test(type);
}

/** Returns whether a value is a pattern: a type, a type followed by `.*`, or `*`. */
export function isPattern(pattern: unknown): pattern is string {
  if (typeof pattern !== "string") return false;
  return pattern === "*" || isEventType(pattern.endsWith(".*") ? pattern.slice(0, -2) : pattern);
}

/** Returns whether a pattern matches a single type. */
export function isExact(pattern: string): boolean {
  return !pattern.endsWith("*");
}

/** Returns every pattern that matches a type: the type, its prefixes, and `*`. */
export function patternsFor(type: string): readonly string[] {
  const patterns = [type];
  for (let dot = type.lastIndexOf("."); dot > 0; dot = type.lastIndexOf(".", dot - 1)) {
    patterns.push(`${type.slice(0, dot)}.*`);
  }
  patterns.push("*");
  return patterns;
}

/** Returns whether events of a type report what gates, webhooks and deliveries did: they never cause others. */
export function isReport(type: string): boolean {
  return /^(?:gate|webhook|delivery)\./.test(type);
}

/** An event's id. Created as a UUID; others are accepted if they can be a `webhook-id`, which has no dot. */
export const ID_PATTERN: RegExp = /^[A-Za-z0-9_-]{1,128}$/;

/** Describes `ID` in messages. */
export const ID_RULE = "must be 1 to 128 characters of [A-Za-z0-9_-]";

/** Longest session, in characters (Unicode code points, as JSON Schema counts them). */
export const MAX_SESSION = 256;

/** Describes the session of an event in messages. It becomes a part of keys and headers. */
export const SESSION_RULE: string =
  `must be at most ${MAX_SESSION} characters, without control characters and lone surrogates`;

/** Returns whether a session is valid. An empty session counts as no session. */
export function isSession(session: unknown): session is string {
  if (typeof session !== "string" || session.length > 2 * MAX_SESSION) return false;
  return /^[^\p{Cc}\p{Cs}]{0,256}$/u.test(session);
}

/** Describes the run of an event in messages: the rule of sessions. */
export const RUN_RULE: string = SESSION_RULE;

/** Describes the trace of an event in messages. */
export const TRACEPARENT_RULE =
  "must be a traceparent of W3C Trace Context, such as 00-<32 hex digits>-<16 hex digits>-01, with ids " +
  "that are not zero";

/** The form of a `traceparent`: version ff is invalid. Its ids must not be zero either. */
export const TRACEPARENT: RegExp =
  /^(?:[0-9a-e][0-9a-f]|f[0-9a-e])-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Returns whether a value is a `traceparent` of W3C Trace Context. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === "string" && TRACEPARENT.test(value) &&
    !/-0{32}-|-0{16}-/.test(value);
}

/** The fields that relate an event to others: its session, its run and its trace. Null and empty mean none. */
export type Correlation = {
  readonly sessionId?: string | null | undefined;
  readonly runId?: string | null | undefined;
  readonly traceparent?: string | null | undefined;
};

/** Returns the session, run and trace of an event, without those that it doesn't have. */
export function correlationOf(
  { sessionId, runId, traceparent }: Correlation,
): { readonly sessionId?: string; readonly runId?: string; readonly traceparent?: string } {
  return {
    ...(sessionId ? { sessionId } : {}),
    ...(runId ? { runId } : {}),
    ...(traceparent ? { traceparent } : {}),
  };
}

/** Returns why an event of a session, run and trace can't be accepted. */
export function findCorrelationIssues(
  { sessionId, runId, traceparent }: Correlation,
): readonly StandardIssue[] {
  const issues: StandardIssue[] = [];
  const add = (key: string, message: string): void => void issues.push({ message, path: [key] });
  if (!isAbsent(sessionId) && !isSession(sessionId)) add("sessionId", SESSION_RULE);
  if (!isAbsent(runId) && !isSession(runId)) add("runId", RUN_RULE);
  if (traceparent && !isTraceparent(traceparent)) add("traceparent", TRACEPARENT_RULE);
  return issues;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Returns what is wrong with an event apart from its payload, by the names of fields in code. */
export function findEnvelopeIssues(event: HookEvent): readonly StandardIssue[] {
  if (typeof event !== "object" || event === null) return [{ message: "must be an object" }];
  const issues: StandardIssue[] = [];
  const add = (key: string, message: string): void => void issues.push({ message, path: [key] });
  const { id, type, timestamp, sessionId, runId, traceparent } = event;
  if (!isEventId(id)) add("id", ID_RULE);
  if (!isEventType(type)) add("type", TYPE_RULE);
  if (!isTime(timestamp)) {
    add("timestamp", "must be a valid Date of the years 0 to 9999");
  }
  const session = findWireTextIssue(sessionId);
  if (session !== undefined) add("sessionId", session);
  const run = findWireTextIssue(runId);
  if (run !== undefined) add("runId", run);
  if (traceparent && !isTraceparent(traceparent)) add("traceparent", TRACEPARENT_RULE);
  return issues;
}

/**
 * Returns what is wrong with the session or run of an event that was accepted elsewhere, where the limit
 * may differ. Sessions become part of keys in UTF-8, where all lone surrogates would be the same character.
 */
export function findWireTextIssue(text: unknown): string | undefined {
  if (isAbsent(text)) return undefined;
  if (typeof text !== "string") return "must be a string";
  return text.isWellFormed() ? undefined : "must have no lone surrogates";
}

/** Returns whether a value can be an event's id. */
export function isEventId(id: unknown): id is string {
  return typeof id === "string" && ID_PATTERN.test(id);
}

function isTime(value: unknown): boolean {
  try {
    return value instanceof Date && isWireTime(value);
  } catch { // an object that only inherits from Date
    return false;
  }
}

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d+)?(?:[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Returns the time of an RFC 3339 text, to the millisecond; undefined for anything else. */
export function parseTime(text: unknown): Date | undefined {
  const parts = typeof text === "string" ? RFC_3339.exec(text) : null;
  if (parts === null) return undefined;
  const [, year, month, day] = parts.map(Number);
  // Date.parse takes February 30 for March 2; RFC 3339 has no such day.
  if (month! < 1 || month! > 12 || day! < 1 || day! > daysIn(year!, month!)) return undefined;
  const time = Date.parse(parts[0].toUpperCase());
  const date = new Date(time);
  return isWireTime(date) ? date : undefined; // its offset may lead out of the years
}

/** Returns whether RFC 3339 can write a time: its year, in UTC, has four digits. */
function isWireTime(time: Date): boolean {
  const year = time.getUTCFullYear(); // NaN for an invalid date
  return year >= 0 && year <= 9999;
}

function daysIn(year: number, month: number): number {
  const last = new Date(0);
  last.setUTCFullYear(year, month, 0); // day 0 of the next month; Date.UTC reads years below 100 as 19xx
  return last.getUTCDate();
}

/** Returns the patterns of a registration, each once. @throws {TypeError} when one is invalid */
export function checkPatterns(subject: string, patterns: unknown): readonly string[] {
  const list = typeof patterns === "string" ? [patterns] : patterns;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalidOption(subject, "events", list, "a pattern or a list of patterns");
  }
  for (const pattern of list) {
    if (!isPattern(pattern)) {
      throw new TypeError(
        `${subject}: a pattern must be a type such as "tool.called", a prefix such as "tool.*", or "*", ` +
          `got ${inspect(pattern)}`,
      );
    }
  }
  return [...new Set<string>(list)];
}
