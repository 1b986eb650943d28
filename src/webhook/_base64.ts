/** Bytes that WebCrypto takes: not shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** What `atob` alone would skip, and bits that it would drop: one value would have many texts. */
const FOREIGN = /[^A-Za-z0-9+/=]/;
const LEFT_OVER_BITS = /[^AQgw=]==$|[^AEIMQUYcgkosw048=]=$/;

/** Standard base64 (RFC 4648, section 4) with padding. For keys and signatures: short input. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** The bytes of standard, padded base64, or undefined if it is anything else. */
export function decodeBase64(text: string): Bytes | undefined {
  if (text.length % 4 !== 0 || FOREIGN.test(text) || LEFT_OVER_BITS.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
