import { encodeBase64 } from "../internal/bytes.ts";
import { derivePublicKey, ED25519_KEY_BYTES } from "./_ed25519.ts";

const SECRET_BYTES = 32;

/** A new random `whsec_` secret of 32 bytes, for HMAC-SHA256. */
export function generateSecret(): string {
  return `whsec_${encodeBase64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`;
}

/** An Ed25519 key pair in the prefixed base64 of Standard Webhooks. */
export interface WebhookKeyPair {
  /** `whsk_` with seed and public key: stays with the sender. */
  readonly secretKey: string;
  /** `whpk_`: goes to the receivers. */
  readonly publicKey: string;
}

/**
 * A new random Ed25519 key pair: receivers that hold only its public key can verify and not sign.
 * The secret key is of 64 bytes, seed and public key, as Svix writes it; seeds alone are read too.
 */
export async function generateKeyPair(): Promise<WebhookKeyPair> {
  const seed = crypto.getRandomValues(new Uint8Array(ED25519_KEY_BYTES));
  const publicKey = await derivePublicKey(seed);
  return {
    secretKey: `whsk_${encodeBase64(Uint8Array.of(...seed, ...publicKey))}`,
    publicKey: `whpk_${encodeBase64(publicKey)}`,
  };
}
