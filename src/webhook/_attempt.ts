import { EventValidationError } from "../core/errors.ts";
import { errorMessage } from "../internal/issues.ts";
import { encodeEvent } from "../core/event_codec.ts";
import { copyJson } from "../internal/json.ts";
import { findEnvelopeFaults } from "../core/event_rules.ts";
import { onAbort, withTimeout } from "../internal/async.ts";
import { maskUrls } from "../internal/mask_url.ts";
import { mutableCopy } from "../core/snapshot.ts";
import type { Attempt, HookEvent } from "../core/mod.ts";
import { judge, readAnswer } from "./_answer.ts";
import type { Endpoint } from "./_endpoint.ts";
import { isRefused, sendRequest } from "./_request.ts";
import { AddressNotAllowedError } from "./errors.ts";

const DEFAULT_HEADERS = {
  "user-agent": "omniagent-hooks",
  // The body of a response is for the log: the fewer encodings, the fewer that can't be decoded.
  "accept-encoding": "identity",
};
/** Longest `error` of an attempt, in characters. */
const LONGEST_ERROR = 1024;
/** Characters of an error that are looked at. */
const LONGEST_EXPLANATION = 16 * 1024;
/** Causes of causes that an error is explained by. */
const DEEPEST_CAUSE = 4;

/** What an attempt came to, but for its duration. */
type Outcome = Omit<Attempt, "duration">;
/** What is sent; header names in lower case. */
type Content = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
};

/**
 * One attempt: transform, encode, guard, sign, send, judge. Never rejects; inline and outbox share it.
 * Only the status decides: anything after the response headers is just logged.
 */
export async function makeAttempt(
  endpoint: Endpoint,
  event: HookEvent,
  signal: AbortSignal,
): Promise<Attempt> {
  const started = performance.now();
  const { timeout } = endpoint;
  const late = (): Error => new Error(`it was not complete within ${timeout} ms`);
  const request = new AbortController();
  let outcome: Outcome;
  try {
    signal.throwIfAborted();
    const faults = findEnvelopeFaults(event);
    if (faults.length > 0) throw new EventValidationError("Cannot send", faults);
    const sent = await withTimeout(signal, timeout, late, (signal) => {
      onAbort(signal, () => request.abort(signal.reason));
      return send(endpoint, event, request.signal);
    });
    outcome = sent.outcome;
    if (sent.response) {
      const left = timeout - (performance.now() - started);
      const { text, ended } = await readAnswer(sent.response, endpoint.scrub, signal, left);
      if (!ended) request.abort(); // closes the connection
      if (text) outcome = { ...outcome, response: text };
    }
  } catch (error) {
    outcome = signal.aborted
      ? { verdict: "retry", error: "the attempt was aborted" }
      : await failureOf(endpoint, error);
  }
  return { ...outcome, duration: Math.round(performance.now() - started) };
}

async function failureOf({ transform, scrub }: Endpoint, error: unknown): Promise<Outcome> {
  // What a transform did wrong can be mended while the event waits.
  const lasting = (error instanceof EventValidationError && !transform) ||
    (error instanceof AddressNotAllowedError && error.code === "address_not_allowed") ||
    isRefused(error);
  const text = explain(error);
  const whole = text.length <= LONGEST_EXPLANATION;
  const reason = maskUrls(await scrub(text.slice(0, LONGEST_EXPLANATION), whole));
  return { verdict: lasting ? "final" : "retry", error: reason.slice(0, LONGEST_ERROR) };
}

/** What came of a request: settled without one, or by the response whose body is yet to be read. */
type Sent = { readonly outcome: Outcome; readonly response?: Response };

async function send(endpoint: Endpoint, event: HookEvent, signal: AbortSignal): Promise<Sent> {
  const content = await compose(endpoint, event);
  if (content === undefined) return { outcome: { verdict: "delivered", skipped: true } };
  const { url, method, guard, signer, retryOn, headers } = endpoint;
  await guard?.check(url, { signal });
  const refused = await endpoint.handshake?.permit({
    url,
    headers: { ...DEFAULT_HEADERS, ...headers },
    fetch: endpoint.fetch ?? fetch,
    signal,
    timeout: endpoint.timeout,
  });
  if (refused) return { outcome: refused };
  const timestamp = new Date();
  const stamp = await signer?.sign(content.body, { id: event.id, timestamp }) ?? {
    "webhook-id": event.id,
    "webhook-timestamp": String(Math.floor(timestamp.getTime() / 1000)),
  };
  const { response, resent } = await sendRequest(endpoint, {
    method,
    headers: { ...DEFAULT_HEADERS, ...content.headers, ...headers, ...stamp },
    body: content.body,
    redirect: "manual",
    signal,
  });
  const { status } = response;
  const judgement = judge(response, retryOn, Date.now());
  return { outcome: { ...judgement, status, ...(resent ? { resent } : {}) }, response };
}

/** What to send; undefined: nothing. */
async function compose(endpoint: Endpoint, event: HookEvent): Promise<Content | undefined> {
  const { transform, format } = endpoint;
  // Loaded when it is needed: it is a third of the folder. First, as what is written may change meanwhile.
  const cloudEvents = format === "native" ? undefined : await import("./_cloudevents_encode.ts");
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
    throw new EventValidationError("Cannot send what 'transform' gave", issues);
  }
  return new TextEncoder().encode(JSON.stringify(value));
}

function isEvent(value: unknown): value is HookEvent {
  const { id, type, timestamp } = Object(value);
  return typeof id === "string" && typeof type === "string" && timestamp instanceof Date;
}

/** What went wrong with a request: platforms hide it in a chain of causes. */
function explain(error: unknown): string {
  const messages = new Set<string>();
  let next = error;
  for (let depth = 0; depth < DEEPEST_CAUSE && next instanceof Error; depth++) {
    messages.add(next.message || String(Object(next).code ?? next.name));
    next = next.cause;
  }
  if (next !== undefined && !(next instanceof Error)) messages.add(errorMessage(next));
  return [...messages].join(": ") || "it failed without a reason";
}
