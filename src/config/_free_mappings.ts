/**
 * Mappings with free keys, and the choice between a list and a mapping.
 *
 * @module
 */
import type { Kind, Meant } from "./_kinds.ts";
import { keyHint, refuse } from "./_mappings.ts";
import { isMapping, type Reader } from "./_reader.ts";
import { quoted } from "./_report.ts";

/** What a mapping with free keys is. */
export interface MapRule<T> {
  /** What it is, after "must be". */
  readonly accepted: string;
  /** What its keys are. */
  readonly key: {
    readonly accepted: string;
    readonly pattern: RegExp;
    /** The pattern for a JSON Schema, which knows no flags. @default {pattern.source} */
    readonly written?: string;
    /** What is wrong with a key. */
    problem(key: string): string;
    /** What someone may have meant by it. */
    meant?(key: string): Meant;
  };
  readonly value: Kind<T>;
  readonly to: number;
  /** Keys that this makes equal are the same key. */
  fold?(key: string): string;
  /** What a key is called in code. */
  rename?(key: string): string;
}

/** A mapping with free keys. */
export function map<T>(rule: MapRule<T>): Kind<Readonly<Record<string, T>>> {
  const { accepted, key, value: item, to } = rule;
  return {
    get schema() {
      return {
        type: "object",
        propertyNames: { pattern: key.written ?? key.pattern.source },
        additionalProperties: item.schema,
        maxProperties: to,
      };
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
      const result = freeKeys(names, rule, reader).map((name): [string, T | undefined] => [
        rule.rename?.(name) ?? name,
        reader.within(name, () => item.read(value[name], reader)),
      ]);
      return Object.fromEntries(result) as Readonly<Record<string, T>>;
    },
  };
}

/** The keys that are accepted; the others are reported. */
function freeKeys<T>(names: readonly string[], rule: MapRule<T>, reader: Reader): string[] {
  const { key: { accepted, pattern, problem, meant }, fold = (name) => name } = rule;
  const first = new Map<string, string>();
  return names.filter((name) => {
    const path = [...reader.path, name];
    const before = first.get(fold(name));
    first.set(fold(name), before ?? name);
    if (pattern.test(name) && before === undefined) return true;
    const hint = keyHint(name);
    if (pattern.test(name)) {
      const problem = `is the same as ${quoted(before!)}: keep one of the two`;
      reader.fault("duplicate", { path, problem, on: "key" });
    } else if (hint !== undefined) {
      reader.fault("invalid_value", {
        path,
        problem: "is not accepted",
        accepted,
        hint,
        on: "key",
      });
    } else {
      const fault = {
        path,
        problem: problem(name),
        accepted,
        ...meant?.(name),
        on: "key",
      } as const;
      reader.fault("invalid_value", fault);
    }
    return false;
  });
}

/** A list or a mapping, whichever was written. */
export function listOrMapping<A, B>(
  asList: Kind<A>,
  mapping: Kind<B>,
  accepted: string,
): Kind<A | B> {
  return {
    get schema() {
      return { anyOf: [asList.schema, mapping.schema] };
    },
    read(value, reader) {
      if (Array.isArray(value)) return asList.read(value, reader);
      if (isMapping(value)) return mapping.read(value, reader);
      return refuse(value, reader, accepted, "all");
    },
  };
}
