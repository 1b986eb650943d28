import { decodeBase64, encodeBase64 } from "../../internal/bytes.ts";
import { hmacSha256Hex, nodeCrypto, sha256Hex } from "../../internal/crypto.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import { sha256HexOf } from "../../internal/sha256.ts";
import type { QueueRecords } from "../delivery.ts";

/** Where the salt is stored. It has no lifetime: digests of today are compared with those of tomorrow. */
const SALT_KEY = ["salt"];

/** Bytes of a salt: as many as a SHA-256 has. */
const SALT_SIZE = 32;

/** Longest text whose digest is computed in JavaScript instead of by WebCrypto on another thread, in characters. */
const MAX_SHORT = 4_096;

/**
 * Computes digests of data. Those of redacted events are salted: otherwise anyone who receives them could try
 * out which card number, or which command, has this digest. The store has the salt, so that all its processes
 * compute the same digests.
 */
export class Digester {
  readonly #records: QueueRecords | undefined;
  /** Whether digests are salted, because events are redacted. */
  readonly isSalted: boolean;
  #salt: Promise<Uint8Array<ArrayBuffer>> | undefined;

  constructor(records: QueueRecords | undefined, isSalted: boolean) {
    this.#records = records;
    this.isSalted = isSalted;
  }

  /** Returns the SHA-256 of the canonical JSON (RFC 8785) of data, or its HMAC with the salt, in hexadecimal. */
  async digestOf(data: unknown): Promise<string> {
    return (await this.measure(data)).digest;
  }

  /** Returns the digest of data, and the length of its canonical JSON in characters. */
  async measure(data: unknown): Promise<{ readonly digest: string; readonly size: number }> {
    const text = canonicalJson(data);
    return { digest: await this.#digestOf(text), size: text.length };
  }

  async #digestOf(text: string): Promise<string> {
    if (!this.isSalted) return text.length <= MAX_SHORT ? hashNow(text) : await sha256Hex(text);
    this.#salt ??= this.#readSalt().catch((error) => {
      this.#salt = undefined; // the next digest tries again
      throw error;
    });
    return await hmacSha256Hex(await this.#salt, text);
  }

  async #readSalt(): Promise<Uint8Array<ArrayBuffer>> {
    const created = crypto.getRandomValues(new Uint8Array(SALT_SIZE));
    const records = this.#records;
    if (records === undefined) return created;
    const value = { v: 1, salt: encodeBase64(created) };
    for (;;) {
      const [stored] = await records.get([SALT_KEY]);
      const { salt } = (stored!.value ?? {}) as { readonly salt?: string };
      const bytes = salt === undefined ? undefined : decodeBase64(salt);
      if (bytes !== undefined) return bytes;
      const { versionstamp } = stored!;
      // Whether this process wrote it or another one: it is read again.
      await records.put({ key: SALT_KEY, value, versionstamp, lifetime: Infinity });
    }
  }
}

/** The digest of an object's `data`, without a salt, computed when it is read. */
const DIGEST: PropertyDescriptor = {
  enumerable: true,
  configurable: true,
  get(this: { readonly data: unknown }): string {
    return hashNow(canonicalJson(this.data));
  },
};

/** Completes a decision that is neither stored nor sent: most callers don't read its digest. */
export function withDigest<Base extends object, Word>(
  base: Base,
  decision: Word,
): Base & { readonly decision: Word } {
  return Object.defineProperty(Object.assign(base, { decision }), "digest", DIGEST);
}

function hashNow(text: string): string {
  return nodeCrypto()?.createHash("sha256").update(text).digest("hex") ?? sha256HexOf(text);
}
