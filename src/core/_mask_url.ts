/** Stands for what was taken out. */
const MASK = "***";

/** A segment of a path that looks like a token and not like a word, as in the webhook URLs of chat services. */
const TOKEN = /^(?=.*\d)(?=.*[A-Za-z]).{8,}$|^.{20,}$/;

/** The name of a file, perhaps with a line and a column: in a stack. */
const FILE = /^[\w.-]{1,64}\.[a-z]{2,4}(?::\d+){0,2}$/i;

/** The beginning of a URL in a text: a scheme with its slashes, one of which may be missing. */
const START = /\b[a-z][a-z0-9+.-]{0,31}:\/+/i;

/** `name=value` of connection strings, and of queries that stand alone. */
const PAIR =
  /([\w-]{0,32}(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|credential|signature)[\w-]{0,32}\s{0,4}=\s{0,4})(?:"[^"]*"|'[^']*'|[^\s;&"',)]+)/gi;

/**
 * Returns a URL, a store path or a connection string without its secrets: user name, password, query,
 * fragment, and segments of the path that look like tokens. It need not be a valid URL: whatever may be
 * a password in a malformed one is masked too. A plain file path is returned as it is.
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
 * Returns a text with every URL in it masked, as `maskUrl` does.
 *
 * @param known URLs that the text may quote as they are, also malformed ones with spaces in them
 */
export function maskUrls(text: string, ...known: readonly (string | undefined)[]): string {
  let masked = text;
  for (const url of known) {
    if (url && maskUrl(url) !== url) masked = masked.replaceAll(url, () => maskUrl(url));
  }
  return maskPairs(
    masked.split("\n").map(maskLine).join("\n"),
  );
}

/** Masks the URLs of one line. */
function maskLine(line: string): string {
  const start = START.exec(line);
  if (start === null) return maskBare(line);
  const scheme = start[0];
  const before = maskBare(line.slice(0, start.index));
  const rest = line.slice(start.index + scheme.length);
  let end = /[\s"'<>`]|$/.exec(rest)!.index;
  // A host and a port end before the first slash: anything else is a password that is not escaped.
  if (!isAuthority(rest.slice(0, end), scheme)) {
    end = Math.max(end, endOfHost(rest));
  }
  const [, url, trailing] = /^(.*?)([.,:;!?)\]}]*)$/s.exec(rest.slice(0, end))!;
  return before + scheme + maskRest(url!, scheme) + trailing + maskLine(rest.slice(end));
}

/** Where the host ends that comes after the last `@` of a line. */
function endOfHost(rest: string): number {
  const next = START.exec(rest)?.index ?? rest.length; // another URL begins
  const at = rest.slice(0, next).lastIndexOf("@");
  return at < 0 ? 0 : at + /[\s"'<>`]|$/.exec(rest.slice(at))!.index;
}

/** `user:password@host` in a text, without a scheme. */
function maskBare(text: string): string {
  return text.replace(/(^|[\s"'(=])[^\s"'(=:@]*:[^\s"'@]+@(?=[\w.[-])/g, `$1${MASK}@`);
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

/** Whether a URL's beginning is user, host and port as they should be. */
function isAuthority(rest: string, scheme: string): boolean {
  const authority = authorityOf(rest);
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  return isPlace(host) || (host === "" && /^file:/i.test(scheme));
}

/** Whether an authority without an `@` is surely a host: a port makes a user name and a password of it. */
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
  return text.replace(PAIR, `$1${MASK}`);
}

/** Returns an error with the URLs in its message, its stack and its causes masked; itself, if none is in it. */
export function maskError<Thrown>(
  error: Thrown,
  ...known: readonly (string | undefined)[]
): Thrown {
  return maskedError(error, known, 0) as Thrown;
}

/** Causes of causes that are masked; those below are left out. */
const DEEPEST = 8;

function maskedError(
  error: unknown,
  known: readonly (string | undefined)[],
  depth: number,
): unknown {
  if (typeof error === "string") return maskUrls(error, ...known);
  if (!(error instanceof Error)) return error;
  const { message, stack = "", cause } = error;
  const masked = {
    message: maskUrls(message, ...known),
    stack: maskUrls(stack, ...known),
    cause: depth < DEEPEST ? maskedError(cause, known, depth + 1) : undefined,
  };
  if (masked.message === message && masked.stack === stack && masked.cause === cause) return error;
  const options = masked.cause === undefined ? {} : { cause: masked.cause };
  const copy = new Error(masked.message, options);
  const { code } = error as { readonly code?: unknown };
  const own = { name: error.name, stack: masked.stack, ...(code === undefined ? {} : { code }) };
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(copy, name, { value, configurable: true, writable: true });
  }
  return copy;
}
