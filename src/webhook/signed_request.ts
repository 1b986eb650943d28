/**
 * Reads the requests of receivers: their bodies within bounds, and only with a signature.
 *
 * @module
 */
import { EventValidationError } from "../core/errors.ts";
import { fromWire } from "../core/event_codec.ts";
import type { HookEvent, Logger } from "../core/mod.ts";
import { consoleLogger, guarded, silentLogger } from "../core/reporter.ts";
import { seal } from "../core/snapshot.ts";
import { type Bytes, readBytes, type ReadLimits } from "../internal/bytes.ts";
import { declaredLength, isPlainUtf8 } from "../internal/http_fields.ts";
import { maskError } from "../internal/mask_error.ts";
import { OR_INFINITE, readCount, readDuration } from "../internal/options.ts";
import { checkFunctions, isObject } from "../internal/validate.ts";
import { WebhookVerificationError } from "./errors.ts";
import { DEFAULT_BODY_TIMEOUT, DEFAULT_MAX_BODY } from "./limits.ts";
import { readSecrets } from "./secrets.ts";
import { createSignerVerifier, type VerifyWebhookOptions } from "./verify.ts";

/** Options for reading requests. Durations are in milliseconds. */
type RequestReaderOptions = VerifyWebhookOptions & {
  /** @default {1048576} */
  readonly maxBodyBytes?: number | undefined;
  /** @default {10000} */
  readonly bodyTimeout?: number | undefined;
  /** @default the console */
  readonly logger?: Logger | false | undefined;
};

/** A request that one of the secrets signed. */
export type SignedRequest = {
  readonly headers: Headers;
  /** The body as it was signed. */
  readonly body: Bytes;
  readonly message: ReceivedMessage;
  /** The secrets that signed. */
  readonly signers: readonly string[];
};

/** The id and the time of a message. */
export type ReceivedMessage = { readonly id: string; readonly timestamp: Date };

/** Reads signed requests. */
export type RequestReader = {
  /** The secrets, in their order. */
  readonly secrets: readonly string[];
  readonly logger: Logger;
  /** Returns the response to a request: what `receive` returns, if one of the secrets signed it. Never rejects. */
  respond(
    request: Request,
    receive: (request: SignedRequest) => Promise<Response>,
  ): Promise<Response>;
};

/** Creates a reader. @throws {WebhookVerificationError | TypeError | RangeError} when an option is invalid */
export function createRequestReader(
  subject: string,
  options: RequestReaderOptions,
): RequestReader {
  const { tolerance, now } = options;
  const { bodyTimeout = DEFAULT_BODY_TIMEOUT, maxBodyBytes = DEFAULT_MAX_BODY } = options;
  const { logger: own = consoleLogger } = options;
  const logger = own === false ? silentLogger : own;
  checkFunctions(subject, logger, ["error"]);
  const secrets = [readSecrets(subject, options)].flat() as readonly string[];
  const verify = createSignerVerifier({ secrets, tolerance, now });
  const limits = {
    maxBytes: readCount(subject, "maxBodyBytes", maxBodyBytes, OR_INFINITE),
    timeout: readDuration(subject, "bodyTimeout", bodyTimeout, OR_INFINITE),
  };
  const read = async (request: Request): Promise<SignedRequest | Response> => {
    const { headers } = request;
    if (!isPlainUtf8(headers)) {
      const detail = "Send UTF-8, without a content-encoding";
      return problem(415, "media_type_unsupported", detail, { "accept-encoding": "identity" });
    }
    const body = await readBody(request, limits);
    if (!(body instanceof Uint8Array)) return bodyProblem(body, limits);
    const { signers, ...message } = await verify(body, headers);
    return { headers, body, message, signers: signers.map((i) => secrets[i]!) };
  };
  return {
    secrets,
    logger,
    async respond(request, receive) {
      try {
        const received = await read(request);
        return received instanceof Response ? received : await receive(received);
      } catch (error) {
        return rejection(error, logger);
      }
    },
  };
}

type BodyFailure = "too_large" | "too_slow" | "incomplete";

async function readBody(request: Request, limits: ReadLimits): Promise<Bytes | BodyFailure> {
  const { headers, body, bodyUsed } = request;
  if (bodyUsed || body?.locked) {
    throw new TypeError("Cannot receive a webhook: the body of its request was already read");
  }
  if ((declaredLength(headers) ?? 0) > limits.maxBytes) return "too_large";
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

/**
 * Returns the event of parsed JSON. Other senders of Standard Webhooks may leave fields out: the id is then
 * `webhook-id`, and the time `webhook-timestamp`.
 *
 * @throws {EventValidationError} when it is not an event
 */
export function readNativeEvent(wire: unknown, message: ReceivedMessage): HookEvent {
  if (!isObject(wire)) return fromWire(wire);
  const { id, timestamp } = wire;
  const time = timestamp ?? message.timestamp.toISOString();
  if ((id ?? undefined) !== undefined) return fromWire({ ...wire, timestamp: time });
  const event = fromWire({ ...wire, id: "none", timestamp: time });
  return seal({ ...event, id: message.id });
}

/** Logs an error. A logger that throws must not fail a message. */
export function log(logger: Logger, message: string, error: unknown): void {
  guarded(() => logger.error(message, maskError(error)));
}

/** Returns the response to a request whose handling threw. */
function rejection(error: unknown, logger: Logger): Response {
  if (error instanceof EventValidationError) return problem(400, error.code, error.message);
  if (error instanceof WebhookVerificationError && !error.code.startsWith("invalid_secret")) {
    const isUnauthentic = /^(missing_header|timestamp_|no_matching)/.test(error.code);
    return problem(isUnauthentic ? 401 : 400, error.code, error.message);
  }
  log(logger, "A webhook was not received", error); // the store failed, for example
  return problem(500, "not_received", "The message was not received: send it again");
}

/** Returns a problem document (RFC 9457). */
export function problem(
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
