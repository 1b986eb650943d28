import {
  findEnvelopeFaults,
  findWireSessionFault,
  ID_RULE,
  isEventId,
  isEventType,
  parseTime,
  TYPE_RULE,
} from "./event_rules.ts";
import { copyJson } from "../internal/json.ts";
import { parseJson } from "../internal/json_text.ts";
import { adoptEvent, isSnapshot } from "./snapshot.ts";
import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";

/** The wire form of an event, before it is text. */
export type WireEvent = {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly session_id?: string | undefined;
  readonly data: unknown;
};

/**
 * The wire form of an event: UTF-8 JSON with the fields `id`, `type`, `timestamp` (RFC 3339, UTC,
 * milliseconds), `session_id` (left out when there is none) and `data`, in this order. It is what
 * receivers of the Go package `hooks` parse, with `id` in addition.
 *
 * @throws {EventValidationError} naming every fault by path
 */
export function encodeEvent(event: HookEvent): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(toWire(event)));
}

/**
 * The event of a wire form, frozen at every level. Unknown fields are ignored; a `session_id` that is
 * empty or null means none. Times can have any offset and precision, and are kept to the millisecond. A
 * byte order mark before the JSON is skipped. A number that a double would change, such as
 * 9007199254740993, is an error: send it as text.
 *
 * @throws {EventValidationError} naming every fault by path, `session_id` by its name on the wire
 */
export function decodeEvent(body: Uint8Array | string): HookEvent {
  return fromWire(parseEventJson(body));
}

/** The fields of an event in the order in which they are written. @throws {EventValidationError} */
export function toWire(event: HookEvent): WireEvent {
  const faults = findEnvelopeFaults(event);
  if (faults.length > 0) throw new EventValidationError("Cannot encode event", faults);
  const { id, type, timestamp, sessionId } = event;
  return {
    id,
    type,
    timestamp: timestamp.toISOString(),
    ...(sessionId ? { session_id: sessionId } : {}),
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

/** The event of parsed JSON, which nobody else holds: it is frozen. @throws {EventValidationError} */
export function fromWire(value: unknown): HookEvent {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new EventValidationError("Cannot decode event", [{ message: "must be a JSON object" }]);
  }
  const wire = value as Readonly<Record<string, unknown>>;
  const timestamp = parseTime(wire.timestamp);
  const faults = findWireFaults(wire, timestamp);
  if (faults.length > 0) throw new EventValidationError("Cannot decode event", faults);
  const { id, type, session_id: sessionId, data } = wire as WireEvent;
  return adoptEvent({ id, type, timestamp: timestamp!, sessionId, data }, "Cannot decode event");
}

/** The JSON of a body. @throws {EventValidationError} which shows nothing of it */
export function parseEventJson(body: Uint8Array | string): unknown {
  const { value, issues } = typeof body === "string" || body instanceof Uint8Array
    ? parseJson(body)
    : { value: undefined, issues: [{ message: "must be bytes or text" }] };
  // Other fields are ignored, whatever is in them.
  const faults = value === undefined ? issues : issues.filter(({ path }) => path?.[0] === "data");
  if (faults.length > 0) throw new EventValidationError("Cannot decode event", faults);
  return value;
}

function findWireFaults(
  wire: Readonly<Record<string, unknown>>,
  timestamp: Date | undefined,
): readonly StandardIssue[] {
  const session = findWireSessionFault(wire.session_id);
  const rules: readonly (readonly [key: string, holds: boolean, rule: string])[] = [
    ["id", isEventId(wire.id), ID_RULE],
    ["type", isEventType(wire.type), TYPE_RULE],
    ["timestamp", timestamp !== undefined, "must be an RFC 3339 time"],
    ["session_id", session === undefined, session ?? ""],
    ["data", wire.data !== undefined, "is missing"],
  ];
  return rules.filter(([, holds]) => !holds).map(([key, , rule]) => ({
    message: (wire[key] ?? undefined) === undefined ? "is missing" : rule, // null is as good as absent
    path: [key],
  }));
}
