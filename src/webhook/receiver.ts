import { EventValidationError } from "../core/errors.ts";
import { checkFunctions, checkName } from "../internal/validate.ts";
import { checkKnown, LEASE, OR_INFINITE, readCount, readDuration } from "../internal/options.ts";
import { consoleLogger, guarded } from "../core/reporter.ts";
import { isPlainUtf8 } from "../internal/http_fields.ts";
import { maskError } from "../internal/mask_error.ts";
import { sha256Hex } from "../internal/crypto.ts";
import type { HandlerResult, HookEvent, Logger } from "../core/mod.ts";
import type { Store } from "../store/mod.ts";
import { readBody, readEvent } from "./_receive.ts";
import { type Begun, memoryIds, storedIds } from "./_received_ids.ts";
import { WebhookVerificationError } from "./errors.ts";
import {
  createSignerVerifier,
  type VerifiedWebhook,
  type VerifyWebhookOptions,
} from "./signature.ts";
import { createWebhookValidation } from "./webhook_validation.ts";

/** What a receiving handler is given beside the event. */
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
  /** How long ids are kept in the store, ten years at most. @default {604800000} seven days */
  readonly remember?: number | undefined;
  /**
   * The longest a handler may run before another may be called, at most a day. Needs a store.
   * @default {300000}
   */
  readonly handlingTime?: number | undefined;
  /** The longest body, in bytes; `Infinity`: no limit. @default {1048576} */
  readonly maxBodyBytes?: number | undefined;
  /**
   * How long the body may take to arrive, in milliseconds; a slower one gets a 408. `Infinity`: no
   * limit. @default {10000}
   */
  readonly bodyTimeout?: number | undefined;
  /** Where failures of the handler are logged. @default the console */
  readonly logger?: Logger | undefined;
  /**
   * Senders that may deliver CloudEvents, by their `WebHook-Request-Origin`, such as
   * `eventgrid.azure.net`; or `"*"` for all. Allows them in the `OPTIONS` handshake that Azure Event Grid
   * and others begin with (CloudEvents, "HTTP 1.1 Web Hooks", section 4). Grants no access: requests are
   * authenticated as before. `WebHook-Request-Callback` is never called. @default none: 405
   */
  readonly webhookOrigins?: readonly string[] | "*" | undefined;
  /** Requests per minute that the handshake allows, in `WebHook-Allowed-Rate`. @default no limit */
  readonly webhookRate?: number | undefined;
}

/** Every option of a receiver. */
const KNOWN: readonly string[] = [
  ...["secrets", "tolerance", "now", "store", "remember", "handlingTime", "maxBodyBytes", "logger"],
  ...["name", "bodyTimeout", "webhookOrigins", "webhookRate"],
];

const DAY = 24 * 60 * 60 * 1000;

/**
 * The receiver's half: a fetch handler that verifies a webhook and calls `handler` once per message,
 * though it may come again. For `Deno.serve`, `Bun.serve`, Workers and every router.
 *
 * It answers 200 when the handler succeeded, or had succeeded before; and a problem document (RFC 9457)
 * with a stable `code` otherwise: 400 not a webhook or not an event, 401 not signed with one of the
 * secrets or too old, 405 neither POST nor PUT, 408 the body did not arrive in time, 409 the handler is at
 * it (with `Retry-After`), 413 too long, 415 compressed or not UTF-8, 500 the handler or the store failed. A
 * message is recorded only after its handler succeeded. `OPTIONS` is for senders that ask first: see
 * `webhookOrigins`.
 *
 * ```ts
 * import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";
 *
 * const receive = webhookReceiver((event) => console.log(event.type), {
 *   secrets: generateSecret(), // the sender's
 * });
 * const answer = await receive(new Request("http://localhost/", { method: "POST", body: "{}" }));
 * console.log(answer.status); // 401: it has no signature
 * ```
 *
 * @throws {WebhookVerificationError} when a secret is ill-formed
 * @throws {TypeError | RangeError} when another argument is
 */
export function webhookReceiver(
  handler: ReceivingHandler,
  options: WebhookReceiverOptions,
): (request: Request) => Promise<Response> {
  const subject = "Cannot create a webhook receiver";
  checkFunctions(subject, { handler }, ["handler"]);
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${subject} as it needs options with 'secrets'`);
  }
  checkKnown(subject, options, KNOWN);
  const { store, name, maxBodyBytes = 1_048_576 } = options;
  if (name !== undefined) checkName(subject, name);
  const remember = readDuration(subject, "remember", options.remember) ?? 7 * DAY;
  const handlingTime = readDuration(subject, "handlingTime", options.handlingTime, LEASE) ??
    300_000;
  const bodyTimeout = readDuration(subject, "bodyTimeout", options.bodyTimeout, OR_INFINITE) ??
    10_000;
  readCount(subject, "maxBodyBytes", maxBodyBytes, OR_INFINITE);
  const { logger = consoleLogger } = options;
  checkFunctions(subject, logger, ["error"]);
  if (store !== undefined) checkFunctions(subject, store, ["get", "set", "atomic"]);
  const { tolerance, now } = options;
  const secrets = [options.secrets].flat() as readonly string[]; // a copy
  const verifier = createSignerVerifier({ secrets, tolerance, now });
  const validate = createWebhookValidation(subject, options);
  const ids = store ? storedIds(store, remember, handlingTime) : memoryIds();

  return async (request) => {
    if (request.method !== "POST" && request.method !== "PUT") {
      const permission = validate(request);
      if (permission !== undefined && "headers" in permission) {
        return new Response(null, { status: 200, headers: permission.headers });
      }
      const detail = permission?.refused ?? "Send a POST or a PUT";
      return problem(405, "method_not_allowed", detail, { allow: "POST, PUT" });
    }
    if (!isPlainUtf8(request.headers)) {
      const accepted = { "accept-encoding": "identity" };
      const detail = "Send UTF-8, without a content-encoding";
      return problem(415, "media_type_unsupported", detail, accepted);
    }
    try {
      const body = await readBody(request, { maxBytes: maxBodyBytes, timeout: bodyTimeout });
      if (body === "too_slow") {
        const close = { connection: "close" }; // the rest of the body may still come
        return problem(408, "body_timeout", `The body took more than ${bodyTimeout} ms`, close);
      }
      if (body === "too_large") {
        return problem(413, "body_too_large", `The body is longer than ${maxBodyBytes} bytes`);
      }
      const { headers } = request;
      const { signers, ...message } = await verifier.verify(body, headers);
      const event = readEvent(headers, body, message);
      const context = { ...message, headers, body };
      const place = name ?? placeOf(request);
      const scopes = await Promise.all(
        signers.slice(0, MAX_SCOPES).map((i) => scopeOf(place, secrets[i]!)),
      );
      const begun = await ids.begin(scopes, message.id);
      return await handleOnce(message.id, begun, logger, () => handler(event, context));
    } catch (error) {
      return refusal(error, logger);
    }
  };
}

/** A commit of a store has room for ten checks. Senders sign with two secrets while one replaces another. */
const MAX_SCOPES = 8;

/** Where a request went. Without the scheme, which a proxy may change. */
function placeOf({ url }: Request): string {
  return new URL(url).pathname; // nothing signs host and query: with another one a message could be replayed
}

/**
 * Returns what an id is unique in: a sender, known by its secret, and a receiver. Ids of two senders may be
 * equal, and two receivers may get one message. A digest: the secret can't be read from it.
 */
async function scopeOf(place: string, secret: string): Promise<string> {
  return await sha256Hex(JSON.stringify(["webhookReceiver", place, secret]));
}

/** Handles a message unless it was, or is being, handled. */
async function handleOnce(
  id: string,
  begun: Begun,
  logger: Logger,
  handle: () => unknown,
): Promise<Response> {
  if (begun === "handled") return Response.json({ ok: true, duplicate: true });
  if (begun === "running") {
    const wait = { "retry-after": "5" };
    return problem(409, "in_progress", "The message is being handled", wait);
  }
  try {
    await handle();
  } catch (error) {
    await begun.failed().catch((error) => log(logger, `Webhook '${id}' stays claimed`, error));
    log(logger, `Webhook '${id}' was not handled`, error);
    return problem(500, "handler_failed", "The message was not handled: send it again");
  }
  // Not recorded is no reason to have it sent again: it was handled.
  await begun.handled().catch((error) => log(logger, `Webhook '${id}' was not recorded`, error));
  return Response.json({ ok: true });
}

/** A logger that fails must not fail a message. */
function log(logger: Logger, message: string, error: unknown): void {
  guarded(() => logger.error(message, maskError(error)));
}

function refusal(error: unknown, logger: Logger): Response {
  if (error instanceof EventValidationError) return problem(400, error.code, error.message);
  if (error instanceof WebhookVerificationError && !error.code.startsWith("invalid_secret")) {
    const unauthentic = /^(missing_header|timestamp_|no_matching)/.test(error.code);
    return problem(unauthentic ? 401 : 400, error.code, error.message);
  }
  log(logger, "A webhook was not received", error); // its body broke off, or the store failed
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
