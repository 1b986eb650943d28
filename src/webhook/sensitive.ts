/**
 * Finds the secret values that a webhook sends.
 *
 * @module
 */

/** The values of a webhook that may be secret. */
export type Sensitive = {
  readonly secrets: readonly string[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly url: URL;
};

/** Values with fewer characters can be guessed, and occur in every text. */
export const MIN_SECRET = 3;

/** Headers about the content, not the sender. */
const PUBLIC_HEADER =
  /^(accept|accept-.*|content-.*|user-agent|origin|referer|traceparent|tracestate)$/;
/** Headers and parameters whose value is a secret. */
const SECRET_NAME =
  /auth|cookie|token|secret|key|signature|^sig$|password|passwd|^pass$|^pwd$|credential|session|jwt/i;
/** Values that are never secret, under any name. */
const PLAIN_VALUE = /^(true|false|null|none|yes|off)$/i;
/** Looks like a token and not like a word: letters and digits mixed, or long. */
const TOKEN = /^(?=.*\d)(?=.*[A-Za-z])\S{8,}$|^\S{20,}$/;

/**
 * Returns the secret values that a webhook sends: its secrets, its URL and tokens in it, the values of headers
 * with secret-like names, and what looks like a token in other headers.
 */
export function secretsIn({ secrets, headers, url }: Sensitive): readonly string[] {
  const path = url.pathname + url.search;
  const parameters = [...url.searchParams]
    .filter(([name, value]) => SECRET_NAME.test(name) || TOKEN.test(value))
    .map(([, value]) => value);
  return [
    ...secrets,
    ...secrets.map((secret) => secret.replace(/^wh(?:sec|sk)_/, "")),
    ...Object.entries(headers).flatMap(([name, value]) => secretsInHeader(name, value)),
    url.href,
    path,
    url.pathname,
    ...parameters,
    ...path.split(/[/?&=]+/).filter((part) => TOKEN.test(part)),
  ].filter((value) => value.length >= MIN_SECRET && !PLAIN_VALUE.test(value));
}

function secretsInHeader(name: string, value: string): readonly string[] {
  if (PUBLIC_HEADER.test(name)) return [];
  const words = value.split(/[\s,;="]+/).filter((word) => TOKEN.test(word));
  if (!SECRET_NAME.test(name)) {
    return TOKEN.test(value) || words.length > 0 ? [value, ...words] : [];
  }
  // Of cookies, and of schemes with parameters.
  const parameters = value.split(/[;,]/)
    .filter((part) => part.includes("="))
    .map((part) => part.slice(part.indexOf("=") + 1).replace(/^\s*"?|"?\s*$/g, ""));
  // `Bearer …`: the scheme is not secret (RFC 9110, section 11.4).
  const [, scheme = "", credentials = value] = /^([A-Za-z][\w-]*)[ \t]+(.+)$/.exec(value) ?? [];
  const basic = /^basic$/i.test(scheme) ? decodeBasic(credentials) : [];
  return [value, credentials, ...basic, ...parameters, ...words];
}

/** Returns `user:password`, and the password (RFC 7617). */
function decodeBasic(credentials: string): readonly string[] {
  try {
    const pair = atob(credentials.trim());
    return [pair, pair.slice(pair.indexOf(":") + 1)];
  } catch {
    return [];
  }
}
