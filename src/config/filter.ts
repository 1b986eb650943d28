/**
 * The filter of a webhook: its schema, and what can be said about a filter that nothing passes.
 *
 * @module
 */
import { agentEventJsonSchemas } from "../core/agent_event_schemas.ts";
import { closest } from "../internal/validate.ts";
import { filterPath, filterPathPattern, matchesGlob, parseFilterPath } from "../webhook/filter.ts";
import type { FilterValue } from "../webhook/options.ts";
import type { WebhookConfig } from "./config.ts";
import { joinWords } from "./display.ts";
import { list } from "./formats.ts";
import type { RecordSchema, Suggestion } from "./schema.ts";

/** Fields of an event whose names differ between files and code. */
const FILTER_FIELDS = [
  { file: "session_id", code: "sessionId" },
  { file: "run_id", code: "runId" },
] as const;

/** Returns a path of a filter in code as it is written in a file. */
export function filterPathInFile(path: string): string {
  return FILTER_FIELDS.find(({ code }) => code === path)?.file ?? path;
}

/** The filter of a webhook: what its payloads must contain. */
export const filter: RecordSchema = {
  type: "record",
  accepted: "a mapping of paths to accepted values",
  key: {
    accepted: "a path such as data.name, type, id, session_id, run_id or traceparent",
    pattern: new RegExp(filterPathPattern("session_id|run_id|traceparent"), "u"),
    describeIssue: (key) =>
      /^data\..*\\/.test(key)
        ? "has a backslash that escapes neither a dot nor a backslash: write \\\\ for a backslash"
        : "is not a path of an event: use data, data.name and the like, type, id, session_id, run_id or traceparent",
    suggest: (key) => {
      const inData = /^[\w-]+(\.[\w-]+)*$/.test(key) ? `data.${key}` : undefined;
      return {
        suggestion: closest(key, ["data", "type", "id", "session_id", "run_id", "traceparent"]) ??
          inData,
      };
    },
  },
  values: {
    type: "union",
    accepted: "a value or a list of values",
    list: list({ type: "any" }, "values", 1, 256),
    other: { type: "any" },
  },
  max: 100,
  examples: [{ "data.name": ["bash", "git_*"] }],
  rename: (key) => FILTER_FIELDS.find(({ file }) => file === key)?.code ?? key,
};

/** A path of a filter that no event can pass. */
interface FilterWarning extends Suggestion {
  /** The path, as code spells it. */
  readonly key: string;
  readonly problem: string;
  /** Whether the path is wrong, or the value that it is compared to. */
  readonly on: "key" | "value";
}

type Warning = Omit<FilterWarning, "key">;

/** The part of a payload's JSON Schema that warnings use. */
interface Shape {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
}

/**
 * Returns the paths of a webhook's filter that never match, so that the webhook receives nothing. Only
 * payloads of agent events are known: if other events can match, `data` is not checked.
 */
export function findFilterWarnings(
  { events, filter = {} }: Pick<WebhookConfig, "events" | "filter">,
): readonly FilterWarning[] {
  const payloads = payloadsOf(events, filter.type);
  return Object.entries(filter).flatMap(([key, wanted]): FilterWarning[] => {
    const values: readonly FilterValue[] = [wanted].flat();
    const warning = key === "type"
      ? checkType(values, events)
      : ["id", "sessionId", "runId", "traceparent"].includes(key)
      ? checkValues(values, [{ type: "string" }])
      : payloads && checkData(parseFilterPath(key).slice(1), values, payloads);
    return warning ? [{ key, ...warning }] : [];
  });
}

/**
 * Returns a warning for a type in `events` that looks like a misspelled agent event. It isn't an error,
 * because it may be a type of your own.
 */
export function findMisspelledType(type: string): Warning | undefined {
  const types = Object.keys(agentEventJsonSchemas());
  if (type.includes("*") || types.includes(type)) return undefined;
  const suggestion = closest(type, types);
  return suggestion === undefined
    ? undefined
    : { problem: "isn't an agent event", suggestion, on: "value" };
}

/** A type or a prefix such as `tool.*`, whose agent events are assumed to be the only ones. */
const TYPE_OR_PREFIX = /^[a-z0-9_.]+(?:\.\*)?$/;

/** Returns the payloads of the agent events that can match, by type; undefined if others can match too. */
function payloadsOf(
  events: readonly string[],
  type: FilterValue | readonly FilterValue[] | undefined,
): ReadonlyMap<string, Shape> | undefined {
  const schemas = Object.entries(agentEventJsonSchemas());
  const types = (type === undefined ? ["*"] : [type].flat()).filter((one) =>
    typeof one === "string"
  );
  const found = new Map<string, Shape>();
  for (const pattern of new Set(events)) {
    for (const wanted of types.filter((wanted) => canMatch(wanted, pattern))) {
      const known = schemas.filter(([name]) =>
        matchesGlob(pattern, name) && matchesGlob(wanted, name)
      );
      const isClosed = TYPE_OR_PREFIX.test(pattern) || TYPE_OR_PREFIX.test(wanted);
      if (known.length === 0 || !isClosed) return undefined;
      known.forEach(([name, schema]) => found.set(name, schema));
    }
  }
  return found.size > 0 ? found : undefined;
}

function checkType(values: readonly FilterValue[], events: readonly string[]): Warning | undefined {
  const warning = checkValues(values, [{ type: "string" }]);
  if (warning) return warning;
  const isPossible = values.some((value) =>
    typeof value === "string" && /^[a-z0-9_.*]+$/.test(value) &&
    events.some((pattern) => canMatch(value, pattern))
  );
  return isPossible ? undefined : never("no pattern in 'events' matches this type");
}

/** Returns whether a value of a type filter matches a type that a pattern of `events` matches. */
function canMatch(glob: string, pattern: string): boolean {
  if (!pattern.endsWith("*")) return matchesGlob(glob, pattern);
  const prefix = pattern.slice(0, -1);
  const [start = ""] = glob.split("*", 1);
  return start.startsWith(prefix) || (start !== glob && prefix.startsWith(start));
}

function checkData(
  keys: readonly string[],
  values: readonly FilterValue[],
  payloads: ReadonlyMap<string, Shape>,
): Warning | undefined {
  const shapes = [...payloads.values()].map((payload) => shapeAt(payload, keys));
  const found = shapes.filter((shape) => shape !== undefined);
  // Null matches an optional field that is absent.
  if (found.length > 0) return values.includes(null) ? undefined : checkValues(values, found);
  const types = [...payloads.keys()];
  const names = [...payloads.values()].flatMap(({ properties = {} }) => Object.keys(properties));
  const near = closest(keys[0]!, names);
  const suggestion = near && near !== keys[0] ? filterPath(["data", near]) : undefined;
  const problem = types.length === 1
    ? `${types[0]} has no such field`
    : `none of ${joinWords(types, "and")} has such a field`;
  return { ...never(problem), suggestion, on: "key" };
}

/** Returns the shape of a field; undefined if there is no such field, `{}` if it may be anything. */
function shapeAt(payload: Shape, keys: readonly string[]): Shape | undefined {
  let shape: Shape | undefined = payload;
  for (const key of keys) {
    if (shape === undefined) return undefined;
    const { properties, items }: Shape = shape;
    if (items) shape = /^(?:0|[1-9]\d*)$/.test(key) ? items : undefined;
    else if (properties) shape = Object.hasOwn(properties, key) ? properties[key] : undefined;
    else if (!hasType(shape, "object")) return undefined;
    else return {};
  }
  return shape;
}

function hasType({ type }: Shape, name: string): boolean {
  return type === undefined || type === name || (Array.isArray(type) && type.includes(name));
}

/** Returns a warning if no value can equal a field of these shapes, or an item of it. */
function checkValues(
  values: readonly FilterValue[],
  fields: readonly Shape[],
): Warning | undefined {
  const shapes = fields.map((shape) => shape.items ?? shape);
  if (values.some((value) => shapes.some((shape) => canEqual(shape, value)))) return undefined;
  const [shape] = shapes as [Shape];
  const options = shape.enum?.map(String) ?? [];
  const suggestion = values.length === 1 ? closest(String(values[0]), options) : undefined;
  return { ...never(`the field is ${describeShape(shape)}`), suggestion };
}

function canEqual(shape: Shape, value: FilterValue): boolean {
  if (shape.properties) return false;
  if (!shape.enum) return hasType(shape, value === null ? "null" : typeof value);
  return typeof value === "string" &&
    shape.enum.some((option) => matchesGlob(value, String(option)));
}

function describeShape({ type, enum: options }: Shape): string {
  if (options) return joinWords(options.map((option) => `"${option}"`), "or");
  const name = [type].flat()[0];
  return name === "boolean" ? "true or false" : name === "object" ? "a mapping" : `a ${name}`;
}

function never(reason: string): Warning {
  return { problem: `never matches, so the webhook receives nothing: ${reason}`, on: "value" };
}
