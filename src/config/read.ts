import { closest } from "../internal/validate.ts";
import type { ConfigEnv } from "./config.ts";
import { type Issue, MAX_ISSUES, type Path } from "./config_error.ts";
import { formatPath, isMapping, MAX_SHOWN, quoted } from "./display.ts";
import { type Context, type IssueDetails, mayRefer, readScalar, reject } from "./scalars.ts";
import {
  type ListSchema,
  type ObjectSchema,
  type RecordSchema,
  type Schema,
  type Suggestion,
  type UnionSchema,
  visibilityOf,
} from "./schema.ts";

const OMITTED = Symbol();
const TEXT_ONLY = "a variable holds text and nothing else";
const MERGE_KEYS = "merge keys are not supported: put shared fields under hooks.defaults";

/**
 * Reads a value along a schema and collects every issue, in the order of the value's keys. A part that has
 * an issue is read as undefined.
 */
export class Reader implements Context {
  readonly issues: Issue[] = [];
  readonly env: ConfigEnv | null;
  readonly #path: (string | number)[] = [];

  constructor(env: ConfigEnv | null) {
    this.env = env;
  }

  /** Reads a value. */
  read(value: unknown, schema: Schema): unknown {
    switch (schema.type) {
      case "object":
        return this.#object(value, schema);
      case "record":
        return this.#record(value, schema);
      case "list":
        return this.#list(value, schema);
      case "union":
        return this.#union(value, schema);
      default:
        return readScalar(value, schema, this);
    }
  }

  /** Adds an issue of the value here, or at a key of it. */
  add = (problem: IssueDetails, ...keys: Path): undefined => {
    if (!this.#isFull) this.issues.push({ ...problem, path: [...this.#path, ...keys] });
  };

  /** Whether reading on is of no use, because no more issues are reported. */
  get #isFull(): boolean {
    return this.issues.length > MAX_ISSUES;
  }

  /** Reads below a key. A getter or a proxy that throws is an issue. */
  #below<T>(key: string | number, read: () => T): T | undefined {
    if (this.#isFull) return undefined;
    this.#path.push(key);
    const result = this.guard(read);
    this.#path.pop();
    return result;
  }

  /** Calls `read`; if it throws, adds an issue. */
  guard<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch {
      this.add({ code: "unreadable", problem: "can't be read: a getter or a proxy throws" });
      return undefined;
    }
  }

  #object(value: unknown, schema: ObjectSchema): unknown {
    const { fields, exclusive } = schema;
    if (!isMapping(value)) return this.#notMapping(value, schema);
    for (const [name, { required }] of Object.entries(fields)) {
      if (!required || Object.hasOwn(value, name)) continue;
      this.add({ code: "missing_key", problem: "is missing", on: "key" }, name);
    }
    const [kept, ...others] = exclusive?.filter((name) => Object.hasOwn(value, name)) ?? [];
    for (const name of others) {
      const problem = `can't be combined with '${kept}': remove one of the two`;
      this.add({ code: "conflict", problem, on: "key" }, name);
    }
    const result: [string, unknown][] = [];
    for (const key of Object.keys(value)) {
      if (this.#isFull) break;
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (field === undefined) {
        this.#unknownKey(key, schema);
        continue;
      }
      const read = this.#below(key, () => {
        const isOmitted = value[key] === null && !field.required && !field.rejectNull;
        return isOmitted ? OMITTED : this.read(value[key], field.schema);
      });
      if (read !== OMITTED) result.push([camelCase(key), read]);
    }
    return Object.fromEntries(result);
  }

  #unknownKey(key: string, { fields, misplaced = {} }: ObjectSchema): void {
    const known = Object.keys(fields).filter((name) => !name.startsWith("$"));
    const hint = Object.hasOwn(misplaced, key) ? misplaced[key] : keyHint(key, fields);
    const suggestion = hint === undefined ? closest(key, Object.keys(fields)) : undefined;
    const accepted = known.join(", ");
    const problem = hint !== undefined
      ? "is not allowed here"
      : suggestion !== undefined
      ? "is unknown"
      : `is unknown; known fields: ${accepted}`;
    this.add({ code: "unknown_key", problem, accepted, suggestion, hint, on: "key" }, key);
  }

  #record(value: unknown, schema: RecordSchema): unknown {
    const { accepted, max, values, normalize = String, rename = String } = schema;
    if (!isMapping(value)) return this.#notMapping(value, schema);
    const names = Object.keys(value);
    if (names.length > max) {
      const found = `a mapping of ${names.length}`;
      const problem = `must have at most ${max} keys`;
      return this.add({ code: "too_large", problem, accepted, found });
    }
    const result: [string, unknown][] = [];
    const first = new Map<string, string>();
    for (const name of names) {
      const before = first.get(normalize(name));
      first.set(normalize(name), before ?? name);
      if (!this.#isKey(name, before, schema)) continue;
      const read = this.#below(name, () => {
        const read = this.read(value[name], values);
        const problem = read === undefined ? undefined : schema.findIssue?.(name, read);
        return problem === undefined ? read : this.add({ code: "invalid_value", problem });
      });
      result.push([rename(name), read]);
    }
    return Object.fromEntries(result);
  }

  #isKey(name: string, before: string | undefined, { key }: RecordSchema): boolean {
    const { accepted } = key;
    if (!key.pattern.test(name)) {
      const hint = keyHint(name, {});
      const problem = hint === undefined ? key.describeIssue(name) : "is not allowed";
      const more = hint === undefined ? key.suggest?.(name) : { hint };
      this.add({ code: "invalid_value", problem, accepted, ...more, on: "key" }, name);
      return false;
    }
    if (before === undefined) return true;
    const problem = `is the same as ${quoted(before)}: remove one of the two`;
    this.add({ code: "duplicate", problem, on: "key" }, name);
    return false;
  }

  #list(value: unknown, schema: ListSchema): unknown {
    const { items, of, min, max, unique } = schema;
    if (!Array.isArray(value)) return reject(value, schema, this, suggestList(value, schema));
    if (value.length < min) reject(value, schema, this, { code: "invalid_value" });
    if (value.length > max) {
      const accepted = `a list of at most ${max} ${of}`;
      const found = `a list of ${value.length}`;
      return this.add({ code: "too_large", problem: `must be ${accepted}`, accepted, found });
    }
    const read = Array.from(value, (item, i) => this.#below(i, () => this.read(item, items)));
    for (const field of unique) {
      const first = new Map<unknown, number>();
      for (const [i, item] of read.entries()) {
        const value = (item as Readonly<Record<string, unknown>> | undefined)?.[field];
        const before = first.get(value);
        if (value !== undefined && before === undefined) first.set(value, i);
        if (before === undefined) continue;
        const problem = `must be unique: ${formatPath([...this.#path, before])} has the same`;
        this.add({ code: "duplicate", problem, accepted: `a unique ${field}` }, i, field);
      }
    }
    return items.type === "any" ? read.flat() : read;
  }

  #union(value: unknown, schema: UnionSchema): unknown {
    const { list, other } = schema;
    if (Array.isArray(value)) return this.#list(value, list);
    if (other.type !== "object" || isMapping(value)) return this.read(value, other);
    return this.#notMapping(value, schema);
  }

  /** Adds the issue of a value that is not a mapping. */
  #notMapping(value: unknown, schema: Schema): undefined {
    if (typeof value !== "string") return reject(value, schema, this);
    const fields = schema.type === "object" ? schema.fields : {};
    const hint = mayRefer(value) ? TEXT_ONLY : keyHint(value, fields);
    return reject(value, schema, this, { hint });
  }
}

/** Suggests a list for `a, b` or a single item. */
function suggestList(value: unknown, schema: ListSchema): Suggestion {
  if (value === null) return {};
  if (typeof value === "string" && mayRefer(value)) return { hint: TEXT_ONLY };
  const isShort = typeof value === "string" && visibilityOf(schema) === "all" &&
    value.length <= MAX_SHOWN;
  const parts = isShort ? value.split(",").map((part) => part.trim()) : [""];
  if (!parts.every((part) => /^[^\s[\]{}"'#]+$/.test(part))) {
    return { hint: "write a list as [a, b], or as one line '- a' per item" };
  }
  const items = parts.map((part) => /^[*&!|>%@`?-]/.test(part) ? `"${part}"` : part);
  return { suggestion: `[${items.join(", ")}]` };
}

/** Returns a hint for a key that no mapping accepts. */
function keyHint(key: string, fields: Readonly<Record<string, unknown>>): string | undefined {
  if (key === "<<") return MERGE_KEYS;
  if (mayRefer(key)) return "variables work in values, not in keys";
  const [name = "", value] = key.split(":", 2);
  const isKnown = value !== undefined && Object.hasOwn(fields, name);
  return isKnown ? `add a space after '${name}:'` : undefined;
}

/** Converts `retry_count` to `retryCount`. */
function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
