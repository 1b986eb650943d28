import { maskBeginning } from "./mask_url.ts";

/** The name of a hook, a webhook or a token. */
export const NAME_PATTERN: RegExp = /^[A-Za-z0-9._-]{1,64}$/u;

/** Describes `NAME_PATTERN` in messages. */
export const NAME_RULE = "1 to 64 characters of [A-Za-z0-9._-]";

/** A bearer token that every client can send (RFC 6750, section 2.1: `b64token`). The lengths are ours. */
export const TOKEN_PATTERN: RegExp = /^(?=.{16,512}$)[A-Za-z0-9._~+/-]+=*$/u;

/** Describes `TOKEN_PATTERN` in messages. */
export const TOKEN_RULE = "16 to 512 characters of [A-Za-z0-9._~+/-], with = at the end only";

/** Returns the error for an option that breaks a rule, such as `"a string"`. */
export function invalidOption(
  subject: string,
  name: string,
  value: unknown,
  rule: string,
): TypeError {
  return new TypeError(`${subject}: '${name}' must be ${rule}, got ${inspect(value)}`);
}

/** Asserts that a value can be the name of a hook, a webhook or a token. */
export function checkName(subject: string, name: unknown): asserts name is string {
  if (typeof name === "string" && NAME_PATTERN.test(name)) return;
  throw invalidOption(subject, "name", name, NAME_RULE);
}

/** Asserts that members are functions. Those in `optional` may be undefined. */
export function checkFunctions(
  subject: string,
  object: object,
  names: readonly string[],
  optional: readonly string[] = [],
): void {
  for (const name of [...names, ...optional]) {
    const member = (object as Readonly<Record<string, unknown>>)[name];
    if (typeof member === "function" || (member === undefined && !names.includes(name))) continue;
    throw invalidOption(subject, name, member, "a function");
  }
}

/** Asserts that an option is a logger, `false` for none, or omitted. */
export function checkLogger(subject: string, logger: object | false | undefined): void {
  if (logger === false || logger === undefined) return;
  checkFunctions(subject, logger, ["debug", "info", "warn", "error"]);
}

/** Formats an event type for a message, whatever its value is. */
export function quote(type: unknown): string {
  return typeof type === "string" ? `'${type.slice(0, 128)}'` : inspect(type);
}

/** Formats a value for a message, in 80 characters or fewer. Secrets in URLs are masked. */
export function inspect(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(maskText(value).slice(0, 80));
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return value.length > 0 ? "a list" : "an empty list";
  return isObject(value) ? "an object" : String(value);
}

/** How much of a text is masked, in characters, before 80 of them are shown. */
const MAX_MASKED = 1_024;

function maskText(text: string): string {
  return maskBeginning(text, MAX_MASKED, text.length > MAX_MASKED ? undefined : text);
}

/** Asserts that an option is one of several words. */
export function checkOneOf(
  subject: string,
  name: string,
  value: unknown,
  words: readonly string[],
): void {
  if (words.includes(value as string)) return;
  const all = words.map((word) => `"${word}"`).join(", ").replace(/, (?!.*, )/, " or ");
  throw invalidOption(subject, name, value, all);
}

/** Asserts that an option is true or false. */
export function checkBoolean(subject: string, name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw invalidOption(subject, name, value, "true or false");
}

/** Asserts that an option is text, and no longer than `max` characters. */
export function checkText(subject: string, name: string, value: unknown, max = Infinity): void {
  if (typeof value === "string" && value !== "" && [...value].length <= max) return;
  const rule = max === Infinity ? "a non-empty string" : `a string of 1 to ${max} characters`;
  throw invalidOption(subject, name, value, rule);
}

/** Asserts that an option is a date, and not an invalid one. */
export function checkDate(subject: string, name: string, value: unknown): void {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return;
  throw invalidOption(subject, name, value, "a valid Date");
}

/** Asserts that an option is a list. */
export function checkList(subject: string, name: string, value: unknown): void {
  if (!Array.isArray(value)) throw invalidOption(subject, name, value, "a list");
}

/** Returns whether a value is an object and not a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Asserts that a value is an object and not a list. */
export function checkObject(
  subject: string,
  name: string,
  value: unknown,
): asserts value is object {
  if (isObject(value)) return;
  throw new TypeError(
    `${subject}: ${name} must be an object, got ${inspect(value)}`,
  );
}

/** Returns the word that was most likely intended; undefined if none is similar. */
export function closest(word: string, words: Iterable<string>): string | undefined {
  if (word.length > 40) return undefined;
  const plain = normalize(word);
  let best: string | undefined;
  let least = 1 + Math.max(1, Math.floor(plain.length / 3));
  for (const candidate of words) {
    const distance = edits(plain, normalize(candidate));
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Makes `retryCount`, `retry-count` and `RETRY_COUNT` the same word. */
function normalize(word: string): string {
  return word.replace(/[_\s-]/g, "").toLowerCase();
}

/** Counts the letters that are missing, added, replaced or swapped with their neighbor. */
function edits(a: string, b: string): number {
  const rows = Array.from(
    { length: a.length + 1 },
    (_, i) => [i, ...Array<number>(b.length).fill(0)],
  );
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      }
      rows[i]![j] = least;
    }
  }
  return rows[a.length]![b.length]!;
}

/** Returns whether an object is a literal, not an instance of a class. */
export function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns a field of a value; undefined if the value is no object. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
