/**
 * The readings of a text: as it is, and with escapes of JSON, HTML and URLs and base64 decoded, as often as
 * they were applied. Each character knows which part of the text it comes from.
 *
 * @module
 */

/** A reading of a text: its characters, and for each the part of the text that it was read from. */
export type Reading = {
  readonly text: string;
  readonly starts: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
};

/** Escapes in escapes, and base64 in base64, that are decoded. */
const DEEPEST_ESCAPE = 8;
const DEEPEST_BASE64 = 3;
/** Characters that are decoded of one text, in all its readings: 16 KiB take about a tenth of it. */
const MOST_CHARACTERS = 2_000_000;

/** Names of ASCII characters in HTML (https://html.spec.whatwg.org/multipage/named-characters.html). */
const NAMED: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", plus: "+", sol: "/", equals: "=" },
  ...{ colon: ":", semi: ";", comma: ",", period: ".", lowbar: "_", excl: "!", num: "#" },
  ...{ dollar: "$", percnt: "%", lpar: "(", rpar: ")", ast: "*", quest: "?", commat: "@" },
  ...{ lsqb: "[", lbrack: "[", bsol: "\\", rsqb: "]", rbrack: "]", hat: "^", grave: "`" },
  ...{ lcub: "{", lbrace: "{", verbar: "|", vert: "|", rcub: "}", rbrace: "}", hyphen: "-" },
  ...{ dash: "-", nbsp: " ", tab: "\t", newline: "\n", underbar: "_", midast: "*" },
};
const CONTROL: Readonly<Record<string, string>> = {
  ...{ n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v" },
};
/** An escape of JSON and its kin, of HTML, or of a URL; each group that can match is one spelling. */
const ESCAPE = /* @__PURE__ */ new RegExp(
  [
    "\\\\(?:u\\{0*([0-9a-f]{1,6})\\}|u+([0-9a-f]{4})|x([0-9a-f]{2})|([0-3][0-7]{2})|([nrtbfv])|([^0-9a-z]))",
    `&(?:#x0*([0-9a-f]{1,6})|#0*([0-9]{1,7})|(${Object.keys(NAMED).join("|")}));?`,
    "%(?:u([0-9a-f]{4})|([0-9a-f]{2}))",
  ].join("|"),
  "gi",
);

function unescaped(groups: readonly (string | undefined)[]): string {
  const [brace, u, x, octal, control, sign, hex, decimal, name, percentU, percent] = groups;
  if (sign !== undefined) return sign;
  if (control !== undefined) return CONTROL[control.toLowerCase()]!;
  if (name !== undefined) return NAMED[name.toLowerCase()]!;
  if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
  const code = decimal !== undefined
    ? Number(decimal)
    : parseInt((brace ?? u ?? x ?? hex ?? percentU ?? percent)!, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
}

/** A text with every escape decoded once; undefined if it has none. */
export function decodeEscapes(text: string): string | undefined {
  const decoded = text.replace(ESCAPE, (_, ...groups) => unescaped(groups.slice(0, 11)));
  return decoded === text ? undefined : decoded;
}

/** Every reading of a text; undefined in place of one when there are more than are worth the time. */
export function* readingsOf(text: string): Generator<Reading | undefined> {
  const starts = new Uint32Array(text.length).map((_, i) => i);
  const ends = starts.map((i) => i + 1);
  const waiting: { readonly reading: Reading; readonly depth: number }[] = [
    { reading: { text, starts, ends }, depth: 0 },
  ];
  let characters = text.length;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    let { reading } = next;
    yield reading;
    if (next.depth > 0 && !isText(reading.text)) continue;
    for (let depth = 0; depth < DEEPEST_ESCAPE; depth++) {
      const decoded = unescapeOnce(reading);
      if (decoded === undefined) break;
      yield reading = decoded;
      characters += decoded.text.length;
      if (characters > MOST_CHARACTERS) return yield undefined;
    }
    if (next.depth === DEEPEST_BASE64) continue;
    for (const decoded of base64In(reading)) {
      waiting.push({ reading: decoded, depth: next.depth + 1 });
      characters += decoded.text.length;
      if (characters > MOST_CHARACTERS) return yield undefined;
    }
  }
}

/** Whether it can be text: what is read from the wrong place of base64 is not. */
function isText(text: string): boolean {
  const printable = text.match(/[\t\n\r -~]/g)?.length ?? 0;
  return printable > text.length * 0.7;
}

function unescapeOnce({ text, starts, ends }: Reading): Reading | undefined {
  const parts: string[] = [];
  const newStarts: number[] = [];
  const newEnds: number[] = [];
  const keep = (from: number, to: number): void => {
    if (from < to) parts.push(text.slice(from, to));
    for (let i = from; i < to; i++) {
      newStarts.push(starts[i]!);
      newEnds.push(ends[i]!);
    }
  };
  let at = 0;
  for (const match of text.matchAll(ESCAPE)) {
    const { index } = match;
    const end = index + match[0].length;
    keep(at, index);
    const written = unescaped(match.slice(1));
    parts.push(written);
    for (let i = 0; i < written.length; i++) {
      newStarts.push(starts[index]!);
      newEnds.push(ends[end - 1]!);
    }
    at = end;
  }
  if (at === 0) return undefined;
  keep(at, text.length);
  return { text: parts.join(""), starts: newStarts, ends: newEnds };
}

/** What may be base64 or base64url, broken into lines or not: 8 characters are 6 bytes. */
const BASE64 = /[A-Za-z0-9+/_-](?:[\r\n]{0,2}[A-Za-z0-9+/_-]){7,}={0,2}/g;
/** The value of each character of base64; -1: none. */
const SEXTETS: Int8Array = /* @__PURE__ */ sextets();

function sextets(): Int8Array {
  const values = new Int8Array(128).fill(-1);
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  [...`${letters}+/`].forEach((letter, value) => values[letter.charCodeAt(0)] = value);
  [...`${letters}-_`].forEach((letter, value) => values[letter.charCodeAt(0)] = value);
  return values;
}

/** Base64 decoded, a byte a character, from each of the four places at which it can begin. */
function* base64In({ text, starts, ends }: Reading): Generator<Reading> {
  for (const { index, 0: run } of text.matchAll(BASE64)) {
    for (let offset = 0; offset < 4; offset++) {
      const bytes: number[] = [];
      const newStarts: number[] = [];
      const newEnds: number[] = [];
      let [bits, count, seen, first] = [0, 0, 0, 0];
      for (let i = index; i < index + run.length; i++) {
        const value = SEXTETS[text.charCodeAt(i)]!;
        if (value < 0 || seen++ < offset) continue; // no letter, or before the beginning
        if (count === 0) first = i;
        bits = (bits << 6 | value) & 0xffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes.push(bits >> count & 0xff);
        newStarts.push(starts[first]!);
        newEnds.push(ends[i]!);
        first = i;
      }
      if (bytes.length > 0) newEnds[bytes.length - 1] = ends[index + run.length - 1]!; // with its padding
      yield { text: fromBytes(bytes), starts: newStarts, ends: newEnds };
    }
  }
}

function fromBytes(bytes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.slice(i, i + 4096));
  }
  return text;
}
