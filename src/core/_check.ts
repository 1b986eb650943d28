import { isPattern } from "./_event_rules.ts";
import { maskBeginning } from "./_mask_url.ts";

/** The name of a hook, a webhook or a token. */
export const NAME: RegExp = /^[A-Za-z0-9._-]{1,64}$/u;

/** What `NAME` holds, for messages. */
export const NAME_RULE = "1 to 64 characters of [A-Za-z0-9._-]";

/** A bearer token that every client can send (RFC 6750, section 2.1: `b64token`), of a length that is ours. */
export const TOKEN: RegExp = /^(?=.{16,512}$)[A-Za-z0-9._~+/-]+=*$/u;

/** What `TOKEN` holds, for messages. */
export const TOKEN_RULE = "16 to 512 characters of [A-Za-z0-9._~+/-], with = at the end only";

/** The patterns of a registration, or an error that says what a pattern is. */
export function checkPatterns(subject: string, patterns: unknown): readonly string[] {
  const list = typeof patterns === "string" ? [patterns] : patterns;
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError(
      `${subject} as it must hear a pattern or a list of patterns: current value is ${show(list)}`,
    );
  }
  for (const pattern of list) {
    if (!isPattern(pattern)) {
      throw new TypeError(
        `${subject} as a pattern must be a type such as "tool.called", a prefix such as "tool.*" ` +
          `or "*": current value is ${show(pattern)}`,
      );
    }
  }
  return [...new Set<string>(list)];
}

/** The name of a hook, a webhook or a token. */
export function checkName(subject: string, name: unknown): asserts name is string {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new TypeError(
      `${subject} as 'name' must be ${NAME_RULE}: current value is ${show(name)}`,
    );
  }
}

/** Members that must be functions; with `optional`, those that are there. */
export function checkFunctions(
  subject: string,
  object: object,
  names: readonly string[],
  optional: readonly string[] = [],
): void {
  const required = new Set(names);
  for (const name of [...names, ...optional]) {
    const member = (object as Readonly<Record<string, unknown>>)[name];
    if (typeof member === "function" || (member === undefined && !required.has(name))) continue;
    throw new TypeError(
      `${subject} as '${name}' must be a function: current value is ${show(member)}`,
    );
  }
}

/** An event's type for a message, whatever it is. */
export function quote(type: unknown): string {
  return typeof type === "string" ? `'${type.slice(0, 128)}'` : show(type);
}

/** A value for a message: what was given, in few characters. */
export function show(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(shownText(value).slice(0, 80));
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    if (Array.isArray(value)) return value.length > 0 ? "a list" : "an empty list";
    return "an object";
  }
  return String(value);
}

/** Characters of a text that `show` looks at: it shows fewer. */
const LONGEST = 1_024;

function shownText(text: string): string {
  return maskBeginning(text, LONGEST, text.length > LONGEST ? undefined : text);
}

/** A store. */
export function checkStore(subject: string, store: unknown): void {
  checkObject(subject, "a store", store);
  checkFunctions(`${subject} with this store`, store as object, [
    ...["get", "getMany", "set", "delete", "list", "atomic"],
  ]);
}

/** An object, such as one of options. */
export function checkObject(subject: string, name: string, value: unknown): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`${subject} as ${name} must be an object: current value is ${show(value)}`);
}
