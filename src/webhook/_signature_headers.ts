import { type Bytes, decodeBase64 } from "../internal/bytes.ts";
import type { SignatureVersion } from "./_keys.ts";
import { ID_GRAMMAR, TIMESTAMP_GRAMMAR } from "./_signer.ts";
import { type WebhookVerificationCode, WebhookVerificationError } from "./errors.ts";

/** What the three headers of a webhook say. */
export interface SignatureHeaders {
  readonly id: string;
  /** Unix seconds as sent; the text is what was signed. */
  readonly timestamp: string;
  /** The signatures of known versions, at least one. */
  readonly signatures: Readonly<Record<SignatureVersion, readonly Bytes[]>>;
}

/**
 * Headers of a request as platforms give them: `Headers`, or a record in any case of letters, such as
 * Node's `request.headers`.
 */
export type WebhookHeaderSource =
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>;

const ENTRY_GRAMMAR = /^[!-+\--~]+,[!-+\--~]+$/;

/** Bounds what one request can cost. Svix sends six at most: it keeps five old secrets. */
const MAX_SIGNATURES = 16;
const MAX_SIGNATURE_CHARACTERS = 8192;
const SIGNATURE_BYTES: Readonly<Record<string, number>> = { v1: 32, v1a: 64 };

/** Reads the three headers strictly, or says which is at fault. */
export function readSignatureHeaders(headers: WebhookHeaderSource): SignatureHeaders {
  const id = readHeader(headers, "webhook-id");
  const timestamp = readHeader(headers, "webhook-timestamp");
  const signature = readHeader(headers, "webhook-signature");
  if (id.includes(",")) throw duplicate("webhook-id");
  if (timestamp.includes(",")) throw duplicate("webhook-timestamp");
  if (!ID_GRAMMAR.test(id)) {
    throw fault(
      "invalid_header",
      "'webhook-id' must be 1 to 256 visible ASCII characters without a dot",
    );
  }
  if (!TIMESTAMP_GRAMMAR.test(timestamp)) {
    throw fault("invalid_header", "'webhook-timestamp' must be Unix seconds in digits only");
  }
  return { id, timestamp, signatures: readSignatures(signature) };
}

/** An error about the request that is verified. */
export function fault(code: WebhookVerificationCode, reason: string): WebhookVerificationError {
  return new WebhookVerificationError(code, `Cannot verify the webhook as ${reason}`);
}

function duplicate(name: string): WebhookVerificationError {
  return fault("duplicate_header", `header '${name}' was sent more than once`);
}

function readHeader(headers: WebhookHeaderSource, name: string): string {
  const values = isHeaders(headers) ? [headers.get(name)] : valuesOf(headers, name);
  if (values.length > 1) throw duplicate(name);
  const [value] = values;
  if (typeof value !== "string") throw fault("missing_header", `header '${name}' is missing`);
  return trimSpaces(value);
}

/** Removes spaces and tabs at both ends, as `Headers` does. A pattern for it would take quadratic time. */
function trimSpaces(value: string): string {
  const isSpace = (at: number): boolean => value[at] === " " || value[at] === "\t";
  let [start, end] = [0, value.length];
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return value.slice(start, end);
}

/** By its shape: a fetch library may bring a class of its own. */
function isHeaders(headers: WebhookHeaderSource): headers is Headers {
  return typeof headers.get === "function";
}

/** Two spellings of one name are two headers, and so are two elements of a list. */
function valuesOf(
  headers: Exclude<WebhookHeaderSource, Headers>,
  name: string,
): readonly unknown[] {
  return Object.entries(headers)
    .filter(([key, value]) => key.toLowerCase() === name && value !== undefined)
    .flatMap(([, value]) => value);
}

function readSignatures(header: string): SignatureHeaders["signatures"] {
  if (header.length > MAX_SIGNATURE_CHARACTERS) throw tooLong();
  const entries = header.split(/[ \t]+/).filter((entry) => entry !== "");
  if (entries.length > MAX_SIGNATURES) throw tooLong();
  if (entries.length === 0) throw malformed();
  const signatures = { v1: [] as Bytes[], v1a: [] as Bytes[] };
  for (const entry of entries) {
    // Two values joined: base64 has no comma, so an entry has just one of its own.
    if (entry.split(",").length > 2) throw duplicate("webhook-signature");
    if (!ENTRY_GRAMMAR.test(entry)) throw malformed();
    const [version, text] = entry.split(",") as [string, string];
    // Other versions may come to stand beside the known ones.
    if (version === "v1" || version === "v1a") signatures[version].push(decode(version, text));
  }
  if (signatures.v1.length + signatures.v1a.length === 0) {
    throw fault(
      "unsupported_version",
      "'webhook-signature' holds neither a v1 nor a v1a signature",
    );
  }
  return signatures;
}

function decode(version: SignatureVersion, text: string): Bytes {
  const bytes = decodeBase64(text);
  if (bytes?.length !== SIGNATURE_BYTES[version]) throw malformed();
  return bytes!;
}

function malformed(): WebhookVerificationError {
  return fault(
    "invalid_signature",
    "'webhook-signature' must be a list of 'v1,' or 'v1a,' with base64, separated by spaces",
  );
}

function tooLong(): WebhookVerificationError {
  return fault(
    "invalid_signature",
    `'webhook-signature' must have at most ${MAX_SIGNATURES} signatures and` +
      ` ${MAX_SIGNATURE_CHARACTERS} characters`,
  );
}
