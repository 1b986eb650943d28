import { EventValidationError } from "../core/errors.ts";
import { encodeEvent } from "../core/event_codec.ts";
import { findEnvelopeFaults } from "../core/event_rules.ts";
import type { Attempt, HookEvent } from "../core/mod.ts";
import { mutableCopy } from "../core/snapshot.ts";
import { onAbort, withTimeout } from "../internal/async.ts";
import { errorMessage } from "../internal/issues.ts";
import { copyJson } from "../internal/json.ts";
import { maskUrls } from "../internal/mask_url.ts";
import type { CheckedOptions } from "./check_options.ts";
import { AddressNotAllowedError } from "./errors.ts";
import { classifyResponse, readExcerpt } from "./response.ts";

const DEFAULT_HEADERS = {
  "user-agent": "omniagent-hooks",
  // The body of a response is for the log: without encodings, all of it can be decoded.
  "accept-encoding": "identity",
};

/** The result of an attempt without its duration. */
type Result = Omit<Attempt, "duration">;

/**
 * Makes one attempt: transforms, encodes, checks the address, signs, sends, and classifies the response.
 * Never rejects. Only the status decides: the body is just logged. Inline deliveries and the outbox use
 * the same attempts.
 */
export async function makeAttempt(
  options: CheckedOptions,
  event: HookEvent,
  signal: AbortSignal,
): Promise<Attempt> {
  const started = performance.now();
  const { timeout } = options;
  const expired = (): Error => new Error(`it was not complete within ${timeout} ms`);
  const request = new AbortController();
  let result: Result;
  try {
    signal.throwIfAborted();
    const issues = findEnvelopeFaults(event);
    if (issues.length > 0) throw new EventValidationError("Cannot send", issues);
    const sent = await withTimeout(signal, timeout, expired, (signal) => {
      onAbort(signal, () => request.abort(signal.reason));
      return send(options, event, request.signal);
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

/** A result without a request, or the response whose body was not read yet. */
type Sent = { readonly result: Result; readonly response?: Response };

async function send(
  options: CheckedOptions,
  event: HookEvent,
  signal: AbortSignal,
): Promise<Sent> {
  const content = await compose(options, event);
  if (content === undefined) return { result: { verdict: "delivered", skipped: true } };
  const { url, method, guard, signer, retryOn, headers, timeout } = options;
  await guard?.check(url, { signal });
  const denied = await options.handshake?.permit({
    url,
    headers: { ...DEFAULT_HEADERS, ...headers },
    fetch: options.fetch ?? fetch,
    signal,
    timeout,
  });
  if (denied) return { result: denied };
  const timestamp = new Date();
  const stamp = await signer?.sign(content.body, { id: event.id, timestamp }) ?? {
    "webhook-id": event.id,
    "webhook-timestamp": String(Math.floor(timestamp.getTime() / 1000)),
  };
  const { response, resent } = await sendRequest(options.fetch ?? fetch, url, {
    method,
    headers: { ...DEFAULT_HEADERS, ...content.headers, ...headers, ...stamp },
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

/** Returns what to send; undefined if `transform` returned null. */
async function compose(
  { transform, format }: CheckedOptions,
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
async function sendRequest(
  send: typeof fetch,
  url: URL,
  init: RequestInit & { readonly signal: AbortSignal },
): Promise<{ readonly response: Response; readonly resent: boolean }> {
  const known = responded.get(send) ?? new Map<string, number>();
  responded.set(send, known);
  for (let resent = false;; resent = true) {
    try {
      // Bun opens a new connection for a resend: another idle one may be closed as well.
      const response = await send(url, resent ? { ...init, keepalive: false } : init);
      known.delete(url.origin); // keeps the newest last
      known.set(url.origin, performance.now());
      if (known.size > MAX_ORIGINS) known.delete(known.keys().next().value!);
      return { response, resent };
    } catch (error) {
      const last = known.get(url.origin) ?? -Infinity;
      const isStale = performance.now() - last < MAX_IDLE && wasClosed(error);
      if (resent || !isStale || init.signal.aborted) throw error;
    }
  }
}

/** Tells whether a connection was closed before a response came, by the errors of Node and Bun. */
function wasClosed(error: unknown): boolean {
  return causesOf(error).some(({ code, message }) =>
    code === "ECONNRESET" || code === "EPIPE" || code === "ConnectionClosed" ||
    // This code is also used for "bad response" and others, after something arrived.
    (code === "UND_ERR_SOCKET" && message === "other side closed")
  );
}

/** Limits of an attempt's `error` and of the text that is searched for secrets first, in characters. */
const MAX_ERROR = 1024;
const MAX_SEARCHED = 16 * 1024;

/** Returns the result of an attempt that threw. */
async function failureOf({ transform, redact }: CheckedOptions, error: unknown): Promise<Result> {
  // A faulty transform can be fixed while the event waits.
  const isFinal = (error instanceof EventValidationError && !transform) ||
    (error instanceof AddressNotAllowedError && error.code === "address_not_allowed") ||
    isRejectedByFetch(error);
  const text = explain(error);
  const redacted = await redact(text.slice(0, MAX_SEARCHED), text.length <= MAX_SEARCHED);
  return { verdict: isFinal ? "final" : "retry", error: maskUrls(redacted).slice(0, MAX_ERROR) };
}

/**
 * Tells whether `fetch` rejected a request before it sent anything, and would do so again. Node has codes
 * for it; Deno, and undici's blocked ports, only have messages.
 */
function isRejectedByFetch(error: unknown): boolean {
  return causesOf(error).some(({ code, message }) =>
    /^UND_ERR_(?:INVALID_ARG|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH)$/.test(code) ||
    /^(?:bad port$|Fetch failed: Requests to port \d+ are blocked$)/.test(message)
  );
}

/** Returns the messages of an error and its causes: platforms hide the reason in a cause. */
function explain(error: unknown): string {
  const causes = causesOf(error);
  const messages = causes.map(({ code, message, name }) => message || code || name);
  const { cause } = causes.at(-1) ?? { cause: error };
  if (cause !== undefined && !(cause instanceof Error)) messages.push(errorMessage(cause));
  return [...new Set(messages)].join(": ") || "it failed without a reason";
}

/** How many causes of causes to follow. */
const MAX_CAUSES = 4;

type Cause = Record<"code" | "message" | "name", string> & { readonly cause: unknown };

function causesOf(error: unknown): readonly Cause[] {
  const causes: Cause[] = [];
  let next = error;
  while (next instanceof Error && causes.length < MAX_CAUSES) {
    const { message, name, cause } = next;
    causes.push({
      code: String(Object(next).code ?? ""),
      message: String(message),
      name: String(name),
      cause,
    });
    next = cause;
  }
  return causes;
}
