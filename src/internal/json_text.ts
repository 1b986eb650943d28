import type { StandardIssue } from "./standard_schema.ts";

/** The result of parsing a JSON text. */
export type JsonText = {
  /** The value; undefined if it can't be parsed. */
  readonly value: unknown;
  /** What is wrong, each with its path. None of them quotes the text, which may be a payload. */
  readonly issues: readonly StandardIssue[];
};

const utf8 = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true });

/** Returns the text of UTF-8 bytes without a byte order mark; undefined if they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Parses JSON from another program: UTF-8, with or without a byte order mark (RFC 8259, section
 * 8.1). A number that a double would change is an issue: see `findInexactNumbers`.
 */
export function parseJson(body: Uint8Array | string): JsonText {
  const text = typeof body === "string" ? body.replace(/^\ufeff/, "") : decodeUtf8(body);
  if (text === undefined) return unreadable("must be UTF-8");
  try {
    return { value: JSON.parse(text), issues: findInexactNumbers(text) };
  } catch { // the platform's message quotes the text
    return unreadable("must be JSON");
  }
}

function unreadable(message: string): JsonText {
  return { value: undefined, issues: [{ message, path: [] }] };
}

/** Describes a number that a double would change. */
const INEXACT = "is a number that JSON parsers would change: send it as text";

/**
 * Matches where a number with 16 digits before its point, or with a positive exponent, may start. All others
 * are below 2^53. It may match text in strings, which only costs time.
 */
const SUSPECT = /(?:^|[\s:,[])-?(?:\d{16}|[\d.]+[eE]\+?\d)/;
/** Enough to see what is wrong. */
const MAX_ISSUES = 100;

/**
 * Finds the numbers of a JSON text that change when they are parsed: beyond 2^53 the digits that a double
 * can't represent, beyond 1.8e308 all. Smaller decimals are rounded to 17 digits, as by every JSON parser,
 * and are accepted.
 */
function findInexactNumbers(text: string): readonly StandardIssue[] {
  if (!SUSPECT.test(text)) return [];
  const issues: StandardIssue[] = [];
  /** The keys and indices from the root to here. */
  const path: (string | number)[] = [];
  let keyNext = false;
  for (let at = 0; at < text.length && issues.length < MAX_ISSUES;) {
    const end = endOfToken(text, at);
    const token = text[at]!;
    if (token === "{" || token === "[") path.push(token === "{" ? "" : 0);
    else if (token === "}" || token === "]") path.pop();
    else if (token === "," && typeof path.at(-1) === "number") (path[path.length - 1] as number)++;
    else if (token === '"' && keyNext) path[path.length - 1] = JSON.parse(text.slice(at, end));
    else if (/[-\d]/.test(token) && !isKept(text.slice(at, end))) {
      issues.push({ message: INEXACT, path: [...path] });
    }
    if (token === "{" || token === ",") keyNext = typeof path.at(-1) === "string";
    else if (!/\s/.test(token)) keyNext = false;
    at = end;
  }
  return issues;
}

/**
 * Returns a key that an object of a JSON text has twice; undefined if there is none. Parsers disagree about
 * which of the two values counts.
 */
export function findDuplicateKey(text: string): string | undefined {
  /** The keys of each object from the root to here; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let at = 0; at < text.length;) {
    const end = endOfToken(text, at);
    const token = text[at]!;
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === '"' && keyNext) {
      const key = JSON.parse(text.slice(at, end)) as string;
      if (open.at(-1)!.has(key)) return key;
      open.at(-1)!.add(key);
    }
    if (token === "{" || token === ",") keyNext = open.at(-1) !== undefined;
    else if (!/\s/.test(token)) keyNext = false;
    at = end;
  }
  return undefined;
}

const NUMBER = /-?\d[\d.eE+-]*/y;

/** Returns where the string or number that starts here ends. Everything else is one character. */
function endOfToken(text: string, at: number): number {
  if (text[at] === '"') {
    for (let end = text.indexOf('"', at + 1);; end = text.indexOf('"', end + 1)) {
      let backslashes = 0;
      while (text[end - 1 - backslashes] === "\\") backslashes++;
      if (backslashes % 2 === 0) return end + 1;
    }
  }
  NUMBER.lastIndex = at;
  return NUMBER.test(text) ? NUMBER.lastIndex : at + 1;
}

/** Returns whether a number is preserved, or only rounded after its point. */
function isKept(text: string): boolean {
  const value = Number(text);
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return true;
  return Number.isFinite(value) && decimalOf(text) === decimalOf(String(value));
}

/** Returns the digits of a number without zeros at either end, and its power of ten: one text per value. */
function decimalOf(text: string): string {
  const [, whole = "", fraction = "", exponent = "0"] =
    /^-?(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  let length = digits.length;
  while (digits[length - 1] === "0") length--;
  return `${digits.slice(0, length)}e${
    Number(exponent) - fraction.length + digits.length - length
  }`;
}

/**
 * Characters that are invisible or reorder text, but not a joiner between letters of a script that needs it,
 * or in an emoji, nor the one character that selects a variant of the letter or emoji before it.
 */
export const INVISIBLE = new RegExp(
  "(?<![^\\0-\\x7f])[\\u200c\\u200d]|[\\u200c\\u200d](?![^\\0-\\x7f])|" +
    "(?<=[\\0-\\x7f\\ufe00-\\ufe0f])[\\ufe00-\\ufe0f]|(?![\\u200c\\u200d\\ufe00-\\ufe0f\\t\\n\\r])" +
    "[\\p{Default_Ignorable_Code_Point}\\p{Cf}\\p{Cc}\\u2028\\u2029\\u2800\\u{1d159}]",
  "gu",
);

/**
 * Shows characters that a page would hide, or that would reorder the text around them, as JSON escapes such
 * as `\\u202e`. JSON keeps its meaning, and a person reads what will run.
 */
export function showInvisible(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    const units = character.split(""); // a surrogate pair is two
    return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  });
}

/**
 * Writes a JSON value in canonical form (RFC 8785): keys sorted by their UTF-16 code units, no white space.
 * Values that differ only in the order of keys have the same text. The value must be JSON, as `JSON.parse`
 * or `copyJson` return it.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const fields = value as Readonly<Record<string, unknown>>;
  const parts = Object.keys(fields).sort().filter((key) => fields[key] !== undefined);
  return `{${
    parts.map((key) => `${JSON.stringify(key)}:${canonicalJson(fields[key])}`).join(",")
  }}`;
}
