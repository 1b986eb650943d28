import { checkPatterns } from "../core/event_rules.ts";
import { checkDefined, checkKnown, checkRetry, readCount } from "../internal/options.ts";
import { checkFunctions, checkName, inspect } from "../internal/validate.ts";
import { type CheckedRequest, checkOneOf, checkRequest } from "./check_request.ts";
import type { HandshakeOptions, WebhookHookOptions } from "./options.ts";
import { SENDER_ORIGIN } from "./request_rules.ts";

const DEFAULT_TIMEOUT = 10_000;

/** The checked options of a webhook. Contains its secrets, so nothing public refers to it. */
export type CheckedOptions = CheckedRequest & {
  readonly name: string;
  readonly events: readonly string[];
  readonly method: string;
  readonly format: "native" | "cloudevents" | "cloudevents-binary";
  readonly retryOn: ReadonlySet<number>;
  readonly transform: WebhookHookOptions["transform"] | undefined;
  readonly handshake: HandshakeOptions | undefined;
};

/** Every option, because JavaScript would ignore a misspelled one. */
const KNOWN = /* @__PURE__ */
  ("name events url method headers timeout retryCount retryDelay retry retryOn secret secrets format " +
    "filter transform concurrency ordering guard fetch handshake").split(" ");

/** Checks the options of a webhook. No message contains a secret, the value of a header, or the URL. */
export function checkOptions(options: WebhookHookOptions): CheckedOptions {
  checkName("Cannot create a webhook", options?.name);
  const { name, method = "POST", format = "native" } = options;
  const subject = `Cannot create webhook '${name}'`;
  checkKnown(subject, options, KNOWN);
  checkDefined(subject, options, {
    filter: "to send every payload",
    transform: "to send events as they are",
  });
  const events = checkPatterns(subject, options.events);
  checkOneOf(subject, "method", method, ["POST", "PUT"]);
  checkOneOf(subject, "format", format, ["native", "cloudevents", "cloudevents-binary"]);
  if (options.ordering !== undefined) {
    checkOneOf(subject, "ordering", options.ordering, ["session"]);
  }
  const { retryOn = [], handshake } = options;
  checkFunctions(subject, options, [], ["transform"]);
  checkRetry(subject, options.retry);
  return {
    ...checkRequest(subject, options, format, DEFAULT_TIMEOUT),
    name,
    events,
    method,
    format,
    retryOn: new Set(checkStatuses(subject, retryOn)),
    transform: options.transform,
    handshake: handshake === undefined ? undefined : checkHandshake(subject, handshake),
  };
}

function checkStatuses(subject: string, statuses: readonly number[]): readonly number[] {
  if (!Array.isArray(statuses)) {
    throw new TypeError(`${subject}: 'retryOn' must be a list, got ${inspect(statuses)}`);
  }
  for (const status of statuses) {
    if (Number.isInteger(status) && status >= 300 && status <= 599) continue;
    throw new RangeError(
      `${subject}: 'retryOn' must be a list of statuses from 300 to 599, got ${inspect(status)}`,
    );
  }
  return statuses;
}

function checkHandshake(subject: string, handshake: HandshakeOptions): HandshakeOptions {
  checkKnown(`${subject}: 'handshake'`, handshake, ["origin", "rate"]);
  const { origin, rate } = handshake;
  if (typeof origin !== "string" || !SENDER_ORIGIN.test(origin)) {
    throw new TypeError(
      `${subject}: 'handshake.origin' must be a DNS name, such as "events.example.com", ` +
        `got ${inspect(origin)}`,
    );
  }
  return { origin, rate: readCount(`${subject}: 'handshake'`, "rate", rate) };
}
