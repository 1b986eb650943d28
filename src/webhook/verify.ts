import { type Bytes, decodeBase64 } from "../internal/bytes.ts";
import { checkKnown, readDuration } from "../internal/options.ts";
import { checkFunctions } from "../internal/validate.ts";
import { type WebhookVerificationCode, WebhookVerificationError } from "./errors.ts";
import { readKeys, type SignatureVersion } from "./keys.ts";
import { DEFAULT_TOLERANCE, MAX_TOLERANCE } from "./limits.ts";
import { readSecrets, type WebhookSecretOptions } from "./secrets.ts";
import { checkBody, ID_GRAMMAR, signedContent, TIMESTAMP_GRAMMAR } from "./sign.ts";

/** Options of {@linkcode verifyWebhook}. */
export interface VerifyWebhookOptions extends WebhookSecretOptions {
  /**
   * How far `webhook-timestamp` may be from now, in the past and in the future, in milliseconds:
   * 0 to 86,400,000 (a day). Compared in whole seconds. @default {300000}
   */
  readonly tolerance?: number | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

/**
 * Headers of a request as platforms provide them: `Headers`, or a record with names in any case, such as
 * Node's `request.headers`.
 */
export type WebhookHeaderSource =
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** A webhook that is authentic and recent. */
export interface VerifiedWebhook {
  /** `webhook-id`: use it to handle a message once. */
  readonly id: string;
  /** When the sender made this attempt. */
  readonly timestamp: Date;
}

/** Verifies messages with keys that are imported once. */
export interface WebhookVerifier {
  /** Does what {@linkcode verifyWebhook} does. */
  verify(body: Uint8Array | string, headers: WebhookHeaderSource): Promise<VerifiedWebhook>;
}

/**
 * Resolves if one of the secrets signed this body under these headers, within the tolerance. Pass
 * the body as it was received: JSON that was parsed and written again has other bytes. Every
 * signature is compared with every secret, in constant time. Nothing is remembered: the same
 * message passes again while its timestamp is recent, so keep the ids of handled messages.
 *
 * @throws {WebhookVerificationError} when the headers, signature, or secrets are invalid; `code` says why
 * @throws {TypeError} when the body is neither bytes nor a string, or both `secret` and `secrets` are set
 * @throws {RangeError} when the tolerance is out of bounds
 */
export async function verifyWebhook(
  body: Uint8Array | string,
  headers: WebhookHeaderSource,
  options: VerifyWebhookOptions,
): Promise<VerifiedWebhook> {
  return await createWebhookVerifier(options).verify(body, headers);
}

/**
 * Creates a verifier for many messages: {@linkcode verifyWebhook} without importing the secrets each time.
 *
 * @throws {WebhookVerificationError} with code `invalid_secret` or `invalid_secret_encoding`
 * @throws {TypeError | RangeError} when another option is unknown or out of bounds
 */
export function createWebhookVerifier(options: VerifyWebhookOptions): WebhookVerifier {
  const verify = createSignerVerifier(options);
  return {
    async verify(body, headers) {
      const { id, timestamp } = await verify(body, headers);
      return { id, timestamp };
    },
  };
}

/** Verifies, and returns who signed: `signers` has the indexes of the secrets. */
export type SignerVerifier = (
  body: Uint8Array | string,
  headers: WebhookHeaderSource,
) => Promise<VerifiedWebhook & { readonly signers: readonly number[] }>;

const SUBJECT = "Cannot verify webhooks";

/** Creates a verifier that returns who signed. Not exported by the package. */
export function createSignerVerifier(options: VerifyWebhookOptions): SignerVerifier {
  checkKnown(SUBJECT, options, ["secret", "secrets", "tolerance", "now"]);
  checkFunctions(SUBJECT, options, [], ["now"]);
  const keys = readKeys(readSecrets(SUBJECT, options));
  const { tolerance: given = DEFAULT_TOLERANCE, now = () => Date.now() } = options;
  const tolerance = readDuration(SUBJECT, "tolerance", given, { min: 0, max: MAX_TOLERANCE });
  return async (body, headers) => {
    checkBody("Cannot verify the webhook", body);
    const { id, timestamp, signatures } = readSignatureHeaders(headers);
    checkAge(Number(timestamp), now(), tolerance);
    const content = signedContent(id, timestamp, body);
    const matches = await Promise.all(
      keys.map((key) => key.matches(content, signatures[key.version])),
    );
    const signers = matches.flatMap((matched, i) => matched ? [i] : []);
    if (signers.length === 0) {
      throw failure("no_matching_signature", "none of the secrets made one of its signatures");
    }
    return { id, timestamp: new Date(Number(timestamp) * 1000), signers };
  };
}

/** Compares in whole seconds, as the reference library does: the header has no more. */
function checkAge(timestamp: number, now: number, tolerance: number): void {
  const age = (Math.floor(now / 1000) - timestamp) * 1000;
  const limit = `more than ${tolerance / 1000} s`;
  if (age < -tolerance) {
    throw failure("timestamp_too_new", `its timestamp is ${limit} in the future`);
  }
  // Negated, so that a clock that returns NaN rejects.
  if (!(age <= tolerance)) throw failure("timestamp_too_old", `its timestamp is ${limit} ago`);
}

/** The contents of a webhook's three headers. */
interface SignatureHeaders {
  readonly id: string;
  /** Unix seconds as sent: the text is what was signed. */
  readonly timestamp: string;
  /** The signatures of known versions, at least one. */
  readonly signatures: Readonly<Record<SignatureVersion, readonly Bytes[]>>;
}

function readSignatureHeaders(headers: WebhookHeaderSource): SignatureHeaders {
  const id = readHeader(headers, "webhook-id");
  const timestamp = readHeader(headers, "webhook-timestamp");
  const signature = readHeader(headers, "webhook-signature");
  if (id.includes(",")) throw duplicate("webhook-id");
  if (timestamp.includes(",")) throw duplicate("webhook-timestamp");
  if (!ID_GRAMMAR.test(id)) {
    throw failure(
      "invalid_header",
      "'webhook-id' must be 1 to 256 visible ASCII characters without a dot",
    );
  }
  if (!TIMESTAMP_GRAMMAR.test(timestamp)) {
    throw failure("invalid_header", "'webhook-timestamp' must be Unix seconds in digits only");
  }
  return { id, timestamp, signatures: readSignatures(signature) };
}

function readHeader(headers: WebhookHeaderSource, name: string): string {
  const values = isHeaders(headers) ? [headers.get(name)] : valuesOf(headers, name);
  if (values.length > 1) throw duplicate(name);
  const [value] = values;
  if (typeof value !== "string") throw failure("missing_header", `header '${name}' is missing`);
  return trimSpaces(value);
}

/** Recognizes `Headers` by shape, because a fetch library may have a class of its own. */
function isHeaders(headers: WebhookHeaderSource): headers is Headers {
  return typeof headers.get === "function";
}

/** Returns all values: a name in two spellings is two headers, and so are two items of a list. */
function valuesOf(
  headers: Exclude<WebhookHeaderSource, Headers>,
  name: string,
): readonly unknown[] {
  return Object.entries(headers)
    .filter(([key, value]) => key.toLowerCase() === name && value !== undefined)
    .flatMap(([, value]) => value);
}

/** Removes spaces and tabs at both ends, as `Headers` does. A pattern for it would take quadratic time. */
function trimSpaces(value: string): string {
  const isSpace = (at: number): boolean => value[at] === " " || value[at] === "\t";
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return value.slice(start, end);
}

/** Bounds the cost of one request. Svix sends at most six signatures: it keeps five old secrets. */
const MAX_SIGNATURES = 16;
const MAX_SIGNATURE_CHARACTERS = 8192;
const SIGNATURE_BYTES: Readonly<Record<SignatureVersion, number>> = { v1: 32, v1a: 64 };
const ENTRY_GRAMMAR = /^[!-+\--~]+,[!-+\--~]+$/;

function readSignatures(header: string): SignatureHeaders["signatures"] {
  if (header.length > MAX_SIGNATURE_CHARACTERS) throw tooLong();
  const entries = header.split(/[ \t]+/).filter((entry) => entry !== "");
  if (entries.length > MAX_SIGNATURES) throw tooLong();
  if (entries.length === 0) throw malformed();
  const signatures = { v1: [] as Bytes[], v1a: [] as Bytes[] };
  for (const entry of entries) {
    // Two values were joined: base64 has no comma, so an entry has exactly one.
    if (entry.split(",").length > 2) throw duplicate("webhook-signature");
    if (!ENTRY_GRAMMAR.test(entry)) throw malformed();
    const [version, text] = entry.split(",") as [string, string];
    // Unknown versions are skipped: a sender may add one.
    if (version === "v1" || version === "v1a") signatures[version].push(decode(version, text));
  }
  if (signatures.v1.length + signatures.v1a.length === 0) {
    throw failure(
      "unsupported_version",
      "'webhook-signature' has neither a v1 nor a v1a signature",
    );
  }
  return signatures;
}

function decode(version: SignatureVersion, text: string): Bytes {
  const bytes = decodeBase64(text);
  if (bytes === undefined || bytes.length !== SIGNATURE_BYTES[version]) throw malformed();
  return bytes;
}

function malformed(): WebhookVerificationError {
  return failure(
    "invalid_signature",
    "'webhook-signature' must be a list of 'v1,' or 'v1a,' with base64, separated by spaces",
  );
}

function tooLong(): WebhookVerificationError {
  return failure(
    "invalid_signature",
    `'webhook-signature' must have at most ${MAX_SIGNATURES} signatures and ` +
      `${MAX_SIGNATURE_CHARACTERS} characters`,
  );
}

function duplicate(name: string): WebhookVerificationError {
  return failure("duplicate_header", `header '${name}' was sent more than once`);
}

function failure(code: WebhookVerificationCode, reason: string): WebhookVerificationError {
  return new WebhookVerificationError(code, `Cannot verify the webhook: ${reason}`);
}
