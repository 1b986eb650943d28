import { isEventType, TYPE_RULE } from "./_patterns.ts";
import { isWireTime } from "./_time.ts";
import type { HookEvent } from "./events.ts";
import type { StandardIssue } from "./standard_schema.ts";

/** Ids are made as UUIDs; others are taken if they can be a `webhook-id`, which has no dot. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** What is wrong with an event around its payload, by the fields' names in code. */
export function findEnvelopeFaults(event: HookEvent): readonly StandardIssue[] {
  if (typeof event !== "object" || event === null) return [{ message: "must be an object" }];
  const faults: StandardIssue[] = [];
  const fault = (key: string, message: string): void => void faults.push({ message, path: [key] });
  const { id, type, timestamp, sessionId } = event;
  if (!isEventId(id)) fault("id", "must be 1 to 128 characters of [A-Za-z0-9_-]");
  if (!isEventType(type)) fault("type", TYPE_RULE);
  if (!isTime(timestamp)) {
    fault("timestamp", "must be a valid Date of the years 0 to 9999");
  }
  if (sessionId !== undefined && typeof sessionId !== "string") {
    fault("sessionId", "must be a string");
  }
  return faults;
}

/** Whether a value can be an event's id. */
export function isEventId(id: unknown): id is string {
  return typeof id === "string" && ID.test(id);
}

function isTime(value: unknown): boolean {
  try {
    return value instanceof Date && isWireTime(value);
  } catch { // no Date, though it inherits from it
    return false;
  }
}
