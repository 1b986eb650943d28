import { checkFunctions } from "../internal/validate.ts";
import { checkKnown, readDuration } from "../internal/options.ts";
import { readKeys } from "./_keys.ts";
import { fault, readSignatureHeaders, type WebhookHeaderSource } from "./_signature_headers.ts";
import {
  checkBody,
  createWebhookSigner,
  signedContent,
  type WebhookHeaders,
  type WebhookMessage,
} from "./_signer.ts";

export type { WebhookHeaderSource } from "./_signature_headers.ts";
export {
  createWebhookSigner,
  type WebhookHeaders,
  type WebhookMessage,
  type WebhookSigner,
} from "./_signer.ts";

/** Options of {@linkcode signWebhook}. */
export interface SignWebhookOptions extends WebhookMessage {
  /**
   * One secret, or up to 16 that sign together while one replaces another: `whsec_` (HMAC-SHA256,
   * 24 to 64 bytes) or `whsk_` (Ed25519; the seed, or seed and public key), in padded base64.
   */
  readonly secrets: string | readonly string[];
}

/** Options of {@linkcode verifyWebhook}. */
export interface VerifyWebhookOptions {
  /** One secret, or up to 16 of which any may have signed: `whsec_`, `whpk_`, or `whsk_`. */
  readonly secrets: string | readonly string[];
  /**
   * How far `webhook-timestamp` may be from now, in the past and in the future, in milliseconds:
   * 0 to 86,400,000 (a day). Compared in whole seconds. @default {300000}
   */
  readonly tolerance?: number | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

/** A webhook that is authentic and recent. */
export interface VerifiedWebhook {
  /** `webhook-id`: use it to handle a message once. */
  readonly id: string;
  /** When the sender made this attempt. */
  readonly timestamp: Date;
}

/** Verifies with keys that are imported once. */
export interface WebhookVerifier {
  /** What {@linkcode verifyWebhook} does. */
  verify(body: Uint8Array | string, headers: WebhookHeaderSource): Promise<VerifiedWebhook>;
}

const SUBJECT = "Cannot verify webhooks";
const DEFAULT_TOLERANCE = 300_000;
const MAX_TOLERANCE = 86_400_000;

/**
 * A verifier for many messages: {@linkcode verifyWebhook} without importing the secrets each time.
 *
 * @throws {WebhookVerificationError} With code `invalid_secret` or `invalid_secret_encoding`.
 * @throws {TypeError | RangeError} If another option is unknown or out of bounds.
 */
export function createWebhookVerifier(options: VerifyWebhookOptions): WebhookVerifier {
  const verifier = createSignerVerifier(options);
  return {
    async verify(body, headers) {
      const { id, timestamp } = await verifier.verify(body, headers);
      return { id, timestamp };
    },
  };
}

/** Verifies, and tells whose signature it is. */
export interface SignerVerifier {
  /** Does what `WebhookVerifier` does. `signers` are the indexes of the secrets that signed. */
  verify(
    body: Uint8Array | string,
    headers: WebhookHeaderSource,
  ): Promise<VerifiedWebhook & { readonly signers: readonly number[] }>;
}

/** Creates a verifier that names the secrets that signed. Internal: not exported by the package. */
export function createSignerVerifier(options: VerifyWebhookOptions): SignerVerifier {
  checkKnown(SUBJECT, options, ["secrets", "tolerance", "now"]);
  checkFunctions(SUBJECT, options, [], ["now"]);
  const keys = readKeys(options.secrets);
  const { tolerance: given = DEFAULT_TOLERANCE } = options;
  const tolerance = readDuration(SUBJECT, "tolerance", given, { min: 0, max: MAX_TOLERANCE });
  const now = options.now ?? (() => Date.now());
  return {
    async verify(body, headers) {
      checkBody(body);
      const { id, timestamp, signatures } = readSignatureHeaders(headers);
      checkAge(Number(timestamp), now(), tolerance);
      const content = signedContent(id, timestamp, body);
      const matches = await Promise.all(
        keys.map((key) => key.matches(content, signatures[key.version])),
      );
      if (!matches.includes(true)) {
        throw fault("no_matching_signature", "no signature of it was made with one of the secrets");
      }
      const signers = matches.flatMap((matched, i) => matched ? [i] : []);
      return { id, timestamp: new Date(Number(timestamp) * 1000), signers };
    },
  };
}

/**
 * Signs a webhook after Standard Webhooks 1.0: every secret signs `{id}.{timestamp}.{body}`, the exact
 * bytes that are sent. To sign many, keep a {@linkcode createWebhookSigner}.
 *
 * @example
 * ```ts
 * import { generateSecret, signWebhook, verifyWebhook } from "@omniagent/hooks/webhook";
 *
 * const secret = generateSecret();
 * const body = JSON.stringify({ type: "order.paid", data: { total: 5 } });
 * const headers = await signWebhook(body, { id: "msg_1", secrets: secret });
 * await verifyWebhook(body, headers, { secrets: secret });
 * ```
 *
 * @throws {WebhookVerificationError} With code `invalid_secret` or `invalid_secret_encoding`.
 * @throws {TypeError} If body, id or timestamp can't be signed.
 */
export async function signWebhook(
  body: Uint8Array | string,
  options: SignWebhookOptions,
): Promise<WebhookHeaders> {
  checkKnown("Cannot sign a webhook", options, ["id", "timestamp", "secrets"]);
  const { secrets, ...message } = options;
  return await createWebhookSigner(secrets).sign(body, message);
}

/**
 * Resolves if one of the secrets signed this body under these headers, within the tolerance. Pass
 * the body as it was received: JSON that was parsed and written again has other bytes. Every
 * signature is compared with every secret, in constant time. Nothing is remembered: the same
 * message passes again while its timestamp is recent, so keep the ids that were handled.
 *
 * @throws {WebhookVerificationError} Whatever is wrong with headers, signature or secrets: `code`.
 * @throws {TypeError} If the body is neither bytes nor a string.
 * @throws {RangeError} If the tolerance is out of bounds.
 */
export async function verifyWebhook(
  body: Uint8Array | string,
  headers: WebhookHeaderSource,
  options: VerifyWebhookOptions,
): Promise<VerifiedWebhook> {
  return await createWebhookVerifier(options).verify(body, headers);
}

/** In whole seconds, as the reference library does: the header has no more. */
function checkAge(timestamp: number, now: number, tolerance: number): void {
  const age = (Math.floor(now / 1000) - timestamp) * 1000;
  const limit = `more than ${tolerance / 1000} s`;
  if (age < -tolerance) throw fault("timestamp_too_new", `its timestamp is ${limit} in the future`);
  // Written so that a clock without an answer (NaN) refuses.
  if (!(age <= tolerance)) throw fault("timestamp_too_old", `its timestamp is ${limit} ago`);
}
