/**
 * Seals what must not be readable in the store, with AES-256-GCM by WebCrypto.
 *
 * @module
 */
import { type Bytes, decodeBase64, encodeBase64, joinBytes, toHex } from "../internal/bytes.ts";
import { MAX_KEYS } from "./limits.ts";

/** Bytes of a key of AES-256. */
const KEY_BYTES = 32;
/** Bytes of a nonce: the length that GCM is designed for (NIST SP 800-38D, section 5.2.1.1). */
const NONCE_BYTES = 12;
/** The format of sealed values, before the key's id. */
const VERSION = "1";

/** The owner of a sealed value. It can't be opened as that of another one. */
type SealContext = { readonly name: string; readonly field: string };

/** Thrown when a sealed value can't be opened. The message says why and what to do, and never contains it. */
export class SealError extends Error {
  override readonly name = "SealError";
}

type Key = { readonly id: string; readonly key: CryptoKey };

/** Seals with the first key, and opens what any of the keys has sealed. */
export class Sealer {
  readonly #bytes: readonly Bytes[];
  #imported: Promise<readonly [Key, ...Key[]]> | undefined;

  /** @throws {TypeError} when a key isn't base64 of 32 bytes. The message doesn't contain it */
  constructor(subject: string, encryptionKey: string | readonly string[]) {
    this.#bytes = readKeys(subject, encryptionKey);
  }

  /** Seals a text. */
  async seal(text: string, context: SealContext): Promise<string> {
    const [{ id, key }] = await this.#keys();
    const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const algorithm = { name: "AES-GCM", iv, additionalData: dataOf(context) };
    const sealed = await crypto.subtle.encrypt(algorithm, key, new TextEncoder().encode(text));
    return `${VERSION}.${id}.${encodeBase64(joinBytes([iv, new Uint8Array(sealed)]))}`;
  }

  /** Opens what was sealed in the same context. @throws {SealError} when that is not possible */
  async open(sealed: string, context: SealContext): Promise<string> {
    const [version, id, text = ""] = sealed.split(".");
    if (version !== VERSION) {
      throw new SealError("it was sealed by a newer version of this package. Update the package");
    }
    const key = (await this.#keys()).find((one) => one.id === id)?.key;
    if (key === undefined) {
      throw new SealError(
        `it was sealed with another encryption key (${id}). Add that key to the encryption keys`,
      );
    }
    const bytes = decodeBase64(text) ?? new Uint8Array();
    const iv = bytes.subarray(0, NONCE_BYTES);
    const algorithm = { name: "AES-GCM", iv, additionalData: dataOf(context) };
    try {
      const opened = await crypto.subtle.decrypt(algorithm, key, bytes.subarray(NONCE_BYTES));
      return new TextDecoder().decode(opened);
    } catch {
      throw new SealError(
        "a sealed value was changed in the store, or copied from elsewhere. Restore it, or delete the webhook",
      );
    }
  }

  #keys(): Promise<readonly [Key, ...Key[]]> {
    return this.#imported ??= Promise.all(this.#bytes.map(importKey)) as Promise<[Key, ...Key[]]>;
  }
}

/** Generates a random key for `encryptionKey`: base64 of 32 bytes. */
export function generateEncryptionKey(): string {
  return encodeBase64(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}

function dataOf({ name, field }: SealContext): Bytes {
  return new TextEncoder().encode(JSON.stringify(["omniagent-hooks", "webhook", name, field]));
}

function readKeys(subject: string, given: string | readonly string[]): readonly Bytes[] {
  const keys = typeof given === "string" ? [given] : given;
  const rule = `a key, base64 of ${KEY_BYTES} random bytes, or a list of 1 to ${MAX_KEYS}`;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) {
    throw new TypeError(`${subject}: 'encryptionKey' must be ${rule}`);
  }
  return keys.map((key) => {
    const bytes = typeof key === "string" ? decodeBase64(key.trim()) : undefined;
    if (bytes?.length === KEY_BYTES) return bytes;
    throw new TypeError(
      `${subject}: 'encryptionKey' must be ${rule}. Create one with \`openssl rand -base64 32\``,
    );
  });
}

async function importKey(bytes: Bytes): Promise<Key> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  return { id: toHex(digest.subarray(0, 4)), key };
}
