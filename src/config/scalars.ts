/**
 * Reads strings, numbers and booleans, with their variables expanded.
 *
 * @module
 */
import { looksSecret } from "../internal/issues.ts";
import { describePadding } from "../internal/options.ts";
import type { ConfigEnv } from "./config.ts";
import type { Issue } from "./config_error.ts";
import {
  acceptedBy,
  type NumberSchema,
  type ScalarSchema,
  type Schema,
  type StringSchema,
  type Suggestion,
  visibilityOf,
} from "./schema.ts";
import { printable } from "./display.ts";

/** Longest string, in UTF-16 code units: as long as a header or a URL that servers accept. */
export const MAX_STRING = 8192;

/** What is wrong with a value, wherever it is. */
export type IssueDetails = Omit<Issue, "path">;

/** What reading a value needs. */
export interface Context {
  /** Null: strings are literal, and refer to no variable. */
  readonly env: ConfigEnv | null;
  /** Adds an issue, and returns undefined in place of the value. */
  add(problem: IssueDetails): undefined;
}

/** Reads a value that is neither a list nor a mapping; undefined if it has an issue. */
export function readScalar(value: unknown, schema: ScalarSchema, context: Context): unknown {
  switch (schema.type) {
    case "string":
      return readString(value, schema, context);
    case "any":
      return readAny(value, schema, context);
    case "boolean":
      return readTyped(value, schema, context, toBoolean);
    default:
      return readNumber(value, schema, context);
  }
}

/** Adds the issue of a value that is not what the schema accepts. */
export function reject(
  value: unknown,
  schema: Schema,
  context: Context,
  { expanded, ...more }: Partial<IssueDetails> & { readonly expanded?: string | undefined } = {},
): undefined {
  const accepted = acceptedBy(schema);
  const problem = `must be ${accepted}`;
  const received = { value, expanded, visible: visibilityOf(schema) };
  return context.add({ code: "invalid_type", problem, accepted, received, ...more });
}

function readString(given: unknown, schema: StringSchema, context: Context): unknown {
  const { accepted, pattern, suggest } = schema;
  const isDate = schema.acceptsDate && given instanceof Date && !Number.isNaN(given.getTime());
  const value = isDate ? given.toISOString() : given;
  if (typeof value !== "string") {
    const isScalar = typeof value === "number" || typeof value === "boolean";
    const hint = isScalar && pattern.test(String(value)) ? "put it in quotes" : undefined;
    const more = typeof value === "number" ? suggest?.(String(value)) : {};
    return reject(value, schema, context, { hint, ...more });
  }
  const expanded = expandString(value, schema, context);
  if (expanded === undefined) return undefined;
  const { text, hasReference } = expanded;
  const matches = pattern.test(text);
  const problem = matches ? schema.findIssue?.(text) : undefined;
  if (problem !== undefined) return context.add({ code: "invalid_value", problem, accepted });
  const result = matches ? (schema.parse ?? String)(text) : undefined;
  if (result !== undefined) return result;
  const more = hasReference ? { expanded: text, ...suggestTrimming(text) } : suggest?.(text);
  return reject(value, schema, context, { code: "invalid_value", ...more });
}

/** Expands the variables of a string that is short enough to look at. */
function expandString(
  value: string,
  schema: Schema,
  { env, add }: Context,
): { readonly text: string; readonly hasReference: boolean } | undefined {
  const isShort = ({ length }: string): boolean => {
    if (length <= MAX_STRING) return true;
    const accepted = `a string of at most ${MAX_STRING} characters`;
    const found = `a string of ${length} characters`;
    return add({ code: "too_large", problem: `must be ${accepted}`, accepted, found }) ?? false;
  };
  if (!isShort(value)) return undefined;
  if (env === null) return { text: value, hasReference: false };
  const expanded = expand(value, env, visibilityOf(schema) === "none");
  const { problem } = expanded;
  if (problem !== undefined) return add({ code: "variable", problem });
  return isShort(expanded.text) ? expanded : undefined;
}

function readNumber(value: unknown, schema: NumberSchema, context: Context): unknown {
  const toNumber = (value: unknown): number | undefined => {
    const isDecimal = typeof value === "string" && /^[0-9]+(?:\.[0-9]+)?$/.test(value);
    const number = isDecimal ? Number(value) : value;
    const fits = typeof number === "number" && number >= schema.min && number <= schema.max;
    return fits && (schema.type === "number" || Number.isInteger(number)) ? number : undefined;
  };
  const number = readTyped(value, schema, context, toNumber);
  const problem = number === undefined ? undefined : schema.findIssue?.(number);
  return problem === undefined ? number : context.add({ code: "invalid_value", problem });
}

function toBoolean(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  return value === "true" ? true : value === "false" ? false : undefined;
}

/** Reads a number or a boolean, or a variable that spells one. */
function readTyped<T>(
  value: unknown,
  schema: ScalarSchema,
  context: Context,
  parse: (value: unknown) => T | undefined,
): T | undefined {
  if (typeof value !== "string") {
    const isNumber = typeof value === "number" && schema.type !== "boolean";
    const code = isNumber ? "invalid_value" : "invalid_type";
    return parse(value) ?? reject(value, schema, context, { code });
  }
  if (context.env === null || !REFERENCE.test(value)) {
    return reject(value, schema, context, suggestUnquoted(value, parse));
  }
  const expanded = expandString(value, schema, context)?.text;
  if (expanded === undefined) return undefined;
  const more = { expanded, ...suggestTrimming(expanded) };
  return parse(expanded) ?? reject(value, schema, context, { code: "invalid_value", ...more });
}

/** Reads a value that a filter compares. A variable matches its text and the value it spells. */
function readAny(value: unknown, schema: ScalarSchema, context: Context): unknown {
  if (typeof value === "string") {
    const text = expandString(value, schema, context)?.text;
    if (text === undefined || context.env === null || !REFERENCE.test(value)) return text;
    const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) &&
      Math.abs(Number(text)) <= Number.MAX_SAFE_INTEGER;
    return isNumber || /^(?:true|false|null)$/.test(text) ? [text, JSON.parse(text)] : text;
  }
  if (value === null || typeof value === "boolean") return value;
  if (typeof value !== "number" || !Number.isFinite(value)) return reject(value, schema, context);
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
  // YAML and JSON parsers have rounded it: what was written is lost.
  const accepted = `a number up to ${Number.MAX_SAFE_INTEGER}, or a string`;
  const hint = "put it in quotes, and send it as a string";
  return context.add({ code: "invalid_value", problem: `must be ${accepted}`, accepted, hint });
}

/** Suggests to remove extra characters around a value, as variables often have them. */
export function suggestTrimming(text: string): Suggestion {
  return text === "" ? {} : { hint: describePadding(text) };
}

/** YAML 1.1 had more words for true and false. */
const YES = ["yes", "on", "y"];
const NO = ["no", "off", "n"];

/** Suggests what to write instead of a string where another type is expected. */
function suggestUnquoted(value: string, parse: (value: unknown) => unknown): Suggestion {
  if (mayRefer(value)) return { hint: "a variable must be the whole value here" };
  if (/^\$[A-Za-z_]\w*$/.test(value)) return { suggestion: `\${${value.slice(1)}}` };
  const word = value.trim().toLowerCase();
  const meant = YES.includes(word) ? "true" : NO.includes(word) ? "false" : word;
  if (parse(meant) === undefined) return {};
  return meant === value ? { hint: "remove the quotes" } : { suggestion: meant };
}

const NAME = "[A-Za-z_][A-Za-z0-9_]*";
/** Matches a string that is one reference and nothing else, which may stand for a number or a boolean. */
export const REFERENCE: RegExp = new RegExp(`^\\$\\{${NAME}(?::-[^{}]*)?\\}$`, "u");
const PARTS = new RegExp(`^(${NAME})(?::-(.*))?$`, "su");

const UNCLOSED = "has ${ without }: write ${NAME}, or $${ for a literal ${";
const NESTED = "has a reference inside the default of another, which is not supported";
const MALFORMED = "has ${…} that is not a reference: write ${NAME} or ${NAME:-default}, or $${ " +
  "for a literal ${";

/** A string with its variables expanded, or what is wrong with a reference. */
type Expanded =
  | { readonly text: string; readonly hasReference: boolean; readonly problem?: undefined }
  | { readonly problem: string };

/** Returns whether a string contains `${`. */
export function mayRefer(text: string): boolean {
  return text.includes("${");
}

/**
 * Expands `${NAME}` and `${NAME:-default}`, whose default applies if the variable is unset or empty. `$${`
 * is a literal `${`. In a `secret` field, a name in unusual spelling is not quoted, because it may be part
 * of a secret.
 */
function expand(text: string, env: ConfigEnv, secret: boolean): Expanded {
  let problem: string | undefined;
  let hasReference = false;
  const expanded = text.replace(/\$\$\{|\$\{([^}]*)(\}?)/gu, (match, inner = "", end = "") => {
    if (match === "$${") return "${";
    hasReference = true;
    const value = end === "" ? { problem: UNCLOSED } : lookUp(inner, env, secret);
    if (typeof value === "string") return value;
    problem ??= value.problem;
    return "";
  });
  return problem === undefined ? { text: expanded, hasReference } : { problem };
}

function lookUp(inner: string, env: ConfigEnv, secret: boolean): string | { problem: string } {
  const [, name, fallback] = PARTS.exec(inner) ?? [];
  if (fallback?.includes("${")) return { problem: NESTED };
  if (name === undefined) return { problem: MALFORMED };
  const hidden = looksSecret(name) || (secret && !/^[A-Z_][A-Z0-9_]*$/.test(name));
  const shown = hidden ? "a variable" : `variable ${name}`;
  try {
    const value = valueOf(env, name);
    if (fallback !== undefined) return value || fallback;
    if (value !== undefined) return value;
  } catch (error) {
    const { message } = error instanceof Error ? error : { message: "" };
    return {
      problem: `needs ${shown}, which can't be read: ${printable(message.split("\n")[0]!)}`,
    };
  }
  return {
    problem: `needs ${shown}, which is not set: set it, or add a default, as in \${NAME:-default}`,
  };
}

function valueOf(env: ConfigEnv, name: string): string | undefined {
  if (typeof env !== "function" && !Object.hasOwn(env, name)) return undefined; // as for `constructor`
  const value = typeof env === "function" ? env(name) : env[name];
  return typeof value === "string" ? value : undefined;
}
