import * as v from "valibot";
import { ID, ID_RULE, isEventType, NAME, NAME_RULE, parseTime, TYPE_RULE } from "../core/kit.ts";

/** A schema, whatever it gives. */
export type Schema = v.GenericSchema<unknown, unknown>;

/** What a session may be: it is a part of keys, and of headers. */
const CLEAN = /^[^\p{Cc}\p{Cs}]{0,256}$/u;

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
  { pattern: "^(\\*|[a-z0-9_]+(\\.[a-z0-9_]+)*(\\.\\*)?)$", maxLength: 130 },
);

export const time = text((text) => parseTime(text) !== undefined, "must be an RFC 3339 time", {
  format: "date-time",
});

export const session = text(
  (text) => CLEAN.test(text),
  "must be at most 256 characters, none of them a control character",
  { maxLength: 256 },
);

export const sessionFilter = text(
  (text) => text !== "" && CLEAN.test(text),
  "must be 1 to 256 characters, none of them a control character",
  { minLength: 1, maxLength: 256 },
);

export const targetName = text(
  (text) => NAME.test(text),
  `must be ${NAME_RULE}`,
  { pattern: NAME.source },
);

export const eventId = text(
  (text) => ID.test(text),
  ID_RULE,
  { pattern: ID.source },
);

export const foreignId = text(
  (text) => text.length >= 1 && text.length <= 256,
  "must be 1 to 256 characters",
  { minLength: 1, maxLength: 256 },
);

export const reason = text(
  (text) => /^[^\p{Cc}\p{Cs}]{1,200}$/u.test(text),
  "must be 1 to 200 characters, none of them a control character",
  { minLength: 1, maxLength: 200 },
);

export const cursor = text(
  (text) => /^[\x21-\x7e]{1,2048}$/.test(text),
  "must be the cursor of an earlier answer",
  { minLength: 1, maxLength: 2048 },
);

/** An event as it is posted. */
export const postedEvent = object({
  type: eventType,
  id: v.nullish(foreignId), // null is as good as absent
  timestamp: v.nullish(time),
  session_id: v.nullish(session),
  data: v.unknown(),
});

/** Any JSON value: it has to be there. */
export const anything: Schema = v.unknown();
