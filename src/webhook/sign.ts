import { type Bytes, encodeBase64 } from "../internal/bytes.ts";
import { checkKnown } from "../internal/options.ts";
import { invalidOption } from "../internal/validate.ts";
import { readSigningKeys, type SigningKey } from "./keys.ts";
import { readSecrets, type WebhookSecretOptions } from "./secrets.ts";

/** The headers that sign a webhook (Standard Webhooks 1.0, "Webhook headers"). */
export type WebhookHeaders = {
  /** The id of the message, the same at every attempt. */
  readonly "webhook-id": string;
  /** When this attempt was signed, in Unix seconds. */
  readonly "webhook-timestamp": string;
  /** One `v1,<base64>` or `v1a,<base64>` per secret, separated by spaces. */
  readonly "webhook-signature": string;
};

/** The signed parts besides the body. */
export interface WebhookMessage {
  /** Unique per message and constant over its retries: 1 to 256 visible ASCII characters except `.` and `,`. */
  readonly id: string;
  /** When this attempt is made. Sent in whole seconds. @default {new Date()} */
  readonly timestamp?: Date | undefined;
}

/** Options of {@linkcode signWebhook}. */
export interface SignWebhookOptions extends WebhookMessage, WebhookSecretOptions {}

/** Signs messages with keys that are imported once. */
export interface WebhookSigner {
  /** Returns the headers for a body. Send the body unchanged, a string as UTF-8. */
  sign(body: Uint8Array | string, message: WebhookMessage): Promise<WebhookHeaders>;
}

/**
 * Signs a webhook by Standard Webhooks 1.0: every secret signs `{id}.{timestamp}.{body}`, with the exact
 * bytes that are sent. To sign many, keep a {@linkcode createWebhookSigner}.
 *
 * ```ts
 * import { generateSecret, signWebhook, verifyWebhook } from "@omniagent/hooks/webhook";
 *
 * const secret = generateSecret();
 * const body = JSON.stringify({ type: "order.paid", data: { total: 5 } });
 * const headers = await signWebhook(body, { id: "msg_1", secret });
 * await verifyWebhook(body, headers, { secret });
 * ```
 *
 * @throws {WebhookVerificationError} with code `invalid_secret` or `invalid_secret_encoding`
 * @throws {TypeError} when the body, id, or timestamp can't be signed, or both `secret` and `secrets` are set
 */
export async function signWebhook(
  body: Uint8Array | string,
  options: SignWebhookOptions,
): Promise<WebhookHeaders> {
  checkKnown(SUBJECT, options, ["id", "timestamp", "secret", "secrets"]);
  const { id, timestamp } = options;
  return await createWebhookSigner(readSecrets(SUBJECT, options)).sign(body, { id, timestamp });
}

/**
 * Creates a signer for many messages: {@linkcode signWebhook} without importing the secrets each time.
 *
 * @throws {WebhookVerificationError} with code `invalid_secret` or `invalid_secret_encoding`
 */
export function createWebhookSigner(secrets: string | readonly string[]): WebhookSigner {
  return signWith(readSigningKeys(secrets));
}

/** Creates a signer of keys. */
export function signWith(keys: readonly SigningKey[]): WebhookSigner {
  return {
    async sign(body, message) {
      checkBody(SUBJECT, body);
      checkKnown(SUBJECT, message, ["id", "timestamp"]);
      const id = checkMessageId(message.id);
      const timestamp = toUnixSeconds(message.timestamp ?? new Date());
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

const SUBJECT = "Cannot sign a webhook";

/**
 * No dot, because it separates the parts of the signed content: with a dot in its id, a message could be
 * split elsewhere and replayed with a fresh timestamp. No comma, because it joins a header that was sent twice.
 */
export const ID_GRAMMAR = /^[!-+\-/-~]{1,256}$/;
/** Unix seconds. Numbers of up to 15 digits are exact. */
export const TIMESTAMP_GRAMMAR = /^(?:0|[1-9][0-9]{0,14})$/;

/** Returns the bytes that are signed: `{id}.{timestamp}.{body}` (Standard Webhooks, "Signature scheme"). */
export function signedContent(id: string, timestamp: string, body: Uint8Array | string): Bytes {
  const encoder = new TextEncoder();
  const prefix = `${id}.${timestamp}.`;
  if (typeof body === "string") return encoder.encode(prefix + body);
  // A copy, because WebCrypto takes no parts. The prefix is ASCII.
  const content = new Uint8Array(prefix.length + body.length);
  encoder.encodeInto(prefix, content);
  content.set(body, prefix.length);
  return content;
}

/** Throws unless the body is as it was sent. Passing parsed JSON is the most common mistake. */
export function checkBody(subject: string, body: Uint8Array | string): void {
  if (typeof body === "string" || body instanceof Uint8Array) return;
  throw invalidOption(subject, "body", body, "a Uint8Array or a string, as it is sent");
}

function checkMessageId(id: string): string {
  if (typeof id === "string" && ID_GRAMMAR.test(id)) return id;
  const rule = "1 to 256 visible ASCII characters except '.' and ','";
  throw invalidOption(SUBJECT, "id", id, rule);
}

function toUnixSeconds(timestamp: Date): string {
  const seconds = timestamp instanceof Date ? `${Math.floor(timestamp.getTime() / 1000)}` : "";
  if (TIMESTAMP_GRAMMAR.test(seconds)) return seconds;
  throw new TypeError(`${SUBJECT}: 'timestamp' must be a Date since 1970, got ${timestamp}`);
}
