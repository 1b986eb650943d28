import { copyJson, freezeJson } from "../internal/json.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";
import { quote } from "../internal/validate.ts";
import {
  type Correlation,
  correlationOf,
  findCorrelationIssues,
  findEnvelopeIssues,
  isEventType,
  TYPE_RULE,
} from "./event_rules.ts";
import { EventValidationError } from "./errors.ts";
import { createEventId } from "../internal/uuid.ts";
import { errorMessage } from "../internal/issues.ts";
import type { HookEvent } from "./events.ts";

/** The fields of an event that becomes a snapshot. */
export type EventFields = Correlation & {
  readonly id: string;
  readonly type: string;
  readonly timestamp: Date;
  readonly data: unknown;
};

/** Lets the constructor of a derived class add its fields to an existing object. */
class Existing {
  constructor(object: object) {
    return object;
  }
}

/**
 * Marks an accepted event, and holds its time. A private field on the event itself can't be forged or
 * removed, copies don't have it, and reading it costs less than a `WeakSet`.
 */
class Mark extends Existing {
  readonly #time: number;

  constructor(event: object, time: number) {
    super(event);
    this.#time = time;
  }

  static timeOf(event: object): number | undefined {
    return #time in event ? (event as Mark).#time : undefined;
  }
}

/** A `Date` can't be frozen, so every read returns a new one, and changing it has no effect elsewhere. */
const TIMESTAMP: PropertyDescriptor = {
  enumerable: true,
  get(this: object): Date {
    return timeOf(this);
  },
};

/** Returns the time of a snapshot, or of an object that inherits from one. */
function timeOf(event: object | null): Date {
  if (event === null) {
    throw new TypeError("Cannot read 'timestamp' through a proxy: read it from the event itself");
  }
  const time = Mark.timeOf(event);
  return time === undefined ? timeOf(Object.getPrototypeOf(event)) : new Date(time);
}

/** `console.log` of Node, Deno and Bun would show a getter in place of the time. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const INSPECTION: PropertyDescriptor = {
  value(this: object): object {
    return { ...this };
  },
};

/** Returns whether an event is a snapshot: frozen at every level, with a JSON value as its payload. */
export function isSnapshot(event: object): boolean {
  return Mark.timeOf(event) !== undefined;
}

/**
 * Creates an event, now, with a frozen copy of its payload.
 *
 * @throws {EventValidationError} when JSON can't represent the payload, or with any other issue
 */
export function createEvent(
  type: string,
  data: unknown,
  correlation: Correlation | undefined,
): HookEvent {
  const issues: StandardIssue[] = [];
  if (!isEventType(type)) issues.push({ message: TYPE_RULE, path: ["type"] });
  // Read once, so that the checked value is the one that is kept.
  const { sessionId, runId, traceparent } = correlation ?? {};
  if (correlation) issues.push(...findCorrelationIssues({ sessionId, runId, traceparent }));
  const payload = copyJson(data, "data", Object.freeze);
  issues.push(...payload.issues);
  if (issues.length > 0) throw new EventValidationError(`Cannot emit ${quote(type)}`, issues);
  const id = createEventId();
  const timestamp = new Date();
  return seal({ id, type, timestamp, sessionId, runId, traceparent, data: payload.value });
}

/**
 * Returns the frozen snapshot of an event, with its payload in JSON form. A snapshot is returned
 * unchanged, so that a payload is copied once.
 *
 * @param subject The start of the error's message, such as `"Cannot dispatch 'tool.called'"`
 * @throws {EventValidationError} with every issue
 */
export function snapshotOf(event: HookEvent, subject: string): HookEvent {
  if (typeof event === "object" && event !== null && isSnapshot(event)) return event;
  const fields = fieldsOf(event, subject);
  const envelope = findEnvelopeIssues(fields as HookEvent);
  if (envelope.length > 0) throw new EventValidationError(subject, envelope);
  const correlation = findCorrelationIssues(fields);
  if (correlation.length > 0) throw new EventValidationError(subject, correlation);
  const { value: data, issues } = copyJson(fields.data, "data", Object.freeze);
  if (issues.length > 0) throw new EventValidationError(subject, issues);
  return seal({ ...fields, data });
}

/** Reads every field of an event once. */
function fieldsOf(event: HookEvent, subject: string): EventFields {
  if (typeof event !== "object" || event === null) {
    throw new EventValidationError(subject, [{ message: "must be an object" }]);
  }
  try {
    const { id, type, timestamp, sessionId, runId, traceparent, data } = event;
    // Its time as it is now: `toJSON` of the payload could change it.
    const at = timestamp instanceof Date ? new Date(timestamp.getTime()) : timestamp;
    return { id, type, timestamp: at, sessionId, runId, traceparent, data };
  } catch (error) {
    throw new EventValidationError(subject, [{ message: `can't be read: ${errorMessage(error)}` }]);
  }
}

/**
 * Returns a snapshot of an event whose payload is a parsed JSON value that nothing else references: it is
 * frozen in place.
 *
 * @throws {EventValidationError} when it is too deep, or contains a number that is not finite
 */
export function adoptEvent(event: EventFields, subject: string): HookEvent {
  const { value: data, issues } = freezeJson(event.data, "data");
  if (issues.length > 0) throw new EventValidationError(subject, issues);
  return seal({ ...event, data });
}

/** Returns a snapshot of valid fields and a payload of frozen JSON. */
export function seal(
  { id, type, timestamp, sessionId, runId, traceparent, data }: EventFields,
): HookEvent {
  const event: Record<string, unknown> = { id, type };
  Object.defineProperty(event, "timestamp", TIMESTAMP);
  if (sessionId) event.sessionId = sessionId;
  if (runId) event.runId = runId;
  if (traceparent) event.traceparent = traceparent;
  event.data = data;
  Object.defineProperty(event, INSPECT, INSPECTION);
  return Object.freeze(new Mark(event, timestamp.getTime())) as unknown as HookEvent;
}

/**
 * Returns a copy of an event that its recipient may change.
 *
 * @throws {EventValidationError} when JSON can't represent the payload
 */
export function mutableCopy(event: HookEvent, subject: string): HookEvent {
  const { id, type, timestamp } = event;
  const { value: data, issues } = copyJson(event.data, "data");
  if (issues.length > 0) throw new EventValidationError(subject, issues);
  return { id, type, timestamp: new Date(timestamp), ...correlationOf(event), data };
}
