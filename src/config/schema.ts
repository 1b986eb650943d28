/**
 * What the description of a configuration consists of. `fields.ts` holds the description itself; reading,
 * the JSON Schema, suggestions and masking all follow from it.
 *
 * Not valibot: it reports only the first unknown key of an object, accepts a list as an object, and drops
 * `__proto__` from records.
 *
 * @module
 */

import { joinWords, type Visible } from "./display.ts";

/** The description of a value. */
export type Schema = ScalarSchema | ListSchema | ObjectSchema | RecordSchema | UnionSchema;

/** The description of a single value; `any` is what a filter compares. */
export type ScalarSchema = StringSchema | NumberSchema | { readonly type: "boolean" | "any" };

/** What the user may have meant. */
export interface Suggestion {
  /** What to write instead. */
  readonly suggestion?: string | undefined;
  /** What to do, in words. */
  readonly hint?: string | undefined;
}

/** A string, in which variables are expanded. */
export interface StringSchema {
  readonly type: "string";
  /** Follows "must be". */
  readonly accepted: string;
  readonly pattern: RegExp;
  readonly examples?: readonly string[];
  /** Every accepted value, for the JSON Schema. */
  readonly values?: readonly string[];
  /** @default {"all"} */
  readonly visible?: Visible;
  /** Whether a `Date`, which some parsers return, is read as its ISO 8601 form. */
  readonly acceptsDate?: boolean;
  /** Converts a matching string; undefined rejects it. */
  parse?(text: string): unknown;
  /** Returns what is wrong with a matching string. Must not quote more than is visible. */
  findIssue?(text: string): string | undefined;
  /** Receives a rejected string without variables, or a number. */
  suggest?(written: string): Suggestion;
}

/** A number, or a single variable that holds one. */
export interface NumberSchema {
  readonly type: "integer" | "number";
  /** Follows "must be". @default the bounds */
  readonly accepted?: string;
  readonly min: number;
  readonly max: number;
  /** Returns what is wrong with a number within the bounds. */
  findIssue?(value: number): string | undefined;
}

/** A list. */
export interface ListSchema {
  readonly type: "list";
  readonly items: Schema;
  /** What the items are, in the plural. */
  readonly of: string;
  readonly min: number;
  readonly max: number;
  /** Fields whose values must differ between items. */
  readonly unique: readonly string[];
}

/** A mapping with fixed fields. */
export interface ObjectSchema {
  readonly type: "object";
  readonly fields: Readonly<Record<string, Field>>;
  /** Hints for unknown keys, instead of the closest known key. */
  readonly misplaced?: Readonly<Record<string, string>>;
  /** Fields that exclude each other. */
  readonly exclusive?: readonly string[];
}

/** A field of a mapping. */
export interface Field {
  readonly schema: Schema;
  /** What it does, for users. */
  readonly description: string;
  readonly required?: boolean;
  /** What applies if it is omitted, as a user would write it. */
  readonly default?: unknown;
  /** Whether null is an error instead of the same as omitted, which would weaken security silently. */
  readonly rejectNull?: boolean;
}

/** A mapping with free keys. */
export interface RecordSchema {
  readonly type: "record";
  /** Follows "must be". */
  readonly accepted: string;
  readonly key: {
    /** Follows "must be". */
    readonly accepted: string;
    readonly pattern: RegExp;
    /** The pattern for the JSON Schema, which has no flags. @default {pattern.source} */
    readonly jsonPattern?: string;
    /** Returns what is wrong with a key that does not match. */
    describeIssue(key: string): string;
    suggest?(key: string): Suggestion;
  };
  readonly values: Schema;
  readonly max: number;
  readonly examples?: readonly unknown[];
  /** Normalizes keys: two that become equal are duplicates. */
  normalize?(key: string): string;
  /** Returns the name of a key in code. */
  rename?(key: string): string;
  /** Returns what is wrong with an accepted value under its key. Must not quote the value. */
  findIssue?(key: string, value: unknown): string | undefined;
}

/** A list, or something else. */
export interface UnionSchema {
  readonly type: "union";
  /** Follows "must be". */
  readonly accepted: string;
  readonly list: ListSchema;
  readonly other: Schema;
  readonly examples?: readonly unknown[];
}

/** Returns what a schema accepts, as follows "must be". */
export function acceptedBy(schema: Schema): string {
  switch (schema.type) {
    case "boolean":
      return "true or false";
    case "any":
      return "a string, a number, true, false, null, or a list of them";
    case "integer":
    case "number": {
      const { type, min, max } = schema;
      return schema.accepted ?? `${type === "number" ? "a" : "an"} ${type} from ${min} to ${max}`;
    }
    case "list":
      return `a list of ${schema.of}${schema.min > 0 ? ", not empty" : ""}`;
    case "object":
      return `a mapping with ${summarize(schema)}`;
    default:
      return schema.accepted;
  }
}

/** Lists the fields of a mapping, or the most important of many. */
function summarize({ fields }: ObjectSchema): string {
  const names = Object.keys(fields).filter((name) => !name.startsWith("$"));
  if (names.length <= 6) return joinWords(names, "and");
  const required = names.filter((name) => fields[name]!.required);
  return `${(required.length > 0 ? required : names.slice(0, 3)).join(", ")} and others`;
}

/** Returns how much of a scalar is visible where a schema is expected. */
export function visibilityOf(schema: Schema): Visible {
  switch (schema.type) {
    case "string":
      return schema.visible ?? "all";
    case "list":
      return visibilityOf(schema.items);
    case "union":
      return visibilityOf(schema.list);
    case "object":
    case "record":
      return "none";
    default:
      return "all";
  }
}

/** Returns the schema of a child of a list or a mapping; undefined if there is no such child. */
export function childSchema(schema: Schema, key: string | number): Schema | undefined {
  const isIndex = typeof key === "number";
  switch (schema.type) {
    case "list":
      return isIndex ? schema.items : undefined;
    case "record":
      return !isIndex && schema.key.pattern.test(key) ? schema.values : undefined;
    case "object":
      return Object.hasOwn(schema.fields, key) ? schema.fields[key]!.schema : undefined;
    case "union":
      return childSchema(isIndex ? schema.list : schema.other, key);
    default:
      return undefined;
  }
}

/** Returns whether a schema accepts mappings. */
export function acceptsMapping(schema: Schema): boolean {
  if (schema.type === "union") return acceptsMapping(schema.other);
  return schema.type === "object" || schema.type === "record";
}

/** `retryCount` as the file spells it: `retry_count`. */
type Snake<Name extends string> = Name extends `${infer Letter}${infer Rest}`
  ? `${Letter extends Lowercase<Letter> ? Letter : `_${Lowercase<Letter>}`}${Snake<Rest>}`
  : "";

/** The fields of a mapping that becomes a `T`, which keeps the table in step with the types. */
export type FieldsOf<T> = { readonly [Name in keyof T & string as Snake<Name>]-?: Field };

/** Returns a field that must be set. */
export function required(schema: Schema, description: string): Field {
  return { schema, description, required: true };
}

/** Returns a field that may be left out, with its default. */
export function optional(schema: Schema, description: string, defaultValue?: unknown): Field {
  return { schema, description, default: defaultValue };
}

/** Returns an optional field that protects something: null is an error, not the same as omitted. */
export function protective(schema: Schema, description: string): Field {
  return { schema, description, rejectNull: true };
}

type ObjectRules = Omit<ObjectSchema, "type" | "fields">;

/** Returns a mapping with these fields. */
export function object(fields: ObjectSchema["fields"], rules: ObjectRules = {}): ObjectSchema {
  return { type: "object", fields, ...rules };
}
