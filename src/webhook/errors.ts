import type { Attempt } from "../core/mod.ts";

/**
 * Why a webhook was not accepted, or a secret not usable. These codes are stable:
 *
 * The request is malformed (answer 400):
 * - `duplicate_header`: one of them was sent twice (`Headers` joins both values with a comma);
 * - `invalid_header`: `webhook-id` is not 1 to 256 visible ASCII characters without a dot, or
 *   `webhook-timestamp` is not a plain number of seconds (`123junk`, `-1`, `1.5`);
 * - `invalid_signature`: `webhook-signature` is no list of `version,base64`, holds a `v1` or `v1a`
 *   signature that is not base64 of the right length, or is too long;
 * - `unsupported_version`: it holds signatures of other versions only.
 *
 * The request is not authentic, or not any more (answer 401):
 * - `missing_header`: one of `webhook-id`, `webhook-timestamp`, `webhook-signature` is absent: it is not
 *   signed;
 * - `timestamp_too_old`, `timestamp_too_new`: outside the tolerance;
 * - `no_matching_signature`: well formed, but made with another secret or over other content.
 *
 * The caller's own secret is at fault (never the sender's doing):
 * - `invalid_secret`: missing, empty, too short or too long, of an unknown kind, or a public key
 *   that is asked to sign;
 * - `invalid_secret_encoding`: what follows its prefix is not standard, padded base64.
 */
export type WebhookVerificationCode =
  | "missing_header"
  | "duplicate_header"
  | "invalid_header"
  | "invalid_signature"
  | "unsupported_version"
  | "timestamp_too_old"
  | "timestamp_too_new"
  | "no_matching_signature"
  | "invalid_secret"
  | "invalid_secret_encoding";

/**
 * A webhook's signature could not be made or verified; `code` says why. Its message never holds a
 * secret, a signature or anything else that the sender chose, so it may be logged.
 */
export class WebhookVerificationError extends Error {
  /** Survives minifying. */
  override readonly name = "WebhookVerificationError";
  /** The reason, stable over versions. */
  readonly code: WebhookVerificationCode;

  /** An error with a code and a message for people. */
  constructor(code: WebhookVerificationCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An inline delivery failed: every attempt did, or one said that there is no use in another. */
export class WebhookError extends Error {
  /** Survives minifying. */
  override readonly name = "WebhookError";
  /** Stable. */
  readonly code = "webhook_failed";
  /** The webhook's name. */
  readonly webhook: string;
  /** What each attempt came to, the first first. */
  readonly attempts: readonly Attempt[];

  /** An error for a webhook; `cause` is the reason of an abort. */
  constructor(webhook: string, attempts: readonly Attempt[], options?: ErrorOptions) {
    const count = attempts.length === 1 ? "1 attempt" : `${attempts.length} attempts`;
    const last = attempts.at(-1)?.error ?? "none was made";
    super(`Webhook '${webhook}' failed after ${count}: ${last}`, options);
    this.webhook = webhook;
    this.attempts = attempts;
  }
}

/**
 * Why a URL may not be used: `"address_not_allowed"` is a verdict and stands until the URL, the name's
 * addresses or the guard's options change; `"address_unresolved"` says that the resolver failed, which
 * another try may mend.
 */
export type AddressErrorCode = "address_not_allowed" | "address_unresolved";

/**
 * A URL that an address guard does not let through.
 *
 * The message names host and address, and what to add to `allowAddresses`; never the credentials, path
 * or query of the URL. The address can be one of your own network: whoever may register webhooks
 * learns it when the message is handed on.
 */
export class AddressNotAllowedError extends Error {
  /** Always `"AddressNotAllowedError"`. */
  override readonly name = "AddressNotAllowedError";
  /** A verdict, or a resolver that failed. */
  readonly code: AddressErrorCode;

  /** Made by the guard. */
  constructor(message: string, code: AddressErrorCode, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
