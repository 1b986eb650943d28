import { toHex } from "./bytes.ts";

/** Returns the SHA-256 of a text in UTF-8, as hexadecimal digits. */
export async function sha256Hex(text: string): Promise<string> {
  return toHex(
    new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
  );
}

/** Compares bytes in a time that doesn't depend on where they differ. */
export function timingSafeEqual(expected: Uint8Array, actual: Uint8Array): boolean {
  let difference = expected.length ^ actual.length;
  for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ actual[i]!;
  return difference === 0;
}

/** Returns the HMAC-SHA-256 of a text in UTF-8, as hexadecimal digits. */
export async function hmacSha256Hex(key: Uint8Array<ArrayBuffer>, text: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  const data = new TextEncoder().encode(text);
  return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", imported, data)));
}
