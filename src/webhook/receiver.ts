import { EventValidationError } from "../core/errors.ts";
import {
  checkFunctions,
  checkKnown,
  consoleLogger,
  guarded,
  LEASE,
  OR_INFINITE,
  readCount,
  readDuration,
} from "../core/kit.ts";
import type { HookEvent, Logger, Store } from "../core/mod.ts";
import { readBody, readEvent } from "./_receive.ts";
import { memoryIds, type ReceivedIds, storedIds } from "./_received_ids.ts";
import { WebhookVerificationError } from "./errors.ts";
import {
  createWebhookVerifier,
  type VerifiedWebhook,
  type VerifyWebhookOptions,
} from "./signature.ts";

/** What a receiving handler is given beside the event. */
export interface ReceivedContext extends VerifiedWebhook {
  /** The request's headers. */
  readonly headers: Headers;
  /** The body as it was signed. */
  readonly body: Uint8Array;
}

/** Handles an event that came in. When it throws, the sender is told to try again. */
export type ReceivingHandler = (event: HookEvent, context: ReceivedContext) => void | Promise<void>;

/** Options of `webhookReceiver`. Durations are in milliseconds. */
export interface WebhookReceiverOptions extends VerifyWebhookOptions {
  /**
   * Where to keep the ids of what was handled, under `["received", id]`. Share it between instances,
   * each of them handles a message only if no other did. @default memory: the last 10,000 ids of this process
   */
  readonly store?: Store | undefined;
  /** How long ids are kept in the store, ten years at most. @default {604800000} seven days */
  readonly remember?: number | undefined;
  /** How long a handler takes at most, up to a day: after that, another may be called. With a store. @default {300000} */
  readonly handlingTime?: number | undefined;
  /** The longest body, in bytes; `Infinity`: no limit. @default {1048576} */
  readonly maxBodyBytes?: number | undefined;
  /** Where failures of the handler are logged. @default the console */
  readonly logger?: Logger | undefined;
}

/** Every option of a receiver. */
const KNOWN: readonly string[] = [
  ...["secrets", "tolerance", "now", "store", "remember", "handlingTime", "maxBodyBytes", "logger"],
];

const DAY = 24 * 60 * 60 * 1000;

/**
 * The receiver's half: a fetch handler that verifies a webhook and calls `handler` once per message,
 * though it may come again. For `Deno.serve`, `Bun.serve`, Workers and every router.
 *
 * It answers 200 when the handler succeeded, or had succeeded before; and a problem document (RFC 9457)
 * with a stable `code` otherwise: 400 not a webhook or not an event, 401 not signed with one of the
 * secrets or too old, 405 neither POST nor PUT, 409 the handler is at it (with `Retry-After`), 413 too
 * long, 500 the handler or the store failed. A message is recorded only after its handler succeeded.
 *
 * ```ts
 * import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";
 *
 * const receive = webhookReceiver((event) => console.log(event.type), {
 *   secrets: generateSecret(), // the sender's
 * });
 * const answer = await receive(new Request("http://localhost/", { method: "POST", body: "{}" }));
 * console.log(answer.status); // 400: it has no signature
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
  const { store, maxBodyBytes = 1_048_576 } = options;
  const remember = readDuration(subject, "remember", options.remember) ?? 7 * DAY;
  const handlingTime = readDuration(subject, "handlingTime", options.handlingTime, LEASE) ??
    300_000;
  readCount(subject, "maxBodyBytes", maxBodyBytes, OR_INFINITE);
  const { logger = consoleLogger } = options;
  checkFunctions(subject, logger, ["error"]);
  if (store !== undefined) checkFunctions(subject, store, ["get", "set", "atomic"]);
  const { secrets, tolerance, now } = options;
  const verifier = createWebhookVerifier({ secrets, tolerance, now });
  const ids = store ? storedIds(store, remember, handlingTime) : memoryIds();

  return async (request) => {
    if (request.method !== "POST" && request.method !== "PUT") {
      return problem(405, "method_not_allowed", "Send a POST or a PUT", { allow: "POST, PUT" });
    }
    try {
      const body = await readBody(request, maxBodyBytes);
      if (body === undefined) {
        return problem(413, "body_too_large", `The body is longer than ${maxBodyBytes} bytes`);
      }
      const { headers } = request;
      const message = await verifier.verify(body, headers);
      const event = readEvent(headers, body, message);
      const context = { ...message, headers, body };
      return await handleOnce(message.id, ids, logger, () => handler(event, context));
    } catch (error) {
      return refusal(error, logger);
    }
  };
}

/** Handles a message unless it was, or is being, handled. */
async function handleOnce(
  id: string,
  ids: ReceivedIds,
  logger: Logger,
  handle: () => void | Promise<void>,
): Promise<Response> {
  const begun = await ids.begin(id);
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
  guarded(() => logger.error(message, error));
}

function refusal(error: unknown, logger: Logger): Response {
  if (error instanceof EventValidationError) return problem(400, error.code, error.message);
  if (error instanceof WebhookVerificationError && !error.code.startsWith("invalid_secret")) {
    const unauthentic = /^(timestamp_|no_matching)/.test(error.code);
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
