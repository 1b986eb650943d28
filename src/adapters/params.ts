import { copyJson } from "../internal/json.ts";
import type { StandardSchemaV1 } from "../internal/standard_schema.ts";

/**
 * Returns the arguments for a tool: the judged data, in a copy that isn't frozen. Schemas create values that
 * JSON doesn't have: a `Date` or a `URL` is recreated from its text, unless a gate changed the arguments.
 * Without gates, instances of other classes are passed on.
 */
export function paramsFor(given: unknown, judged: unknown): unknown {
  const { value, issues } = copyJson(given, "params");
  const isChanged = issues.length > 0 || JSON.stringify(value) !== JSON.stringify(judged);
  if (isChanged) return structuredClone(judged);
  return opaque(given) === undefined ? revived(given, judged) : given;
}

/**
 * Returns the arguments as a tool receives them from an SDK that applies the tool's schema after the gates: with
 * defaults and transforms. Returns them unchanged if the schema rejects them, or isn't idempotent.
 */
export async function parsedBy(schema: unknown, params: unknown): Promise<unknown> {
  const { "~standard": standard = schema } = (schema ?? {}) as Partial<StandardSchemaV1>;
  if (typeof (standard as Validator | undefined)?.validate !== "function") return params;
  const { validate } = standard as Validator;
  try {
    const once = await validate(params);
    if (isRejected(once)) return params;
    // Gates can't see all of it, so they deny it.
    if (opaque(once.value) !== undefined || copyJson(once.value, "params").issues.length > 0) {
      return once.value;
    }
    const twice = await validate(structuredClone(once.value));
    const isStable = !isRejected(twice) &&
      JSON.stringify(twice.value) === JSON.stringify(once.value);
    return isStable ? once.value : params;
  } catch {
    return params; // the SDK will say so
  }
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

function hidden(value: unknown, depth = 0): string | undefined {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return undefined;
  if (value instanceof Date && isText(value)) return undefined;
  const prototype = Object.getPrototypeOf(value);
  const base = Array.isArray(value) ? prototype && Object.getPrototypeOf(prototype) : prototype;
  if (base !== null && Object.getPrototypeOf(base) !== null) return "a class instance";
  for (const key of Reflect.ownKeys(value)) {
    if (Array.isArray(value) && key === "length") continue;
    const property = Object.getOwnPropertyDescriptor(value, key)!;
    if (!("value" in property)) return "a getter";
    if (typeof key === "symbol" || !property.enumerable) return "a hidden property";
    if (Array.isArray(value) && !/^\d+$/.test(key)) return "an array with a property";
    const found = hidden(property.value, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Deeper arguments have no JSON form, or refer to themselves: they aren't judged. */
const MAX_DEPTH = 200;

/** Whether a value is a plain `Date` or `URL`, whose JSON has everything. */
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
