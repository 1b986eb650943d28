import { copyJson, freezeJson } from "../internal/json.ts";
import { findEnvelopeFaults, findSessionFault } from "./event_rules.ts";
import { EventValidationError } from "./errors.ts";
import { errorMessage } from "../internal/issues.ts";
import type { HookEvent } from "./events.ts";

/** The fields of an event that becomes a snapshot; a session that is empty or null means none. */
export type EventFields = {
  readonly id: string;
  readonly type: string;
  readonly timestamp: Date;
  readonly sessionId?: string | null | undefined;
  readonly data: unknown;
};

/** Makes the constructor of a derived class initialize an object that exists. */
class Existing {
  constructor(object: object) {
    return object;
  }
}

/**
 * The mark of an accepted event, and its time. A private field on the event itself: nobody can forge or
 * remove it, copies do not have it, and looking for it costs less than a `WeakSet`.
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

/** A `Date` can't be frozen, so every read returns a new one: changing it affects nobody else. */
const TIMESTAMP: PropertyDescriptor = {
  enumerable: true,
  get(this: object): Date {
    return timeOf(this);
  },
};

/** The time of a snapshot, or of what inherits from one. */
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

/** Whether an event is a snapshot of ours: frozen at every level, its payload a JSON value. */
export function isSnapshot(event: object): boolean {
  return Mark.timeOf(event) !== undefined;
}

/**
 * The frozen snapshot of an event, with its payload in JSON form. A snapshot is returned as it is, so a
 * payload is copied once.
 *
 * @param subject What can't be done with an invalid event, such as `"Cannot dispatch 'tool.called'"`
 * @throws {EventValidationError} with every fault
 */
export function snapshotOf(event: HookEvent, subject: string): HookEvent {
  if (typeof event === "object" && event !== null && isSnapshot(event)) return event;
  const fields = fieldsOf(event, subject);
  const envelope = findEnvelopeFaults(fields as HookEvent);
  if (envelope.length > 0) throw new EventValidationError(subject, envelope);
  const session = findSessionFault(fields.sessionId);
  if (session !== undefined) {
    throw new EventValidationError(subject, [{ message: session, path: ["sessionId"] }]);
  }
  const { value: data, issues } = copyJson(fields.data, "data", Object.freeze);
  if (issues.length > 0) throw new EventValidationError(subject, issues);
  return seal({ ...fields, data });
}

/** The fields of an event, each read once. */
function fieldsOf(event: HookEvent, subject: string): EventFields {
  if (typeof event !== "object" || event === null) {
    throw new EventValidationError(subject, [{ message: "must be an object" }]);
  }
  try {
    const { id, type, timestamp, sessionId, data } = event;
    // Its time as it is now: `toJSON` of the payload could change it.
    const at = timestamp instanceof Date ? new Date(timestamp.getTime()) : timestamp;
    return { id, type, timestamp: at, sessionId, data };
  } catch (error) {
    throw new EventValidationError(subject, [{ message: `can't be read: ${errorMessage(error)}` }]);
  }
}

/**
 * A snapshot whose payload is a parsed JSON value that nobody else holds: it is frozen in place.
 *
 * @throws {EventValidationError} when it is too deep, or holds a number that is not finite
 */
export function adoptEvent(event: EventFields, subject: string): HookEvent {
  const { value: data, issues } = freezeJson(event.data, "data");
  if (issues.length > 0) throw new EventValidationError(subject, issues);
  return seal({ ...event, data });
}

/** A snapshot of fields that were checked, and of a payload that is frozen JSON. */
export function seal({ id, type, timestamp, sessionId, data }: EventFields): HookEvent {
  const event: Record<string, unknown> = { id, type };
  Object.defineProperty(event, "timestamp", TIMESTAMP);
  if (sessionId) event.sessionId = sessionId;
  event.data = data;
  Object.defineProperty(event, INSPECT, INSPECTION);
  return Object.freeze(new Mark(event, timestamp.getTime())) as unknown as HookEvent;
}

/**
 * Returns a copy of an event that its recipient may change.
 *
 * @throws {EventValidationError} when JSON can't carry the payload
 */
export function mutableCopy(event: HookEvent, subject: string): HookEvent {
  const { id, type, timestamp, sessionId } = event;
  const { value: data, issues } = copyJson(event.data, "data");
  if (issues.length > 0) throw new EventValidationError(subject, issues);
  return { id, type, timestamp: new Date(timestamp), ...(sessionId ? { sessionId } : {}), data };
}
