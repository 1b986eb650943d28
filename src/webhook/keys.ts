/**
 * The keys of Standard Webhooks: HMAC-SHA256 for `v1`, Ed25519 for `v1a`.
 *
 * @module
 */
import { type Bytes, decodeBase64, encodeBase64 } from "../internal/bytes.ts";
import { nodeCrypto, timingSafeEqual } from "../internal/crypto.ts";
import { WebhookVerificationError } from "./errors.ts";
import { ED25519_BYTES, parseSecrets, parseSigningSecrets, type Secret } from "./secrets.ts";

/** Versions of a signature: HMAC-SHA256 and Ed25519. */
export type SignatureVersion = "v1" | "v1a";

/** A key. Its bytes can't be read from it, also not by `inspect` or as JSON. */
interface WebhookKey {
  /** The signatures that it makes and verifies. */
  readonly version: SignatureVersion;
  /** Signs content; undefined for a public key. */
  readonly sign: ((content: Bytes) => Promise<Bytes>) | undefined;
  /** Returns whether one of the signatures was made with this key. Compares all, whether or not one matches. */
  matches(content: Bytes, signatures: readonly Bytes[]): Promise<boolean>;
}

/** A key that is not public. */
export interface SigningKey extends WebhookKey {
  readonly sign: (content: Bytes) => Promise<Bytes>;
}

/**
 * Returns the keys of secrets, in their order. The platform imports each at its first use.
 *
 * @throws {WebhookVerificationError} `invalid_secret` or `invalid_secret_encoding`
 */
export function readKeys(secrets: string | readonly string[]): readonly WebhookKey[] {
  return parseSecrets(secrets).map((secret) =>
    secret.prefix === "whpk_" ? ed25519PublicKey(secret.bytes) : signingKey(secret)
  );
}

/** Does what `readKeys` does, and rejects public keys. */
export function readSigningKeys(secrets: string | readonly string[]): readonly SigningKey[] {
  return parseSigningSecrets(secrets).map(signingKey);
}

/** Returns the key of a secret that isn't public. */
export function signingKey({ prefix, bytes }: Secret): SigningKey {
  return prefix === "whsec_" ? hmacKey(bytes) : ed25519SecretKey(bytes);
}

/** Creates a key for `v1`, HMAC-SHA256. */
function hmacKey(secret: Bytes): SigningKey {
  let hmac: ((content: Bytes) => Bytes | Promise<Bytes>) | undefined;
  const sign = async (content: Bytes): Promise<Bytes> => {
    hmac ??= nodeHmac(secret) ?? webHmac(secret);
    return await hmac(content);
  };
  return {
    version: "v1",
    sign,
    // One HMAC per key, however many signatures there are: the sender chooses how many.
    async matches(content, signatures) {
      const expected = await sign(content);
      let matched = false;
      for (const signature of signatures) {
        matched = timingSafeEqual(expected, signature) || matched;
      }
      return matched;
    },
  };
}

/** Returns an HMAC by `node:crypto`, where that is faster than WebCrypto. */
function nodeHmac(secret: Bytes): ((content: Bytes) => Bytes) | undefined {
  const crypto = nodeCrypto();
  return crypto &&
    ((content) => crypto.createHmac("sha256", secret).update(content).digest());
}

function webHmac(secret: Bytes): (content: Bytes) => Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  return async (content) => new Uint8Array(await crypto.subtle.sign("HMAC", await key, content));
}

/** Creates a key that verifies `v1a`. */
function ed25519PublicKey(publicKey: Bytes): WebhookKey {
  let imported: Promise<CryptoKey> | undefined;
  return {
    version: "v1a",
    sign: undefined,
    async matches(content, signatures) {
      imported ??= importEd25519("raw", publicKey, "verify");
      return await verifyAny(await imported, content, signatures);
    },
  };
}

/**
 * Creates a key that signs and verifies `v1a` from a seed, or a seed and its public key. A public key of
 * another seed is an error at the first use.
 */
function ed25519SecretKey(bytes: Bytes): SigningKey {
  let imported: Promise<CryptoKeyPair> | undefined;
  const pair = (): Promise<CryptoKeyPair> => imported ??= importPair(bytes);
  return {
    version: "v1a",
    async sign(content) {
      const { privateKey } = await pair();
      return new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, content));
    },
    async matches(content, signatures) {
      return await verifyAny((await pair()).publicKey, content, signatures);
    },
  };
}

async function verifyAny(
  key: CryptoKey,
  content: Bytes,
  signatures: readonly Bytes[],
): Promise<boolean> {
  let matched = false;
  for (const signature of signatures) {
    matched = await crypto.subtle.verify("Ed25519", key, signature, content) || matched;
  }
  return matched;
}

async function importPair(bytes: Bytes): Promise<CryptoKeyPair> {
  const seed = bytes.slice(0, ED25519_BYTES);
  const publicKey = await derivePublicKey(seed);
  if (bytes.slice(ED25519_BYTES).some((byte, i) => byte !== publicKey[i])) {
    throw new WebhookVerificationError(
      "invalid_secret",
      "Cannot read a 'whsk_' secret: its second half is not the public key of its first half",
    );
  }
  return {
    privateKey: await importEd25519("pkcs8", pkcs8(seed), "sign"),
    publicKey: await importEd25519("raw", publicKey, "verify"),
  };
}

/** An Ed25519 key pair in the prefixed base64 of Standard Webhooks. */
export interface WebhookKeyPair {
  /** `whsk_` with seed and public key. The sender keeps it. */
  readonly secretKey: string;
  /** `whpk_`. Receivers verify with it. */
  readonly publicKey: string;
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

/** Returns the public key of a seed. WebCrypto has it only as a field of an exported key. */
async function derivePublicKey(seed: Bytes): Promise<Bytes> {
  const key = await importEd25519("pkcs8", pkcs8(seed), "sign", true);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  return decodeBase64(`${x!.replaceAll("-", "+").replaceAll("_", "/")}=`)!;
}

/** What comes before the seed in a PKCS #8 private key (RFC 8410, section 7), in base64. */
const PKCS8_PREFIX = "MC4CAQAwBQYDK2VwBCIEIA==";

function pkcs8(seed: Bytes): Bytes {
  return Uint8Array.of(...decodeBase64(PKCS8_PREFIX)!, ...seed);
}

async function importEd25519(
  format: "pkcs8" | "raw",
  bytes: Bytes,
  usage: KeyUsage,
  extractable = false,
): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey(format, bytes, "Ed25519", extractable, [usage]);
  } catch (cause) {
    throw new WebhookVerificationError(
      "invalid_secret",
      "Cannot use a 'whsk_' or 'whpk_' key: this runtime rejects it as an Ed25519 key",
      { cause },
    );
  }
}
