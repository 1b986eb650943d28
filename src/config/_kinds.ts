/**
 * The kinds of values that a configuration is made of. Each reads a value, reports what is wrong, and has
 * the JSON Schema of what it reads: one description of a field serves both.
 *
 * Not valibot, which reports the first unknown key of a mapping and no other, takes a list for a mapping,
 * and leaves `__proto__` and `constructor` out of records without a word. Here every key is accounted for, a
 * variable is read where it stands, so that `${PORT}` may be a number and `"8787"` may not, and each field says
 * what of it may be shown.
 *
 * @module
 */
import { describe, describeReference, paddingHint, type Reader, type Show } from "./_reader.ts";
import { LONGEST, pathText } from "./_report.ts";
import { mayRefer, REFERENCE } from "./_variables.ts";

/** A JSON Schema, of the parts that are used here. */
export type Json = { readonly [key: string]: unknown };

/** A kind of value. */
export interface Kind<T> {
  /** What of its values a JSON Schema can say; made when it is asked for, as hardly anyone does. */
  readonly schema: Json;
  /** Checks a value; undefined after a fault. */
  read(value: unknown, reader: Reader): T | undefined;
}

/** What someone may have meant. */
export interface Meant {
  readonly suggestion?: string | undefined;
  readonly hint?: string | undefined;
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
    get schema() {
      const written = { type, minimum: from, maximum: to };
      return { anyOf: [written, { type: "string", pattern: REFERENCE.source }] };
    },
    read: (value, reader) =>
      readWritten(value, reader, accepted, fits, (text) => {
        return /^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : undefined;
      }),
  };
}

/** A whole number within limits. */
export function count({ min, max }: { readonly min: number; readonly max: number }): Kind<number> {
  return number({
    type: "integer",
    from: min,
    to: max,
    accepted: `an integer from ${min} to ${max}`,
  });
}

/** True or false. */
export function boolean(): Kind<boolean> {
  const words: Readonly<Record<string, boolean>> = { true: true, false: false };
  return {
    get schema() {
      return { anyOf: [{ type: "boolean" }, { type: "string", pattern: REFERENCE.source }] };
    },
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
  reader.fault("invalid_value", { problem, accepted, found, ...paddingHint(expanded.text) });
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
  if (/^\$[A-Za-z_]\w*$/.test(value)) return { suggestion: `\${${value.slice(1)}}` };
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
    get schema() {
      return {
        type: "array",
        items: item.schema,
        ...(from > 0 && { minItems: from }),
        maxItems: to,
      };
    },
    read(value, reader) {
      const problem = `must be ${accepted}`;
      if (!Array.isArray(value)) {
        reader.show(show);
        reader.fault("invalid_type", {
          problem,
          accepted,
          found: describe(value, show),
          ...meantByNoList(value, show),
        });
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

/** What someone may have meant who wrote no list: `a, b`, or one item alone. */
function meantByNoList(value: unknown, show: Show): Meant {
  if (value === null) return {};
  if (typeof value === "string" && mayRefer(value)) {
    return { hint: "a variable stands for text, and for nothing else" };
  }
  const short = typeof value === "string" && show === "all" && value.length <= LONGEST;
  const parts = short ? value.split(",").map((part) => part.trim()) : [""];
  if (!parts.every((part) => /^[^\s[\]{}"'#]+$/.test(part))) {
    return { hint: "a list is written [a, b], or with one line '- a' for each" };
  }
  const items = parts.map((part) => /^[*&!|>%@`?-]/.test(part) ? `"${part}"` : part);
  return { suggestion: `[${items.join(", ")}]` };
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
