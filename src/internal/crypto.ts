import { toHex } from "./bytes.ts";

/** SHA-256 of a text in UTF-8, in hexadecimal digits. */
export async function sha256Hex(text: string): Promise<string> {
  return toHex(
    new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
  );
}

/** Reads every byte of `expected` whatever differs: the time taken says nothing about where. */
export function timingSafeEqual(expected: Uint8Array, actual: Uint8Array): boolean {
  let difference = expected.length ^ actual.length;
  for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ actual[i]!;
  return difference === 0;
}
