import { type Bytes, decodeBase64 } from "../internal/bytes.ts";
import type { WebhookKey } from "./_keys.ts";
import { WebhookVerificationError } from "./errors.ts";

/** Bytes of a seed, and of a public key (RFC 8032, section 5.1.5). */
export const ED25519_KEY_BYTES = 32;

/** All that stands before the seed in a PKCS #8 private key (RFC 8410, section 7). */
const PKCS8_PREFIX = /* @__PURE__ */ Uint8Array.of(
  48,
  46,
  2,
  1,
  0,
  48,
  5,
  6,
  3,
  43,
  101,
  112,
  4,
  34,
  4,
  32,
);

/** Verifies `v1a`. */
export function ed25519PublicKey(publicKey: Bytes): WebhookKey {
  let imported: Promise<CryptoKey> | undefined;
  return {
    version: "v1a",
    sign: undefined,
    matches: async (content, signatures) => {
      imported ??= importPublicKey(publicKey);
      return verifyAny(await imported, content, signatures);
    },
  };
}

/**
 * Signs and verifies `v1a`: a seed, or a seed and its public key. The second form says its public
 * key itself, and is refused at the first use if that belongs to another seed.
 */
export function ed25519SecretKey(bytes: Bytes): WebhookKey {
  const seed = bytes.slice(0, ED25519_KEY_BYTES);
  let imported: Promise<CryptoKeyPair> | undefined;
  const importOnce = () => imported ??= importPair(seed, bytes.slice(ED25519_KEY_BYTES));
  return {
    version: "v1a",
    async sign(content) {
      const { privateKey } = await importOnce();
      return new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, content));
    },
    async matches(content, signatures) {
      return await verifyAny((await importOnce()).publicKey, content, signatures);
    },
  };
}

/** The public key of a seed. */
export async function derivePublicKey(seed: Bytes): Promise<Bytes> {
  // WebCrypto derives it only as a field of an exported key.
  const { x } = await crypto.subtle.exportKey("jwk", await importSeed(seed, true));
  return decodeBase64(`${x!.replaceAll("-", "+").replaceAll("_", "/")}=`)!;
}

async function importPair(seed: Bytes, stated: Bytes): Promise<CryptoKeyPair> {
  const derived = await derivePublicKey(seed);
  if (stated.some((byte, i) => byte !== derived[i])) {
    throw new WebhookVerificationError(
      "invalid_secret",
      "Cannot read a 'whsk_' secret as its second half is not the public key of its first half",
    );
  }
  return {
    privateKey: await importSeed(seed, false),
    publicKey: await importPublicKey(derived),
  };
}

function importSeed(seed: Bytes, extractable: boolean): Promise<CryptoKey> {
  return importKey("pkcs8", Uint8Array.of(...PKCS8_PREFIX, ...seed), extractable, "sign");
}

function importPublicKey(publicKey: Bytes): Promise<CryptoKey> {
  return importKey("raw", publicKey, false, "verify");
}

async function importKey(
  format: "pkcs8" | "raw",
  bytes: Bytes,
  extractable: boolean,
  usage: KeyUsage,
): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey(format, bytes, "Ed25519", extractable, [usage]);
  } catch (cause) {
    throw new WebhookVerificationError(
      "invalid_secret",
      "Cannot use a 'whsk_' or 'whpk_' key as this runtime refuses it as an Ed25519 key",
      { cause },
    );
  }
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
