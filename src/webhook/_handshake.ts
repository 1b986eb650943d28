import { abortable, delay, Semaphore } from "../internal/async.ts";
import type { Attempt } from "../core/mod.ts";
import { judge } from "./_answer.ts";
import { RateLimit } from "./_rate_limit.ts";
import type { WebhookHookOptions } from "./webhook_options.ts";

/** What is asked for. */
export type HandshakeOptions = NonNullable<WebhookHookOptions["handshake"]>;

/** Why nothing may be sent now: what the attempt came to. */
type Refusal = Omit<Attempt, "duration">;

/** How the validation request is sent. */
export type Validation = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
  /** Until the attempt is over, in milliseconds. */
  readonly timeout: number;
};

/**
 * The sender's half of "Abuse protection" of the CloudEvents HTTP webhook spec 1.0.2, section 4
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md): asks the receiver for
 * permission before the first request of this process, and respects the rate that it allows. A
 * permission is valid for the lifetime of the webhook; after a refusal, the next attempt asks again.
 * Callbacks are not supported: the receiver must respond immediately.
 */
export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #turn = new Semaphore(1);
  #limit: RateLimit | undefined;

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  /** Waits for permission to send one request; resolves to why there is none. */
  async permit(validation: Validation): Promise<Refusal | undefined> {
    const { signal, timeout } = validation;
    if (this.#limit === undefined) {
      // One asks, and the others wait for what comes of it.
      const refusal = await this.#turn.run(
        async () => this.#limit === undefined ? await this.#validate(validation) : undefined,
        signal,
      );
      if (refusal) return refusal;
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

  async #validate({ url, headers, fetch, signal }: Validation): Promise<Refusal | undefined> {
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
    const { error, ...judgement } = judge(response, new Set(), Date.now());
    if (judgement.verdict !== "delivered") {
      // Only "gone" is final: a receiver that is misconfigured for a moment must not cost an event.
      const verdict = judgement.verdict === "disable" ? "disable" : "retry";
      return { ...judgement, verdict, status, error: `the validation handshake failed: ${error}` };
    }
    const allowed = response.headers.get("webhook-allowed-origin")?.split(",") ?? [];
    const wanted = origin.toLowerCase();
    if (!allowed.some((one) => one.trim() === "*" || one.trim().toLowerCase() === wanted)) {
      const said = allowed.length > 0
        ? "allows other origins only"
        : "has no WebHook-Allowed-Origin";
      const reason = `the receiver refused the validation handshake: its response ${said}`;
      return { verdict: "retry", status, error: reason };
    }
    this.#limit = new RateLimit(rateOf(response.headers.get("webhook-allowed-rate"), rate));
    return undefined;
  }
}

/** Requests a minute. Where a receiver says none, what was asked for. */
function rateOf(allowed: string | null, asked = Infinity): number {
  const text = allowed?.trim() ?? "";
  if (text === "*") return Infinity;
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : asked;
}
