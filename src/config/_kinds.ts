/**
 * The kinds of values that a configuration is made of. Each reads a value, reports what is wrong, and has
 * the JSON Schema of what it reads: one description of a field serves both.
 *
 * Not a validator from npm, because none of them does these three: report every unknown key,
 * `__proto__` and `constructor` among them; read a variable where it stands, so that `${PORT}` may be a
 * number and `"8787"` may not; and keep what is shown apart from what is secret.
 *
 * @module
 */
import { describe, describeReference, type Reader, type Show } from "./_reader.ts";
import { pathText } from "./_report.ts";
import { mayRefer, REFERENCE } from "./_variables.ts";

/** A JSON Schema, of the parts that are used here. */
export type Json = { readonly [key: string]: unknown };

/** A kind of value. */
export interface Kind<T> {
  /** What of its values a JSON Schema can say. */
  readonly schema: Json;
  /** Checks a value; undefined after a fault. */
  read(value: unknown, reader: Reader): T | undefined;
}

/** What someone may have meant. */
export interface Meant {
  readonly suggestion?: string | undefined;
  readonly hint?: string | undefined;
}

/** What a text has to be. */
export interface TextRule<T> {
  /** Follows "must be". */
  readonly accepted: string;
  readonly pattern: RegExp;
  /** @default {"all"} */
  readonly show?: Show;
  /** What a pattern can't say; undefined: not accepted. */
  readonly parse?: (text: string) => T | undefined;
  /** Is given what was written, of a text without variables only. */
  readonly meant?: (value: unknown) => Meant;
  /** Alternatives to the pattern in the JSON Schema. */
  readonly options?: readonly string[];
}

/** Text, with variables put in. */
export function text<T = string>(rule: TextRule<T>): Kind<T> {
  const { accepted, pattern, show = "all", meant = () => ({}) } = rule;
  const parse = rule.parse ?? ((text) => text as T);
  const refers = { type: "string", pattern: "\\$\\{" };
  return {
    schema: rule.options
      ? { anyOf: [{ enum: rule.options }, refers] }
      : { type: "string", pattern: `(?:${pattern.source})|\\$\\{` },
    read(value, reader) {
      reader.show(show);
      const problem = `must be ${accepted}`;
      const fault = (found: string, meant: Meant) => {
        const code = typeof value === "string" ? "invalid_value" : "invalid_type";
        reader.fault(code, { problem, accepted, found, ...meant });
        return undefined;
      };
      if (typeof value !== "string") {
        const quote = /^(number|boolean)$/.test(typeof value) && pattern.test(String(value));
        const hint = quote ? { hint: "put it in quotes" } : {};
        return fault(describe(value, show), { ...hint, ...meant(value) });
      }
      const expanded = reader.expand(value, show);
      if (expanded === undefined) return undefined;
      const result = pattern.test(expanded.text) ? parse(expanded.text) : undefined;
      if (result !== undefined) return result;
      if (!expanded.refers) return fault(describe(value, show), meant(value));
      return fault(describeReference(value, expanded.text, show), {});
    },
  };
}

/** One of some words. */
export function oneOf<const T extends string>(
  words: readonly T[],
  meant: (value: unknown) => Meant,
): Kind<T> {
  const pattern = new RegExp(`^(?:${words.join("|")})$`, "u");
  const accepted = words.join(", ").replace(/, (?!.*, )/, " or ");
  return text<T>({ accepted, pattern, meant, options: words });
}

/** A number; `type` is how JSON Schema calls it. */
export function number(rule: {
  readonly type: "integer" | "number";
  readonly from: number;
  readonly to: number;
  /** Follows "must be". */
  readonly accepted: string;
}): Kind<number> {
  const { type, from, to, accepted } = rule;
  const fits = (value: unknown): value is number =>
    typeof value === "number" && value >= from && value <= to &&
    (type === "number" || Number.isInteger(value));
  return {
    schema: {
      anyOf: [{ type, minimum: from, maximum: to }, { type: "string", pattern: REFERENCE.source }],
    },
    read: (value, reader) =>
      readWritten(value, reader, accepted, fits, (text) => {
        return /^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : undefined;
      }),
  };
}

/** True or false. */
export function boolean(): Kind<boolean> {
  const words: Readonly<Record<string, boolean>> = { true: true, false: false };
  return {
    schema: { anyOf: [{ type: "boolean" }, { type: "string", pattern: REFERENCE.source }] },
    read: (value, reader) =>
      readWritten(
        value,
        reader,
        "true or false",
        (value) => typeof value === "boolean",
        (text) => Object.hasOwn(words, text) ? words[text] : undefined,
      ),
  };
}

/** A value that is no text, or one variable, whose text is then read as such a value. */
function readWritten<T>(
  value: unknown,
  reader: Reader,
  accepted: string,
  fits: (value: unknown) => value is T,
  parse: (text: string) => T | undefined,
): T | undefined {
  reader.show("all");
  if (fits(value)) return value;
  const problem = `must be ${accepted}`;
  if (typeof value !== "string" || !REFERENCE.test(value)) {
    const code = typeof value === typeof parse("1") ? "invalid_value" : "invalid_type";
    const hint = typeof value === "string" ? meantByText(value, fits, parse) : {};
    reader.fault(code, { problem, accepted, found: describe(value, "all"), ...hint });
    return undefined;
  }
  const expanded = reader.expand(value, "all");
  if (expanded === undefined) return undefined;
  const result = parse(expanded.text);
  if (fits(result)) return result;
  const found = describeReference(value, expanded.text, "all");
  reader.fault("invalid_value", { problem, accepted, found });
  return undefined;
}

/** YAML 1.1 had more words for true and false. */
const YES_NO: Readonly<Record<string, string>> = {
  ...{ yes: "true", on: "true", y: "true", no: "false", off: "false", n: "false" },
  ...{ true: "true", false: "false" },
};

function meantByText<T>(
  value: string,
  fits: (value: unknown) => boolean,
  parse: (text: string) => T | undefined,
): Meant {
  if (mayRefer(value)) return { hint: "a variable has to stand alone here" };
  const word = value.trim().toLowerCase();
  const meant = Object.hasOwn(YES_NO, word) ? YES_NO[word]! : word;
  if (!fits(parse(meant))) return {};
  return meant === value ? { hint: "write it without quotes" } : { suggestion: meant };
}

/** A list. */
export function list<T>(item: Kind<T>, rule: {
  /** What the items are, in the plural. */
  readonly of: string;
  readonly from: number;
  readonly to: number;
  /** Fields of which no two items may have the same. A secret one is not named. */
  readonly unique?: readonly (keyof T & string)[];
  /** What of a value that is no list may be shown. @default {"none"} */
  readonly show?: Show;
}): Kind<readonly T[]> {
  const { of, from, to, unique = [], show = "none" } = rule;
  const accepted = from === 0 ? `a list of ${of}` : `a list of ${of}, not empty`;
  return {
    schema: {
      type: "array",
      items: item.schema,
      ...(from > 0 && { minItems: from }),
      maxItems: to,
    },
    read(value, reader) {
      const problem = `must be ${accepted}`;
      if (!Array.isArray(value)) {
        reader.show(show);
        const single = show === "all" && typeof value === "string" && !/[\s,[\]{}"'#]/.test(value);
        const meant = single
          ? { suggestion: /^[*&!|>%@`?-]/.test(value) ? `["${value}"]` : `[${value}]` }
          : value === null
          ? {}
          : { hint: "a list is written [a, b], or with one line '- a' for each" };
        reader.fault("invalid_type", { problem, accepted, found: describe(value, show), ...meant });
        return undefined;
      }
      if (value.length < from) {
        reader.fault("invalid_value", { problem, accepted, found: "an empty list" });
      }
      if (value.length > to) {
        const found = `a list of ${value.length}`;
        const accepted = `a list of at most ${to} ${of}`;
        reader.fault("too_large", { problem: `must be ${accepted}`, accepted, found });
        return undefined;
      }
      const items = Array.from(value, (one, i) => reader.within(i, () => item.read(one, reader)));
      for (const field of unique) checkUnique(items, field, reader);
      return items as readonly T[];
    },
  };
}

function checkUnique<T>(
  items: readonly (T | undefined)[],
  field: keyof T & string,
  reader: Reader,
): void {
  const first = new Map<unknown, number>();
  items.forEach((item, i) => {
    const value = item?.[field];
    if (value === undefined) return;
    const before = first.get(value);
    if (before === undefined) first.set(value, i);
    else {
      const path = [...reader.path, i, field];
      const problem = `must be unique: ${pathText([...reader.path, before])} has the same`;
      reader.fault("duplicate", { path, problem, accepted: `a ${field} that no other has` });
    }
  });
}
