/** Replaces a secret. */
const MASK = "***";

/** A path segment that looks like a token, as in the webhook URLs of chat services. */
const TOKEN = /^(?=.*\d)(?=.*[A-Za-z]).{8,}$|^.{20,}$/;

/** A file name, maybe with a line and a column, as in a stack trace. */
const FILE = /^[\w.-]{1,64}\.[a-z]{2,4}(?::\d+){0,2}$/i;

/** The start of a URL in a text: a scheme and its slashes, one of which may be missing. */
const START = /\b[a-z][a-z0-9+.-]{0,31}:\/+/gi;

/** Where a URL ends in a text. */
const END = /[\s"'<>`]|$/g;

/** `name=` in connection strings, and in queries without a URL. One attempt per name, for linear time. */
const NAME = /(?<![\w-])([\w-]+)\s{0,4}=\s{0,4}/g;

/** A name whose value is a secret. */
const SECRET_NAME =
  /password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|credential|signature/i;

/** The value after such a name. A quote may be unterminated. */
const VALUE = /"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s;&"',)]+/y;

/** How many characters of a text are masked. What follows is left out. */
export const LONGEST = 16_384;

/**
 * Returns a URL, a store path or a connection string without its secrets: user name, password, query,
 * fragment, and path segments that look like tokens. In a malformed URL, everything that may be a password
 * is masked. A plain file path is returned unchanged.
 */
export function maskUrl(text: string): string {
  const scheme = /^\s*[a-z][a-z0-9+.-]*:\/+/i.exec(text)?.[0];
  if (scheme !== undefined) return scheme + maskRest(text.slice(scheme.length), scheme);
  const at = text.lastIndexOf("@");
  const colon = text.indexOf(":");
  // `user:password@host`, without a scheme or with a broken one.
  if (colon >= 0 && colon < at) return `${MASK}${text.slice(at)}`;
  return maskPairs(text);
}

/**
 * Returns a text with every URL in it masked, as `maskUrl` does. A text of more than 16 KiB is cut.
 *
 * @param known URLs that the text may contain, including malformed ones with spaces
 */
export function maskUrls(text: string, ...known: readonly (string | undefined)[]): string {
  return maskBeginning(text, LONGEST, ...known);
}

/** Does the same as `maskUrls` for the first `most` characters of a text, in linear time. */
export function maskBeginning(
  text: string,
  most: number,
  ...known: readonly (string | undefined)[]
): string {
  const secret = known.filter((url): url is string => !!url && maskUrl(url) !== url);
  const isCut = text.length > most;
  let masked = isCut ? text.slice(0, cutOf(text, most - 1, secret)) : text;
  for (const url of secret) masked = masked.replaceAll(url, () => maskUrl(url));
  const lines = masked.split("\n");
  const last = lines.length - 1;
  masked = maskPairs(lines.map((line, n) => maskLine(line, isCut && n === last)).join("\n"));
  return isCut ? `${masked}…` : masked;
}

/** Returns where to cut a text so that no part of a secret is left, which could not be recognized. */
function cutOf(text: string, most: number, secret: readonly string[]): number {
  let cut = most;
  let start = cut;
  while (start > 0 && !isBreak(text[start]!)) start--;
  // Half a URL, or half of `user:password@host`.
  if (text.slice(start, cut).includes(":")) cut = start;
  for (const url of secret) {
    const from = Math.max(0, cut - url.length + 1);
    const at = text.slice(from, cut + url.length - 1).indexOf(url);
    if (at >= 0) cut = from + at;
  }
  return /[\uD800-\uDBFF]/.test(text.charAt(cut - 1)) ? cut - 1 : cut; // half a character
}

function isBreak(character: string): boolean {
  return /[\s"']/.test(character);
}

/** Masks the URLs of one line. Reads each part of it a fixed number of times. */
function maskLine(line: string, isCut: boolean): string {
  let masked = "";
  let done = 0;
  for (let start = startFrom(line, 0); start !== null; start = startFrom(line, done)) {
    const scheme = start[0];
    const from = start.index + scheme.length;
    masked += maskBare(line.slice(done, start.index)) + scheme;
    done = endFrom(line, from);
    // A host and a port end before the first slash: anything else is a password that is not escaped.
    if (!isAuthority(line.slice(from, done), scheme)) {
      const next = startFrom(line, from)?.index;
      if (isCut && next === undefined) return masked + MASK; // its `@` may have been cut off
      const at = line.slice(from, next).lastIndexOf("@");
      if (at >= 0) done = Math.max(done, endFrom(line, from + at));
    }
    let end = done;
    while (end > from && ".,:;!?)]}".includes(line[end - 1]!)) end--;
    masked += maskRest(line.slice(from, end), scheme) + line.slice(end, done);
  }
  return masked + maskBare(line.slice(done));
}

function startFrom(line: string, from: number): RegExpExecArray | null {
  START.lastIndex = from;
  return START.exec(line);
}

function endFrom(line: string, from: number): number {
  END.lastIndex = from;
  return END.exec(line)!.index;
}

/** Masks `user:password@host` in a text, without a scheme. */
function maskBare(text: string): string {
  if (!text.includes("@")) return text;
  return text.split(/([\s"'])/).map(maskWord).join("");
}

/** Does the same in a text without spaces and quotes: up to its last `@` before a host. */
function maskWord(word: string): string {
  let at = word.lastIndexOf("@");
  while (at >= 0 && !/[\w.[-]/.test(word.charAt(at + 1))) {
    at = at > 0 ? word.lastIndexOf("@", at - 1) : -1;
  }
  // The user begins with the word, or after a `(` or a `=`.
  let user = 0;
  for (let n = 0; n < at; n++) {
    const character = word[n]!;
    if (character === "(" || character === "=") user = n + 1;
    else if (character === "@") user = -1;
    else if (character === ":" && user >= 0) {
      if (word[n + 1] !== "@") return word.slice(0, user) + MASK + word.slice(at);
      user = -1; // no password
    }
  }
  return word;
}

/** Masks what follows the scheme and its slashes. */
function maskRest(rest: string, scheme: string): string {
  const authority = authorityOf(rest);
  const at = rest.lastIndexOf("@");
  const masksUser = at >= 0 && (at < authority.length || !isHost(authority));
  const host = masksUser ? rest.slice(at + 1) : rest;
  const user = masksUser ? `${MASK}@` : "";
  const [, place, path] = /^([^/?#]*)(.*)$/s.exec(host)!;
  const shown = at < 0 && !isAuthority(host, scheme) && place!.includes(":") ? MASK : place;
  return user + shown + (/^file:/i.test(scheme) ? path : maskPath(path!));
}

function maskPath(path: string): string {
  const [, segments, query, hash] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(path)!;
  const shown = segments!.split("/").map((segment) =>
    TOKEN.test(segment) && !FILE.test(segment) ? MASK : segment
  );
  return shown.join("/") + (query ? `?${MASK}` : "") + (hash ? `#${MASK}` : "");
}

/** Returns whether a URL starts with a valid user, host and port. */
function isAuthority(rest: string, scheme: string): boolean {
  const authority = authorityOf(rest);
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  return isPlace(host) || (host === "" && /^file:/i.test(scheme));
}

/** Returns whether an authority without an `@` is certainly a host. With a port, it may be a user and a password. */
function isHost(authority: string): boolean {
  return isPlace(authority) && !authority.includes(":");
}

function isPlace(authority: string): boolean {
  return /^(?:\[[\da-f:.]+\]|[\p{L}\p{N}._~%-]+)(?::\d{0,5})?$/iu.test(authority);
}

function authorityOf(rest: string): string {
  return /^[^/?#\\]*/.exec(rest)![0];
}

function maskPairs(text: string): string {
  let masked = "";
  let done = 0;
  NAME.lastIndex = 0;
  for (let name = NAME.exec(text); name !== null; name = NAME.exec(text)) {
    if (!SECRET_NAME.test(name[1]!)) continue;
    const from = VALUE.lastIndex = NAME.lastIndex;
    if (!VALUE.test(text)) continue;
    masked += text.slice(done, from) + MASK;
    done = NAME.lastIndex = VALUE.lastIndex;
  }
  return masked + text.slice(done);
}
