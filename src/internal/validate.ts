import { maskBeginning } from "./mask_url.ts";

/** The name of a hook, a webhook or a token. */
export const NAME_PATTERN: RegExp = /^[A-Za-z0-9._-]{1,64}$/u;

/** What `NAME` holds, for messages. */
export const NAME_RULE = "1 to 64 characters of [A-Za-z0-9._-]";

/** A bearer token that every client can send (RFC 6750, section 2.1: `b64token`), of a length that is ours. */
export const TOKEN_PATTERN: RegExp = /^(?=.{16,512}$)[A-Za-z0-9._~+/-]+=*$/u;

/** What `TOKEN` holds, for messages. */
export const TOKEN_RULE = "16 to 512 characters of [A-Za-z0-9._~+/-], with = at the end only";

/** The name of a hook, a webhook or a token. */
export function checkName(subject: string, name: unknown): asserts name is string {
  if (typeof name !== "string" || !NAME_PATTERN.test(name)) {
    throw new TypeError(
      `${subject} as 'name' must be ${NAME_RULE}: current value is ${inspect(name)}`,
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
      `${subject} as '${name}' must be a function: current value is ${inspect(member)}`,
    );
  }
}

/** An event's type for a message, whatever it is. */
export function quote(type: unknown): string {
  return typeof type === "string" ? `'${type.slice(0, 128)}'` : inspect(type);
}

/** A value for a message: what was given, in few characters. */
export function inspect(value: unknown): string {
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

/** An object, such as one of options. */
export function checkObject(subject: string, name: string, value: unknown): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new TypeError(
    `${subject} as ${name} must be an object: current value is ${inspect(value)}`,
  );
}

/** Of some words the one that was most likely meant; undefined if none is near. */
export function closest(word: string, words: Iterable<string>): string | undefined {
  if (word.length > 40) return undefined;
  const plain = simple(word);
  let best: string | undefined;
  let least = 1 + Math.max(1, Math.floor(plain.length / 3));
  for (const candidate of words) {
    const distance = edits(plain, simple(candidate));
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** `retryCount`, `retry-count` and `RETRY_COUNT` are one word. */
function simple(word: string): string {
  return word.replace(/[_\s-]/g, "").toLowerCase();
}

/** How many letters were left out, added, replaced or swapped with their neighbour. */
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
