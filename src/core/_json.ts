import { reason } from "./errors.ts";
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
 */
export function copyJson(value: unknown, root: string): JsonCopy {
  const copier = new Copier(root);
  try {
    return { value: copier.copy(value), faults: copier.faults };
  } catch (error) {
    if (error !== copier) throw error;
    return { value: undefined, faults: copier.faults }; // there were too many
  }
}

class Copier {
  readonly faults: StandardIssue[] = [];
  /** The keys from the root to the value, and the objects. */
  readonly #path: (string | number)[];
  readonly #within = new Set<object>();
  #values = 0;

  constructor(root: string) {
    this.#path = [root];
  }

  copy(value: unknown): unknown {
    if (++this.#values > MAX_VALUES) this.#stop(`more than ${MAX_VALUES} values`);
    switch (typeof value) {
      case "number":
        return Number.isFinite(value) ? value : this.#fault(`${value} has no JSON form`);
      case "undefined":
        return this.#fault("undefined has no JSON form");
      case "bigint":
      case "function":
      case "symbol":
        return this.#fault(`a ${typeof value} has no JSON form`);
      case "object":
        return value === null ? null : this.#guarded(() => this.#object(value));
    }
    return value;
  }

  #object(value: object & { toJSON?: unknown }): unknown {
    const { toJSON } = value;
    if (typeof toJSON !== "function") return this.#enter(value);
    const form = toJSON.call(value, String(this.#path.at(-1)));
    if (form === null && value instanceof Date) {
      return this.#fault("an invalid Date has no JSON form");
    }
    return typeof form === "object" && form !== null ? this.#enter(form) : this.copy(form);
  }

  #enter(value: object): unknown {
    if (this.#within.has(value)) return this.#fault("a cycle has no JSON form");
    if (this.#within.size >= MAX_DEPTH) return this.#fault(`deeper than ${MAX_DEPTH} levels`);
    const tag = Object.prototype.toString.call(value);
    const strange = OPAQUE.test(tag) || ArrayBuffer.isView(value) ||
      (!PLAIN.test(tag) && Object.keys(value).length === 0);
    if (strange) return this.#fault(`a ${tag.slice(8, -1)} has no JSON form`);
    if (/(String|Boolean|Number)\]$/.test(tag)) return this.copy(value.valueOf());
    this.#within.add(value);
    try {
      return Array.isArray(value) ? this.#list(value) : this.#fields(value);
    } finally {
      this.#within.delete(value);
    }
  }

  #list(list: readonly unknown[]): unknown {
    const copy: unknown[] = [];
    for (let i = 0; i < list.length; i++) copy.push(this.#at(i, () => this.copy(list[i])));
    return copy;
  }

  #fields(object: object): unknown {
    const copy = Object.create(null); // so that `__proto__` is a field like others
    for (const key of Object.keys(object)) {
      this.#at(key, () => {
        const field = (object as Readonly<Record<string, unknown>>)[key];
        if (field !== undefined) copy[key] = this.copy(field);
      });
    }
    return copy;
  }

  #at(key: string | number, work: () => unknown): unknown {
    this.#path.push(key);
    const result = this.#guarded(work);
    this.#path.pop();
    return result;
  }

  /** Calls what may throw: a getter, a proxy, `toJSON`. */
  #guarded(work: () => unknown): unknown {
    const { length } = this.#path;
    try {
      return work();
    } catch (error) {
      if (error === this) throw error;
      this.#path.length = length;
      return this.#fault(`can't be read: ${reason(error)}`);
    }
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
