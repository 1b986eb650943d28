import * as v from "valibot";
import { agentEventJsonSchemas } from "../core/agent_event_schemas.ts";
import {
  ID_PATTERN,
  ID_RULE,
  isEventType,
  isSession,
  MAX_SESSION,
  parseTime,
  SESSION_RULE,
  TYPE_RULE,
} from "../core/event_rules.ts";
import { NAME_PATTERN, NAME_RULE } from "../internal/validate.ts";

/** A schema, whatever it gives. */
export type Schema = v.GenericSchema<unknown, unknown>;

/** Text without control characters (C0 and C1), as a pattern that every dialect of patterns has. */
export const CLEAN = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

/** The form of the ids that are made here: before the year 9999, 0xe677d21fdbff ms. */
const UUID_V7 = /^0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What rules of our own say in JSON Schema. */
export const documented: Map<unknown, Readonly<Record<string, unknown>>> =
  /* @__PURE__ */ new Map();

/** A text with a rule of its own. */
function text(
  holds: (text: string) => boolean,
  message: string,
  json: Readonly<Record<string, unknown>>,
): v.GenericSchema<string, string> {
  const rule = v.check(holds, message);
  documented.set(rule, json);
  return v.pipe(v.string(message), rule);
}

/** An object; what is unknown is passed over, as receivers of events do. */
export function object<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.object(entries, (issue) => issue.path ? "is missing" : "must be an object");
}

/** An object of which nothing may be unknown: a misspelt filter would be none. */
export function strictObject<Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries).join(", ");
  return v.strictObject(
    entries,
    (issue) => {
      if (issue.expected === "never") return `has a field that is unknown: there are ${known}`;
      return issue.path ? "is missing" : "must be an object";
    },
  );
}

/** A whole number. */
export function integer(least: number, most: number): v.GenericSchema<number, number> {
  const message = `must be a whole number of ${least} to ${most}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  );
}

/** A duration in milliseconds, which need not be whole: it is rounded where it is used. */
export function duration(least: number, most: number): v.GenericSchema<number, number> {
  const message = `must be a number of milliseconds from ${least} to ${most}`;
  return v.pipe(v.number(message), v.minValue(least, message), v.maxValue(most, message));
}

/** One of some words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return v.picklist(words, `must be one of ${words.join(", ")}`);
}

/** A list. */
export function list<Item extends Schema>(item: Item) {
  return v.array(item, "must be a list");
}

export const boolean: v.GenericSchema<boolean, boolean> = v.boolean("must be true or false");
export const string: v.GenericSchema<string, string> = v.string("must be a string");
export const count: v.GenericSchema<number, number> = integer(0, Number.MAX_SAFE_INTEGER);

export const eventType = text(isEventType, TYPE_RULE, {
  pattern: "^[a-z0-9_]+(\\.[a-z0-9_]+)*$",
  maxLength: 128,
});

export const typePattern = text(
  (text) => text === "*" || isEventType(text.replace(/\.\*$/, "")),
  "must be a type, a prefix such as tool.*, or *",
  {
    anyOf: [
      { type: "string", pattern: "^(\\*|[a-z0-9_]+(\\.[a-z0-9_]+)*)$", maxLength: 128 },
      { type: "string", pattern: "^[a-z0-9_]+(\\.[a-z0-9_]+)*\\.\\*$", maxLength: 130 },
    ],
  },
);

/** Without a leap second, which no `Date` can hold. */
export const time = text((text) => parseTime(text) !== undefined, "must be an RFC 3339 time", {
  format: "date-time",
  pattern: "^\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:[0-5]\\d(\\.\\d+)?([Zz]|[+-]\\d\\d:\\d\\d)$",
});

export const session = text(
  isSession,
  SESSION_RULE,
  { maxLength: MAX_SESSION, pattern: CLEAN },
);

export const sessionFilter = text(
  (text) => text !== "" && isSession(text),
  `must not be empty, and ${SESSION_RULE}`,
  { minLength: 1, maxLength: MAX_SESSION, pattern: CLEAN },
);

export const targetName = text(
  (text) => NAME_PATTERN.test(text),
  `must be ${NAME_RULE}`,
  { pattern: NAME_PATTERN.source },
);

/** A target's name in a path, where `.` and `..` mean something else. */
export const pathTarget = text(
  (text) => NAME_PATTERN.test(text),
  `must be ${NAME_RULE}`,
  {
    pattern: "^(\\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*|\\.{3}[A-Za-z0-9._-]*)$",
    maxLength: 64,
  },
);

export const eventId = text(
  (text) => ID_PATTERN.test(text),
  ID_RULE,
  { pattern: ID_PATTERN.source },
);

export const foreignId = text(
  (text) => text !== "" && [...text.slice(0, 513)].length <= 256,
  "must be 1 to 256 characters",
  { minLength: 1, maxLength: 256 },
);

/** A header of one text: bare, so that it does not start with a quote. */
export const idempotencyKey = text(
  (text) => /^[!#-~](?:[ -~]*[!-~])?$/.test(text) && text.length <= 255,
  "must be 1 to 255 printable ASCII characters",
  { pattern: "^[!#-~]([ -~]*[!-~])?$", maxLength: 255 },
);

/** An id as this server makes them. */
export const ownEventId = text(
  (text) => UUID_V7.test(text),
  "must be the id of an event",
  { pattern: UUID_V7.source },
);

export const reason = text(
  (text) => /^[^\p{Cc}\p{Cs}]{1,200}$/u.test(text),
  "must be 1 to 200 characters, none of them a control character",
  { minLength: 1, maxLength: 200, pattern: CLEAN },
);

export const cursor = text(
  (text) => /^[A-Za-z0-9_-]{1,4096}$/.test(text),
  "must be next_cursor of an earlier response",
  { pattern: "^[A-Za-z0-9_-]+$", maxLength: 4096 },
);

/** The payloads of agent events: what `data` is when `type` is one of theirs. */
export const payloads: readonly Readonly<Record<string, unknown>>[] = Object.entries(
  agentEventJsonSchemas(),
).map(([type, data]) => ({
  if: { properties: { type: { const: type } }, required: ["type"] },
  then: { properties: { data }, required: ["data"] },
}));

const eventFields = object({
  type: eventType,
  id: v.nullish(foreignId), // null is as good as absent
  timestamp: v.nullish(time),
  session_id: v.nullish(session),
  data: v.unknown(),
});
/** What is checked elsewhere, and said here. */
const elsewhere = v.check<v.InferOutput<typeof eventFields>>(() => true);
documented.set(elsewhere, { allOf: payloads, not: { required: ["events"] } });

/** An event as it is posted. */
export const postedEvent = v.pipe(eventFields, elsewhere);

/** Any JSON value: it has to be there. */
export const anything: Schema = v.unknown();
