import type { Bytes } from "./_base64.ts";
import type { WebhookKey } from "./_keys.ts";

/** Signs and verifies `v1`: HMAC-SHA256. The secret's bytes are imported at the first use, once. */
export function hmacKey(secret: Bytes): WebhookKey {
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
      for (const signature of signatures) matched = equal(expected, signature) || matched;
      return matched;
    },
  };
}

function importSecret(secret: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/** Reads every byte of `expected` whatever differs: the time taken says nothing about where. */
function equal(expected: Uint8Array, actual: Uint8Array): boolean {
  let difference = expected.length ^ actual.length;
  for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ actual[i]!;
  return difference === 0;
}
