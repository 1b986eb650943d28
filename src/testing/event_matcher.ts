import { patternsFor } from "../core/event_rules.ts";
import type { AgentEvents, EventOf, EventPattern, HookEvent } from "../core/mod.ts";
import { checkKnown } from "../internal/options.ts";
import { isObject } from "../internal/validate.ts";

/** A part of a JSON value: omitted fields may be anything. Arrays must have the same length. */
export type PartialData<Data> = Data extends readonly (infer Item)[] ? readonly PartialData<Item>[]
  : Data extends object ? { readonly [Key in keyof Data]?: PartialData<Data[Key]> | undefined }
  : Data;

/** Selects events. An event matches if it matches every field that is set. */
export type EventMatcher<
  Events extends object = AgentEvents,
  Pattern extends EventPattern<Events> = EventPattern<Events>,
> = {
  /** The type, or a pattern such as `"tool.*"`. @default any type */
  readonly type?: Pattern | undefined;
  /** The session. @default any session, or none */
  readonly sessionId?: string | undefined;
  /** The run. @default any run, or none */
  readonly runId?: string | undefined;
  /** A part of the payload, or a predicate for it. @default any payload */
  readonly data?:
    | PartialData<EventOf<Events, Pattern>["data"]>
    | ((data: EventOf<Events, Pattern>["data"]) => boolean)
    | undefined;
};

/** An `EventMatcher` of any events. */
export type AnyMatcher = {
  readonly type?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly runId?: string | undefined;
  readonly data?: unknown;
};

/** Returns a predicate for events. @throws {TypeError} when the matcher has an unknown field */
export function toPredicate(matcher: AnyMatcher): (event: HookEvent) => boolean {
  checkKnown("Cannot match events", matcher, ["type", "sessionId", "runId", "data"]);
  const { type, sessionId, runId, data } = matcher;
  return (event) => {
    if (type !== undefined && !patternsFor(event.type).includes(type)) return false;
    if (sessionId !== undefined && event.sessionId !== sessionId) return false;
    if (runId !== undefined && event.runId !== runId) return false;
    if (typeof data === "function") return data(event.data) === true;
    return data === undefined || contains(event.data, data);
  };
}

/** Returns whether a JSON value has all fields of another one. */
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
