/**
 * Mappings with fixed fields.
 *
 * @module
 */
import { closest } from "../internal/validate.ts";
import type { Json, Kind } from "./_kinds.ts";
import { describe, isMapping, type Reader, type Show } from "./_reader.ts";
import { mayRefer } from "./_variables.ts";

/** `retryCount` as the file has it: `retry_count`. */
export type Snake<Name extends string> = Name extends `${infer Letter}${infer Rest}`
  ? `${Letter extends Lowercase<Letter> ? Letter : `_${Lowercase<Letter>}`}${Snake<Rest>}`
  : "";

/** A field of a mapping. */
export interface Field<T> {
  readonly kind: Kind<T>;
  /** What it is for, for people who edit a file. */
  readonly about: string;
  readonly required?: boolean;
  /** Whether null is an error, and not the same as left out: that would weaken security silently. */
  readonly explicit?: boolean;
  /** What holds when it is left out, for people too. */
  readonly otherwise?: unknown;
}

/** The fields of `T`, by the names that they have in the file. */
export type Fields<T> = {
  readonly [Name in keyof T & string as Snake<Name>]-?: Field<Exclude<T[Name], undefined>>;
};

/** A mapping with fixed fields. */
export function object<T>(fields: Fields<T>, rule: {
  /** What is said of a key that is not known here, instead of what looks alike. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Two fields of which one may be there. */
  readonly either?: readonly [string, string];
} = {}): Kind<T> {
  const known = new Map<string, Field<unknown>>(Object.entries(fields));
  const accepted = `a mapping with ${summary(known)}`;
  return {
    get schema() {
      return objectSchema(known, rule.either);
    },
    read(value, reader) {
      if (!isMapping(value)) return refuse(value, reader, accepted, "none", known);
      reader.show("keys");
      const result: [string, unknown][] = [];
      for (const key of Object.keys(value)) {
        if (reader.full) break;
        const field = known.get(key);
        if (field === undefined) refuseKey(key, known, reader, rule.elsewhere ?? {});
        else {
          const read = reader.within(key, () => {
            const given = value[key];
            return given === null && isNullable(field) ? undefined : field.kind.read(given, reader);
          });
          if (read !== undefined) result.push([camel(key), read]);
        }
      }
      for (const [key, { required }] of known) {
        if (!required || Object.hasOwn(value, key)) continue;
        reader.fault("missing_key", {
          path: [...reader.path, key],
          problem: "is missing",
          on: "key",
        });
      }
      const [one, other] = rule.either ?? [];
      if (one && other && Object.hasOwn(value, one) && Object.hasOwn(value, other)) {
        const problem = `excludes '${one}': keep one of the two`;
        reader.fault("conflict", { path: [...reader.path, other], problem, on: "key" });
      }
      return Object.fromEntries(result) as T;
    },
  };
}

/** Whether a field that is null, as `headers:` with nothing below it is, counts as left out. */
function isNullable({ required, explicit }: Field<unknown>): boolean {
  return !required && !explicit;
}

/** Its fields for messages: `$schema` is for editors alone. */
function shownNames(known: ReadonlyMap<string, unknown>): string[] {
  return [...known.keys()].filter((name) => !name.startsWith("$"));
}

/** Its fields, or the most important of many. */
function summary(known: ReadonlyMap<string, Field<unknown>>): string {
  const names = shownNames(known);
  if (names.length <= 6) return names.join(", ");
  const required = names.filter((name) => known.get(name)!.required);
  return `${(required.length > 0 ? required : names.slice(0, 3)).join(", ")} and others`;
}

function objectSchema(
  known: ReadonlyMap<string, Field<unknown>>,
  either: readonly [string, string] | undefined,
): Json {
  const required = [...known].filter(([, field]) => field.required).map(([key]) => key);
  const properties = [...known].map(([key, field]): [string, Json] => [key, {
    description: field.about,
    ...(field.otherwise !== undefined && { default: field.otherwise }),
    ...(isNullable(field) ? { anyOf: [field.kind.schema, { type: "null" }] } : field.kind.schema),
  }]);
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    ...(either && { not: { required: either } }),
    additionalProperties: false,
  };
}

function refuseKey(
  key: string,
  known: ReadonlyMap<string, unknown>,
  reader: Reader,
  elsewhere: Readonly<Record<string, string>>,
): void {
  const path = [...reader.path, key];
  const accepted = shownNames(known).join(", ");
  const special = Object.hasOwn(elsewhere, key) ? elsewhere[key] : keyHint(key, known);
  const suggestion = special === undefined ? closest(key, known.keys()) : undefined;
  const problem = special !== undefined
    ? "is not known here"
    : suggestion !== undefined
    ? "is unknown"
    : `is unknown: there ${accepted.includes(",") ? "are" : "is only"} ${accepted}`;
  reader.fault("unknown_key", { path, problem, accepted, suggestion, hint: special, on: "key" });
}

/** `retry_count` as code has it: `retryCount`. */
function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What to say of a key that is none in any mapping. */
export function keyHint(key: string, known?: ReadonlyMap<string, unknown>): string | undefined {
  if (key === "<<") {
    return "merge keys are not read: what webhooks share belongs under hooks.defaults";
  }
  if (mayRefer(key)) return "variables are put into values, not into keys";
  const [name = "", value] = key.split(":", 2);
  return value !== undefined && known?.has(name)
    ? `a space is missing after '${name}:'`
    : undefined;
}

/** Reports that a value is no mapping. */
export function refuse(
  value: unknown,
  reader: Reader,
  accepted: string,
  show: Show = "none",
  known?: ReadonlyMap<string, unknown>,
): undefined {
  reader.show(show);
  const found = describe(value, show);
  const hint = typeof value !== "string"
    ? undefined
    : mayRefer(value)
    ? "a variable stands for text, and for nothing else"
    : keyHint(value, known);
  reader.fault("invalid_type", { problem: `must be ${accepted}`, accepted, found, hint });
  return undefined;
}
