import assert from "node:assert/strict";
import { inspect } from "node:util";
import {
  type VerifiedWebhook,
  verifyWebhook,
  type VerifyWebhookOptions,
  type WebhookHeaders,
  type WebhookHeaderSource,
  type WebhookVerificationCode,
  WebhookVerificationError,
} from "@omniagent/hooks/webhook";
import { BODY, ID, SECONDS, SECRET, SIGNATURE, TIMESTAMP } from "./signature_vectors.ts";

/** Headers of the vectors' message, which {@linkcode verify} accepts. */
export const HEADERS: WebhookHeaders = {
  "webhook-id": ID,
  "webhook-timestamp": `${SECONDS}`,
  "webhook-signature": SIGNATURE,
};
/** A well-formed signature of no secret. */
export const OTHER = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";

/** The moment at which the vectors' message was signed. */
export const now = (): number => TIMESTAMP.getTime();

/** The same headers with other signatures. */
export function withSignature(signature: string): WebhookHeaders {
  return { ...HEADERS, "webhook-signature": signature };
}

/** Verifies at the moment of signing, by default with the vectors' secret and body. */
export function verify(
  headers: WebhookHeaderSource,
  options: Partial<VerifyWebhookOptions> = {},
  body: Uint8Array | string = BODY,
): Promise<VerifiedWebhook> {
  return verifyWebhook(body, headers, { secrets: SECRET, now, ...options });
}

/** Fails unless it is rejected with this code, in a message without the hidden texts. */
export async function rejected(
  code: WebhookVerificationCode,
  attempt: () => Promise<unknown>,
  ...hidden: readonly string[]
): Promise<void> {
  await assert.rejects(attempt, (error: unknown) => {
    assert.ok(error instanceof WebhookVerificationError, `not ours: ${error}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, /^Cannot /);
    for (const text of hidden) assert.ok(!inspect(error).includes(text), text);
    return true;
  });
}
