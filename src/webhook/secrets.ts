/**
 * The secrets of Standard Webhooks: generates them, and reads keys from them.
 *
 * @module
 */
import { type Bytes, decodeBase64, encodeBase64 } from "../internal/bytes.ts";
import { describePadding } from "../internal/options.ts";
import { WebhookVerificationError } from "./errors.ts";
import {
  derivePublicKey,
  ED25519_BYTES,
  ed25519PublicKey,
  ed25519SecretKey,
  type WebhookKey,
} from "./keys.ts";
import { hmacKey } from "./hmac.ts";

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

/** An Ed25519 key pair in the prefixed base64 of Standard Webhooks. */
export interface WebhookKeyPair {
  /** `whsk_` with seed and public key. The sender keeps it. */
  readonly secretKey: string;
  /** `whpk_`. Receivers verify with it. */
  readonly publicKey: string;
}

/** Bytes of a generated HMAC secret. */
const SECRET_BYTES = 32;
/** Bounds the cost of one request, which is compared with every secret. */
const MAX_SECRETS = 16;

/** Generates a random `whsec_` secret of 32 bytes, for HMAC-SHA256. */
export function generateSecret(): string {
  return `whsec_${encodeBase64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`;
}

/**
 * Generates a random Ed25519 key pair: receivers that only have its public key can verify but not sign.
 * The secret key contains seed and public key, as Svix writes it. A seed alone is accepted too.
 */
export async function generateKeyPair(): Promise<WebhookKeyPair> {
  const seed = crypto.getRandomValues(new Uint8Array(ED25519_BYTES));
  const publicKey = await derivePublicKey(seed);
  return {
    secretKey: `whsk_${encodeBase64(Uint8Array.of(...seed, ...publicKey))}`,
    publicKey: `whpk_${encodeBase64(publicKey)}`,
  };
}

/** A key that is not public. */
interface SigningKey extends WebhookKey {
  readonly sign: (content: Bytes) => Promise<Bytes>;
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

/**
 * Returns the keys of secrets, in their order. The platform imports each at its first use.
 *
 * @throws {WebhookVerificationError} `invalid_secret` or `invalid_secret_encoding`
 */
export function readKeys(secrets: string | readonly string[]): readonly WebhookKey[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_SECRETS) {
    const advice = secrets === undefined ? ". Check that its value is set" : "";
    throw invalidSecret(
      `Cannot read the secrets: 'secrets' must be a secret or a list of 1 to ${MAX_SECRETS}${advice}`,
    );
  }
  return Array.from(list, (secret: unknown, i) => {
    return readKey(secret, list.length === 1 ? "the secret" : `secret ${i + 1} of ${list.length}`);
  });
}

/** Does what `readKeys` does, and rejects public keys. */
export function readSigningKeys(secrets: string | readonly string[]): readonly SigningKey[] {
  const keys = readKeys(secrets);
  if (keys.every(canSign)) return keys;
  throw invalidSecret(
    "Cannot sign a webhook: a 'whpk_' key is public and can't sign. Use the 'whsk_' key of its pair",
  );
}

function canSign(key: WebhookKey): key is SigningKey {
  return key.sign !== undefined;
}

/** A kind of secret: its lengths in bytes, and the key that it makes. */
interface SecretKind {
  readonly lengths: string;
  fits(length: number): boolean;
  key(bytes: Bytes): WebhookKey;
}

/** By prefix. Prefixes and the 24 to 64 bytes: Standard Webhooks, "Signature scheme". */
const KINDS: Readonly<Record<string, SecretKind>> = {
  whsec_: {
    lengths: "24 to 64",
    fits: (length) => length >= 24 && length <= 64,
    key: hmacKey,
  },
  // The specification leaves this open: its Go library uses the seed, Svix seed and public key.
  whsk_: {
    lengths: "32 (seed) or 64 (seed and public key)",
    fits: (length) => length === ED25519_BYTES || length === 2 * ED25519_BYTES,
    key: ed25519SecretKey,
  },
  whpk_: {
    lengths: "32",
    fits: (length) => length === ED25519_BYTES,
    key: ed25519PublicKey,
  },
};

function readKey(secret: unknown, name: string): WebhookKey {
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
  return kind.key(bytes);
}

function invalidSecret(message: string): WebhookVerificationError {
  return new WebhookVerificationError("invalid_secret", message);
}
