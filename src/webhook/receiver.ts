import { EventValidationError } from "../core/errors.ts";
import { parseEventJson } from "../core/event_codec.ts";
import type { HandlerResult, HookEvent, Logger } from "../core/mod.ts";
import { isTraceparent } from "../core/event_rules.ts";
import { checkTelemetry, Recorder } from "../core/recorder.ts";
import { Reporter } from "../core/reporter.ts";
import { adoptEvent } from "../core/snapshot.ts";
import { eventAttributes, type Telemetry } from "../core/telemetry.ts";
import { checkKnown, LEASE, readDuration } from "../internal/options.ts";
import { checkFunctions, checkName } from "../internal/validate.ts";
import type { Store } from "../store/mod.ts";
import { cloudEventsModeOf, decodeCloudEvents } from "./cloudevents/decode.ts";
import { type Claim, memoryDeduplicator, scopesOf, StoreDeduplicator } from "./deduplication.ts";
import { createWebhookValidation } from "./handshake.ts";
import { DEFAULT_HANDLING_TIME, DEFAULT_REMEMBER } from "./limits.ts";
import {
  createRequestReader,
  log,
  problem,
  readNativeEvent,
  type ReceivedMessage,
  type SignedRequest,
} from "./signed_request.ts";
import type { VerifiedWebhook, VerifyWebhookOptions } from "./verify.ts";

/** The second argument of a receiving handler. */
export interface ReceivedContext extends VerifiedWebhook {
  /** The request's headers. */
  readonly headers: Headers;
  /** The body as it was signed. */
  readonly body: Uint8Array;
  /**
   * The trace to continue: that of the attempt in the header `traceparent`, which isn't signed, or else that
   * of the event; absent without a valid one.
   */
  readonly traceparent?: string | undefined;
}

/**
 * Handles a received event. If it returns a promise, the promise is awaited. If it throws, the sender
 * is asked to retry.
 */
export type ReceivingHandler = (event: HookEvent, context: ReceivedContext) => HandlerResult;

/** Options of `webhookReceiver`. Durations are in milliseconds. */
export interface WebhookReceiverOptions extends VerifyWebhookOptions {
  /**
   * Where to keep the ids of handled messages, under `["received", scope, id]`. Share it between
   * instances, so that each message is handled by only one of them. Receivers with other names, secrets
   * or URLs can share it too. @default memory: the last 10,000 ids of this process
   */
  readonly store?: Store | undefined;
  /**
   * Names the receiver where ids are kept: a message is a duplicate only if the same receiver handled
   * its id, signed with the same secret. 1 to 64 characters of `[A-Za-z0-9._-]`. Set it when requests reach
   * one receiver under several URLs, or several receivers under one.
   *
   * @default the path of the request
   */
  readonly name?: string | undefined;
  /** How long ids are kept in the store, at most ten years. @default {604800000} seven days */
  readonly remember?: number | undefined;
  /**
   * How long a handler may run before another one may be called, at most a day. Needs a store.
   * @default {300000}
   */
  readonly handlingTime?: number | undefined;
  /** The maximum size of a body, in bytes; `Infinity` for no limit. @default {1048576} */
  readonly maxBodyBytes?: number | undefined;
  /**
   * How long the body may take to arrive, in milliseconds; a slower one gets a 408. `Infinity` for no
   * limit. @default {10000}
   */
  readonly bodyTimeout?: number | undefined;
  /** Where failures of the handler are logged; `false`: nowhere. @default the console */
  readonly logger?: Logger | false | undefined;
  /** Where the trace continues, such as `otel()` of `@omniagent/hooks/otel`. @default none */
  readonly telemetry?: Telemetry | undefined;
  /**
   * Senders that may deliver CloudEvents, by their `WebHook-Request-Origin`, such as
   * `eventgrid.azure.net`; or `"*"` for all. Allows them in the `OPTIONS` handshake that Azure Event Grid
   * and others start with (CloudEvents, "HTTP 1.1 Web Hooks", section 4). Grants no access: requests are
   * authenticated as before. `WebHook-Request-Callback` is never called. @default none: 405
   */
  readonly webhookOrigins?: readonly string[] | "*" | undefined;
  /** Requests per minute that the handshake allows, in `WebHook-Allowed-Rate`. @default no limit */
  readonly webhookRate?: number | undefined;
}

/** Every option, because JavaScript would ignore a misspelled one. */
const KNOWN =
  ("secret secrets tolerance now store name remember handlingTime maxBodyBytes bodyTimeout logger telemetry " +
    "webhookOrigins webhookRate").split(" ");
const SUBJECT = "Cannot create a webhook receiver";

/**
 * Creates a fetch handler that verifies webhooks and calls `handler` once per message, even if a message
 * is sent again. Works with `Deno.serve`, `Bun.serve`, Workers and every router.
 *
 * It responds with 200 if the handler succeeded, now or before. Otherwise it responds with a problem
 * document (RFC 9457) with a stable `code`: 400 not a webhook, not an event, or a body that broke off, 401 not
 * signed with one of the secrets or too old, 405 neither POST nor PUT, 408 the body did not arrive in time,
 * 409 the message is being handled (with `Retry-After`), 413 too long, 415 compressed, not UTF-8 or with a
 * malformed content type, 500 the handler or the store failed. A message is recorded only after its handler
 * succeeded. `OPTIONS` is for senders that ask first: see `webhookOrigins`.
 *
 * A session can be longer than the 256 characters that `emit` accepts, because another sender may have
 * other limits and would lose the event.
 *
 * ```ts
 * import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";
 *
 * const receive = webhookReceiver((event) => console.log(event.type), {
 *   secret: generateSecret(), // the sender's
 * });
 * const response = await receive(new Request("http://localhost/", { method: "POST", body: "{}" }));
 * console.log(response.status); // 401: it has no signature
 * ```
 *
 * @throws {WebhookVerificationError} when a secret is invalid
 * @throws {TypeError | RangeError} when another argument is invalid
 */
export function webhookReceiver(
  handler: ReceivingHandler,
  options: WebhookReceiverOptions,
): (request: Request) => Promise<Response> {
  const receiver = createReceiver(handler, options);
  const validate = createWebhookValidation(SUBJECT, options);
  return async (request) => {
    if (request.method !== "POST" && request.method !== "PUT") {
      const permission = validate(request);
      if (permission !== undefined && "headers" in permission) {
        return new Response(null, { status: 200, headers: permission.headers });
      }
      const detail = permission?.rejected ?? "Send a POST or a PUT";
      return problem(405, "method_not_allowed", detail, { allow: "POST, PUT" });
    }
    const path = new URL(request.url).pathname;
    return await receiver.reader.respond(request, (received) => receive(receiver, path, received));
  };
}

/** A receiver with checked options. */
type Receiver = ReturnType<typeof createReceiver>;

function createReceiver(handler: ReceivingHandler, options: WebhookReceiverOptions) {
  checkFunctions(SUBJECT, { handler }, ["handler"]);
  checkKnown(SUBJECT, options, KNOWN);
  const { store, name, telemetry } = options;
  const { remember = DEFAULT_REMEMBER, handlingTime = DEFAULT_HANDLING_TIME } = options;
  if (name !== undefined) checkName(SUBJECT, name);
  const kept = readDuration(SUBJECT, "remember", remember);
  const claimed = readDuration(SUBJECT, "handlingTime", handlingTime, LEASE);
  if (store !== undefined) checkFunctions(SUBJECT, store, ["get", "set", "atomic"]);
  if (telemetry !== undefined) checkTelemetry(SUBJECT, telemetry);
  const reader = createRequestReader(SUBJECT, options);
  return {
    handler,
    name,
    reader,
    recorder: new Recorder({ telemetry }, new Reporter(reader.logger)),
    deduplicator: store ? new StoreDeduplicator(store, kept, claimed) : memoryDeduplicator(),
  };
}

/**
 * Handles a verified message. `path` is without the rest of the URL, because a proxy may change the scheme, and no
 * signature covers host and query.
 */
async function receive(
  { handler, name, reader, recorder, deduplicator }: Receiver,
  path: string,
  { headers, body, signers, message }: SignedRequest,
): Promise<Response> {
  const event = readEvent(headers, body, message);
  const scopes = await scopesOf(name ?? path, signers);
  const claim = await deduplicator.claim(scopes, message.id);
  const header = headers.get("traceparent");
  const traceparent = isTraceparent(header) ? header : event.traceparent;
  const trace = traceparent === undefined ? {} : { traceparent };
  const handle = () => handler(event, { ...message, headers, body, ...trace });
  const handleInSpan = () =>
    recorder.span("receive", { ...eventAttributes(event), ...trace }, handle);
  return await handleOnce(message.id, claim, reader.logger, handleInSpan);
}

/**
 * Returns the event of a request: native JSON, or one CloudEvent. Other senders of Standard Webhooks may
 * leave fields out: the id is then `webhook-id`, and the time `webhook-timestamp`.
 *
 * @throws {EventValidationError} when it is not an event
 */
function readEvent(
  headers: Headers,
  body: Uint8Array,
  { id, timestamp }: ReceivedMessage,
): HookEvent {
  if (cloudEventsModeOf(headers) === undefined) {
    return readNativeEvent(parseEventJson(body), { id, timestamp });
  }
  const [received, ...others] = decodeCloudEvents(headers, body);
  if (received === undefined || others.length > 0) {
    throw new EventValidationError("Cannot receive CloudEvents", [
      { message: "must be a single event" },
    ]);
  }
  return adoptEvent({ id, timestamp, ...received.event }, "Cannot receive CloudEvents");
}

async function handleOnce(
  id: string,
  claim: Claim | "handled" | "running",
  logger: Logger,
  handle: () => unknown,
): Promise<Response> {
  if (claim === "handled") return Response.json({ ok: true, duplicate: true });
  if (claim === "running") {
    return problem(409, "in_progress", "The message is being handled", { "retry-after": "5" });
  }
  try {
    await handle();
  } catch (error) {
    await claim.release().catch((error) => log(logger, `Webhook '${id}' stays claimed`, error));
    log(logger, `Webhook '${id}' was not handled`, error);
    return problem(500, "handler_failed", "The message was not handled: send it again");
  }
  // No reason to ask for it again: it was handled.
  await claim.complete().catch((error) => log(logger, `Webhook '${id}' was not recorded`, error));
  return Response.json({ ok: true });
}
