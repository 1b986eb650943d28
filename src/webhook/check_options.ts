import { checkPatterns } from "../core/event_rules.ts";
import {
  checkDefined,
  checkKnown,
  checkRetry,
  describePadding,
  readCount,
  readDuration,
} from "../internal/options.ts";
import { checkFunctions, checkName, checkObject, inspect } from "../internal/validate.ts";
import { Handshake, type HandshakeOptions } from "./handshake_sender.ts";
import { WEBHOOK_LIMITS, type WebhookHookOptions } from "./options.ts";
import type { Redactor } from "./redact.ts";
import {
  findContentTypeProblem,
  findReservedReason,
  findUrlProblem,
  isUnsetHeader,
  SENDER_ORIGIN,
} from "./request_rules.ts";
import type { Sensitive } from "./sensitive.ts";
import { createWebhookSigner, type WebhookSigner } from "./sign.ts";

const DEFAULT_TIMEOUT = 10_000;

/** The checked options of a webhook. Contains its secrets, so nothing public refers to it. */
export type CheckedOptions =
  & { readonly [Name in "transform" | "guard" | "fetch"]: WebhookHookOptions[Name] | undefined }
  & {
    readonly name: string;
    readonly events: readonly string[];
    readonly url: URL;
    readonly method: string;
    /** Names in lower case. */
    readonly headers: Readonly<Record<string, string>>;
    readonly timeout: number;
    readonly format: "native" | "cloudevents" | "cloudevents-binary";
    readonly retryOn: ReadonlySet<number>;
    readonly signer: WebhookSigner | undefined;
    readonly handshake: Handshake | undefined;
    /** Redacts this webhook's secrets. */
    readonly redact: (...parameters: Parameters<Redactor>) => Promise<string>;
  };

/** Every option, because JavaScript would ignore a misspelled one. */
const KNOWN =
  ("name events url method headers timeout retryCount retryDelay retry retryOn secret secrets format " +
    "filter transform concurrency ordering guard fetch handshake").split(" ");

/** Checks the options of a webhook. No message contains a secret, the value of a header, or the URL. */
export function checkOptions(options: WebhookHookOptions): CheckedOptions {
  checkName("Cannot create a webhook", options?.name);
  const { name, method = "POST", format = "native" } = options;
  const subject = `Cannot create webhook '${name}'`;
  checkKnown(subject, options, KNOWN);
  checkDefined(subject, options, {
    secret: "to send unsigned requests",
    secrets: "to send unsigned requests",
    headers: "to send no headers of your own",
    guard: "to send to any address",
    filter: "to send every payload",
    transform: "to send events as they are",
  });
  const events = checkPatterns(subject, options.events);
  const url = checkUrl(subject, options);
  checkOneOf(subject, "method", method, ["POST", "PUT"]);
  checkOneOf(subject, "format", format, ["native", "cloudevents", "cloudevents-binary"]);
  const headers = checkHeaders(subject, options, format);
  if (options.ordering !== undefined) {
    checkOneOf(subject, "ordering", options.ordering, ["session"]);
  }
  const { timeout: given = DEFAULT_TIMEOUT, retryOn = [], guard, handshake } = options;
  const timeout = readDuration(subject, "timeout", given, WEBHOOK_LIMITS.timeout);
  checkFunctions(subject, options, [], ["transform", "fetch"]);
  if (guard !== undefined && typeof guard?.check !== "function") {
    throw new TypeError(
      `${subject}: 'guard' must be a guard that createAddressGuard() returned, got ${
        inspect(guard)
      }`,
    );
  }
  checkRetry(subject, options.retry);
  const secrets = checkSecrets(subject, options);
  return {
    name,
    events,
    url,
    method,
    headers,
    timeout,
    format,
    retryOn: new Set(checkStatuses(subject, retryOn)),
    transform: options.transform,
    guard,
    fetch: options.fetch,
    signer: secrets.length > 0 ? createWebhookSigner(secrets) : undefined,
    handshake: handshake === undefined
      ? undefined
      : new Handshake(checkHandshake(subject, handshake)),
    redact: lazyRedactor({ secrets, headers, url }),
  };
}

/** Loads the redactor with the first text: it is a third of the code that sends. */
function lazyRedactor(sensitive: Sensitive): CheckedOptions["redact"] {
  let redactor: Promise<Redactor> | undefined;
  return async (text, ended) => {
    if (text === "") return text;
    redactor ??= import("./redact.ts").then(({ createRedactor }) => createRedactor(sensitive));
    // An attempt never rejects, and a text that was not searched is not kept.
    return await redactor.then((redact) => redact(text, ended), () => "");
  };
}

function checkUrl(subject: string, { url, guard, fetch }: WebhookHookOptions): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined; // Node 20 has no URL.parse
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    const padding = typeof url === "string" ? describePadding(url) : undefined;
    throw new TypeError(
      `${subject}: 'url' must be an absolute http or https URL${padding ? `, but ${padding}` : ""}`,
    );
  }
  if (parsed.username || parsed.password) {
    throw new TypeError(
      `${subject}: 'url' must not contain a user name or password. ` +
        "Use headers: { authorization: … }",
    );
  }
  if (guard && parsed.protocol !== "https:") {
    throw new TypeError(`${subject}: 'url' must be https when there is a 'guard'`);
  }
  // The platform's fetch rejects these. A custom one may connect elsewhere, such as through a proxy.
  const issue = fetch === undefined ? findUrlProblem(parsed) : undefined;
  if (issue !== undefined) throw new TypeError(`${subject}: 'url' ${issue}`);
  parsed.hash = ""; // never sent
  return parsed;
}

/** What every `fetch` can send (RFC 9110, section 5.5); `Headers` of some platforms allow more. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function checkHeaders(
  subject: string,
  { headers = {} }: WebhookHookOptions,
  format: string,
): Readonly<Record<string, string>> {
  const isHeaders = headers instanceof Headers;
  if (!isHeaders) checkObject(subject, "'headers'", headers);
  if (!isHeaders && Symbol.iterator in headers) { // the entries of a Map are not its properties
    throw new TypeError(
      `${subject}: 'headers' must be an object or Headers, got ${inspect(headers)}`,
    );
  }
  const checked = new Headers();
  for (const [name, value] of isHeaders ? headers : Object.entries(headers)) {
    const reserved = findReservedReason(name);
    if (reserved !== undefined) {
      throw new TypeError(`${subject}: header '${name}' is reserved: ${reserved}`);
    }
    if (value === undefined || isUnsetHeader(name, value)) {
      throw new TypeError(
        `${subject}: the value of header ${inspect(name)} is or ends with 'undefined'. ` +
          "Leave the header out, or check that its value is set",
      );
    }
    if (!isHeader(name, value)) { // the platform's message would quote the value
      const padding = typeof value === "string" && value !== ""
        ? describePadding(value)
        : undefined;
      throw new TypeError(
        `${subject}: header ${inspect(name)} has an invalid name or value` +
          (padding ? `: ${padding}` : ""),
      );
    }
    if (checked.has(name)) throw new TypeError(`${subject}: header '${name}' is set twice`);
    checked.set(name, value);
  }
  const type = checked.get("content-type");
  const issue = type === null ? undefined : findContentTypeProblem(type, format);
  if (issue !== undefined) throw new TypeError(`${subject}: header 'content-type' ${issue}`);
  return Object.fromEntries(checked);
}

function isHeader(name: string, value: unknown): boolean {
  if (typeof value !== "string" || !HEADER_VALUE.test(value)) return false;
  try {
    new Headers([[name, value]]);
    return true;
  } catch {
    return false;
  }
}

function checkSecrets(
  subject: string,
  { secret, secrets }: WebhookHookOptions,
): readonly string[] {
  if (secret !== undefined && secrets !== undefined) {
    throw new TypeError(`${subject}: set 'secret' or 'secrets', not both`);
  }
  if (secret !== undefined) return [secret];
  if (secrets !== undefined && (!Array.isArray(secrets) || secrets.length === 0)) {
    throw new TypeError(`${subject}: 'secrets' must be a list of at least one secret`);
  }
  return secrets ?? [];
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

function checkOneOf(
  subject: string,
  name: string,
  value: unknown,
  allowed: readonly string[],
): void {
  if (allowed.includes(value as string)) return;
  const names = allowed.map((one) => `"${one}"`).join(", ").replace(/, (?!.*, )/, " or ");
  throw new TypeError(`${subject}: '${name}' must be ${names}, got ${inspect(value)}`);
}
