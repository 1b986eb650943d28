import { errorMessage } from "./issues.ts";
import type { StandardIssue } from "./standard_schema.ts";

/** Deeper payloads are refused; a JSON parser on the way may recurse. */
const MAX_DEPTH = 200;
/** Larger ones too: shared parts are written wherever they stand, which may be without end. */
const MAX_VALUES = 1_000_000;
/** Enough to see what is wrong. */
const MAX_FAULTS = 100;

/** Objects that are JSON as they are, or whose value is. All others tell by having fields of their own. */
const PLAIN = /^\[object (Object|Array|Arguments|String|Boolean|Number)\]$/;
/** Built-ins whose fields, if they have any, are not their content. */
const OPAQUE =
  /^\[object (Map|Set|Weak\w+|Promise|RegExp|Date|Error|BigInt|Symbol|(Shared)?ArrayBuffer)\]$/;

/** A copy of a value as JSON has it, or what in the value JSON can't carry. */
export type JsonCopy = {
  /** The copy; worth something only when there are no faults. */
  readonly value: unknown;
  /** What is wrong, each with its path. */
  readonly faults: readonly StandardIssue[];
};

/**
 * Copies a value as `JSON.stringify` would write it, but refuses what that would drop or change without
 * a word: NaN, functions, Maps, Errors and their like. A field that is undefined is left out. Everything
 * is read once, and `toJSON` called once, as JSON does.
 *
 * @param root The first key of the paths of faults
 * @param finish Called with each list and object of the copy once it is complete, such as `Object.freeze`
 */
export function copyJson(
  value: unknown,
  root: string,
  finish: (part: object) => void = () => {},
): JsonCopy {
  const copier = new Copier(root, finish);
  try {
    return { value: copier.copy(value), faults: copier.faults };
  } catch (error) {
    if (error !== copier) throw error;
    return { value: undefined, faults: copier.faults }; // there were too many
  }
}

/**
 * Freezes a parsed JSON value in place, at every level. Returns the first fault: what `copyJson` refuses
 * and a JSON parser accepts.
 *
 * @param root The first key of the path of a fault
 */
export function freezeJson(value: unknown, root: string): StandardIssue | undefined {
  const fault = freeze(value, 0);
  return fault && { message: fault.message, path: [root, ...fault.path] };
}

type Fault = { readonly message: string; readonly path: string[] };

function freeze(value: unknown, depth: number): Fault | undefined {
  if (typeof value === "number" && !Number.isFinite(value)) { // from 1e999
    return { message: `${value} has no JSON form`, path: [] };
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (depth >= MAX_DEPTH) return { message: `deeper than ${MAX_DEPTH} levels`, path: [] };
  Object.freeze(value);
  for (const key of Object.keys(value)) {
    const fault = freeze((value as Readonly<Record<string, unknown>>)[key], depth + 1);
    if (fault === undefined) continue;
    fault.path.unshift(key);
    return fault;
  }
  return undefined;
}

class Copier {
  readonly faults: StandardIssue[] = [];
  /** The keys from the root to the value. */
  readonly #path: (string | number)[];
  /** The objects from the root to the value. */
  readonly #within: object[] = [];
  readonly #finish: (part: object) => void;
  #values = 0;

  constructor(root: string, finish: (part: object) => void) {
    this.#path = [root];
    this.#finish = finish;
  }

  copy(value: unknown): unknown {
    if (++this.#values > MAX_VALUES) this.#stop(`more than ${MAX_VALUES} values`);
    switch (typeof value) {
      case "number":
        if (!Number.isFinite(value)) return this.#fault(noJsonForm(`${value}`));
        return value === 0 ? 0 : value; // JSON has no -0
      case "undefined":
        return this.#fault(noJsonForm("undefined"));
      case "bigint":
      case "function":
      case "symbol":
        return this.#fault(noJsonForm(typeof value));
      case "object":
        return value === null ? null : this.#object(value);
    }
    return value;
  }

  /** Copies an object; whatever throws (a getter, a proxy, `toJSON`) is a fault. */
  #object(value: object & { toJSON?: unknown }): unknown {
    const depth = this.#path.length;
    const within = this.#within.length;
    try {
      const { toJSON } = value;
      if (typeof toJSON !== "function") return this.#enter(value);
      const form = toJSON.call(value, String(this.#path.at(-1)));
      if (form === null && value instanceof Date) {
        return this.#fault(noJsonForm("invalid Date"));
      }
      return typeof form === "object" && form !== null ? this.#enter(form) : this.copy(form);
    } catch (error) {
      if (error === this) throw error;
      this.#path.length = depth;
      this.#within.length = within;
      return this.#fault(`can't be read: ${errorMessage(error)}`);
    }
  }

  #enter(value: object): unknown {
    if (this.#within.includes(value)) return this.#fault(noJsonForm("cycle"));
    if (this.#within.length >= MAX_DEPTH) return this.#fault(`deeper than ${MAX_DEPTH} levels`);
    if (!isPlain(value)) {
      const tag = Object.prototype.toString.call(value);
      const strange = OPAQUE.test(tag) || ArrayBuffer.isView(value) ||
        (!PLAIN.test(tag) && Object.keys(value).length === 0);
      if (strange) return this.#fault(noJsonForm(tag.slice(8, -1)));
      if (/(String|Boolean|Number)\]$/.test(tag)) return this.copy(value.valueOf());
    }
    this.#within.push(value);
    const copy = Array.isArray(value) ? this.#list(value) : this.#fields(value);
    this.#within.pop();
    this.#finish(copy);
    return copy;
  }

  #list(list: readonly unknown[]): object {
    const copy: unknown[] = [];
    for (let i = 0; i < list.length; i++) {
      this.#path.push(i);
      copy.push(this.#read(list, i, false));
      this.#path.pop();
    }
    return copy;
  }

  #fields(object: object): object {
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(object)) {
      this.#path.push(key);
      const value = this.#read(object as Readonly<Record<string, unknown>>, key, true);
      this.#path.pop();
      if (value === undefined) continue;
      if (key !== "__proto__") copy[key] = value;
      else {
        const field = { value, enumerable: true, configurable: true, writable: true };
        Object.defineProperty(copy, key, field); // a field like others
      }
    }
    return copy;
  }

  /** The copy of a part; undefined for a part that is left out. */
  #read<Key extends string | number>(
    from: Readonly<Record<Key, unknown>>,
    key: Key,
    optional: boolean,
  ): unknown {
    let part: unknown;
    try {
      part = from[key];
    } catch (error) {
      return this.#fault(`can't be read: ${errorMessage(error)}`);
    }
    return part === undefined && optional ? undefined : this.copy(part);
  }

  #fault(message: string): null {
    if (this.faults.length >= MAX_FAULTS) this.#stop("and more");
    this.faults.push({ message, path: [...this.#path] });
    return null;
  }

  #stop(message: string): never {
    this.faults.push({ message, path: this.#path.slice(0, 1) });
    throw this;
  }
}

/** Whether an object is one that a literal makes: most are, and need no closer look. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !(Symbol.toStringTag in value);
}

const BYTES = "pass it as Base64 text";
const ENTRIES = "pass Object.fromEntries(…)";
const LEFT_OUT = "leave it out";

/** What to pass instead of a value that JSON can't carry, by `typeof` or by its class. */
const advice: Readonly<Record<string, string>> = {
  ...{ undefined: "leave the field out, or pass null", bigint: "pass String(value)" },
  ...{ function: LEFT_OUT, symbol: LEFT_OUT, WeakMap: LEFT_OUT, WeakSet: LEFT_OUT },
  ...{ NaN: "pass null", Infinity: "pass null or text", "-Infinity": "pass null or text" },
  ...{ BigInt: "pass String(value)", Symbol: LEFT_OUT, WeakRef: LEFT_OUT },
  ...{ Map: ENTRIES, URLSearchParams: ENTRIES, Headers: ENTRIES, FormData: ENTRIES },
  ...{ Set: "pass [...set]", RegExp: "pass its source", Promise: "await it first" },
  ...{ Error: "pass { message: error.message }", "invalid Date": "pass a valid Date, or null" },
  ...{ ArrayBuffer: BYTES, SharedArrayBuffer: BYTES, DataView: BYTES, Blob: BYTES, File: BYTES },
  cycle: "pass only the fields that are needed",
};

/** Says that a value has no JSON form, and what to pass instead. `what`: its `typeof`, or its class. */
export function noJsonForm(what: string): string {
  const article = /^(?:undefined|NaN|-?Infinity)$/.test(what)
    ? ""
    : /^[aeiou]/i.test(what) && !/^u(?:int|rl|n?i)/i.test(what)
    ? "an "
    : "a ";
  const instead = Object.hasOwn(advice, what)
    ? advice[what]
    : /^(?:Uint|Int|BigUint|BigInt|Float)\d+/.test(what)
    ? BYTES
    : "pass a plain object";
  return `${article}${what} has no JSON form: ${instead}`;
}
