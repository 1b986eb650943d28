/**
 * Parses HTTP headers by the grammar of their RFCs. Every entry point uses these functions, so that all
 * accept the same.
 *
 * @module
 */
import { DAY } from "./clock.ts";

/** The relevant parts of a media type (RFC 9110, section 8.3.1). */
export type MediaType = {
  /** Type and subtype in lower case. */
  readonly essence: string;
  /** The parameter `charset` in lower case. */
  readonly charset: string | undefined;
};

/** Longest media type. Real ones are far below: RFC 6838 allows 127 characters for each of its names. */
const MAX_LENGTH = 1024;
const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const ESSENCE = /* @__PURE__ */ new RegExp(`^[ \\t]*(${TOKEN}/${TOKEN})(?=[ \\t]*(?:;|$))`);
/** One parameter at a time: a single pattern for all of them could backtrack without end. */
const PARAMETER = /* @__PURE__ */ new RegExp(
  `[ \\t]*;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"([^"\\\\]*(?:\\\\.[^"\\\\]*)*)"))?`,
  "y",
);

/** Returns the media type of a text; undefined if it is not one. */
export function parseMediaType(text: unknown): MediaType | undefined {
  if (typeof text !== "string" || text.length > MAX_LENGTH) return undefined;
  const [start, essence] = ESSENCE.exec(text) ?? [];
  if (start === undefined || essence === undefined) return undefined;
  let charset: string | undefined;
  let end = start.length;
  PARAMETER.lastIndex = end;
  for (let match = PARAMETER.exec(text); match !== null; match = PARAMETER.exec(text)) {
    const [, name, token, quoted = ""] = match;
    if (name?.toLowerCase() === "charset") {
      charset ??= (token ?? quoted.replace(/\\(.)/g, "$1")).toLowerCase();
    }
    end = PARAMETER.lastIndex;
  }
  if (!/^[ \t]*$/.test(text.slice(end))) return undefined;
  return { essence: essence.toLowerCase(), charset };
}

/** Returns whether it is JSON: `…/json` or `…/…+json` (RFC 6839, section 3.1; JSON format 1.0.2, section 3.1.1). */
export function isJson({ essence }: MediaType): boolean {
  return /[/+]json$/.test(essence);
}

/** Returns whether it is text or XML, which a string can hold. */
export function isText({ essence }: MediaType): boolean {
  return /^text\/|[/+]xml$/.test(essence);
}

/** Returns whether its bytes are UTF-8, the default. ASCII is a subset of UTF-8. */
export function isUtf8({ charset }: MediaType): boolean {
  return charset === undefined || /^(?:utf-?8|us-ascii)$/.test(charset);
}

/** Returns the length of a body that `Content-Length` declares, in bytes; undefined without a valid one. */
export function declaredLength(headers: Headers): number | undefined {
  const declared = headers.get("content-length") ?? "";
  return /^\d+$/.test(declared) ? Number(declared) : undefined;
}

/** Returns whether `Content-Encoding` (RFC 9110, section 8.4) leaves the body unchanged. */
function isIdentity(contentEncoding: string | null): boolean {
  return (contentEncoding ?? "").split(",").every((coding) =>
    ["", "identity"].includes(coding.trim().toLowerCase())
  );
}

/**
 * Returns whether the bytes of a body are UTF-8: its headers name no other charset and no content coding.
 * A malformed media type could name any charset; an absent one names none.
 */
export function isPlainUtf8(headers: Headers): boolean {
  const contentType = (headers.get("content-type") ?? "").trim();
  const type = parseMediaType(contentType);
  const isUtf8Text = type === undefined ? contentType === "" : isUtf8(type);
  return isUtf8Text && isIdentity(headers.get("content-encoding"));
}

/** The longest wait for a receiver, in milliseconds. */
const LONGEST_WAIT = DAY;

/**
 * Returns how long `Retry-After` (RFC 9110, section 10.2.3) asks to wait, in milliseconds, at most 24
 * hours; 0 for a date in the past, undefined for anything else.
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = (value ?? "").trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_WAIT);
  const time = parseHttpDate(text, now);
  return time === undefined ? undefined : Math.min(Math.max(time - now, 0), LONGEST_WAIT);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_NAME = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const LONG_DAY_NAME = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
const TIME = "(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)";
const MONTH = `(?<month>${MONTHS.join("|")})`;
/** `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`. */
const DATES: readonly RegExp[] = /* @__PURE__ */ [
  `${DAY_NAME}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT`,
  `${LONG_DAY_NAME}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT`,
  `${DAY_NAME} ${MONTH} (?<day>\\d\\d| \\d) ${TIME} (?<year>\\d{4})`,
].map((pattern) => new RegExp(`^${pattern}$`));

/**
 * Returns the time of an HTTP-date in any of the three forms that recipients must accept (RFC 9110,
 * section 5.6.7), in milliseconds; undefined for anything else.
 */
function parseHttpDate(text: string, now: number): number | undefined {
  const parts = DATES.map((pattern) => pattern.exec(text)?.groups).find((groups) => groups);
  if (parts === undefined) return undefined;
  const [day, hour, minute, second] = ["day", "hour", "minute", "second"].map((n) => +parts[n]!);
  const month = MONTHS.indexOf(parts.month!);
  let year = Number(parts.year);
  if (parts.year!.length === 2) { // the year that is at most 50 years ahead
    const thisYear = new Date(now).getUTCFullYear();
    year += thisYear - thisYear % 100;
    if (year > thisYear + 50) year -= 100;
  }
  const date = new Date(0);
  date.setUTCFullYear(year, month, day); // Date.UTC reads years below 100 as 19xx
  if (date.getUTCMonth() !== month) return undefined; // February 30
  return date.setUTCHours(hour!, minute!, second!);
}

/** A string of Structured Fields (RFC 9651, section 3.3.3), and its parameters. */
const SF_STRING = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)" *(?:;[\x20-\x7e]*)?$/;

/**
 * Returns the value of a header that holds one string: quoted, as Structured Fields have it, or bare,
 * as most senders write it. Undefined if it begins with a quote and is not a quoted string.
 */
export function parseStringItem(value: string): string | undefined {
  const text = value.trim();
  if (!text.startsWith('"')) return text;
  return SF_STRING.exec(text)?.[1]?.replace(/\\(.)/g, "$1");
}
