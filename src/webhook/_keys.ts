import { type Bytes, decodeBase64 } from "../internal/bytes.ts";
import { describePadding } from "../internal/options.ts";
import { timingSafeEqual } from "../internal/crypto.ts";
import { ED25519_KEY_BYTES, ed25519PublicKey, ed25519SecretKey } from "./_ed25519.ts";
import { WebhookVerificationError } from "./errors.ts";

/** Versions of a signature: HMAC-SHA256 and Ed25519. */
export type SignatureVersion = "v1" | "v1a";

/** What a secret can do. Its bytes can't be read from it, `inspect` and JSON included. */
export interface WebhookKey {
  /** What it signs and verifies. */
  readonly version: SignatureVersion;
  /** The signature of a content; undefined for a public key. */
  readonly sign: ((content: Bytes) => Promise<Bytes>) | undefined;
  /** Whether any of these signatures is this key's. All are compared, a match ends nothing early. */
  matches(content: Bytes, signatures: readonly Bytes[]): Promise<boolean>;
}

/** A key that is not public. */
export interface SigningKey extends WebhookKey {
  readonly sign: (content: Bytes) => Promise<Bytes>;
}

/** One kind of secret: its prefix, its lengths in bytes, and the key it makes. */
interface SecretKind {
  readonly prefix: string;
  readonly lengths: string;
  fits(length: number): boolean;
  key(bytes: Bytes): WebhookKey;
}

/** Bounds what one request can cost: it is compared with every secret. */
const MAX_SECRETS = 16;

/** Prefixes and the 24 to 64 bytes (192 to 512 bits): Standard Webhooks, "Signature scheme". */
const KINDS: readonly SecretKind[] = [
  {
    prefix: "whsec_",
    lengths: "24 to 64",
    fits: (length) => length >= 24 && length <= 64,
    key: hmacKey,
  },
  {
    // The specification leaves this open: its Go library has the seed, Svix seed and public key.
    prefix: "whsk_",
    lengths: "32 (seed) or 64 (seed and public key)",
    fits: (length) => length === ED25519_KEY_BYTES || length === 2 * ED25519_KEY_BYTES,
    key: ed25519SecretKey,
  },
  {
    prefix: "whpk_",
    lengths: "32",
    fits: (length) => length === ED25519_KEY_BYTES,
    key: ed25519PublicKey,
  },
];

/** The keys of secrets, in their order. Nothing is imported yet. */
export function readKeys(secrets: string | readonly string[]): readonly WebhookKey[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (secrets === undefined) {
    throw invalid("Cannot read 'secrets' as it is undefined: check that its value is set");
  }
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_SECRETS) {
    throw invalid(`Cannot read 'secrets' as it must be a secret or a list of 1 to ${MAX_SECRETS}`);
  }
  return Array.from(list, (secret: unknown, i) => {
    return readKey(secret, list.length === 1 ? "the secret" : `secret ${i + 1} of ${list.length}`);
  });
}

/** The same, for signing: a public key is refused. */
export function readSigningKeys(secrets: string | readonly string[]): readonly SigningKey[] {
  const keys = readKeys(secrets);
  if (keys.every(canSign)) return keys;
  throw invalid("Cannot sign with a 'whpk_' key as it is public: use the 'whsk_' secret it is of");
}

function canSign(key: WebhookKey): key is SigningKey {
  return key.sign !== undefined;
}

function readKey(secret: unknown, name: string): WebhookKey {
  if (typeof secret !== "string") {
    const unset = secret === undefined ? ": check that its value is set" : "";
    throw invalid(
      `Cannot read ${name} as it must be a string: current value is ${typeof secret}${unset}`,
    );
  }
  const padding = describePadding(secret);
  const kind = KINDS.find(({ prefix }) => secret.startsWith(prefix));
  if (kind === undefined) {
    const rule = "it must start with 'whsec_', 'whsk_' or 'whpk_'";
    throw invalid(`Cannot read ${name} as ${padding ?? rule}`);
  }
  const bytes = decodeBase64(secret.slice(kind.prefix.length));
  if (bytes === undefined) {
    throw new WebhookVerificationError(
      "invalid_secret_encoding",
      `Cannot read ${name} as ${
        padding ?? `'${kind.prefix}' must be followed by standard base64 with padding`
      }`,
    );
  }
  if (!kind.fits(bytes.length)) {
    throw invalid(
      `Cannot read ${name} as '${kind.prefix}' must be followed by base64 of ${kind.lengths} bytes:` +
        ` current length is ${bytes.length}`,
    );
  }
  return kind.key(bytes);
}

function invalid(message: string): WebhookVerificationError {
  return new WebhookVerificationError("invalid_secret", message);
}

/** Signs and verifies `v1`: HMAC-SHA256. The secret's bytes are imported at the first use, once. */
function hmacKey(secret: Bytes): WebhookKey {
  let imported: Promise<CryptoKey> | undefined;
  const sign = async (content: Bytes) => {
    imported ??= importSecret(secret);
    return new Uint8Array(await crypto.subtle.sign("HMAC", await imported, content));
  };
  return {
    version: "v1",
    sign,
    // One HMAC per key, whatever the number of signatures: the sender chooses that number.
    async matches(content, signatures) {
      const expected = await sign(content);
      let matched = false;
      for (const signature of signatures) matched = timingSafeEqual(expected, signature) || matched;
      return matched;
    },
  };
}

function importSecret(secret: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}
