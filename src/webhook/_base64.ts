/** Bytes that WebCrypto takes: not shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>;

const STANDARD = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard base64 (RFC 4648, section 4) with padding. For keys and signatures: short input. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/**
 * The bytes of standard, padded base64, or undefined if it is anything else. `atob` alone would
 * skip whitespace, do without padding and ignore left-over bits, so that one value had many texts.
 */
export function decodeBase64(text: string): Bytes | undefined {
  if (!STANDARD.test(text)) return undefined;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return encodeBase64(bytes) === text ? bytes : undefined;
}
