import { errorMessage } from "../../internal/issues.ts";
import type { StandardIssue } from "../../internal/standard_schema.ts";
import { fieldOf, isObject } from "../../internal/validate.ts";
import { EventValidationError } from "../errors.ts";
import { correlationOf } from "../event_rules.ts";
import type { HookEvent } from "../events.ts";
import { snapshotOf } from "../snapshot.ts";
import { decisionIn } from "./verdict.ts";

/** Payload fields that say which call this is. No rewrite may change them. */
const FIXED: readonly string[] = [
  "name",
  "call_id",
  "session_id",
  "run_id",
  "agent_id",
  "parent_agent_id",
  "decision_id",
];

/** Payload fields of every message. Without them, the data is something else, such as a denial. */
const MESSAGE: readonly string[] = ["role", "content"];

/** Returns the event with the data that a rewrite returned, or why that isn't possible. */
export function applyRewrite(
  event: HookEvent,
  data: unknown,
): HookEvent | { readonly invalid: string } {
  // Whatever its value: it may be a denial that is misspelled, or in the format of another product.
  if (decisionIn(event, data) !== undefined) {
    return { invalid: "returned a decision as data: return deny(), ask() or allow()" };
  }
  let next: HookEvent;
  try {
    next = withData(event, data);
  } catch (error) {
    return { invalid: errorMessage(error) };
  }
  if (isObject(event.data) && !isObject(next.data)) {
    return { invalid: "returned data that isn't an object, although the event's data is one" };
  }
  const changed = FIXED.find((name) => fieldOf(next.data, name) !== fieldOf(event.data, name));
  if (changed !== undefined) return { invalid: `changed '${changed}', which no gate may` };
  if (isObject(fieldOf(event.data, "params")) && !isObject(fieldOf(next.data, "params"))) {
    return { invalid: "removed 'params': return an empty object for none" };
  }
  const removed = event.type.startsWith("message.") && MESSAGE.find((name) => {
    return typeof fieldOf(event.data, name) === "string" &&
      typeof fieldOf(next.data, name) !== "string";
  });
  if (removed) return { invalid: `removed '${removed}', which must be a text in every message` };
  return next;
}

/** Returns an event with other data, as a snapshot. @throws {EventValidationError} */
export function withData(event: HookEvent, data: unknown): HookEvent {
  if (data === event.data) return event;
  const { id, type, timestamp } = event;
  return snapshotOf({ id, type, timestamp, ...correlationOf(event), data }, "Cannot rewrite data");
}

/** Returns why a schema rejects an event, from what its validation returned; no issues if it doesn't. */
export async function issuesIn(
  validated: Promise<void> | undefined,
): Promise<readonly StandardIssue[]> {
  try {
    await validated;
    return [];
  } catch (error) {
    if (error instanceof EventValidationError) return error.issues;
    throw error;
  }
}
