import { isEventId, isPattern, patternsFor } from "../core/event_rules.ts";
import { readCount } from "../internal/options.ts";
import { inspect } from "../internal/validate.ts";
import type { EventListOptions } from "./lists.ts";
import { timeOf } from "./_event_time.ts";

/** Items of a page. */
const LIMIT = { usual: 100, most: 1000 };

/** Characters of a target's name, at most: with room for the rest of a key. */
const MOST_NAME = 512;

/** How many items a page has at most. @throws {RangeError} */
export function limitFrom(subject: string, limit: number = LIMIT.usual): number {
  return readCount(subject, "limit", limit, { max: LIMIT.most });
}

/** @throws {TypeError} when an option is given and is none of some values */
export function checkOneOf(
  subject: string,
  name: string,
  value: unknown,
  values: readonly string[],
): void {
  if (typeof value === "string" && values.includes(value)) return;
  const all = values.map((value) => `"${value}"`).join(", ");
  throw new TypeError(
    `${subject} as '${name}' must be one of ${all}: current value is ${inspect(value)}`,
  );
}

/** @throws {TypeError} when an option is given and is no text, or an empty one */
export function checkText(subject: string, name: string, value: unknown): void {
  if (value === undefined || (typeof value === "string" && value !== "")) return;
  throw new TypeError(`${subject} as '${name}' must be text: current value is ${inspect(value)}`);
}

/** Whether there can be a delivery of this name: else a store may refuse its key. */
export function canBeDelivery(target: unknown, id: unknown): boolean {
  return typeof target === "string" && target.length <= MOST_NAME && isEventId(id);
}

/** Which events are wanted. */
export type EventFilter = Pick<EventListOptions, "type" | "sessionId" | "since" | "until">;

/** @throws {TypeError} when a filter is none */
export function checkFilter(subject: string, filter: EventFilter): void {
  const { type = "*", sessionId, since, until } = filter;
  if (!isPattern(type)) {
    throw new TypeError(
      `${subject} as 'type' must be a type such as "tool.called", a prefix such as "tool.*" or "*": ` +
        `current value is ${inspect(type)}`,
    );
  }
  checkText(subject, "sessionId", sessionId);
  for (const [name, time] of Object.entries({ since, until })) {
    if (time === undefined || (time instanceof Date && !Number.isNaN(time.getTime()))) continue;
    throw new TypeError(
      `${subject} as '${name}' must be a valid Date: current value is ${inspect(time)}`,
    );
  }
}

/** Whether an id lies between the times of a filter; one without a time does when it has none. */
export function isInTime(id: string, { since, until }: EventFilter): boolean {
  if (since === undefined && until === undefined) return true;
  const time = timeOf(id);
  return time !== undefined && time >= (since?.getTime() ?? 0) &&
    time < (until?.getTime() ?? Infinity);
}

/** Whether a pattern matches a type. */
export function matches(pattern: string, type: string): boolean {
  return patternsFor(type).includes(pattern);
}
