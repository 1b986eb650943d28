import { encodeBase64, toHex } from "../internal/bytes.ts";
import { decodeEscapes, type Reading, readingsOf } from "./_spellings.ts";

/** Takes what is secret out of texts that others made. */
export type Scrub = {
  /**
   * The text without it, however it is spelled.
   *
   * @param ended Whether the text is whole: the end of one that was cut may hold part of a secret
   */
  text(text: string, ended: boolean): string;
};

/** The secrets that a webhook sends. */
export type Sensitive = {
  readonly secrets: readonly string[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly url: URL;
};

/** Shorter values say nothing, and to take them out would take everything out. */
const SHORTEST = 3;
/** Shortest beginning of a secret that is taken off the end of a text that was cut. */
const SHORTEST_BEGINNING = 4;
/** Characters of an escape, or of several in one another, that a cut may leave at the end. */
const LONGEST_ESCAPE = 64;
/** A signature of ours that came back (Standard Webhooks). */
const SIGNATURE = /v1a?,[A-Za-z0-9+/_-]{40,}={0,2}/gi;
const REDACTED = "[redacted]";

/**
 * Redacts secrets from texts, in any encoding: escaped for JSON, HTML or a URL, as base64 or hex, in
 * any case, split across lines, or any combination of these.
 */
export function createScrub(sensitive: Sensitive): Scrub {
  const needles = [...new Set(secretsIn(sensitive).flatMap(needlesOf))].map((text) => ({
    text,
    borders: bordersOf(text),
  }));
  return { text: (text, ended) => redact(text, ended, needles) };
}

/** Headers that everyone sends alike, and that say what is sent and not who sends it. */
const PUBLIC = /^(accept|accept-.*|content-.*|user-agent|origin|referer|traceparent|tracestate)$/;
/** Headers and parameters that hold a secret, however short it is. */
const PRIVATE =
  /auth|cookie|token|secret|key|signature|^sig$|password|passwd|^pass$|^pwd$|credential|session|jwt/i;
/** What is no secret, whatever holds it. */
const PLAIN = /^(true|false|null|none|yes|off|\d{1,5})$/i;
/** What looks like a token and not like a word: letters and digits mixed, or long. */
const TOKEN = /^(?=.*\d)(?=.*[A-Za-z])\S{8,}$|^\S{20,}$/;

function secretsIn({ secrets, headers, url }: Sensitive): readonly string[] {
  const path = url.pathname + url.search;
  const parameters = [...url.searchParams]
    .filter(([name, value]) => PRIVATE.test(name) || TOKEN.test(value)).map(([, value]) => value);
  const found = [
    ...secrets,
    ...secrets.map((secret) => secret.replace(/^wh(?:sec|sk)_/, "")),
    ...Object.entries(headers).flatMap(([name, value]) => secretsOfHeader(name, value)),
    ...[url.href, path, url.pathname, ...parameters],
    ...path.split(/[/?&=]+/).filter((part) => TOKEN.test(part)),
  ];
  return found.filter((value) => value.length >= SHORTEST && !PLAIN.test(value));
}

function secretsOfHeader(name: string, value: string): readonly string[] {
  if (PUBLIC.test(name)) return [];
  const words = value.split(/[\s,;="]+/).filter((word) => TOKEN.test(word));
  // Of cookies, and of schemes with parameters.
  const values = [...value.matchAll(/=\s*"?([^\s,;"=]{6,})/g)].map(([, value = ""]) => value);
  if (!PRIVATE.test(name)) return TOKEN.test(value) || words.length > 0 ? [value, ...words] : [];
  // `Bearer …`: the scheme is no secret (RFC 9110, section 11.4).
  const [, scheme = "", credentials = value] = /^([A-Za-z][\w-]*)[ \t]+(.+)$/.exec(value) ?? [];
  const basic = /^basic$/i.test(scheme) ? decodeBasic(credentials) : [];
  return [value, credentials, ...basic, ...values, ...words];
}

/** `user:password`, and the password (RFC 7617). */
function decodeBasic(credentials: string): readonly string[] {
  try {
    const pair = atob(credentials.trim());
    return pair.includes(":") ? [pair, pair.slice(pair.indexOf(":") + 1)] : [pair];
  } catch {
    return [];
  }
}

/** What is looked for in the readings of a text, to find one secret. */
function needlesOf(secret: string): readonly string[] {
  const bytes = new TextEncoder().encode(secret);
  const spelled = [secret, ...beyondAscii(secret, bytes), ...base64Of(bytes), toHex(bytes)];
  // A secret that has escapes in it is decoded where a text is.
  for (let next = decodeEscapes(secret); next !== undefined; next = decodeEscapes(next)) {
    spelled.push(next);
  }
  return spelled.map(fold).filter(({ length }) => length >= SHORTEST);
}

/**
 * A header has bytes: a server takes them for Latin-1 or for UTF-8, and what it can't read of them for
 * anything.
 */
function beyondAscii(secret: string, utf8: Uint8Array): readonly string[] {
  if (!/[^\x20-\x7e]/.test(secret)) return [];
  const latin1 = Uint8Array.from(secret, (letter) => letter.charCodeAt(0));
  return [
    Array.from(utf8, (byte) => String.fromCharCode(byte)).join(""),
    new TextDecoder().decode(latin1),
    ...secret.split(/[^\x20-\x7e]+/).filter(longEnough),
  ];
}

const longEnough = ({ length }: string): boolean => length >= 8;

/**
 * What base64 of any text that holds these bytes has in it: one for each place in a group of three at
 * which they can begin. For base64 whose case was changed, which nobody can decode.
 */
function base64Of(bytes: Uint8Array): readonly string[] {
  return [0, 1, 2].map((before) => {
    const shifted = new Uint8Array(before + bytes.length);
    shifted.set(bytes, before);
    const text = encodeBase64(shifted);
    return text.slice(Math.ceil(before * 8 / 6), Math.floor(shifted.length * 8 / 6));
  }).flatMap((text) => [text, text.replaceAll("+", "-").replaceAll("/", "_")]).filter(longEnough);
}

/** Without what a spelling may change: the case of letters, and a plus for a space. Same length. */
function fold(text: string): string {
  const lower = text.toLowerCase();
  const same = lower.length === text.length
    ? lower
    : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return same.replace(/[+\t]/g, " ");
}

/** What is looked for, and for each beginning of it how long the longest border of it is. */
type Needle = { readonly text: string; readonly borders: ArrayLike<number> };
/** Parts of a text that are taken out, from and to. */
type Span = readonly [start: number, end: number];

function redact(text: string, ended: boolean, needles: readonly Needle[]): string {
  const spans: Span[] = [];
  for (const reading of readingsOf(text)) {
    if (reading === undefined) return REDACTED; // crafted to be slow
    spans.push(...spansIn(reading, ended ? undefined : text.length, needles));
  }
  if (spans.length === 0) return text;
  spans.sort(([a], [b]) => a - b);
  let clean = "";
  let at = 0;
  for (let i = 0; i < spans.length;) {
    const [start] = spans[i]!;
    let [, end] = spans[i]!;
    for (i++; i < spans.length && spans[i]![0] < end; i++) end = Math.max(end, spans[i]![1]);
    clean += text.slice(at, start) + REDACTED;
    at = end;
  }
  return clean + text.slice(at);
}

/** Where secrets are in a reading; with `cut`, the length of a text that was cut, their beginnings too. */
function spansIn(
  reading: Reading,
  cut: number | undefined,
  needles: readonly Needle[],
): readonly Span[] {
  const spans: Span[] = [];
  const { starts, ends } = reading;
  const { text, places } = withoutLineBreaks(reading.text);
  const add = (from: number, to: number): void => {
    spans.push([starts[places?.[from] ?? from]!, ends[places?.[to - 1] ?? to - 1]!]);
  };
  for (const needle of needles) {
    const { length } = needle.text;
    for (let at = text.indexOf(needle.text); at >= 0; at = text.indexOf(needle.text, at + length)) {
      add(at, at + length);
    }
    if (cut === undefined || cut - (ends[ends.length - 1] ?? 0) > LONGEST_ESCAPE) continue;
    const begun = beginningAtEnd(text, needle);
    if (begun !== undefined) spans.push([starts[places?.[begun] ?? begun]!, cut]);
  }
  for (const { index, 0: { length } } of reading.text.matchAll(SIGNATURE)) {
    spans.push([starts[index]!, ends[index + length - 1]!]);
  }
  return spans;
}

/** Folded, and without line breaks, which a secret has none of; where each character comes from. */
function withoutLineBreaks(
  text: string,
): { readonly text: string; readonly places?: readonly number[] } {
  const folded = fold(text);
  if (!/[\r\n]/.test(folded)) return { text: folded };
  const places: number[] = [];
  for (let i = 0; i < folded.length; i++) if (!/[\r\n]/.test(folded[i]!)) places.push(i);
  return { text: places.map((i) => folded[i]).join(""), places };
}

/**
 * Where a needle begins whose rest the end cut off; undefined if none does. What follows it may be half
 * an escape. By the failure function of Knuth, Morris and Pratt, so that no text takes long.
 */
function beginningAtEnd(text: string, { text: needle, borders }: Needle): number | undefined {
  const from = Math.max(0, text.length - needle.length - LONGEST_ESCAPE);
  let matched = 0;
  let begun: number | undefined;
  for (let i = from; i < text.length; i++) {
    while (matched > 0 && (matched === needle.length || needle[matched] !== text[i])) {
      matched = borders[matched - 1]!;
    }
    if (needle[matched] === text[i]) matched++;
    const near = text.length - i <= LONGEST_ESCAPE;
    if (near && matched >= SHORTEST_BEGINNING && matched < needle.length) {
      begun = Math.min(begun ?? Infinity, i + 1 - matched);
    }
  }
  return begun;
}

function bordersOf(needle: string): Uint32Array {
  const borders = new Uint32Array(needle.length);
  for (let i = 1, length = 0; i < needle.length; i++) {
    while (length > 0 && needle[i] !== needle[length]) length = borders[length - 1]!;
    if (needle[i] === needle[length]) length++;
    borders[i] = length;
  }
  return borders;
}
