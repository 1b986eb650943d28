import { quote } from "./_check.ts";
import { copyJson } from "./_json.ts";
import { isEventType, TYPE_RULE } from "./_patterns.ts";
import { EventValidationError } from "./errors.ts";
import { createEventId } from "./event_id.ts";
import type { HookEvent } from "./events.ts";
import type { StandardIssue } from "./standard_schema.ts";

/** A new event of now. @throws {EventValidationError} when JSON can't carry it */
export function createEvent(type: string, data: unknown, sessionId: string | undefined): HookEvent {
  const faults: StandardIssue[] = [];
  if (!isEventType(type)) faults.push({ message: TYPE_RULE, path: ["type"] });
  if (sessionId !== undefined && typeof sessionId !== "string") {
    faults.push({ message: "must be a string", path: ["sessionId"] });
  }
  faults.push(...copyJson(data, "data").faults);
  if (faults.length > 0) {
    throw new EventValidationError(`Cannot emit ${quote(type)}`, faults);
  }
  const event = { id: createEventId(), type, timestamp: new Date(), data };
  return Object.freeze(sessionId ? { ...event, sessionId } : event);
}
