import { copyJson } from "../internal/json.ts";
import { canonicalJson } from "../internal/json_text.ts";
import { isObject } from "../internal/validate.ts";

/** Arguments that gates judge after the tool's schema, and before the tool runs. */
type Parsed = {
  /** What gates judge: with the defaults and transforms of the schema, unless it rejects them. */
  readonly params: unknown;
  /** Why the tool may not get what gates judge when the SDK applies the schema; undefined if it does. */
  readonly problem?: string | undefined;
  /**
   * Returns what the tool gets: the judged arguments, in a copy.
   *
   * @throws {TypeError} when the schema would make something else of what gates judged
   */
  toolParams(judged: unknown): Promise<ToolParams>;
};

/** Arguments for a tool. */
type ToolParams = {
  readonly params: unknown;
  /** What the tool's schema did with them; undefined if it wasn't applied. */
  readonly parsed?: "accepted" | "rejected" | undefined;
  /** Why it rejected them. */
  readonly issues?: unknown;
};

/** Returns what an SDK tries instead of arguments that a schema rejects; undefined if it accepts nothing. */
export type Repair = (accepts: (value: unknown) => Promise<boolean>) => Promise<unknown>;

/** How an SDK applies a tool's schema. */
type Reading = {
  /** Whether the SDK applies the schema to its own output. @default false */
  readonly reapplies?: boolean | undefined;
  /** Returns what the SDK tries instead of arguments that the schema rejects. @default nothing */
  readonly repair?: Repair | undefined;
};

const REAPPLIED =
  "the SDK applies the tool's schema more than once, and it changes its own output. Make it " +
  "accept that output without a change";

/** Why a tool doesn't run whose schema has rejected what gates judged. */
export const REJECTED = "the tool's schema rejected the arguments when gates judged them";

/** Applies a tool's schema, if it has one, to the arguments of a call. */
export async function parsedBy(
  schema: unknown,
  written: unknown,
  { reapplies = false, repair }: Reading = {},
): Promise<Parsed> {
  const validate = validatorOf(schema);
  if (validate === undefined) return unparsed(written);
  const parse = async (value: unknown): Promise<Validated> => {
    try {
      const { success, error, ...parsed } = await validate(value);
      const { issues = error } = (error ?? {}) as { readonly issues?: unknown };
      if (success === false) return { issues: issues ?? "invalid" };
      return { value: parsed.data, ...parsed };
    } catch (error) {
      return { issues: error ?? "invalid" };
    }
  };
  let once = await parse(structuredClone(written));
  const { issues: refused } = once;
  if (isRejected(once) && repair !== undefined) {
    const accepts = async (value: unknown) => !isRejected(await parse(structuredClone(value)));
    const repaired = await repair(accepts);
    if (repaired !== undefined) once = await parse(structuredClone(repaired));
  }
  const isRefused = isRejected(once);
  const params = isRefused ? written : once.value;
  const { value: json, issues } = copyJson(params, "params");
  const isJson = issues.length === 0 && opaque(params) === undefined;
  if (!isJson) return unparsed(params); // gates can't see all of it, so they deny it
  const twice = reapplies && !isRefused ? await parse(copyOf(params)) : undefined;
  const isStable = twice === undefined || !isRejected(twice) && isSame(twice.value, json);
  return {
    params,
    problem: isStable ? undefined : REAPPLIED,
    async toolParams(judged) {
      const own = paramsFor(params, judged);
      const isChanged = !isSame(params, judged);
      if (!isChanged && !reapplies) {
        return isRefused ? rejection(own, refused) : { params: own, parsed: "accepted" };
      }
      const again = await parse(copyOf(own));
      if (isRejected(again) && (isChanged || isRefused)) return rejection(own, again.issues);
      if (isRefused && !isChanged) throw new TypeError(REJECTED);
      if (!isRejected(again) && isSame(again.value, judged)) {
        return { params: reapplies ? own : revived(again.value, judged), parsed: "accepted" };
      }
      if (!isChanged) throw new TypeError("its schema now changes what gates judged");
      throw new TypeError(
        describeDropped(judged, { given: params, parsed: again.value }) ?? CHANGED,
      );
    },
  };
}

function rejection(params: unknown, issues: unknown): ToolParams {
  return { params, parsed: "rejected", issues };
}

function unparsed(params: unknown): Parsed {
  return {
    params,
    toolParams: (judged) => Promise.resolve({ params: paramsFor(params, judged) }),
  };
}

/** Returns another copy of arguments that were judged, because a tool may change the one that it gets. */
export function copyOf(params: unknown): unknown {
  return revived(params, copyJson(params, "params").value);
}

/** Why a call is denied whose schema would change once more what a gate changed. */
export const CHANGED = "its schema changes what a gate changed";

/** Describes a field that a gate added, and that a tool's schema drops. `given` is what gates were given. */
export function describeDropped(
  judged: unknown,
  { given, parsed }: { readonly given: unknown; readonly parsed: unknown },
): string | undefined {
  const isIn = (value: unknown, name: string): boolean =>
    isObject(value) && Object.hasOwn(value, name);
  const names = isObject(judged) ? Object.keys(judged) : [];
  const dropped = names.find((name) => !isIn(given, name) && !isIn(parsed, name));
  return dropped && `the tool's schema drops '${dropped}', which a gate added`;
}

/** Returns whether arguments are those that were judged: then they have no more than their JSON. */
export function isSame(params: unknown, judged: unknown): boolean {
  const { value, issues } = copyJson(params, "params");
  const isJson = issues.length === 0 && opaque(params) === undefined;
  return isJson && canonicalJson(value) === canonicalJson(judged);
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

/** A schema of Zod, a Standard Schema, or one of the AI SDK. */
type Validator = (value: unknown) => Validated | PromiseLike<Validated>;
type Validated = {
  readonly value?: unknown;
  readonly issues?: unknown;
  readonly success?: boolean;
  readonly data?: unknown;
  readonly error?: unknown;
};

/** Returns the function of a schema that validates a value once; undefined without one. */
function validatorOf(schema: unknown): Validator | undefined {
  const own = (schema ?? {}) as {
    readonly "~standard"?: { readonly validate?: Validator };
    readonly validate?: Validator;
    readonly safeParseAsync?: Validator;
  };
  // As a Standard Schema, Zod runs what is asynchronous twice.
  if (typeof own.safeParseAsync === "function") return (value) => own.safeParseAsync!(value);
  const from = own["~standard"] ?? own;
  return typeof from.validate === "function" ? (value) => from.validate!(value) : undefined;
}

function isRejected({ issues }: Validated): boolean {
  return issues !== undefined;
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
