import type { Bytes } from "./_base64.ts";
import { ID_GRAMMAR, TIMESTAMP_GRAMMAR } from "./_signature_headers.ts";

/** The bytes that are signed: `{id}.{timestamp}.{body}` (Standard Webhooks, "Signature scheme"). */
export function signedContent(id: string, timestamp: string, body: Uint8Array | string): Bytes {
  const encoder = new TextEncoder();
  const prefix = `${id}.${timestamp}.`;
  if (typeof body === "string") return encoder.encode(prefix + body);
  // The prefix is ASCII. A copy, because WebCrypto can't be fed in parts.
  const content = new Uint8Array(prefix.length + body.length);
  encoder.encodeInto(prefix, content);
  content.set(body, prefix.length);
  return content;
}

/** Refuses a body that is not as it is sent, such as parsed JSON: the commonest mistake. */
export function checkBody(body: Uint8Array | string): void {
  if (typeof body === "string" || body instanceof Uint8Array) return;
  throw new TypeError(
    "Cannot sign or verify a webhook as 'body' must be a Uint8Array or a string, as it is sent:" +
      ` current value is ${body === null ? "null" : typeof body}`,
  );
}

/** The id, if it can be one. */
export function checkMessageId(id: string): string {
  if (typeof id === "string" && ID_GRAMMAR.test(id)) return id;
  throw new TypeError(
    "Cannot sign a webhook as 'id' must be 1 to 256 visible ASCII characters without '.' and ',':" +
      ` current value is ${JSON.stringify(id)}`,
  );
}

/** A time as whole Unix seconds. */
export function unixSeconds(timestamp: Date): string {
  const seconds = timestamp instanceof Date ? `${Math.floor(timestamp.getTime() / 1000)}` : "";
  if (TIMESTAMP_GRAMMAR.test(seconds)) return seconds;
  throw new TypeError(
    `Cannot sign a webhook as 'timestamp' must be a date since 1970: current value is ${timestamp}`,
  );
}
