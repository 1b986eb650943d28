/**
 * Building blocks of the schemas that validate requests and make up the OpenAPI document.
 *
 * @module
 */
import * as v from "valibot";
import {
  ID_PATTERN,
  ID_RULE,
  isEventType,
  isSession,
  isTraceparent,
  MAX_SESSION,
  parseTime,
  RUN_RULE,
  SESSION_RULE,
  TRACEPARENT,
  TRACEPARENT_RULE,
  TYPE_RULE,
} from "../core/event_rules.ts";
import { NAME_PATTERN, NAME_RULE } from "../internal/validate.ts";
import { type InputError, Problem, toPointer } from "./problems.ts";

/** A schema of any values. */
export type Schema = v.GenericSchema<unknown, unknown>;

/** Schemas by name. */
export type Schemas = Readonly<Record<string, Schema>>;

/** A body in one media type, of a request or a response. */
export type Media<Body = unknown> = {
  readonly schema: v.GenericSchema<unknown, Body>;
  readonly example?: unknown;
};

/** JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Text without control characters (C0 and C1), in a form that every regular expression dialect reads. */
const CLEAN = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

/** The ids that this package creates, up to the year 9999 (0xe677d21fdbff ms). */
const UUID_V7 = /^0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The id of an event in examples. */
export const EXAMPLE_ID = "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47";
/** A trace in examples: that of W3C Trace Context. */
export const EXAMPLE_TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/** A time in examples. */
export const EXAMPLE_TIME = "2026-04-22T10:30:00.000Z";

/** Returns the schema of a string with a rule that valibot doesn't have, and its JSON Schema. */
function text(
  isValid: (text: string) => boolean,
  message: string,
  json: JsonSchema,
): v.GenericSchema<string, string> {
  return v.pipe(v.string(message), v.check(isValid, message), v.metadata(json));
}

/** Returns the schema of a string that matches a pattern. */
function matching(pattern: RegExp, message: string): v.GenericSchema<string, string> {
  return text((text) => pattern.test(text), message, { pattern: pattern.source });
}

/** Returns the schema of an object. Unknown fields are ignored. */
export function object<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.object(entries, (issue) => issue.path ? "is missing" : "must be an object");
}

/** Returns the schema of an object without unknown fields: a misspelled filter would not filter. */
export function strictObject<Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries).join(", ");
  return v.strictObject(entries, (issue) => {
    if (issue.expected === "never") return `has an unknown field. Known fields: ${known}`;
    return issue.path ? "is missing" : "must be an object";
  });
}

/** Returns the schema of a whole number. */
export function integer(min: number, max: number): v.GenericSchema<number, number> {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

/** Returns the schema of a duration in milliseconds, which is rounded where it is used. */
export function duration(min: number, max: number): v.GenericSchema<number, number> {
  const message = `must be a number of milliseconds from ${min} to ${max}`;
  return v.pipe(v.number(message), v.minValue(min, message), v.maxValue(max, message));
}

/** Returns the schema of one of some words. */
export function oneOf<const Words extends readonly string[]>(...words: Words) {
  return v.picklist(words, `must be one of ${words.join(", ")}`);
}

/** Returns the schema of a list. */
export function list<Item extends Schema>(item: Item) {
  return v.array(item, "must be a list");
}

/** Returns a schema with a description and an example for the OpenAPI document. */
export function describe<Value>(
  schema: v.GenericSchema<Value, Value>,
  description: string,
  example?: unknown,
): v.GenericSchema<Value, Value> {
  const examples = example === undefined ? {} : { examples: [example] };
  return v.pipe(schema, v.metadata({ description, ...examples }));
}

/** A boolean. */
export const boolean = v.boolean("must be true or false");
/** Any string. */
export const string = v.string("must be a string");
/** A count. */
export const count = integer(0, Number.MAX_SAFE_INTEGER);

/** The type of an event. */
export const eventType = text(isEventType, TYPE_RULE, {
  pattern: "^[a-z0-9_]+(\\.[a-z0-9_]+)*$",
  maxLength: 128,
});

/** A type, a prefix of types, or `*`. */
export const eventPattern = text(
  (text) => text === "*" || isEventType(text.replace(/\.\*$/, "")),
  "must be a type, a prefix such as tool.*, or *",
  {
    anyOf: [
      { type: "string", pattern: "^(\\*|[a-z0-9_]+(\\.[a-z0-9_]+)*)$", maxLength: 128 },
      { type: "string", pattern: "^[a-z0-9_]+(\\.[a-z0-9_]+)*\\.\\*$", maxLength: 130 },
    ],
  },
);

/** A time without a leap second, which no `Date` can hold. */
export const time = text((text) => parseTime(text) !== undefined, "must be an RFC 3339 time", {
  format: "date-time",
  pattern: "^\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:[0-5]\\d(\\.\\d+)?([Zz]|[+-]\\d\\d:\\d\\d)$",
});

/** The session of an event. An empty one counts as absent. */
export const session = text(isSession, SESSION_RULE, { maxLength: MAX_SESSION, pattern: CLEAN });
/** The run of an event. An empty one counts as absent. */
export const run = text(isSession, RUN_RULE, { maxLength: MAX_SESSION, pattern: CLEAN });
/** The trace of an event. */
export const traceparent = text(isTraceparent, TRACEPARENT_RULE, {
  pattern: TRACEPARENT.source,
});
/** The session or run to filter by. */
export const sessionFilter = v.pipe(session, v.nonEmpty("must not be empty"));
/** The name of a target. */
export const targetName = matching(NAME_PATTERN, `must be ${NAME_RULE}`);
/** The id of an event. */
export const eventId = matching(ID_PATTERN, ID_RULE);
/** An id that this package created. */
export const createdEventId = matching(UUID_V7, "must be the id of an event");

/** The name of a target in a path, where `.` and `..` have another meaning. */
export const targetInPath = describe(
  v.pipe(
    targetName,
    v.metadata({
      pattern: "^(\\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*|\\.{3}[A-Za-z0-9._-]*)$",
      maxLength: 64,
    }),
  ),
  "The name of the webhook or durable hook",
  "audit",
);
/** The id of an event in a path. */
export const eventIdInPath = describe(eventId, "The id of the event", EXAMPLE_ID);

/** The cursor of an earlier response. */
export const cursor = text(
  (text) => /^[A-Za-z0-9_-]{1,4096}$/.test(text),
  "must be next_cursor of an earlier response",
  { pattern: "^[A-Za-z0-9_-]+$", maxLength: 4096 },
);

/** Why a target is disabled. */
export const reason = text(
  (text) => /^[^\p{Cc}\p{Cs}]{1,200}$/u.test(text),
  "must be 1 to 200 characters without control characters",
  { minLength: 1, maxLength: 200, pattern: CLEAN },
);

/** Why someone responds as they do. */
export const note = text(
  (text) => [...text.slice(0, 4001)].length <= 2000,
  "must be at most 2000 characters",
  { maxLength: 2000 },
);

/** The id by which its sender knows an event. */
export const externalId = text(
  (text) => text !== "" && [...text.slice(0, 513)].length <= 256,
  "must be 1 to 256 characters",
  { minLength: 1, maxLength: 256 },
);

/** A bare `Idempotency-Key`, which doesn't start with a quote. */
export const idempotencyKey = text(
  (text) => /^[!#-~](?:[ -~]*[!-~])?$/.test(text) && text.length <= 255,
  "must be 1 to 255 printable ASCII characters",
  { pattern: "^[!#-~]([ -~]*[!-~])?$", maxLength: 255 },
);

/** The input of `toJson`: the fields of a schema in camel case, with dates for times. */
type Source<Json> = Json extends string ? Json | Date
  : Json extends readonly (infer Item)[] ? readonly Source<Item>[]
  : Json extends object ? { readonly [Name in keyof Json as CamelCase<Name>]: Source<Json[Name]> }
  : Json;

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name & string;

/** Returns the JSON of an object: only the fields that the schema has. */
export function toJson<Json extends object>(
  schema: v.GenericSchema<unknown, Json>,
  source: Source<Json>,
): Json {
  return convert(schema, source) as Json;
}

function convert(schema: Schema, value: unknown): unknown {
  const { entries, item, wrapped = schema } = schema as {
    readonly entries?: Schemas;
    readonly item?: Schema;
    readonly wrapped?: Schema;
  } & Schema;
  if (value === undefined) return undefined;
  if (value instanceof Date) return value.toISOString();
  if (wrapped !== schema) return convert(wrapped, value);
  if (item !== undefined) return (value as readonly unknown[]).map((one) => convert(item, one));
  if (entries === undefined) return value;
  const fields = Object.entries(entries).map(([name, field]) => {
    const key = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    return [name, convert(field, (value as Readonly<Record<string, unknown>>)[key])] as const;
  });
  return Object.fromEntries(fields.filter(([, field]) => field !== undefined));
}

/** The values of schemas by name. */
export type ValuesOf<Fields extends Schemas> = {
  readonly [Name in keyof Fields]: v.InferOutput<Fields[Name]>;
};

/** Returns a validated body. @throws {Problem} with every error */
export function validate<Output>(
  schema: v.GenericSchema<unknown, Output>,
  value: unknown,
): Output {
  const { output, errors } = check(schema, value, []);
  if (errors.length > 0) throw Problem.invalid(...errors);
  return output!;
}

/** Validates a part of a body, which is at `path`. */
export function check<Output>(
  schema: v.GenericSchema<unknown, Output>,
  value: unknown,
  path: readonly PropertyKey[],
): { readonly output?: Output; readonly errors: readonly InputError[] } {
  if (Array.isArray(value) && schema.type.endsWith("object")) { // valibot accepts a list here
    return { errors: [{ pointer: toPointer(path), detail: "must be an object" }] };
  }
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return { output: result.output, errors: [] };
  const errors = result.issues.map((issue) => {
    const keys = (issue.path ?? []).map(({ key }) => key as PropertyKey);
    const shown = issue.expected === "never" ? keys.slice(0, -1) : keys; // unknown keys may hold anything
    return { pointer: toPointer([...path, ...shown]), detail: issue.message };
  });
  return { errors };
}
