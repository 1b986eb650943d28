import {
  findEnvelopeIssues,
  findWireTextIssue,
  ID_RULE,
  isEventId,
  isEventType,
  isTraceparent,
  parseTime,
  TYPE_RULE,
} from "./event_rules.ts";
import { copyJson } from "../internal/json.ts";
import { parseJson } from "../internal/json_text.ts";
import { adoptEvent, isSnapshot } from "./snapshot.ts";
import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";
import { isObject } from "../internal/validate.ts";

/** The wire format of an event, before it is text. */
export type WireEvent = {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly session_id?: string | undefined;
  readonly run_id?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly data: unknown;
};

/**
 * Encodes an event in its wire format: UTF-8 JSON with the fields `id`, `type`, `timestamp` (RFC 3339, UTC,
 * milliseconds), `session_id`, `run_id` and `traceparent` (absent when the event has none) and `data`, in
 * this order. Receivers of the Go package `hooks` parse it; `id`, `run_id` and `traceparent` are additions.
 *
 * @throws {EventValidationError} with every issue
 */
export function encodeEvent(event: HookEvent): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(toWire(event)));
}

/**
 * Decodes an event from its wire format, frozen at every level. Unknown fields are ignored. An empty or null
 * `session_id` or `run_id` means none, as does an invalid `traceparent`, as W3C Trace Context requires of
 * receivers. Times can have any offset and precision, and are kept to the millisecond. A byte order mark is
 * skipped. A number that a double would change, such as 9007199254740993, is an error: send it as text.
 *
 * @throws {EventValidationError} with every issue; paths have the names of the wire format
 */
export function decodeEvent(body: Uint8Array | string): HookEvent {
  return fromWire(parseEventJson(body));
}

/** Returns the fields of an event in their order on the wire. @throws {EventValidationError} */
export function toWire(event: HookEvent): WireEvent {
  const issues = findEnvelopeIssues(event);
  if (issues.length > 0) throw new EventValidationError("Cannot encode event", issues);
  const { id, type, timestamp, sessionId, runId, traceparent } = event;
  return {
    id,
    type,
    timestamp: timestamp.toISOString(),
    ...(sessionId ? { session_id: sessionId } : {}),
    ...(runId ? { run_id: runId } : {}),
    ...(traceparent ? { traceparent } : {}),
    data: jsonOf(event),
  };
}

/** Returns the payload as an immutable JSON value. Copies it unless it already is one. */
function jsonOf(event: HookEvent): unknown {
  if (isSnapshot(event)) return event.data;
  const { value, issues } = copyJson(event.data, "data");
  if (issues.length === 0) return value;
  throw new EventValidationError(`Cannot encode event '${event.type}'`, issues);
}

/** Returns the event of parsed JSON, which it freezes. @throws {EventValidationError} */
export function fromWire(value: unknown): HookEvent {
  if (!isObject(value)) {
    throw new EventValidationError("Cannot decode event", [{ message: "must be a JSON object" }]);
  }
  const timestamp = parseTime(value.timestamp);
  const issues = findWireIssues(value, timestamp);
  if (issues.length > 0) throw new EventValidationError("Cannot decode event", issues);
  const { id, type, session_id: sessionId, run_id: runId, data } = value as WireEvent;
  const traceparent = isTraceparent(value.traceparent) ? value.traceparent : undefined;
  const fields = { id, type, timestamp: timestamp!, sessionId, runId, traceparent, data };
  return adoptEvent(fields, "Cannot decode event");
}

/** Parses the JSON of a body. @throws {EventValidationError} whose message doesn't quote it */
export function parseEventJson(body: Uint8Array | string): unknown {
  const { value, issues: found } = typeof body === "string" || body instanceof Uint8Array
    ? parseJson(body)
    : { value: undefined, issues: [{ message: "must be bytes or text" }] };
  // Other fields are ignored, no matter what they contain.
  const issues = value === undefined ? found : found.filter(({ path }) => path?.[0] === "data");
  if (issues.length > 0) throw new EventValidationError("Cannot decode event", issues);
  return value;
}

function findWireIssues(
  wire: Readonly<Record<string, unknown>>,
  timestamp: Date | undefined,
): readonly StandardIssue[] {
  const session = findWireTextIssue(wire.session_id);
  const run = findWireTextIssue(wire.run_id);
  const rules: readonly (readonly [key: string, holds: boolean, rule: string])[] = [
    ["id", isEventId(wire.id), ID_RULE],
    ["type", isEventType(wire.type), TYPE_RULE],
    ["timestamp", timestamp !== undefined, "must be an RFC 3339 time"],
    ["session_id", session === undefined, session ?? ""],
    ["run_id", run === undefined, run ?? ""],
    ["data", wire.data !== undefined, "is missing"],
  ];
  return rules.filter(([, holds]) => !holds).map(([key, , rule]) => ({
    message: (wire[key] ?? undefined) === undefined ? "is missing" : rule, // null counts as absent
    path: [key],
  }));
}
