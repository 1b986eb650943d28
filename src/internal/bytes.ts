import { setTimer } from "./async.ts";

/** Bytes that WebCrypto takes: not shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Matches what `atob` skips, and trailing bits that it drops: with these, one value would have several texts. */
const FOREIGN = /[^A-Za-z0-9+/=]/;
const LEFT_OVER_BITS = /[^AQgw=]==$|[^AEIMQUYcgkosw048=]=$/;

/** Encodes bytes as padded base64 (RFC 4648, section 4). For short input, such as keys. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Decodes padded base64. Returns undefined for anything else. */
export function decodeBase64(text: string): Bytes | undefined {
  if (text.length % 4 !== 0 || FOREIGN.test(text) || LEFT_OVER_BITS.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Encodes text as base64url without padding (RFC 4648, section 5), which URLs can contain. For short text. */
export function encodeBase64Url(text: string): string {
  const base64 = encodeBase64(new TextEncoder().encode(text));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Decodes text from base64url without padding. Returns undefined for anything else. */
export function decodeBase64Url(encoded: string): string | undefined {
  const base64 = encoded.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = decodeBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="));
  return bytes && new TextDecoder().decode(bytes);
}

/** Encodes bytes as hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Concatenates bytes. */
export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** How much of a body to read, and for how long. */
export type ReadLimits = {
  /** The maximum size of the body, in bytes. */
  readonly maxBytes: number;
  /** How long the body may take to arrive, in milliseconds. */
  readonly timeout: number;
  /** Whether `timeout` restarts with each chunk that arrives. @default {false} */
  readonly idle?: boolean;
};

/**
 * Reads a body as it arrives. Uses memory for what has arrived, not for what was declared, however small
 * the chunks are.
 *
 * @throws whatever the stream fails with
 */
export function readBytes(
  body: ReadableStream<Uint8Array> | null,
  { maxBytes, timeout, idle = false }: ReadLimits,
): Promise<Bytes | "too_large" | "too_slow"> {
  if (body === null) return Promise.resolve(new Uint8Array());
  const reader = body.getReader();
  return new Promise((resolve, reject) => {
    const start = (): () => void =>
      setTimer(timeout, () => {
        resolve("too_slow");
        reader.cancel().catch(() => {});
      });
    let cancel = start();
    const arrived = (): void => {
      if (!idle) return;
      cancel();
      cancel = start();
    };
    readAll(reader, maxBytes, arrived).then(resolve, reject).finally(() => cancel());
  });
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
  arrived: () => void,
): Promise<Bytes | "too_large"> {
  let buffer: Bytes = new Uint8Array();
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return buffer.subarray(0, size);
    arrived();
    const end = size + value.length;
    if (end > maxBytes) {
      reader.cancel().catch(() => {}); // not awaited: the result is known
      return "too_large";
    }
    if (end > buffer.length) {
      const grown = new Uint8Array(size === 0 ? end : Math.min(maxBytes, Math.max(end, 2 * size)));
      grown.set(buffer.subarray(0, size));
      buffer = grown;
    }
    buffer.set(value, size);
    size = end;
  }
}
