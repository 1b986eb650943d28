/**
 * The kinds that are mappings: with fixed fields, with free keys, and the choice between a list and a mapping.
 *
 * @module
 */
import type { Json, Kind, Meant } from "./_kinds.ts";
import { describe, isMapping, type Reader, type Show } from "./_reader.ts";
import { quoted } from "./_report.ts";
import { nearest } from "./_suggest.ts";
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
    schema: objectSchema(known, rule.either),
    read(value, reader) {
      if (!isMapping(value)) return refuse(value, reader, accepted);
      reader.show("keys");
      const result: [string, unknown][] = [];
      for (const key of Object.keys(value)) {
        if (reader.full) break;
        const field = known.get(key);
        if (field === undefined) refuseKey(key, known, reader, rule.elsewhere ?? {});
        else {
          const read = reader.within(key, () => field.kind.read(value[key], reader));
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

/** Its fields, or the most important of many. */
function summary(known: ReadonlyMap<string, Field<unknown>>): string {
  const names = [...known.keys()];
  if (names.length <= 6) return names.join(", ");
  const required = names.filter((name) => known.get(name)!.required);
  return `${(required.length > 0 ? required : names.slice(0, 3)).join(", ")} and others`;
}

function objectSchema(
  known: ReadonlyMap<string, Field<unknown>>,
  either: readonly [string, string] | undefined,
): Json {
  const required = [...known].filter(([, field]) => field.required).map(([key]) => key);
  const properties = [...known].map(([key, { kind, about, otherwise }]): [string, Json] => [key, {
    description: about,
    ...(otherwise !== undefined && { default: otherwise }),
    ...kind.schema,
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
  const accepted = [...known.keys()].join(", ");
  const special = Object.hasOwn(elsewhere, key) ? elsewhere[key] : keyHint(key, known);
  const suggestion = special === undefined ? nearest(key, known.keys()) : undefined;
  const problem = special !== undefined
    ? "is not known here"
    : suggestion !== undefined
    ? "is unknown"
    : `is unknown: there ${known.size === 1 ? "is only" : "are"} ${accepted}`;
  reader.fault("unknown_key", { path, problem, accepted, suggestion, hint: special, on: "key" });
}

/** What to say of keys that are none in any mapping. */
function keyHint(key: string, known?: ReadonlyMap<string, unknown>): string | undefined {
  if (key === "<<") {
    return "merge keys are not read: what webhooks share belongs under hooks.defaults";
  }
  if (mayRefer(key)) return "variables are put into values, not into keys";
  const [name = "", value] = key.split(":", 2);
  return value !== undefined && known?.has(name)
    ? `a space is missing after '${name}:'`
    : undefined;
}

/** A mapping with free keys. */
export function map<T>(rule: {
  /** What it is, after "must be". */
  readonly accepted: string;
  readonly key: {
    readonly accepted: string;
    readonly pattern: RegExp;
    /** What is wrong with a key. */
    problem(key: string): string;
  };
  readonly value: Kind<T>;
  readonly to: number;
  /** What someone may have meant by a key. */
  readonly meant?: (key: string) => Meant;
  /** Keys that this makes equal are the same key. */
  readonly fold?: (key: string) => string;
  /** What a key is called in code. */
  readonly rename?: (key: string) => string;
}): Kind<Readonly<Record<string, T>>> {
  const { accepted, key: keys, value: item, to, fold = (key) => key } = rule;
  return {
    schema: {
      type: "object",
      propertyNames: { pattern: keys.pattern.source },
      additionalProperties: item.schema,
      maxProperties: to,
    },
    read(value, reader) {
      if (!isMapping(value)) return refuse(value, reader, accepted);
      reader.show("keys");
      const names = Object.keys(value);
      if (names.length > to) {
        const found = `a mapping of ${names.length}`;
        reader.fault("too_large", { problem: `must have at most ${to} keys`, accepted, found });
        return undefined;
      }
      const first = new Map<string, string>();
      const result: [string, T | undefined][] = [];
      for (const name of names) {
        const before = first.get(fold(name));
        first.set(fold(name), before ?? name);
        const path = [...reader.path, name];
        if (!keys.pattern.test(name)) {
          const hint = keyHint(name);
          const meant = hint === undefined ? rule.meant?.(name) : { hint };
          const problem = hint === undefined ? keys.problem(name) : "is not accepted";
          reader.fault("invalid_value", {
            path,
            problem,
            accepted: keys.accepted,
            ...meant,
            on: "key",
          });
        } else if (before !== undefined) {
          const problem = `is the same as ${quoted(before)}: keep one of the two`;
          reader.fault("duplicate", { path, problem, on: "key" });
        } else {
          const read = reader.within(name, () => item.read(value[name], reader));
          result.push([rule.rename?.(name) ?? name, read]);
        }
      }
      return Object.fromEntries(result) as Readonly<Record<string, T>>;
    },
  };
}

/** A list or a mapping, whichever was written. */
export function listOrMapping<A, B>(
  asList: Kind<A>,
  mapping: Kind<B>,
  accepted: string,
): Kind<A | B> {
  return {
    schema: { anyOf: [asList.schema, mapping.schema] },
    read(value, reader) {
      if (Array.isArray(value)) return asList.read(value, reader);
      if (isMapping(value)) return mapping.read(value, reader);
      return refuse(value, reader, accepted, "all");
    },
  };
}

function refuse(value: unknown, reader: Reader, accepted: string, show: Show = "none"): undefined {
  reader.show(show);
  const found = describe(value, show);
  reader.fault("invalid_type", { problem: `must be ${accepted}`, accepted, found });
  return undefined;
}

/** `retry_count` as code has it: `retryCount`. */
export function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
