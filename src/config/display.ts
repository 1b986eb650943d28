/**
 * What messages and code frames may show: nothing secret, and nothing that moves a terminal's cursor.
 *
 * @module
 */
import { looksSecret } from "../internal/issues.ts";

/** How much of a value messages and code frames show: all, nothing, or what a function returns of it. */
export type Visible = "all" | "none" | ((text: string) => string);

/** Most characters of a string that a message shows. */
export const MAX_SHOWN = 60;
/** Most characters of a key that a path or a code frame shows. */
const MAX_KEY = 64;

/** Replaces control and formatting characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "\ufffd");
}

/** Quotes a string, truncated. */
export function quoted(text: string): string {
  const characters = [...text.slice(0, 2 * MAX_SHOWN)];
  const isLong = characters.length > MAX_SHOWN || text.length > 2 * MAX_SHOWN;
  const start = characters.slice(0, MAX_SHOWN).join("");
  return printable(JSON.stringify(isLong ? `${start}…` : start));
}

/** Returns the part of a string that may be shown. */
export function visiblePart(text: string, visible: Visible): string {
  if (visible === "none" || looksSecret(text)) return "";
  return visible === "all" ? text : visible(text);
}

/** Returns the part of a key that may be shown, which ends at the `:` of `token:s3cret`. */
export function visibleKey(key: string): string {
  return looksSecret(key) ? "" : /^(?:<<$|[\w.-]*)/.exec(key)![0].slice(0, MAX_KEY);
}

/** Returns a path with what may be shown of its keys. */
export function visiblePath(path: readonly (string | number)[]): readonly (string | number)[] {
  return path.map((key) => {
    if (typeof key === "number") return key;
    const part = visibleKey(key);
    return part === key ? key : `${part}…`;
  });
}

/** Formats a path as JavaScript would: `hooks.webhooks[2]["a b"]`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((key, i) => {
    if (typeof key === "number") return `[${key}]`;
    const isName = /^[A-Za-z_$][\w$-]*$/.test(key) && key.length <= MAX_SHOWN;
    return isName ? `${i > 0 ? "." : ""}${key}` : `[${quoted(key)}]`;
  }).join("");
}

/** A value that was rejected. */
export interface Received {
  readonly value: unknown;
  readonly visible: Visible;
  /** The string after variables were expanded, if it refers to any. Never shown. */
  readonly expanded?: string | undefined;
}

/** Describes a rejected value, with variables as they were written. */
export function describe({ value, visible, expanded }: Received): string {
  if (typeof value === "string" && expanded !== undefined) {
    const hidden = visiblePart(value, visible) === "";
    if (expanded === "") return hidden ? "an empty variable" : `${quoted(value)}, which is empty`;
    if (hidden) return "a string with a variable (not shown)";
    return `${describe({ value, visible })} (value not shown)`;
  }
  if (value === null) return "no value";
  if (value === "") return "an empty string";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  switch (typeof value) {
    case "string": {
      const part = visiblePart(value, visible);
      if (part === "") return "a string (not shown)";
      return quoted(part === value ? value : `${part}…`);
    }
    case "number":
    case "boolean":
      return visible === "none" ? `a ${typeof value} (not shown)` : String(value);
    case "object": {
      if (isMapping(value)) return "a mapping";
      const name = Object.prototype.toString.call(value).slice(8, -1); // may come from the value itself
      return /^[A-Za-z]{1,40}$/.test(name) ? `a ${name}` : "an object";
    }
    default:
      return value === undefined ? "undefined" : `a ${typeof value}`;
  }
}

/** Returns whether a value is a mapping, and not a list, a Map or a Date. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === "[object Object]";
}

/** Joins words as in "a, b or c". */
export function joinWords(words: readonly string[], conjunction: "and" | "or"): string {
  return words.join(", ").replace(/, ([^,]*)$/, ` ${conjunction} $1`);
}
