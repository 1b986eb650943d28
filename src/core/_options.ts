/**
 * How options are read, whatever takes them: durations, counts, unknown keys, keys whose value is missing.
 * Code, the configuration file, HTTP and the command follow the same rules, as they share these functions.
 *
 * @module
 */
import { nearest } from "./_suggest.ts";
import { show } from "./_check.ts";

const DAY = 24 * 60 * 60 * 1000;

/** The longest duration of an option, in milliseconds: ten years. Dates and lifetimes after it still fit. */
export const MAX_DURATION: number = 10 * 365 * DAY;
/** The longest lease, in milliseconds: after a crash, nobody else tries again before it ends. */
export const MAX_LEASE: number = DAY;
/** The most calls or requests at once of one target: more connections than a process can hold. */
export const MAX_CONCURRENCY = 10_000;

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

/** A duration that ends: at most a day, as others wait for it. */
export const LEASE: Limits = {
  max: MAX_LEASE,
  advice: "after a crash, nobody else tries again before it has passed",
};
/** A duration of which `Infinity` means no limit. */
export const OR_INFINITE: Limits = { infinite: true };

/**
 * A duration in milliseconds, rounded to a whole number: `70.1 * 3_600_000` is no whole one.
 * An option that is undefined was left out.
 *
 * @throws {TypeError | RangeError} when it is none, or out of its limits
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

/** A time in whole milliseconds: to the nearest, but a part of one is one, as it is not nothing. */
export function wholeMilliseconds(milliseconds: number): number {
  return milliseconds > 0 && milliseconds < 1 ? 1 : Math.round(milliseconds);
}

/**
 * A whole number of things.
 *
 * @throws {TypeError | RangeError} when it is none, or out of its limits
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
  throw new RangeError(`${subject}: '${name}' must be a whole number, got ${number}`);
}

/**
 * A number that need not be whole, such as a ratio.
 *
 * @throws {TypeError | RangeError} when it is none, or out of its limits
 */
export function readNumber(
  subject: string,
  name: string,
  value: number,
  limits: Limits & { readonly min: number; readonly max: number },
): number {
  const number = checkNumber(subject, name, value, "a number");
  checkLimits(subject, name, number, number, limits, "");
  return number;
}

function checkNumber(subject: string, name: string, value: unknown, what: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`${subject}: '${name}' must be ${what}, got ${show(value)}`);
  }
  if (!Number.isNaN(value)) return value;
  throw new RangeError(`${subject}: '${name}' must be ${what}, got NaN`);
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
 * Refuses options that nobody reads, such as one that is misspelled. Own string keys count, whatever
 * their values are.
 *
 * @param renamed What names of elsewhere mean here
 * @throws {TypeError} when it is no object, or has such a key
 */
export function checkKnown(
  subject: string,
  options: unknown,
  known: readonly string[],
  renamed: Readonly<Record<string, string>> = {},
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`${subject}: the options must be an object, got ${show(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw unknownOption(subject, name, known, renamed);
  }
}

/** The error for an option that nobody reads. */
export function unknownOption(
  subject: string,
  name: string,
  known: readonly string[],
  renamed: Readonly<Record<string, string>> = {},
): TypeError {
  const meant = Object.hasOwn(renamed, name)
    ? renamed[name]
    : nearest(name, known) ?? known.find((one) => isBeginning(name, one) || isBeginning(one, name));
  const hint = meant === undefined
    ? `. Known options: ${known.join(", ") || "none"}`
    : `. Did you mean '${meant}'?`;
  return new TypeError(`${subject}: unknown option '${name.slice(0, 80)}'${hint}`);
}

/** Whether a name is the beginning of another: `log` of `logger`. */
function isBeginning(name: string, whole: string): boolean {
  return name.length > 2 && whole.toLowerCase().startsWith(name.toLowerCase());
}

/**
 * Refuses an option that was given but is undefined, where leaving it out protects less: a variable that
 * is not set, or a misspelled import, must not switch off a signature.
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
    if (!(name in options)) continue;
    if ((options as Readonly<Record<string, unknown>>)[name] !== undefined) continue;
    throw new TypeError(
      `${subject}: '${name}' is undefined. Leave it out ${meaning}, or check that its value is set`,
    );
  }
}

/**
 * What is around a secret, token or URL that does not belong to it, as it happens to variables read from
 * files; undefined when there is nothing. Says nothing of the value itself.
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
 * Refuses what is no retry policy.
 *
 * @throws {TypeError} when it has no `delay`, or no finite `total`
 */
export function checkRetry(subject: string, retry: unknown): void {
  if (retry === undefined) return;
  const { delay, total } = (retry ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof delay === "function" && Number.isFinite(total) && (total as number) >= 0) return;
  const meant = "scheduleRetry([1000]), fixedRetry() or exponentialRetry()";
  throw new TypeError(
    `${subject}: 'retry' must be a retry policy, such as ${meant} returns, got ${show(retry)}`,
  );
}

/** Every member of a hook that is called or read. */
export const HOOK_MEMBERS: readonly string[] = [
  ...["name", "events", "durable", "timeout", "concurrency", "retry", "handle", "filter"],
  ...["init", "close", "setStorage"],
];

/**
 * Refuses a member of a plain object that looks like one that is missing: `event` for `events`, `handler` for
 * `handle`. Such an object may have members of its own, and those of a class are its own affair.
 */
export function checkMembers(subject: string, object: object, members: readonly string[]): void {
  if (!isPlain(object)) return;
  const missing = members.filter((name) => !(name in object));
  for (const name of Object.keys(object)) {
    if (members.includes(name)) continue;
    const meant = nearest(name, missing);
    if (meant !== undefined) throw unknownOption(subject, name, [meant]);
  }
}

/** Whether a value is an object of no class. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
