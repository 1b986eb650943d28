import { patternsFor } from "../core/event_rules.ts";
import type { HookEvent } from "../core/mod.ts";

/** An `EventMatcher` whose events are forgotten. */
export type AnyMatcher = {
  readonly type?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly data?: unknown;
};

/** Whether an event is meant by a matcher. */
export function matches(event: HookEvent, { type, sessionId, data }: AnyMatcher): boolean {
  if (type !== undefined && !patternsFor(event.type).includes(type)) return false;
  if (sessionId !== undefined && event.sessionId !== sessionId) return false;
  if (typeof data === "function") return data(event.data) === true;
  return data === undefined || contains(event.data, data);
}

/** Whether a JSON value has all of another one's fields. */
function contains(value: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(value) && value.length === part.length &&
      part.every((item, i) => contains(value[i], item));
  }
  if (!isObject(part)) return Object.is(value, part);
  return isObject(value) &&
    Object.entries(part).every(([key, field]) =>
      contains(Object.hasOwn(value, key) ? value[key] : undefined, field)
    );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
