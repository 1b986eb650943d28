/**
 * The keys of Standard Webhooks: HMAC-SHA256 for `v1`, Ed25519 for `v1a`.
 *
 * @module
 */
import { type Bytes, decodeBase64 } from "../internal/bytes.ts";
import { WebhookVerificationError } from "./errors.ts";

/** Bytes of an Ed25519 seed, and of a public key (RFC 8032, section 5.1.5). */
export const ED25519_BYTES = 32;

/** Versions of a signature: HMAC-SHA256 and Ed25519. */
export type SignatureVersion = "v1" | "v1a";

/** A key. Its bytes can't be read from it, also not by `inspect` or as JSON. */
export interface WebhookKey {
  /** The signatures that it makes and verifies. */
  readonly version: SignatureVersion;
  /** Signs content; undefined for a public key. */
  readonly sign: ((content: Bytes) => Promise<Bytes>) | undefined;
  /** Tells whether one of the signatures was made with this key. Compares all, whether or not one matches. */
  matches(content: Bytes, signatures: readonly Bytes[]): Promise<boolean>;
}

/** Creates a key that verifies `v1a`. */
export function ed25519PublicKey(publicKey: Bytes): WebhookKey {
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
export function ed25519SecretKey(bytes: Bytes): WebhookKey {
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

/** Returns the public key of a seed. WebCrypto has it only as a field of an exported key. */
export async function derivePublicKey(seed: Bytes): Promise<Bytes> {
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
