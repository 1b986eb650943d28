import { type Bytes, encodeBase64 } from "../internal/bytes.ts";
import { checkKnown } from "../internal/options.ts";
import { readSigningKeys } from "./_keys.ts";

/** The headers that sign a webhook, after Standard Webhooks 1.0 ("Webhook headers"). */
export type WebhookHeaders = {
  /** What makes a message unique: the same at every attempt. */
  readonly "webhook-id": string;
  /** When this attempt was signed, in Unix seconds. */
  readonly "webhook-timestamp": string;
  /** One `v1,<base64>` or `v1a,<base64>` per secret, separated by spaces. */
  readonly "webhook-signature": string;
};

/** What is signed beside the body. */
export interface WebhookMessage {
  /** Unique per message and constant over its retries; 1 to 256 visible ASCII characters, no `.` or `,`. */
  readonly id: string;
  /** When this attempt is made; sent in whole seconds. @default {new Date()} */
  readonly timestamp?: Date | undefined;
}

/** Signs with keys that are imported once. */
export interface WebhookSigner {
  /** The headers for a body that is sent exactly as it is given; a string is sent as UTF-8. */
  sign(body: Uint8Array | string, message: WebhookMessage): Promise<WebhookHeaders>;
}

/**
 * No dot: it separates the parts of the signed content, and with a dot in its id a message could be
 * cut elsewhere and replayed under a fresh timestamp. No comma: that is a header sent twice.
 */
export const ID_GRAMMAR = /^[!-+\-/-~]{1,256}$/;
/** Unix seconds; up to 15 digits are exact in a number. */
export const TIMESTAMP_GRAMMAR = /^(?:0|[1-9][0-9]{0,14})$/;

/**
 * A signer for many messages: {@linkcode signWebhook} without importing the secrets each time.
 *
 * @throws {WebhookVerificationError} With code `invalid_secret` or `invalid_secret_encoding`.
 */
export function createWebhookSigner(secrets: string | readonly string[]): WebhookSigner {
  const keys = readSigningKeys(secrets);
  return {
    async sign(body, message) {
      checkBody(body);
      checkKnown("Cannot sign a webhook", message, ["id", "timestamp"]);
      const id = checkMessageId(message.id);
      const timestamp = unixSeconds(message.timestamp ?? new Date());
      const content = signedContent(id, timestamp, body);
      const signatures = await Promise.all(
        keys.map(async ({ version, sign }) => `${version},${encodeBase64(await sign(content))}`),
      );
      return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures.join(" "),
      };
    },
  };
}

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
function checkMessageId(id: string): string {
  if (typeof id === "string" && ID_GRAMMAR.test(id)) return id;
  throw new TypeError(
    "Cannot sign a webhook as 'id' must be 1 to 256 visible ASCII characters without '.' and ',':" +
      ` current value is ${JSON.stringify(id)}`,
  );
}

/** A time as whole Unix seconds. */
function unixSeconds(timestamp: Date): string {
  const seconds = timestamp instanceof Date ? `${Math.floor(timestamp.getTime() / 1000)}` : "";
  if (TIMESTAMP_GRAMMAR.test(seconds)) return seconds;
  throw new TypeError(
    `Cannot sign a webhook as 'timestamp' must be a date since 1970: current value is ${timestamp}`,
  );
}
