import { EventValidationError } from "../core/errors.ts";
import { encodeEvent } from "../core/event_codec.ts";
import { findEnvelopeIssues } from "../core/event_rules.ts";
import type { Attempt, HookEvent } from "../core/mod.ts";
import { mutableCopy } from "../core/snapshot.ts";
import { onAbort, withTimeout } from "../internal/async.ts";
import { copyJson } from "../internal/json.ts";
import type { CheckedOptions } from "./check_options.ts";
import { AddressNotAllowedError } from "./errors.ts";
import { Handshake } from "./handshake.ts";
import {
  causesOf,
  createSigner,
  DEFAULT_HEADERS,
  describeFailure,
  isRejectedByFetch,
  sendRequest,
  standardHeaders,
} from "./request.ts";
import { classifyResponse, readExcerpt } from "./response.ts";
import type { WebhookSigner } from "./sign.ts";

/** The result of an attempt without its duration. */
type Result = Omit<Attempt, "duration">;

/** Makes an attempt to deliver an event. `traceparent` is the trace of this attempt. @default that of the event */
export type MakeAttempt = (
  event: HookEvent,
  context: { readonly signal: AbortSignal; readonly traceparent?: string | undefined },
) => Promise<Attempt>;

/** Returns the function that makes a webhook's attempts. */
export function createAttempts(options: CheckedOptions): MakeAttempt {
  const signer = createSigner(options);
  const handshake = options.handshake && new Handshake(options.handshake);
  return (event, context) => makeAttempt({ ...options, signer, handshake }, event, context);
}

/** The options of a webhook, and what it keeps between attempts. */
type AttemptOptions = Omit<CheckedOptions, "handshake"> & {
  readonly signer: WebhookSigner | undefined;
  readonly handshake: Handshake | undefined;
};

/**
 * Makes one attempt: transforms, encodes, checks the address, signs, sends, and classifies the response.
 * Never rejects. Only the status decides: the body is just logged. Inline deliveries and the outbox use
 * the same attempts.
 */
async function makeAttempt(
  options: AttemptOptions,
  event: HookEvent,
  { signal, traceparent = event.traceparent }: Parameters<MakeAttempt>[1],
): Promise<Attempt> {
  const started = performance.now();
  const { timeout } = options;
  const expired = (): Error => new Error(`it was not complete within ${timeout} ms`);
  const request = new AbortController();
  let result: Result;
  try {
    signal.throwIfAborted();
    const issues = findEnvelopeIssues(event);
    if (issues.length > 0) throw new EventValidationError("Cannot send", issues);
    const sent = await withTimeout(signal, timeout, expired, (signal) => {
      onAbort(signal, () => request.abort(signal.reason));
      return send(options, event, { signal: request.signal, traceparent });
    });
    result = sent.result;
    if (sent.response) {
      const remaining = timeout - (performance.now() - started);
      const { text, ended } = await readExcerpt(sent.response, options.redact, signal, remaining);
      if (!ended) request.abort(); // closes the connection
      if (text) result = { ...result, response: text };
    }
  } catch (error) {
    result = signal.aborted
      ? { verdict: "retry", error: "the attempt was aborted" }
      : await failureOf(options, error);
  }
  return { ...result, duration: Math.round(performance.now() - started) };
}

/** A result without a request, or a response whose body hasn't been read yet. */
type Sent = { readonly result: Result; readonly response?: Response };

async function send(
  options: AttemptOptions,
  event: HookEvent,
  { signal, traceparent }: {
    readonly signal: AbortSignal;
    readonly traceparent: string | undefined;
  },
): Promise<Sent> {
  const content = await compose(options, event);
  if (content === undefined) return { result: { verdict: "delivered", skipped: true } };
  const { url, method, guard, retryOn, headers, timeout } = options;
  await guard?.check(url, { signal });
  const denied = await options.handshake?.permit({
    url,
    headers: { ...DEFAULT_HEADERS, ...headers },
    fetch: options.fetch ?? fetch,
    signal,
    timeout,
  });
  if (denied) return { result: denied };
  const { response, resent } = await sendReused(options.fetch ?? fetch, url, {
    method,
    headers: {
      ...DEFAULT_HEADERS,
      ...content.headers,
      ...(traceparent && { traceparent }),
      ...headers,
      ...await standardHeaders(options.signer, event.id, content.body),
    },
    body: content.body,
    redirect: "manual",
    signal,
  });
  const { status } = response;
  const result = classifyResponse(response, retryOn, Date.now());
  return { result: { ...result, status, ...(resent ? { resent } : {}) }, response };
}

/** What is sent. Header names are in lower case. */
type Content = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
};

/** Returns the request to send; undefined if `transform` returned null. */
async function compose(
  { transform, format }: AttemptOptions,
  event: HookEvent,
): Promise<Content | undefined> {
  // Loaded on demand: it is a third of the folder. First, because the event may change in the meantime.
  const cloudEvents = format === "native" ? undefined : await import("./cloudevents/encode.ts");
  const written = transform ? await transform(mutableCopy(event, "Cannot send")) : event;
  if (written === null) return undefined;
  if (written === undefined) throw new TypeError("'transform' returned undefined");
  const whole = isEvent(written) ? written : undefined;
  if (cloudEvents === undefined) {
    const body = whole ? encodeEvent(whole) : encodeResult(written);
    return { headers: { "content-type": "application/json" }, body };
  }
  const mode = format === "cloudevents" ? "structured" : "binary";
  return cloudEvents.encodeCloudEvent(whole ?? { ...event, data: written }, { mode });
}

function encodeResult(result: unknown): Uint8Array<ArrayBuffer> {
  const { value, issues } = copyJson(result, "result");
  if (issues.length > 0) {
    throw new EventValidationError("Cannot send what 'transform' returned", issues);
  }
  return new TextEncoder().encode(JSON.stringify(value));
}

function isEvent(value: unknown): value is HookEvent {
  const { id, type, timestamp } = Object(value);
  return typeof id === "string" && typeof type === "string" && timestamp instanceof Date;
}

/**
 * When each origin last responded, by the `fetch` that pools its connections. Only then can a
 * connection have been reused.
 */
const responded = /* @__PURE__ */ new WeakMap<typeof fetch, Map<string, number>>();
/** Origins to remember per `fetch`. */
const MAX_ORIGINS = 1000;
/** How long a pool keeps an idle connection, in milliseconds: undici's limit is the highest. */
const MAX_IDLE = 600_000;

/**
 * Sends a request, and resends it once if its kept-alive connection was closed: a receiver may close an
 * idle connection just when it is reused (RFC 9112, section 9.3.1). A second request is safe, because the
 * message and its id are the same. Deno's `fetch` resends by itself; Node's and Bun's don't, nor do they
 * tell whether the connection was reused: here it may have been if the origin responded before. Never
 * after a timeout or an abort, and never twice.
 */
async function sendReused(
  send: typeof fetch,
  url: URL,
  init: RequestInit & { readonly signal: AbortSignal },
): Promise<{ readonly response: Response; readonly resent: boolean }> {
  const known = responded.get(send) ?? new Map<string, number>();
  responded.set(send, known);
  const result = await sendRequest(send, url, init, (error) => {
    const last = known.get(url.origin) ?? -Infinity;
    return performance.now() - last < MAX_IDLE && wasClosed(error);
  });
  known.delete(url.origin); // keeps the newest last
  known.set(url.origin, performance.now());
  if (known.size > MAX_ORIGINS) known.delete(known.keys().next().value!);
  return result;
}

/** Returns whether a connection was closed before a response arrived, by the errors of Node and Bun. */
function wasClosed(error: unknown): boolean {
  return causesOf(error).some(({ code, message }) =>
    code === "ECONNRESET" || code === "EPIPE" || code === "ConnectionClosed" ||
    // This code is also used for "bad response" and others, after something arrived.
    (code === "UND_ERR_SOCKET" && message === "other side closed")
  );
}

/** Returns the result of an attempt that threw. */
async function failureOf({ transform, redact }: AttemptOptions, error: unknown): Promise<Result> {
  // A faulty transform can be fixed while the event waits.
  const isFinal = (error instanceof EventValidationError && !transform) ||
    (error instanceof AddressNotAllowedError && error.code === "address_not_allowed") ||
    isRejectedByFetch(error);
  return { verdict: isFinal ? "final" : "retry", error: await describeFailure(error, redact) };
}
