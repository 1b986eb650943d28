import type { Bytes } from "../internal/bytes.ts";
import { timingSafeEqual } from "../internal/crypto.ts";
import type { WebhookKey } from "./keys.ts";
import { builtinLoader, currentRuntime } from "./runtime.ts";

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

/** The part of `node:crypto` that is used. */
interface NodeCrypto {
  createHmac(algorithm: string, key: Bytes): {
    update(content: Bytes): { digest(): Bytes };
  };
}

/**
 * Returns an HMAC by `node:crypto` where that is faster than WebCrypto: 2 µs and not 6 to 41 on Node, under
 * 1 and not 3 to 17 on Bun. On Deno it is not, and takes 17 ms to load.
 */
function nodeHmac(secret: Bytes): ((content: Bytes) => Bytes) | undefined {
  if (!["node", "bun"].includes(currentRuntime())) return undefined;
  const crypto = builtinLoader()?.("node:crypto") as NodeCrypto | undefined;
  return crypto &&
    ((content) => crypto.createHmac("sha256", secret).update(content).digest());
}

function webHmac(secret: Bytes): (content: Bytes) => Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  return async (content) => new Uint8Array(await crypto.subtle.sign("HMAC", await key, content));
}
