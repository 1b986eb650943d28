import type { AgentEvents } from "../core/mod.ts";
import { filterPath, parseFilterPath } from "../webhook/filter_path.ts";
import type { FilterValue } from "../webhook/send.ts";
import type { WebhookConfig } from "./config.ts";
import { closest } from "../internal/validate.ts";

/** A path of a filter that no event can pass. */
export interface FilterWarning {
  /** The path as the configuration has it in code. */
  readonly key: string;
  readonly problem: string;
  readonly suggestion?: string | undefined;
  /** Where it is the path that is wrong, and not what it is compared to. */
  readonly on?: "key";
}

/** What a field of a payload is; of a list, what its items are. */
type Shape = "text" | "a number" | "true or false" | "anything" | Fields | readonly [Shape];
interface Fields {
  readonly [name: string]: Shape;
}
type Payloads = {
  readonly [Type in keyof AgentEvents]: {
    readonly [Name in keyof Required<AgentEvents[Type]>]: Shape;
  };
};

const message = { role: "text", content: "text" } as const;
const tool = { name: "text", params: "anything", result: "text", error: "text" } as const;
const session = { session_id: "text", action: "text" } as const;

/** The payloads of an agent's events. The type keeps it in step with `AgentEvents`. */
const PAYLOADS: Payloads = {
  "message.received": message,
  "message.sent": message,
  "tool.called": tool,
  "tool.completed": tool,
  "session.created": session,
  "session.updated": session,
  "session.rollover": {
    session_id: "text",
    reason: "text",
    transcript: [message],
    started_at: "text",
    ended_at: "text",
  },
  "job.executed": { job_id: "text", job_name: "text", success: "true or false" },
  "agent.end": {
    session_id: "text",
    success: "true or false",
    error: "text",
    aborted: "true or false",
    response: "text",
    duration_ms: "a number",
  },
};
const TYPES = Object.keys(PAYLOADS);

/**
 * Returns the paths of a webhook's filter that never match, so that the webhook receives nothing. Only
 * the payloads of agent events are known: if other events can match, `data` is not checked.
 */
export function findFilterWarnings(
  { events, filter = {} }: Pick<WebhookConfig, "events" | "filter">,
): readonly FilterWarning[] {
  const types = knownTypes(events, filter);
  return Object.entries(filter).flatMap(([key, wanted]): FilterWarning[] => {
    const values = (Array.isArray(wanted) ? wanted : [wanted]) as readonly FilterValue[];
    const warning = key === "type"
      ? checkType(values, events)
      : key === "id" || key === "sessionId"
      ? checkShape(values, ["text"])
      : types && checkData(parseFilterPath(key).slice(1), values, types);
    return warning ? [{ key, ...warning }] : [];
  });
}

type Warning = Omit<FilterWarning, "key">;

/** The agent's events that a webhook can get; undefined if it can get others. */
function knownTypes(
  events: readonly string[],
  { type }: NonNullable<WebhookConfig["filter"]>,
): readonly string[] | undefined {
  const wanted = Array.isArray(type) ? type : [type];
  if (wanted.every((one) => TYPES.includes(one))) return wanted;
  const known = events.map((pattern) => TYPES.filter((type) => mayMatch(type, pattern)));
  const own = events.includes("*") || known.some(({ length }) => length === 0);
  return own ? undefined : [...new Set(known.flat())];
}

function checkType(values: readonly FilterValue[], events: readonly string[]): Warning | undefined {
  const text = checkShape(values, ["text"]);
  if (text) return text;
  const possible = values.some((value) =>
    typeof value === "string" && /^[a-z0-9_.*]+$/.test(value) &&
    events.some((pattern) => mayMatch(value, pattern))
  );
  if (possible) return undefined;
  return { problem: never("no event of this type comes: 'events' has no pattern that matches it") };
}

/** Whether a type that one pattern matches may be one that the other matches too. */
function mayMatch(one: string, other: string): boolean {
  const [a, b] = [one, other].map((pattern) => pattern.replace(/\*.*$/, "")) as [string, string];
  const exactA = a === one;
  const exactB = b === other;
  if (exactA && exactB) return a === b;
  return exactA ? a.startsWith(b) : exactB ? b.startsWith(a) : a.startsWith(b) || b.startsWith(a);
}

function checkData(
  keys: readonly string[],
  values: readonly FilterValue[],
  types: readonly string[],
): Warning | undefined {
  const payloads = types.map((type) => PAYLOADS[type as keyof AgentEvents] as Fields);
  const shapes = payloads.map((payload) => shapeAt(payload, keys));
  const found = shapes.filter((shape) => shape !== undefined);
  // Null may stand for an optional field that is absent.
  if (found.length > 0) return values.includes(null) ? undefined : checkShape(values, found);
  const of = types.length === 1 ? types[0]! : `the events ${types.join(", ")}`;
  const fields = payloads.flatMap((payload) => Object.keys(payload));
  const near = closest(keys[0]!, fields);
  const suggestion = near && near !== keys[0] ? filterPath(["data", near]) : undefined;
  return {
    problem: never(`${of} ${types.length === 1 ? "has" : "have"} no such field`),
    suggestion,
    on: "key",
  };
}

function shapeAt(payload: Shape, keys: readonly string[]): Shape | undefined {
  let shape: Shape | undefined = payload;
  for (const key of keys) {
    if (shape === "anything") return shape;
    if (typeof shape !== "object") return undefined;
    if (Array.isArray(shape)) shape = /^(?:0|[1-9]\d*)$/.test(key) ? shape[0] : undefined;
    else shape = Object.hasOwn(shape, key) ? (shape as Fields)[key] : undefined;
  }
  return shape;
}

function checkShape(
  values: readonly FilterValue[],
  shapes: readonly Shape[],
): Warning | undefined {
  const items = shapes.map((shape) => Array.isArray(shape) ? shape[0] as Shape : shape);
  if (values.some((value) => items.some((shape) => fits(value, shape)))) return undefined;
  const [shape] = items;
  const is = typeof shape === "object" ? "a mapping" : shape;
  return {
    problem: never(`it is ${is}, and ${values.length > 1 ? "the values are" : "the value is"} not`),
  };
}

function fits(value: FilterValue, shape: Shape): boolean {
  if (shape === "anything") return true;
  if (shape === "text") return typeof value === "string";
  if (shape === "a number") return typeof value === "number";
  return shape === "true or false" && typeof value === "boolean";
}

function never(reason: string): string {
  return `never matches, and the webhook receives nothing: ${reason}`;
}
