import type { Bytes } from "../internal/bytes.ts";
import { nodeCrypto, timingSafeEqual } from "../internal/crypto.ts";
import type { WebhookKey } from "./keys.ts";

/** Creates a key for `v1`, HMAC-SHA256. */
export function hmacKey(secret: Bytes): WebhookKey {
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
