/**
 * Why an operation on stored webhooks failed. These codes are stable.
 *
 * - `webhook_not_found`: no webhook with this name is stored;
 * - `webhook_exists`: one is already stored, or the configuration file or the code has a hook of this name;
 * - `name_used`: a webhook of this name was deleted, and what was sent for it may still be on its way;
 * - `webhook_changed`: it is no longer at the revision that the caller has seen;
 * - `webhook_locked`: this process can't open its secrets, usually because an encryption key is missing;
 * - `webhook_invalid`: it doesn't fit these hooks, see the message;
 * - `too_many_webhooks`, `too_many_tests`: a limit is reached.
 */
export type WebhookStoreCode =
  | "webhook_not_found"
  | "webhook_exists"
  | "name_used"
  | "webhook_changed"
  | "webhook_locked"
  | "webhook_invalid"
  | "too_many_webhooks"
  | "too_many_tests";

/** Thrown when a stored webhook can't be read or changed. The message contains no secret and no header value. */
export class WebhookStoreError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "WebhookStoreError";
  /** Why it failed. */
  readonly code: WebhookStoreCode;

  /** Creates an error with a code and a message. */
  constructor(code: WebhookStoreCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
