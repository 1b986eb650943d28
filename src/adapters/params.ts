import { copyJson } from "../internal/json.ts";
import { canonicalJson } from "../internal/json_text.ts";
import type { StandardSchemaV1 } from "../internal/standard_schema.ts";
import { isObject } from "../internal/validate.ts";

/** Arguments that gates judge before an SDK applies the tool's schema to them. */
type Parsed = {
  /** What gates judge: with the defaults and transforms of the schema, unless it rejects them. */
  readonly params: unknown;
  /** Why the tool may not get what gates judge when the SDK applies the schema; undefined if it does. */
  readonly problem?: string | undefined;
  /**
   * Returns what the SDK needs so that the tool gets the judged arguments, in a copy.
   *
   * @throws {TypeError} when a gate changed the arguments, and the schema would change them once more
   */
  sdkParams(judged: unknown): Promise<unknown>;
};

const REAPPLIED =
  "the SDK applies the tool's schema more than once, and it changes its own output. Make it " +
  "accept that output without a change";

const CHANGING =
  "the tool's schema returns something else each time it is applied. Make it return the same for the same input, " +
  "or accept its own output without a change";

/**
 * Applies a tool's schema, if it has one, to the arguments of a call.
 *
 * @param reapplies Whether the SDK applies the schema to its own output
 */
export async function parsedBy(
  schema: unknown,
  written: unknown,
  reapplies = false,
): Promise<Parsed> {
  const { "~standard": standard = schema } = (schema ?? {}) as Partial<StandardSchemaV1>;
  const { validate } = (standard ?? {}) as Partial<Validator>;
  if (typeof validate !== "function") return unparsed(written);
  // A schema that throws does so again when the SDK applies it.
  const parse = async (value: unknown): Promise<Validated> => {
    try {
      return await validate(structuredClone(value));
    } catch (error) {
      return { issues: error };
    }
  };
  const once = await parse(written);
  const params = isRejected(once) ? written : once.value;
  const { value: json, issues } = copyJson(params, "params");
  const isJson = issues.length === 0 && opaque(params) === undefined;
  if (!isJson) return unparsed(params); // gates can't see all of it, so they deny it
  const twice = await parse(params);
  const isStable = isRejected(once) || !isRejected(twice) && isSame(twice.value, params);
  const original = isStable ? undefined : structuredClone(written);
  const again = isStable || reapplies ? once : await parse(written);
  const isChanging = again !== once && (isRejected(again) || !isSame(again.value, json));
  return {
    params,
    problem: !isStable && reapplies ? REAPPLIED : isChanging ? CHANGING : undefined,
    async sdkParams(judged) {
      const own = paramsFor(params, judged);
      if (isSame(params, judged)) return original ?? own;
      const { value, ...rejected } = await parse(own);
      const isKept = isRejected(rejected) || // then the SDK says so
        isSame(value, withoutAdded(judged, { given: params, parsed: value }));
      if (isKept) return own;
      throw new TypeError("its schema changes what a gate changed");
    },
  };
}

function unparsed(params: unknown): Parsed {
  return {
    params,
    sdkParams: (judged) => Promise.resolve(paramsFor(params, judged)),
  };
}

/** Returns whether arguments are those that were judged: then they have no more than their JSON. */
export function isSame(params: unknown, judged: unknown): boolean {
  const { value, issues } = copyJson(params, "params");
  const isJson = issues.length === 0 && opaque(params) === undefined;
  return isJson && canonicalJson(value) === canonicalJson(judged);
}

/** Returns judged arguments without the fields that only a gate added, and that the tool's schema doesn't have. */
export function withoutAdded(
  judged: unknown,
  { given, parsed }: { readonly given: unknown; readonly parsed: unknown },
): unknown {
  if (![judged, given, parsed].every(isObject)) return judged;
  const fields = Object.entries(judged as object);
  return Object.fromEntries(
    fields.filter(([name]) =>
      Object.hasOwn(parsed as object, name) || Object.hasOwn(given as object, name)
    ),
  );
}

/**
 * Returns the arguments for a tool: the judged data, in a copy that isn't frozen. Schemas create values that
 * JSON doesn't have: a `Date` or a `URL` is recreated from its text, unless a gate changed the arguments.
 * Without gates, instances of other classes are passed on.
 */
function paramsFor(given: unknown, judged: unknown): unknown {
  const { value, issues } = copyJson(given, "params");
  const isChanged = issues.length > 0 || JSON.stringify(value) !== JSON.stringify(judged);
  if (isChanged) return structuredClone(judged);
  return opaque(given) === undefined ? revived(given, judged) : given;
}

/** A Standard Schema, or one of the AI SDK. */
type Validator = { validate(value: unknown): Validated | PromiseLike<Validated> };
type Validated = {
  readonly value?: unknown;
  readonly issues?: unknown;
  readonly success?: boolean;
};

function isRejected({ issues, success }: Validated): boolean {
  return issues !== undefined || success === false;
}

/** Returns the class of an instance in arguments whose JSON may not show what a tool sees; undefined if none. */
export function opaqueIn(params: unknown): string | undefined {
  // Values without any JSON aren't judged, either.
  return copyJson(params, "params").issues.length > 0 ? undefined : opaque(params);
}

function opaque(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || isText(value)) return undefined;
  const prototype = Object.getPrototypeOf(value);
  // Object.prototype, that of another realm, or none.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!Array.isArray(value) && !isPlain) return prototype.constructor?.name || "class instance";
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === "function") return "toJSON method";
  for (const part of Object.values(value)) {
    const found = opaque(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Returns what arguments have that isn't plain data, so that a tool may see other data than their JSON shows;
 * undefined if nothing. A `Date` is plain data.
 */
export function impureIn(params: unknown): string | undefined {
  const found = hidden(params);
  if (found !== undefined) return found;
  try {
    structuredClone(params);
    return undefined;
  } catch {
    return "a proxy or a function";
  }
}

function hidden(value: unknown, depth = 0, seen = new Set<object>()): string | undefined {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return undefined;
  if (seen.has(value)) return undefined;
  seen.add(value);
  if (value instanceof Date && isText(value)) return undefined;
  const prototype = Object.getPrototypeOf(value);
  const isList = Array.isArray(value) && Array.isArray(prototype); // as Array.prototype is
  const base = isList ? Object.getPrototypeOf(prototype) : prototype;
  if (base !== null && !isObjectPrototype(base)) return "a class instance";
  for (const key of Reflect.ownKeys(value)) {
    if (Array.isArray(value) && key === "length") continue;
    const property = Object.getOwnPropertyDescriptor(value, key)!;
    if (!("value" in property)) return "a getter";
    if (typeof key === "symbol" || !property.enumerable) return "a hidden property";
    if (Array.isArray(value) && !/^\d+$/.test(key)) return "an array with a property";
    const found = hidden(property.value, depth + 1, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns whether an object is the prototype of literals, of this or another realm: nothing of it is data. */
function isObjectPrototype(value: object): boolean {
  return Object.getPrototypeOf(value) === null && Object.hasOwn(value, "hasOwnProperty") &&
    Object.keys(value).length === 0;
}

/** Deeper arguments have no JSON form, or refer to themselves: they aren't judged. */
const MAX_DEPTH = 200;

/** Returns whether a value is a plain `Date` or `URL`, whose JSON has everything. */
function isText(value: object): value is Date | URL {
  const prototype = Object.getPrototypeOf(value);
  const isKnown = prototype === Date.prototype || prototype === URL.prototype;
  return isKnown && Reflect.ownKeys(value).every((key) => typeof key === "symbol");
}

/** Returns a copy of what was judged, with each `Date` and `URL` that was given. */
function revived(given: unknown, judged: unknown): unknown {
  if (typeof given !== "object" || given === null) return judged;
  if (given instanceof Date) return new Date(judged as string);
  if (given instanceof URL) return new URL(judged as string);
  const fields = given as Readonly<Record<string, unknown>>;
  if (Array.isArray(judged)) return judged.map((part, index) => revived(fields[index], part));
  const entries = Object.entries(judged as object);
  return Object.fromEntries(entries.map(([key, part]) => [key, revived(fields[key], part)]));
}
