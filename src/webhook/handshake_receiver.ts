/**
 * The receiving half of the validation handshake of "HTTP 1.1 Web Hooks for Event Delivery" (CloudEvents,
 * section 4, "Abuse protection"): a sender asks by `OPTIONS` whether it may deliver. An entry of this
 * folder: the HTTP app and the configuration use it too.
 *
 * @module
 */
import { readCount } from "../internal/options.ts";
import { inspect } from "../internal/validate.ts";

/** The name of a sender in `WebHook-Request-Origin`: visible ASCII without a comma. */
export const WEBHOOK_ORIGIN: RegExp = /^[!-+\--~]{1,255}$/;

/** Who may deliver events, and how many per minute. */
type WebhookValidationOptions = {
  readonly webhookOrigins?: readonly string[] | "*" | undefined;
  readonly webhookRate?: number | undefined;
};

/** The response to a sender that asked: headers, or why it may not deliver. */
type WebhookPermission =
  | { readonly headers: Readonly<Record<string, string>> }
  | { readonly refused: string };

/**
 * Creates a function that responds to permission requests. It returns undefined for every other request:
 * another method, a CORS preflight, or one without `WebHook-Request-Origin`.
 *
 * @throws {TypeError | RangeError} when an option is invalid
 */
export function createWebhookValidation(
  subject: string,
  { webhookOrigins: origins, webhookRate: rate }: WebhookValidationOptions,
): (request: Request) => WebhookPermission | undefined {
  if (origins !== undefined && origins !== "*" && !isOriginList(origins)) {
    throw new TypeError(
      `${subject}: 'webhookOrigins' must be "*" or a list of names such as ` +
        `"eventgrid.azure.net", got ${inspect(origins)}`,
    );
  }
  readCount(subject, "webhookRate", rate);
  const allowed = origins === undefined || origins === "*" || origins.includes("*")
    ? undefined
    : new Set(origins.map((origin) => origin.toLowerCase()));
  return (request) => {
    const origin = request.headers.get("webhook-request-origin")?.trim();
    const isPreflight = request.headers.has("access-control-request-method");
    if (request.method !== "OPTIONS" || isPreflight || !origin) return undefined;
    if (origins === undefined) {
      return { refused: "Set 'webhookOrigins' to allow senders of CloudEvents" };
    }
    if (allowed !== undefined && !allowed.has(origin.toLowerCase())) {
      return { refused: "'webhookOrigins' does not contain this WebHook-Request-Origin" };
    }
    return {
      headers: {
        allow: "POST",
        "webhook-allowed-origin": allowed === undefined ? "*" : origin,
        "webhook-allowed-rate": rate === undefined ? "*" : String(rate),
      },
    };
  };
}

function isOriginList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((origin) => typeof origin === "string" && WEBHOOK_ORIGIN.test(origin));
}
