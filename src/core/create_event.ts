import { quote } from "./_check.ts";
import { findSessionFault, isEventType, TYPE_RULE } from "./_event_rules.ts";
import { copyJson } from "./_json.ts";
import { seal } from "./_snapshot.ts";
import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { StandardIssue } from "./standard_schema.ts";

/** A new event of now, with a frozen copy of its payload. @throws {EventValidationError} when JSON can't carry it */
export function createEvent(
  type: string,
  data: unknown,
  sessionId: string | null | undefined,
): HookEvent {
  const faults: StandardIssue[] = [];
  if (!isEventType(type)) faults.push({ message: TYPE_RULE, path: ["type"] });
  const session = findSessionFault(sessionId);
  if (session !== undefined) faults.push({ message: session, path: ["sessionId"] });
  const payload = copyJson(data, "data", Object.freeze);
  faults.push(...payload.faults);
  if (faults.length > 0) {
    throw new EventValidationError(`Cannot emit ${quote(type)}`, faults);
  }
  const id = createEventId();
  return seal({ id, type, timestamp: new Date(), sessionId, data: payload.value });
}

/** A clock that went back by more than this was wrong before: follow it, and give up the order. */
const CLOCK_TOLERANCE = 10_000;

let last = 0;
let counter = 0;

/**
 * A new event id: UUID v7 (RFC 9562), so that ids sort by time. Within one process they also sort in
 * the order in which they were made, by the 12-bit counter of the RFC's section 6.2, method 1.
 */
export function createEventId(): string {
  const random = crypto.randomUUID();
  const now = Date.now();
  if (now > last || last - now > CLOCK_TOLERANCE) {
    last = now;
    counter = parseInt(random.slice(0, 3), 16) >> 1; // from the lower half: room to count up
  } else if (++counter > 0xfff) {
    last++;
    counter = 0;
  }
  return format(last, counter.toString(16).padStart(3, "0"), random);
}

/** An event id of another time, in milliseconds since 1970. Those of one time sort in no order. */
export function createEventIdAt(time: number): string {
  const random = crypto.randomUUID();
  return format(Math.max(0, Math.floor(time)), random.slice(0, 3), random);
}

function format(milliseconds: number, count: string, random: string): string {
  const time = milliseconds.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${random.slice(19)}`;
}
