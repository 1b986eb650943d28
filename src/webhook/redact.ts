import { encodeBase64 } from "../internal/bytes.ts";
import { MIN_SECRET, secretsIn, type Sensitive } from "./sensitive.ts";

/**
 * Removes secrets from a text. `ended` is whether the text is complete: a truncated one may end with part of
 * a secret.
 */
export type Redactor = (text: string, ended: boolean) => string;

const REDACTED = "[redacted]";
/** Characters at the start of a secret that are enough to find it where a text was truncated. */
const PREFIX = 4;
/** Characters that a truncation can leave of an escape, or of escapes in one another. */
const MAX_ESCAPE = 64;
/** How often escapes are decoded, as in `%252B`, and how many layers of base64, hex or decimal bytes. */
const MAX_ESCAPES = 8;
const MAX_LAYERS = 3;
/** Characters decoded of one text in all. A text of 16 KiB takes about a tenth. */
const MAX_DECODED = 2_000_000;
/**
 * A signature that was echoed, and its shortest length: of a request (Standard Webhooks), or of a link by which
 * anyone can approve, also if it is cut off.
 */
const SIGNATURE = /v1a?,[A-Za-z0-9+/_-]{40,}={0,2}|(?<=\bsignature["'\s:=]{1,5})[0-9a-f]{16,}/gi;
const MIN_SIGNATURE = 16;

/** A part of a text that is redacted, from and to. */
type Span = readonly [start: number, end: number];

/**
 * Creates a redactor. It finds a secret as it is, in any case, and in every combination of escapes (JSON,
 * JavaScript, HTML, percent-encoding, line breaks) with up to three layers of base64, hex and decimal
 * bytes. Of encoded bytes, it redacts the whole run that contains a secret.
 */
export function createRedactor(sensitive: Sensitive): Redactor {
  const needles = [...new Set(secretsIn(sensitive).flatMap(needlesOf))];
  return (text, ended) => {
    const spans = new Search(needles).find(text, MAX_LAYERS, !ended);
    return replaceSpans(text, spans);
  };
}

function replaceSpans(text: string, spans: Span[]): string {
  let redacted = "";
  let at = 0;
  for (const [start, end] of spans.sort(([a], [b]) => a - b)) {
    if (start >= at) redacted += text.slice(at, start) + REDACTED;
    let last = end;
    while (/[\r\n]/.test(text[last - 1]!)) last--; // a line break after the secret is not a part of it
    at = Math.max(at, last);
  }
  return redacted + text.slice(at);
}

/** A text with escapes decoded: `starts[i]` is where character `i` begins in the original. */
type Reading = { readonly text: string; readonly starts: readonly number[] };

/** Finds secrets in one text. */
class Search {
  readonly #needles: readonly string[];
  readonly #shortest: number;
  /** Runs of encoded bytes, and whether they contain a secret. Most runs occur again. */
  readonly #searched = new Map<string, boolean>();
  #left = MAX_DECODED;

  constructor(needles: readonly string[]) {
    this.#needles = needles;
    this.#shortest = Math.min(MIN_SIGNATURE, ...needles.map(({ length }) => length));
  }

  /** Returns where secrets are in a text; in one that is `truncated`, also what may be the start of one. */
  find(text: string, layers: number, truncated: boolean): Span[] {
    const spans: Span[] = [];
    if (text.length < (truncated ? MIN_SECRET : this.#shortest)) return spans;
    const isReadable = layers === MAX_LAYERS || isText(text);
    let reading: Reading | undefined = {
      text,
      starts: Array.from({ length: text.length + 1 }, (_, i) => i),
    };
    for (let n = 0; n <= MAX_ESCAPES && reading !== undefined; n++) {
      this.#left -= reading.text.length;
      if (this.#left < 0) return [[0, text.length]]; // made to be slow
      const { starts }: Reading = reading;
      for (const [from, to] of this.#findIn(reading.text, isReadable ? layers : 0, truncated)) {
        spans.push([starts[from]!, starts[to]!]);
      }
      if (!isReadable) break;
      reading = unescapeOnce(reading);
    }
    return spans;
  }

  #findIn(text: string, layers: number, truncated: boolean): Span[] {
    const spans: Span[] = [];
    const folded = fold(text);
    for (const needle of this.#needles) {
      const { length } = needle;
      for (let at = folded.indexOf(needle); at >= 0; at = folded.indexOf(needle, at + length)) {
        spans.push([at, at + length]);
      }
      if (!truncated) continue;
      const tail = Math.max(0, text.length - length - MAX_ESCAPE);
      const start = folded.indexOf(needle.slice(0, PREFIX), tail);
      if (start >= 0) spans.push([start, text.length]);
    }
    for (const { index, 0: { length } } of text.matchAll(SIGNATURE)) {
      spans.push([index, index + length]);
    }
    if (layers === 0) return spans;
    for (const [encoding, { run, decode }] of ENCODINGS.entries()) {
      for (const { index, 0: { length }, 0: encoded } of text.matchAll(run)) {
        const end = index + length;
        const last = truncated && text.length - end <= MAX_ESCAPE;
        const key = `${encoding} ${layers} ${last} ${encoded}`;
        const hides = this.#searched.get(key) ??
          decode(encoded).some((part) => this.find(part, layers - 1, last).length > 0);
        this.#searched.set(key, hides);
        if (hides) spans.push([index, last ? text.length : end]);
      }
    }
    return spans;
  }
}

/** Tells text from bytes that were decoded at the wrong offset: a tenth of those are control characters. */
function isText(text: string): boolean {
  // deno-lint-ignore no-control-regex
  const controls = text.match(/[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]/g)?.length ?? 0;
  return controls <= text.length * 0.05;
}

/** Ways to write bytes: what a run of them looks like, and its bytes as characters at each offset. */
const ENCODINGS: readonly {
  readonly run: RegExp;
  readonly decode: (run: string) => readonly string[];
}[] = [
  { // base64 and base64url
    run: /[A-Za-z0-9+/_-]{4,}={0,2}/g,
    decode: (run) => {
      const digits = run.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
      return [0, 1, 2, 3].map((offset) => {
        const length = digits.length - offset;
        // `atob` takes text without padding, but not a single digit at the end.
        return withoutNul(atob(digits.slice(offset, length % 4 === 1 ? -1 : undefined)));
      });
    },
  },
  { // `6a:6b`, `6a6b 6c`, `0x6a, 0x6b`, and `6a6b6c`, which may be a part of a longer word
    run: new RegExp(
      "(?<![0-9a-z])(?:0x)?(?:[0-9a-f]{2})+" +
        "(?:[\\s+:;,.'\"_|-]{1,4}(?:0x)?(?:[0-9a-f]{2})+(?![0-9a-z]))+|[0-9a-f]{6,}",
      "gi",
    ),
    decode: (run) => {
      const digits = run.replace(/0x|[^0-9a-f]/gi, "");
      return [0, 1].map((offset) => {
        const pairs = digits.slice(offset).match(/../g) ?? [];
        return fromBytes(pairs.map((pair) => parseInt(pair, 16)));
      });
    },
  },
  { // `[106, 107]`
    run: /\d{1,3}(?:[\s+:;,.|-]{1,4}\d{1,3}){2,}/g,
    decode: (run) => [fromBytes(run.match(/\d+/g)!.map(Number))],
  },
];

function fromBytes(bytes: readonly number[]): string {
  return withoutNul(bytes.map((byte) => String.fromCharCode(byte)).join(""));
}

/** Removes NUL, which follows or precedes each ASCII character in UTF-16. */
function withoutNul(text: string): string {
  return text.replaceAll("\0", "");
}

/** Names of ASCII characters in HTML (https://html.spec.whatwg.org/multipage/named-characters.html). */
const ENTITIES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map(
  [...("amp&lt<gt>quot\"apos'plus+sol/equals=colon:semi;comma,period.lowbar_underbar_excl!num#dollar$" +
    "percnt%lpar(rpar)ast*midast*quest?commat@lsqb[lbrack[bsol\\rsqb]rbrack]hat^grave`lcub{lbrace{" +
    "verbar|vert|rcub}rbrace}hyphen-dash-nbsp tab\tnewline\n").matchAll(/([a-z]+)([^a-z])/g)]
    .map(([, name, character]) => [name!, character!]),
);
const CONTROLS: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  v: "\v",
};
/** An escape of JSON and languages like it, of HTML or of a URL, or a line break, which is dropped. */
const ESCAPE = /* @__PURE__ */ new RegExp(
  [
    "\\\\(?:u\\{0*([0-9a-f]{1,6})\\}|u+([0-9a-f]{4})|x([0-9a-f]{2}))",
    "\\\\(?:([0-3][0-7]{2})|([nrtbfv])|([^0-9a-z]))",
    `&(?:#x0*([0-9a-f]{1,6})|#0*([0-9]{1,7})|(${[...ENTITIES.keys()].join("|")}));?`,
    "%(?:u([0-9a-f]{4})|([0-9a-f]{2}))",
    "[\\r\\n]+",
  ].join("|"),
  "gi",
);

function unescapeOnce({ text, starts }: Reading): Reading | undefined {
  let decoded = "";
  const origins: number[] = [];
  let at = 0;
  const keepUntil = (end: number): void => {
    decoded += text.slice(at, end);
    while (at < end) origins.push(starts[at++]!);
  };
  for (const match of text.matchAll(ESCAPE)) {
    keepUntil(match.index);
    const character = decodeEscape(match);
    decoded += character;
    for (let i = 0; i < character.length; i++) origins.push(starts[at]!);
    at += match[0].length;
  }
  if (at === 0) return undefined;
  keepUntil(text.length);
  origins.push(starts[text.length]!);
  return { text: decoded, starts: origins };
}

function decodeEscape(match: RegExpExecArray): string {
  const [, brace, u, x, octal, control, sign, hex, decimal, entity, percentU, percent] = match;
  if (sign !== undefined) return sign;
  if (control !== undefined) return CONTROLS[control.toLowerCase()]!;
  if (entity !== undefined) return ENTITIES.get(entity.toLowerCase())!;
  if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
  const digits = brace ?? u ?? x ?? hex ?? percentU ?? percent;
  if (digits === undefined && decimal === undefined) return ""; // a line break
  const code = digits === undefined ? Number(decimal) : parseInt(digits, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
}

/** Makes case, and plus for space, compare as equal. Keeps the length. */
function fold(text: string): string {
  const lower = text.toLowerCase();
  const folded = lower.length === text.length
    ? lower
    : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return folded.replace(/[+\t]/g, " ");
}

/** Shortest secret that may be the encoding of a key, in characters. */
const MIN_KEY = 12;

/** Returns what to look for in a reading to find a secret. */
function needlesOf(secret: string): readonly string[] {
  const bytes = new TextEncoder().encode(secret);
  const forms = [secret, ...misreadingsOf(secret, bytes), ...base64Of(bytes)];
  // Key bytes that are written as base64 or hex may come back in the other.
  for (const { run, decode } of ENCODINGS) {
    const isWhole = secret.match(run)?.[0] === secret;
    if (isWhole && secret.length >= MIN_KEY) forms.push(decode(secret)[0]!);
  }
  // Escapes in a secret itself are decoded with the text around it.
  let reading: Reading | undefined = { text: secret, starts: [] };
  while ((reading = unescapeOnce(reading)) !== undefined) forms.push(reading.text);
  return forms.map(fold).filter(({ length }) => length >= MIN_SECRET);
}

/** Returns how a server may read a header: as Latin-1 or UTF-8, with invalid bytes replaced. */
function misreadingsOf(secret: string, utf8: Uint8Array): readonly string[] {
  if (/^[\x20-\x7e]*$/.test(secret)) return [];
  const latin1 = Uint8Array.from(secret, (character) => character.charCodeAt(0));
  return [
    fromBytes([...utf8]),
    new TextDecoder().decode(latin1),
    ...secret.split(/[^\x20-\x7e]+/).filter(({ length }) => length >= 8),
  ];
}

/** Returns what base64 of a text with these bytes contains, by offset: it can't be decoded in another case. */
function base64Of(bytes: Uint8Array): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const text = encodeBase64(Uint8Array.of(...Array<number>(offset).fill(0), ...bytes));
    const digits = Math.floor((offset + bytes.length) * 8 / 6);
    return text.slice(Math.ceil(offset * 8 / 6), digits);
  }).filter(({ length }) => length >= 8);
}
