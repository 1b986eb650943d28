import { EventValidationError } from "../../core/errors.ts";
import { isEventType, parseTime, TYPE_RULE } from "../../core/event_rules.ts";
import { parseMediaType } from "../../internal/http_fields.ts";
import type { StandardIssue } from "../../internal/standard_schema.ts";

/** The version of the specification, without its patch level (CloudEvents 1.0.2, `specversion`). */
export const SPEC_VERSION = "1.0";

/** Context attributes by name. An undefined one is present but can't be read, which is already an issue. */
export type Attributes = ReadonlyMap<string, unknown>;

type Rule = readonly [isValid: (text: string) => boolean, message: string];

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
const NOT_EMPTY: Rule = [(text) => text !== "", "must not be empty"];
const REQUIRED = ["specversion", "id", "source", "type"];
const RULES: ReadonlyMap<string, Rule> = /* @__PURE__ */ new Map([
  ["specversion", [(text) => text === SPEC_VERSION, `must be '${SPEC_VERSION}'`]],
  ["id", NOT_EMPTY],
  ["source", [isUriReference, "must be a non-empty URI-reference"]],
  ["type", [isEventType, TYPE_RULE]],
  ["time", [(text) => parseTime(text) !== undefined, "must be an RFC 3339 time"]],
  ["subject", NOT_EMPTY],
  ["dataschema", [(text) => SCHEME.test(text) && isUriReference(text), "must be an absolute URI"]],
  ["datacontenttype", [(text) => parseMediaType(text) !== undefined, "must be a media type"]],
]);

/** Adds every issue of the attributes of one event. */
export function checkAttributes(attributes: Attributes, issues: Issues): void {
  for (const name of REQUIRED) {
    if (!attributes.has(name)) issues.add("is missing", name);
  }
  for (const [name, value] of attributes) {
    if (value === undefined) continue;
    const rule = RULES.get(name);
    const issue = rule ? findIssue(value, rule) : findExtensionIssue(name, value);
    if (issue !== undefined) issues.add(issue, name);
  }
}

function findIssue(value: unknown, [isValid, message]: Rule): string | undefined {
  return findTextIssue(value) ?? (isValid(value as string) ? undefined : message);
}

/** Names and types of extensions follow the same rules as those of the specification's attributes. */
function findExtensionIssue(name: string, value: unknown): string | undefined {
  if (!/^[a-z0-9]+$/.test(name)) return "is not an attribute name, which has only [a-z0-9]";
  if (name === "data") return "is not an attribute name, as it is reserved"; // only a header can have it
  if (typeof value === "string") return findTextIssue(value);
  const isInteger = typeof value === "number" && (value | 0) === value; // 32 bits, signed
  if (isInteger || typeof value === "boolean") return undefined;
  return "must be a string, a boolean or a 32-bit integer";
}

/** Returns why a value can't be the text of an attribute (CloudEvents 1.0.2, "Type System"). */
export function findTextIssue(text: unknown): string | undefined {
  if (typeof text !== "string") return "must be a string";
  if (!/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(text)) return undefined;
  return "must have no control characters, lone surrogates or noncharacters";
}

/** Returns whether a value is a URI-reference (RFC 3986, section 4.1) that is not empty. */
export function isUriReference(text: unknown): boolean {
  if (typeof text !== "string" || text === "") return false;
  if (/[^\w.~:/?#[\]@!$&'()*+,;=%-]|%(?![0-9a-f]{2})/i.test(text)) return false;
  if (text.indexOf("#") !== text.lastIndexOf("#")) return false;
  const [start = ""] = text.split(/[/?#]/, 1);
  return !start.includes(":") || SCHEME.test(start); // a colon before the first slash ends a scheme
}

/** Maximum length of a key in a path: senders choose the names, which appear in messages. */
const MAX_KEY = 64;

/** Collects the issues of a message while it is read. */
export class Issues {
  readonly #issues: StandardIssue[];
  readonly #prefix: readonly PropertyKey[];

  constructor(issues: StandardIssue[] = [], prefix: readonly PropertyKey[] = []) {
    this.#issues = issues;
    this.#prefix = prefix;
  }

  /** Returns the same collection for one element of a batch, whose index starts the paths. */
  within(index: number): Issues {
    return new Issues(this.#issues, [...this.#prefix, index]);
  }

  /** Adds an issue of a key, or of the whole message. */
  add(message: string, key?: string): void {
    const path = key === undefined ? this.#prefix : [...this.#prefix, key.slice(0, MAX_KEY)];
    this.#issues.push({ message, path });
  }

  /** Adds issues that a check of core found. */
  addAll(issues: readonly StandardIssue[]): void {
    for (const { message, path = [] } of issues) {
      this.#issues.push({ message, path: [...this.#prefix, ...path] });
    }
  }

  /** Throws if there are issues. @throws {EventValidationError} with all of them */
  throwIfAny(subject: string): void {
    if (this.#issues.length > 0) throw new EventValidationError(subject, this.#issues);
  }
}

/** The characters to escape in the value of a header (HTTP binding 1.0.2, section 3.1.3.2). */
const ESCAPED = /[^\x21\x23\x24\x26-\x7e]/gu;

/** Encodes the value of an attribute for a `ce-` header. It must be well-formed Unicode. */
export function encodeHeaderValue(value: string): string {
  return value.replace(ESCAPED, (character) => encodeURIComponent(character));
}

/**
 * Decodes the value of a `ce-` header; undefined if it can't be decoded.
 *
 * Quoted strings are unquoted first, because earlier versions of the binding wrote spaces in them. The
 * result is percent-decoded once, which must give UTF-8.
 */
export function decodeHeaderValue(value: string): string | undefined {
  // Headers have one character per byte. A byte beyond ASCII could be Latin-1 or UTF-8.
  if (/[^\t\x20-\x7e]/.test(value)) return undefined;
  const unquoted = unquote(value);
  if (unquoted === undefined) return undefined;
  try {
    return decodeURIComponent(unquoted); // rejects stray percent signs and bytes that are not UTF-8
  } catch {
    return undefined;
  }
}

/** Removes quotes and the backslashes within them (RFC 7230, section 3.2.6). */
function unquote(text: string): string | undefined {
  if (!text.includes('"')) return text;
  let result = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (quoted && text[i] === "\\") result += text[++i] ?? "";
    else result += text[i];
  }
  return quoted ? undefined : result;
}
