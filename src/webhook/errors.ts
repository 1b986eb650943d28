import type { Attempt } from "../core/mod.ts";

/**
 * Why a webhook was rejected or a secret can't be used. These codes are stable.
 *
 * The request is malformed (respond with 400):
 * - `duplicate_header`: a header was sent twice (`Headers` joins both values with a comma);
 * - `invalid_header`: `webhook-id` is not 1 to 256 visible ASCII characters without a dot, or
 *   `webhook-timestamp` is not a plain number of seconds (`123junk`, `-1`, `1.5`);
 * - `invalid_signature`: `webhook-signature` is not a list of `version,base64`, contains a `v1` or `v1a`
 *   signature that is not base64 of the right length, or is too long;
 * - `unsupported_version`: it only contains signatures of other versions.
 *
 * The request is not authentic, or not anymore (respond with 401):
 * - `missing_header`: `webhook-id`, `webhook-timestamp` or `webhook-signature` is absent, so it is not
 *   signed;
 * - `timestamp_too_old`, `timestamp_too_new`: outside the tolerance;
 * - `no_matching_signature`: well-formed, but made with another secret or over other content.
 *
 * Your own secret is invalid (never caused by the sender):
 * - `invalid_secret`: missing, empty, too short or too long, of an unknown kind, or a public key
 *   that should sign;
 * - `invalid_secret_encoding`: its prefix is not followed by standard, padded base64.
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
 * Thrown when a webhook can't be signed or verified; `code` says why. The message never contains a
 * secret, a signature or anything else from the sender, so it is safe to log.
 */
export class WebhookVerificationError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "WebhookVerificationError";
  /** The reason. Stable across versions. */
  readonly code: WebhookVerificationCode;

  /** Creates an error with a code and a message. */
  constructor(code: WebhookVerificationCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Thrown when an inline delivery fails: every attempt failed, or the last one can't be retried. */
export class WebhookError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "WebhookError";
  /** Identifies this error. Stable across versions. */
  readonly code = "webhook_failed";
  /** The webhook's name. */
  readonly webhook: string;
  /** The results of all attempts, in order. */
  readonly attempts: readonly Attempt[];

  /** Creates an error for a webhook. `cause` is the reason of an abort. */
  constructor(webhook: string, attempts: readonly Attempt[], options?: ErrorOptions) {
    const count = attempts.length === 1 ? "1 attempt" : `${attempts.length} attempts`;
    const last = attempts.at(-1)?.error ?? "none was made";
    super(`Webhook '${webhook}' failed after ${count}: ${last}`, options);
    this.webhook = webhook;
    this.attempts = attempts;
  }
}

/**
 * Why a URL may not be used: `"address_not_allowed"` is final until the URL, the name's addresses or the
 * guard's options change; `"address_unresolved"` means that the resolver failed, so a retry can succeed.
 */
export type AddressErrorCode = "address_not_allowed" | "address_unresolved";

/**
 * Thrown when an address guard blocks a URL.
 *
 * The message has the host, the address, and what to add to `allowAddresses`; never the credentials, path or
 * query of the URL. The address can be one of your own network: if you pass the message on, anyone who may
 * register webhooks learns it.
 */
export class AddressNotAllowedError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "AddressNotAllowedError";
  /** Whether the address is blocked or could not be resolved. */
  readonly code: AddressErrorCode;

  /** Creates an error; the guard does. */
  constructor(message: string, code: AddressErrorCode, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
