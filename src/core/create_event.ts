import { createEventId } from "../internal/uuid.ts";
import { quote } from "../internal/validate.ts";
import { findSessionFault, isEventType, TYPE_RULE } from "./event_rules.ts";
import { copyJson } from "../internal/json.ts";
import { seal } from "./snapshot.ts";
import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";

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
  faults.push(...payload.issues);
  if (faults.length > 0) {
    throw new EventValidationError(`Cannot emit ${quote(type)}`, faults);
  }
  const id = createEventId();
  return seal({ id, type, timestamp: new Date(), sessionId, data: payload.value });
}
