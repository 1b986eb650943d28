import { EventValidationError } from "../core/errors.ts";
import { fromWire, parseEventJson } from "../core/event_codec.ts";
import type { HandlerResult, HookEvent, Logger } from "../core/mod.ts";
import { consoleLogger, guarded } from "../core/reporter.ts";
import { adoptEvent, seal } from "../core/snapshot.ts";
import { type Bytes, readBytes, type ReadLimits } from "../internal/bytes.ts";
import { isPlainUtf8 } from "../internal/http_fields.ts";
import { maskError } from "../internal/mask_error.ts";
import { checkKnown, LEASE, OR_INFINITE, readCount, readDuration } from "../internal/options.ts";
import { checkFunctions, checkName, inspect } from "../internal/validate.ts";
import type { Store } from "../store/mod.ts";
import { cloudEventsModeOf, decodeCloudEvents } from "./cloudevents/mod.ts";
import {
  type Claim,
  DEFAULT_REMEMBER,
  memoryDeduplicator,
  scopesOf,
  storeDeduplicator,
} from "./deduplication.ts";
import { WebhookVerificationError } from "./errors.ts";
import { readSecrets } from "./secrets.ts";
import { createSignerVerifier, type VerifiedWebhook, type VerifyWebhookOptions } from "./verify.ts";
import { createWebhookValidation } from "./handshake_receiver.ts";

/** What a receiving handler gets besides the event. */
export interface ReceivedContext extends VerifiedWebhook {
  /** The request's headers. */
  readonly headers: Headers;
  /** The body as it was signed. */
  readonly body: Uint8Array;
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
  /** Where failures of the handler are logged. @default the console */
  readonly logger?: Logger | undefined;
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
  ("secret secrets tolerance now store name remember handlingTime maxBodyBytes bodyTimeout logger " +
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
 * @throws {WebhookVerificationError} If a secret is invalid.
 * @throws {TypeError | RangeError} If another argument is invalid.
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
      const detail = permission?.refused ?? "Send a POST or a PUT";
      return problem(405, "method_not_allowed", detail, { allow: "POST, PUT" });
    }
    try {
      return await receive(receiver, request);
    } catch (error) {
      return rejection(error, receiver.logger);
    }
  };
}

/** A receiver with checked options. */
type Receiver = ReturnType<typeof createReceiver>;

function createReceiver(handler: ReceivingHandler, options: WebhookReceiverOptions) {
  checkFunctions(SUBJECT, { handler }, ["handler"]);
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${SUBJECT}: it needs options with 'secret', got ${inspect(options)}`);
  }
  checkKnown(SUBJECT, options, KNOWN);
  const { store, name, tolerance, now, logger = consoleLogger } = options;
  const { remember = DEFAULT_REMEMBER, handlingTime = 300_000 } = options;
  const { bodyTimeout = 10_000, maxBodyBytes = 1_048_576 } = options;
  if (name !== undefined) checkName(SUBJECT, name);
  const kept = readDuration(SUBJECT, "remember", remember);
  const claimed = readDuration(SUBJECT, "handlingTime", handlingTime, LEASE);
  checkFunctions(SUBJECT, logger, ["error"]);
  if (store !== undefined) checkFunctions(SUBJECT, store, ["get", "set", "atomic"]);
  const secrets = [readSecrets(SUBJECT, options)].flat() as readonly string[];
  return {
    handler,
    name,
    secrets,
    verify: createSignerVerifier({ secrets, tolerance, now }),
    deduplicator: store ? storeDeduplicator(store, kept, claimed) : memoryDeduplicator(),
    limits: {
      maxBytes: readCount(SUBJECT, "maxBodyBytes", maxBodyBytes, OR_INFINITE),
      timeout: readDuration(SUBJECT, "bodyTimeout", bodyTimeout, OR_INFINITE),
    },
    logger,
  };
}

async function receive(receiver: Receiver, request: Request): Promise<Response> {
  const { handler, name, secrets, verify, deduplicator, limits, logger } = receiver;
  const { headers } = request;
  if (!isPlainUtf8(headers)) {
    const detail = "Send UTF-8, without a content-encoding";
    return problem(415, "media_type_unsupported", detail, { "accept-encoding": "identity" });
  }
  const body = await readBody(request, limits);
  if (!(body instanceof Uint8Array)) return bodyProblem(body, limits);
  const { signers, ...message } = await verify(body, headers);
  const event = readEvent(headers, body, message);
  const scopes = await scopesOf(name ?? pathOf(request), signers.map((i) => secrets[i]!));
  const claim = await deduplicator.claim(scopes, message.id);
  return await handleOnce(
    message.id,
    claim,
    logger,
    () => handler(event, { ...message, headers, body }),
  );
}

type BodyFailure = "too_large" | "too_slow" | "incomplete";

async function readBody(request: Request, limits: ReadLimits): Promise<Bytes | BodyFailure> {
  const { headers, body, bodyUsed } = request;
  if (bodyUsed || body?.locked) {
    throw new TypeError("Cannot receive a webhook: the body of its request was already read");
  }
  const declared = headers.get("content-length") ?? "";
  if (/^\d+$/.test(declared) && Number(declared) > limits.maxBytes) return "too_large";
  try {
    return await readBytes(body, limits);
  } catch {
    return "incomplete"; // the sender closed the connection
  }
}

function bodyProblem(failure: BodyFailure, { maxBytes, timeout }: ReadLimits): Response {
  if (failure === "too_large") {
    return problem(413, "body_too_large", `The body is longer than ${maxBytes} bytes`);
  }
  if (failure === "incomplete") {
    return problem(400, "body_incomplete", "The body broke off before its end");
  }
  const headers = { connection: "close" }; // the rest of the body may still come
  return problem(408, "body_timeout", `The body took more than ${timeout} ms`, headers);
}

/** The id and the time of a message. */
type Message = { readonly id: string; readonly timestamp: Date };

/**
 * Returns the event of a request: native JSON, or one CloudEvent. Other senders of Standard Webhooks may
 * leave fields out: the id is then `webhook-id`, and the time `webhook-timestamp`.
 *
 * @throws {EventValidationError} If it is not an event.
 */
function readEvent(headers: Headers, body: Uint8Array, { id, timestamp }: Message): HookEvent {
  if (cloudEventsModeOf(headers) === undefined) return readNativeEvent(body, { id, timestamp });
  const [received, ...others] = decodeCloudEvents(headers, body);
  if (received === undefined || others.length > 0) {
    throw new EventValidationError("Cannot receive CloudEvents", [
      { message: "must be a single event" },
    ]);
  }
  return adoptEvent({ id, timestamp, ...received.event }, "Cannot receive CloudEvents");
}

function readNativeEvent(body: Uint8Array, message: Message): HookEvent {
  const wire = parseEventJson(body);
  const isObject = typeof wire === "object" && wire !== null && !Array.isArray(wire);
  if (!isObject) return fromWire(wire);
  const { id, timestamp } = wire as { readonly id?: unknown; readonly timestamp?: unknown };
  const time = timestamp ?? message.timestamp.toISOString();
  if ((id ?? undefined) !== undefined) return fromWire({ ...wire, timestamp: time });
  const event = fromWire({ ...wire, id: "none", timestamp: time });
  return seal({ ...event, id: message.id });
}

/** Returns the path only: a proxy may change the scheme, and no signature covers host and query. */
function pathOf({ url }: Request): string {
  return new URL(url).pathname;
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
  // Not a reason to have it sent again: it was handled.
  await claim.complete().catch((error) => log(logger, `Webhook '${id}' was not recorded`, error));
  return Response.json({ ok: true });
}

/** Logs an error. A logger that throws must not fail a message. */
function log(logger: Logger, message: string, error: unknown): void {
  guarded(() => logger.error(message, maskError(error)));
}

function rejection(error: unknown, logger: Logger): Response {
  if (error instanceof EventValidationError) return problem(400, error.code, error.message);
  if (error instanceof WebhookVerificationError && !error.code.startsWith("invalid_secret")) {
    const isUnauthentic = /^(missing_header|timestamp_|no_matching)/.test(error.code);
    return problem(isUnauthentic ? 401 : 400, error.code, error.message);
  }
  log(logger, "A webhook was not received", error); // the store failed, for example
  return problem(500, "not_received", "The message was not received: send it again");
}

function problem(
  status: number,
  code: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify({ type: "about:blank", status, code, detail }), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}
