/**
 * The validation handshake of "HTTP 1.1 Web Hooks for Event Delivery" (CloudEvents, section 4, "Abuse
 * protection"): a sender asks by `OPTIONS` whether it may deliver. An entry of this folder: the HTTP app and
 * the configuration use the receiver's half.
 *
 * @module
 */
import type { Attempt } from "../core/mod.ts";
import { abortable, delay, Semaphore } from "../internal/async.ts";
import { MINUTE } from "../internal/clock.ts";
import { readCount } from "../internal/options.ts";
import { invalidOption } from "../internal/validate.ts";
import type { HandshakeOptions } from "./options.ts";
import { classifyResponse } from "./response.ts";

/** Options of the validation request. */
type ValidationRequest = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
  /** Limit of the attempt, in milliseconds. */
  readonly timeout: number;
};

/** The result of an attempt that may not send its request. */
type Denial = Omit<Attempt, "duration">;

/**
 * The sender's half of "Abuse protection" of the CloudEvents HTTP webhook spec 1.0.2, section 4
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md): asks the receiver for
 * permission before the first request of this process, and respects the rate that it allows. A
 * permission is valid for the lifetime of the webhook. After a denial, the next attempt asks again.
 * Callbacks are not supported: the receiver must respond immediately.
 */
export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #mutex = new Semaphore(1);
  #limit: RateLimit | undefined;

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  /** Waits for permission to send one request. Resolves to the attempt's result if it is denied. */
  async permit(request: ValidationRequest): Promise<Denial | undefined> {
    const { signal, timeout } = request;
    if (this.#limit === undefined) {
      // One attempt asks, and the others wait for its result.
      const denial = await this.#mutex.run(
        async () => this.#limit === undefined ? await this.#validate(request) : undefined,
        signal,
      );
      if (denial) return denial;
    }
    for (;;) {
      const wait = this.#limit!.take(Date.now());
      if (wait === 0) return undefined;
      if (wait > timeout / 2) {
        const error = "the receiver's WebHook-Allowed-Rate allows no more requests now";
        return { verdict: "retry", error, retryAfter: wait };
      }
      if (!await delay(wait, signal)) signal.throwIfAborted();
    }
  }

  async #validate(
    { url, headers, fetch, signal }: ValidationRequest,
  ): Promise<Denial | undefined> {
    const { origin, rate } = this.#options;
    const request = fetch(url, {
      method: "OPTIONS",
      headers: {
        ...headers,
        "webhook-request-origin": origin,
        ...(rate === undefined ? {} : { "webhook-request-rate": String(rate) }),
      },
      redirect: "manual",
      signal,
    });
    const response = await abortable(request, signal); // a fetch may ignore its signal
    response.body?.cancel().catch(() => {});
    const { status } = response;
    const { error, ...result } = classifyResponse(response, new Set(), Date.now());
    if (result.verdict !== "delivered") {
      // Only "gone" is final: a receiver that is briefly misconfigured must not cost an event.
      const verdict = result.verdict === "disable" ? "disable" : "retry";
      return { ...result, verdict, status, error: `the validation handshake failed: ${error}` };
    }
    const allowed = response.headers.get("webhook-allowed-origin")?.split(",") ?? [];
    const wanted = origin.toLowerCase();
    if (!allowed.some((one) => one.trim() === "*" || one.trim().toLowerCase() === wanted)) {
      const reason = allowed.length > 0
        ? "allows other origins only"
        : "has no WebHook-Allowed-Origin";
      const message = `the receiver rejected the validation handshake: its response ${reason}`;
      return { verdict: "retry", status, error: message };
    }
    this.#limit = new RateLimit(rateOf(response.headers.get("webhook-allowed-rate"), rate));
    return undefined;
  }
}

/** Returns the allowed requests per minute. If the receiver sends no rate, it is the requested one. */
function rateOf(allowed: string | null, requested = Infinity): number {
  const text = allowed?.trim() ?? "";
  if (text === "*") return Infinity;
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : requested;
}

/** Times to remember. For higher rates, the window is shorter. */
const MAX_TIMES = 1000;

/** Limits requests in any window of a minute. */
class RateLimit {
  readonly #count: number;
  readonly #window: number;
  readonly #times: number[] = [];

  /** @param rate Requests per minute, at least 1; `Infinity` for no limit */
  constructor(rate: number) {
    this.#count = Math.min(rate, MAX_TIMES);
    this.#window = rate === Infinity ? 0 : MINUTE * this.#count / rate;
  }

  /** Returns 0 if a request may be sent now, and counts it; otherwise how long to wait, in milliseconds. */
  take(now: number): number {
    if (this.#window === 0) return 0;
    const oldest = this.#times[0] ?? -Infinity;
    const wait = this.#times.length < this.#count ? 0 : oldest + this.#window - now;
    // Capped, in case the clock was set back.
    if (wait > 0) return Math.ceil(Math.min(wait, this.#window));
    this.#times.push(now);
    if (this.#times.length > this.#count) this.#times.shift();
    return 0;
  }
}

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
  | { readonly rejected: string };

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
    const rule = '"*" or a list of names such as "eventgrid.azure.net"';
    throw invalidOption(subject, "webhookOrigins", origins, rule);
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
      return { rejected: "Set 'webhookOrigins' to allow senders of CloudEvents" };
    }
    if (allowed !== undefined && !allowed.has(origin.toLowerCase())) {
      return { rejected: "'webhookOrigins' does not contain this WebHook-Request-Origin" };
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
