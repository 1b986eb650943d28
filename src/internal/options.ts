/**
 * Reads options: durations, counts, unknown keys, and keys without a value. Code, the configuration
 * file, HTTP and the command line share these functions, so that all of them follow the same rules.
 *
 * @module
 */
import { MAX_DURATION, MAX_LEASE } from "./limits.ts";
import { checkObject, closest, inspect, invalidOption, isPlainObject } from "./validate.ts";

/** What an option accepts. */
export type Limits = {
  /** @default {1} */
  readonly min?: number;
  /** @default ten years for a duration, 2^53 - 1 for a count */
  readonly max?: number;
  /** Whether `Infinity` is accepted, for no limit. @default {false} */
  readonly infinite?: boolean;
  /** Why there is a maximum, and what to do instead; follows the value in the message. */
  readonly advice?: string;
};

/** Limits of a duration that a lease has to cover. */
export const LEASE: Limits = {
  max: MAX_LEASE,
  advice: "after a crash, no other process retries before it has passed",
};
/** Limits of an option that accepts `Infinity`, for no limit. */
export const OR_INFINITE: Limits = { infinite: true };

/**
 * Reads a duration in milliseconds, rounded to a whole number, because `70.1 * 3_600_000` isn't one. An
 * undefined option counts as omitted.
 *
 * @throws {TypeError | RangeError} when it is not a number, or out of its limits
 */
export function readDuration<Value extends number | undefined>(
  subject: string,
  name: string,
  value: Value,
  limits: Limits = {},
): Value {
  if (value === undefined) return value;
  const number = checkNumber(subject, name, value, "a number of milliseconds");
  const rounded = wholeMilliseconds(number);
  checkLimits(subject, name, number, rounded, { max: MAX_DURATION, ...limits }, " ms");
  return rounded as Value;
}

/** Rounds to whole milliseconds. Anything between 0 and 1 becomes 1, so that it doesn't turn into zero. */
export function wholeMilliseconds(milliseconds: number): number {
  return milliseconds > 0 && milliseconds < 1 ? 1 : Math.round(milliseconds);
}

/**
 * Reads a whole number. An undefined option counts as omitted.
 *
 * @throws {TypeError | RangeError} when it is not a whole number, or out of its limits
 */
export function readCount<Value extends number | undefined>(
  subject: string,
  name: string,
  value: Value,
  limits: Limits = {},
): Value {
  if (value === undefined) return value;
  const number = checkNumber(subject, name, value, "a whole number");
  checkLimits(subject, name, number, number, { max: Number.MAX_SAFE_INTEGER, ...limits }, "");
  if (Number.isInteger(number) || number === Infinity) return value;
  throw outOfRange(subject, name, number, "a whole number");
}

/**
 * Reads a number that need not be whole, such as a ratio or a priority. Without limits, it can be any.
 *
 * @throws {TypeError | RangeError} when it is not a number, or out of its limits
 */
export function readNumber(
  subject: string,
  name: string,
  value: number,
  limits: Limits = { min: -Infinity },
): number {
  const number = checkNumber(subject, name, value, "a number");
  checkLimits(subject, name, number, number, limits, "");
  return number;
}

function checkNumber(subject: string, name: string, value: unknown, what: string): number {
  if (typeof value !== "number") throw invalidOption(subject, name, value, what);
  if (!Number.isNaN(value)) return value;
  throw outOfRange(subject, name, value, what);
}

function outOfRange(subject: string, name: string, value: number, rule: string): RangeError {
  return new RangeError(invalidOption(subject, name, value, rule).message);
}

function checkLimits(
  subject: string,
  name: string,
  given: number,
  value: number,
  { min = 1, max = Infinity, infinite = false, advice }: Limits,
  unit: string,
): void {
  if (value >= min && (value <= max || (infinite && value === Infinity))) return;
  const bound = value < min ? `at least ${min}${unit}` : `at most ${max}${unit}` +
    (max === MAX_DURATION && unit ? " (10 years)" : "") +
    (infinite ? ", or Infinity for no limit" : "");
  const why = value > max && advice ? `: ${advice}` : "";
  throw new RangeError(`${subject}: '${name}' must be ${bound}, got ${given}${why}`);
}

/**
 * Rejects unknown options, such as misspelled ones. Checks every own string key, whatever its value.
 *
 * @param renamed Names from other libraries, and what they are called here
 * @throws {TypeError} when it is not an object, or has such a key
 */
export function checkKnown(
  subject: string,
  options: unknown,
  known: readonly string[],
  renamed: Readonly<Record<string, string>> = {},
): void {
  checkObject(subject, "the options", options);
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw unknownOption(subject, name, known, renamed);
  }
}

/** Rejects text in place of options, where other libraries take a single value. */
export function checkNotText(subject: string, options: unknown, option: string): void {
  if (typeof options !== "string") return;
  const suggestion = `{ ${option}: ${inspect(options)} }`;
  throw new TypeError(`${subject}: the options must be an object. Did you mean ${suggestion}?`);
}

/** Returns the error for an unknown option. */
function unknownOption(
  subject: string,
  name: string,
  known: readonly string[],
  renamed: Readonly<Record<string, string>> = {},
): TypeError {
  const suggestion = Object.hasOwn(renamed, name)
    ? renamed[name]
    : closest(name, known) ?? known.find((one) => isPrefix(name, one) || isPrefix(one, name));
  const hint = suggestion === undefined
    ? `. Known options: ${known.join(", ") || "none"}`
    : `. Did you mean '${suggestion}'?`;
  return new TypeError(`${subject}: unknown option '${name.slice(0, 80)}'${hint}`);
}

/** Returns whether a name is a prefix of another, such as `log` of `logger`. */
function isPrefix(name: string, whole: string): boolean {
  return name.length > 2 && whole.toLowerCase().startsWith(name.toLowerCase());
}

/**
 * Rejects an option that is explicitly undefined if omitting it would weaken security: an unset
 * variable or a misspelled import must not turn off signing.
 *
 * @param meanings What leaving each option out means, after "Leave it out"
 * @throws {TypeError} naming the option
 */
export function checkDefined(
  subject: string,
  options: object,
  meanings: Readonly<Record<string, string>>,
): void {
  for (const [name, meaning] of Object.entries(meanings)) {
    const isUndefined = (options as Readonly<Record<string, unknown>>)[name] === undefined;
    if (!(name in options) || !isUndefined) continue;
    throw new TypeError(
      `${subject}: '${name}' is undefined. Leave it out ${meaning}, or check that its value is set`,
    );
  }
}

/**
 * Describes extra characters around a secret, token or URL, as in variables read from files; undefined
 * if there are none. Reveals nothing about the value itself.
 */
export function describePadding(text: string): string | undefined {
  if (text === "") return "it is empty: check that its value is set";
  if (text.trim() === "") return "it is blank: check that its value is set";
  if (text.startsWith("\uFEFF")) {
    return "it starts with a byte order mark: save its file as UTF-8 without one";
  }
  const [start] = /^\s/.exec(text) ?? [];
  const [end] = /\s$/.exec(text) ?? [];
  if (end !== undefined) return `it ends with ${nameOf(end)}: trim it, as in value.trim()`;
  if (start !== undefined) return `it starts with ${nameOf(start)}: trim it, as in value.trim()`;
  if (/^(["'`“]).*(["'`”])$/s.test(text)) {
    return "it has quotes around it: some readers of .env files keep them, so remove them";
  }
  return undefined;
}

function nameOf(space: string): string {
  return /[\r\n]/.test(space) ? "a newline" : "a space";
}

/**
 * Throws unless the value is a retry policy.
 *
 * @throws {TypeError} when it has no `delay`, or no finite `total`
 */
export function checkRetry(subject: string, retry: unknown): void {
  if (retry === undefined) return;
  const { delay, total } = (retry ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof delay === "function" && Number.isFinite(total) && (total as number) >= 0) return;
  const makers = "scheduleRetry([1000]), fixedRetry() or exponentialRetry()";
  throw invalidOption(subject, "retry", retry, `a retry policy, such as ${makers} returns`);
}

/**
 * Rejects a member of a plain object that looks like a misspelling of a missing one: `event` for
 * `events`, `handler` for `handle`. Other extra members are allowed, and class instances are not
 * checked.
 */
export function checkMembers(subject: string, object: object, members: readonly string[]): void {
  if (!isPlainObject(object)) return;
  const missing = members.filter((name) => !(name in object));
  for (const name of Object.keys(object)) {
    if (members.includes(name)) continue;
    const suggestion = closest(name, missing);
    if (suggestion !== undefined) throw unknownOption(subject, name, [suggestion]);
  }
}
