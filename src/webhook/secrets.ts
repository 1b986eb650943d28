/**
 * The secrets of Standard Webhooks: generates and reads them.
 *
 * @module
 */
import { type Bytes, decodeBase64, encodeBase64 } from "../internal/bytes.ts";
import { describePadding } from "../internal/options.ts";
import { WebhookVerificationError } from "./errors.ts";
import { MAX_SECRETS } from "./limits.ts";

/** The secrets to sign or verify with. Set one of the two options. */
export interface WebhookSecretOptions {
  /**
   * The secret: `whsec_` (HMAC-SHA256, 24 to 64 bytes), `whsk_` (Ed25519; the seed, or seed and public
   * key) or, to verify only, `whpk_` (Ed25519 public key), each followed by padded base64.
   */
  readonly secret?: string;
  /** Up to 16 secrets, for a rotation: a sender signs with all of them, a receiver accepts any. */
  readonly secrets?: string | readonly string[];
}

/** Bytes of a generated HMAC secret. */
const SECRET_BYTES = 32;

/** Generates a random `whsec_` secret of 32 bytes, for HMAC-SHA256. */
export function generateSecret(): string {
  return `whsec_${encodeBase64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`;
}

/**
 * Returns the secrets that options have.
 *
 * @throws {WebhookVerificationError} `invalid_secret`, if they have none
 * @throws {TypeError} when they have both `secret` and `secrets`
 */
export function readSecrets(
  subject: string,
  options: WebhookSecretOptions,
): string | readonly string[] {
  const { secret, secrets } = options;
  if (secret !== undefined && secrets !== undefined) {
    throw new TypeError(`${subject}: set 'secret' or 'secrets', not both`);
  }
  const given = secret ?? secrets;
  if (given === undefined) {
    const name = "secret" in options ? "secret" : "secrets";
    const why = name in options
      ? `'${name}' is undefined. Check that its value is set`
      : "'secret' is missing";
    throw invalidSecret(`${subject}: ${why}`);
  }
  return given;
}

/** A secret that was read: its prefix, and its bytes. */
export type Secret = { readonly prefix: string; readonly bytes: Bytes };

/**
 * Reads secrets, in their order.
 *
 * @throws {WebhookVerificationError} `invalid_secret` or `invalid_secret_encoding`
 */
export function parseSecrets(secrets: string | readonly string[]): readonly Secret[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_SECRETS) {
    const advice = secrets === undefined ? ". Check that its value is set" : "";
    throw invalidSecret(
      `Cannot read the secrets: 'secrets' must be a secret or a list of 1 to ${MAX_SECRETS}${advice}`,
    );
  }
  return Array.from(list, (secret: unknown, i) => {
    const name = list.length === 1 ? "the secret" : `secret ${i + 1} of ${list.length}`;
    return parseSecret(secret, name);
  });
}

/** Does what `parseSecrets` does, and rejects public keys. */
export function parseSigningSecrets(secrets: string | readonly string[]): readonly Secret[] {
  const parsed = parseSecrets(secrets);
  if (parsed.every(({ prefix }) => prefix !== "whpk_")) return parsed;
  throw invalidSecret(
    "Cannot sign a webhook: a 'whpk_' key is public and can't sign. Use the 'whsk_' key of its pair",
  );
}

/** Bytes of an Ed25519 seed, and of a public key (RFC 8032, section 5.1.5). */
export const ED25519_BYTES = 32;

/** A kind of secret: its lengths in bytes. */
interface SecretKind {
  readonly lengths: string;
  fits(length: number): boolean;
}

/** By prefix. Prefixes and the 24 to 64 bytes: Standard Webhooks, "Signature scheme". */
const KINDS: Readonly<Record<string, SecretKind>> = {
  whsec_: {
    lengths: "24 to 64",
    fits: (length) => length >= 24 && length <= 64,
  },
  // The specification leaves this open: its Go library uses the seed, Svix seed and public key.
  whsk_: {
    lengths: "32 (seed) or 64 (seed and public key)",
    fits: (length) => length === ED25519_BYTES || length === 2 * ED25519_BYTES,
  },
  whpk_: {
    lengths: "32",
    fits: (length) => length === ED25519_BYTES,
  },
};

function parseSecret(secret: unknown, name: string): Secret {
  if (typeof secret !== "string") {
    const advice = secret === undefined ? ". Check that its value is set" : "";
    throw invalidSecret(`Cannot read ${name}: it must be a string, got ${typeof secret}${advice}`);
  }
  const padding = describePadding(secret);
  const [prefix = ""] = /^wh[a-z]+_/.exec(secret) ?? [];
  const kind = Object.hasOwn(KINDS, prefix) ? KINDS[prefix] : undefined;
  if (kind === undefined) {
    const rule = "it must start with 'whsec_', 'whsk_' or 'whpk_'";
    throw invalidSecret(`Cannot read ${name}: ${padding ?? rule}`);
  }
  const bytes = decodeBase64(secret.slice(prefix.length));
  if (bytes === undefined) {
    const rule = `'${prefix}' must be followed by standard base64 with padding`;
    throw new WebhookVerificationError(
      "invalid_secret_encoding",
      `Cannot read ${name}: ${padding ?? rule}`,
    );
  }
  if (!kind.fits(bytes.length)) {
    throw invalidSecret(
      `Cannot read ${name}: '${prefix}' must be followed by base64 of ${kind.lengths} bytes, ` +
        `got ${bytes.length}`,
    );
  }
  return { prefix, bytes };
}

function invalidSecret(message: string): WebhookVerificationError {
  return new WebhookVerificationError("invalid_secret", message);
}
