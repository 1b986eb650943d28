import { errorMessage } from "./issues.ts";
import type { StandardIssue } from "./standard_schema.ts";
import { isPlainObject } from "./validate.ts";

/** Deeper payloads are rejected, because JSON parsers at receivers may recurse. */
const MAX_DEPTH = 200;
/** Larger payloads are rejected too: an object that is referenced often is written out each time. */
const MAX_VALUES = 1_000_000;
/** Enough to see what is wrong. */
const MAX_ISSUES = 100;

/** Objects that are JSON as they are, or whose `valueOf` is. Others count if they have fields of their own. */
const JSON_TAG = /^\[object (Object|Array|Arguments|String|Boolean|Number)\]$/;
/** Built-ins whose fields, if they have any, are not their content. */
const OPAQUE_TAG =
  /^\[object (Map|Set|Weak\w+|Promise|RegExp|Date|Error|BigInt|Symbol|(Shared)?ArrayBuffer)\]$/;

/** A copy of a value in JSON form, or what JSON can't represent in it. */
type JsonCopy = {
  /** The copy. Meaningless if there are issues. */
  readonly value: unknown;
  /** What is wrong, each with its path. */
  readonly issues: readonly StandardIssue[];
};

/**
 * Copies a value as `JSON.stringify` would write it, but rejects what that would drop or change
 * silently: NaN, functions, Maps, Errors and the like. Undefined fields are left out. Everything is read
 * once, and `toJSON` is called once, as JSON does.
 *
 * @param root The first key of the paths of issues
 * @param finish Called with each list and object of the copy once it is complete, such as `Object.freeze`
 */
export function copyJson(
  value: unknown,
  root: string,
  finish: (part: object) => void = () => {},
): JsonCopy {
  const copier = new Copier(root, finish);
  return { value: copier.copy(value), issues: copier.issues };
}

/**
 * Freezes a parsed JSON value in place, at every level, and returns it. -0 becomes 0, as in `copyJson`.
 * The only issue is the first one that `copyJson` rejects and a JSON parser accepts.
 *
 * @param root The first key of the path of an issue
 */
export function freezeJson(value: unknown, root: string): JsonCopy {
  const issue = freeze(value, 0);
  const issues = issue ? [{ message: issue.message, path: [root, ...issue.path] }] : [];
  return { value: withoutNegativeZero(value), issues };
}

type FreezeIssue = { readonly message: string; readonly path: string[] };

function freeze(value: unknown, depth: number): FreezeIssue | undefined {
  if (typeof value === "number" && !Number.isFinite(value)) { // parsed from 1e999
    return { message: `${value} has no JSON form`, path: [] };
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (depth >= MAX_DEPTH) return { message: `deeper than ${MAX_DEPTH} levels`, path: [] };
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields)) {
    const issue = freeze(fields[key], depth + 1);
    if (issue !== undefined) {
      issue.path.unshift(key);
      return issue;
    }
    if (fields[key] === 0) fields[key] = 0; // it may be -0
  }
  Object.freeze(value);
  return undefined;
}

function withoutNegativeZero(value: unknown): unknown {
  return value === 0 ? 0 : value;
}

class Copier {
  readonly issues: StandardIssue[] = [];
  /** The keys from the root to the current value. */
  readonly #path: (string | number)[];
  /** The objects from the root to the current value. */
  readonly #ancestors: object[] = [];
  readonly #finish: (part: object) => void;
  #values = 0;
  /** Whether there are too many values or issues: what remains is not read. */
  #stopped = false;

  constructor(root: string, finish: (part: object) => void) {
    this.#path = [root];
    this.#finish = finish;
  }

  copy(value: unknown): unknown {
    if (++this.#values > MAX_VALUES) return this.#stop(`more than ${MAX_VALUES} values`);
    switch (typeof value) {
      case "number":
        if (!Number.isFinite(value)) return this.#reject(noJsonForm(`${value}`));
        return withoutNegativeZero(value);
      case "undefined":
        return this.#reject(noJsonForm("undefined"));
      case "bigint":
      case "function":
      case "symbol":
        return this.#reject(noJsonForm(typeof value));
      case "object":
        return value === null ? null : this.#copyObject(value);
    }
    return value;
  }

  /** Copies an object. What a getter, a proxy or `toJSON` throws is an issue. */
  #copyObject(value: object & { toJSON?: unknown }): unknown {
    const depth = this.#path.length;
    const ancestors = this.#ancestors.length;
    try {
      const { toJSON } = value;
      if (typeof toJSON !== "function") return this.#copyParts(value);
      const form = toJSON.call(value, String(this.#path.at(-1)));
      if (form === null && value instanceof Date) return this.#reject(noJsonForm("invalid Date"));
      return typeof form === "object" && form !== null ? this.#copyParts(form) : this.copy(form);
    } catch (error) {
      this.#path.length = depth;
      this.#ancestors.length = ancestors;
      return this.#reject(`can't be read: ${errorMessage(error)}`);
    }
  }

  #copyParts(value: object): unknown {
    if (this.#ancestors.includes(value)) return this.#reject(noJsonForm("cycle"));
    if (this.#ancestors.length >= MAX_DEPTH) {
      return this.#reject(`deeper than ${MAX_DEPTH} levels`);
    }
    if (!isLiteral(value)) {
      const tag = Object.prototype.toString.call(value);
      const isOpaque = OPAQUE_TAG.test(tag) || ArrayBuffer.isView(value) ||
        (!JSON_TAG.test(tag) && Object.keys(value).length === 0);
      if (isOpaque) return this.#reject(noJsonForm(tag.slice(8, -1)));
      if (/(String|Boolean|Number)\]$/.test(tag)) return this.copy(value.valueOf());
    }
    this.#ancestors.push(value);
    const copy = Array.isArray(value) ? this.#copyList(value) : this.#copyFields(value);
    this.#ancestors.pop();
    this.#finish(copy);
    return copy;
  }

  #copyList(list: readonly unknown[]): object {
    const copy: unknown[] = [];
    for (let i = 0; i < list.length && !this.#stopped; i++) {
      this.#path.push(i);
      copy.push(this.#read(list, i, false));
      this.#path.pop();
    }
    return copy;
  }

  #copyFields(object: object): object {
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(object)) {
      if (this.#stopped) break;
      this.#path.push(key);
      const value = this.#read(object as Readonly<Record<string, unknown>>, key, true);
      this.#path.pop();
      if (value === undefined) continue;
      if (key !== "__proto__") copy[key] = value;
      else {
        const field = { value, enumerable: true, configurable: true, writable: true };
        Object.defineProperty(copy, key, field); // a field like any other
      }
    }
    return copy;
  }

  /** Returns the copy of a part; undefined for an optional part that is undefined. */
  #read<Key extends string | number>(
    from: Readonly<Record<Key, unknown>>,
    key: Key,
    optional: boolean,
  ): unknown {
    let part: unknown;
    try {
      part = from[key];
    } catch (error) {
      return this.#reject(`can't be read: ${errorMessage(error)}`);
    }
    return part === undefined && optional ? undefined : this.copy(part);
  }

  #reject(message: string): null {
    if (this.issues.length >= MAX_ISSUES) return this.#stop("and more");
    this.issues.push({ message, path: [...this.#path] });
    return null;
  }

  #stop(message: string): null {
    if (!this.#stopped) this.issues.push({ message, path: this.#path.slice(0, 1) });
    this.#stopped = true;
    return null;
  }
}

/** Returns whether an object is a literal or a list. Most are, and need no closer look. */
function isLiteral(value: object): boolean {
  return Array.isArray(value) || (isPlainObject(value) && !(Symbol.toStringTag in value));
}

/** What to pass instead of a value that JSON can't represent, by `typeof` or by class. */
const ADVICE: Readonly<Record<string, readonly string[]>> = {
  "leave the field out, or pass null": ["undefined"],
  "leave it out": ["function", "symbol", "Symbol", "WeakMap", "WeakSet", "WeakRef"],
  "pass String(value)": ["bigint", "BigInt"],
  "pass null": ["NaN"],
  "pass null or text": ["Infinity", "-Infinity"],
  "pass Object.fromEntries(…)": ["Map", "URLSearchParams", "Headers", "FormData"],
  "pass [...set]": ["Set"],
  "pass its source": ["RegExp"],
  "await it first": ["Promise"],
  "pass { message: error.message }": ["Error"],
  "pass a valid Date, or null": ["invalid Date"],
  "pass it as Base64 text": ["ArrayBuffer", "SharedArrayBuffer", "DataView", "Blob", "File"],
  "pass only the fields that are needed": ["cycle"],
};

/** Says that a value has no JSON form, and what to pass instead. `what` is its `typeof` or its class. */
function noJsonForm(what: string): string {
  let advice = "pass a plain object";
  if (/^(?:Uint|Int|BigUint|BigInt|Float)\d+/.test(what)) advice = "pass it as Base64 text";
  for (const [text, names] of Object.entries(ADVICE)) if (names.includes(what)) advice = text;
  return `${articleOf(what)}${what} has no JSON form: ${advice}`;
}

function articleOf(what: string): string {
  if (/^(?:undefined|NaN|-?Infinity)$/.test(what)) return "";
  return /^[aeiou]/i.test(what) && !/^u(?:int|rl|n?i)/i.test(what) ? "an " : "a ";
}
