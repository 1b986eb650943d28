import { checkPatterns } from "../core/event_rules.ts";
import {
  checkDefined,
  checkKnown,
  checkRetry,
  describePadding,
  readCount,
  readDuration,
} from "../internal/options.ts";
import {
  checkFunctions,
  checkList,
  checkName,
  checkObject,
  checkOneOf,
  inspect,
  invalidOption,
} from "../internal/validate.ts";
import { DEFAULT_TIMEOUT, WEBHOOK_LIMITS } from "./limits.ts";
import type { HandshakeOptions, WebhookHookOptions } from "./options.ts";
import type { Redactor } from "./redact.ts";
import {
  findContentTypeIssue,
  findReservedReason,
  findUrlIssue,
  isUnsetHeader,
  SENDER_ORIGIN,
} from "./request_rules.ts";
import { parseSigningSecrets, type Secret } from "./secrets.ts";
import type { Sensitive } from "./sensitive.ts";

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
  checkList(subject, "retryOn", statuses);
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
    const rule = 'a DNS name, such as "events.example.com"';
    throw invalidOption(subject, "handshake.origin", origin, rule);
  }
  return { origin, rate: readCount(`${subject}: 'handshake'`, "rate", rate) };
}

/** Options of all senders of signed requests. */
type RequestOptions = Pick<
  WebhookHookOptions,
  "url" | "headers" | "secret" | "secrets" | "timeout" | "guard" | "fetch"
>;

/** Checked options of requests. Contain secrets, so nothing public refers to them. */
export type CheckedRequest = {
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeout: number;
  readonly guard: RequestOptions["guard"] | undefined;
  readonly fetch: typeof fetch | undefined;
  /** What signs; none for unsigned requests. */
  readonly secrets: readonly Secret[];
  /** Redacts these secrets. */
  readonly redact: (...parameters: Parameters<Redactor>) => Promise<string>;
};

/**
 * Checks where and how requests are sent. No message contains a secret, the value of a header, or the URL.
 *
 * @param format Other formats than `"native"` set the content type themselves
 */
export function checkRequest(
  subject: string,
  options: RequestOptions,
  format: string,
  defaultTimeout: number,
): CheckedRequest {
  checkDefined(subject, options, {
    secret: "to send unsigned requests",
    secrets: "to send unsigned requests",
    headers: "to send no headers of your own",
    guard: "to send to any address",
  });
  const url = checkUrl(subject, options);
  const headers = checkHeaders(subject, options, format);
  const { timeout: given = defaultTimeout, guard } = options;
  const timeout = readDuration(subject, "timeout", given, WEBHOOK_LIMITS.timeout);
  checkFunctions(subject, options, [], ["fetch"]);
  if (guard !== undefined && typeof guard?.check !== "function") {
    throw invalidOption(subject, "guard", guard, "a guard that createAddressGuard() returned");
  }
  const secrets = checkSecrets(subject, options);
  return {
    url,
    headers,
    timeout,
    guard,
    fetch: options.fetch,
    secrets: secrets.length > 0 ? parseSigningSecrets(secrets) : [],
    redact: lazyRedactor({ secrets: [...secrets], headers, url }),
  };
}

/** Loads the redactor with the first text: it is a third of the code that sends. */
function lazyRedactor(sensitive: Sensitive): CheckedRequest["redact"] {
  let redactor: Promise<Redactor> | undefined;
  return async (text, ended) => {
    if (text === "") return text;
    redactor ??= import("./redact.ts").then(({ createRedactor }) => createRedactor(sensitive));
    // An attempt never rejects, and text that wasn't searched for secrets isn't kept.
    return await redactor.then((redact) => redact(text, ended), () => "");
  };
}

function checkUrl(subject: string, { url, guard, fetch }: RequestOptions): URL {
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
  const issue = fetch === undefined ? findUrlIssue(parsed) : undefined;
  if (issue !== undefined) throw new TypeError(`${subject}: 'url' ${issue}`);
  parsed.hash = ""; // never sent
  return parsed;
}

/** Matches a value that every `fetch` can send (RFC 9110, section 5.5); `Headers` of some platforms allow more. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function checkHeaders(
  subject: string,
  { headers = {} }: RequestOptions,
  format: string,
): Readonly<Record<string, string>> {
  const isHeaders = headers instanceof Headers;
  if (!isHeaders) checkObject(subject, "'headers'", headers);
  if (!isHeaders && Symbol.iterator in headers) { // the entries of a Map are not its properties
    throw invalidOption(subject, "headers", headers, "an object or Headers");
  }
  const checked = new Headers();
  for (const [name, value] of isHeaders ? headers : Object.entries(headers)) {
    checkHeader(subject, name, value);
    if (checked.has(name)) throw new TypeError(`${subject}: header '${name}' is set twice`);
    checked.set(name, value);
  }
  const type = checked.get("content-type");
  const issue = type === null ? undefined : findContentTypeIssue(type, format);
  if (issue !== undefined) throw new TypeError(`${subject}: header 'content-type' ${issue}`);
  return Object.fromEntries(checked);
}

function checkHeader(subject: string, name: string, value: unknown): asserts value is string {
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
  if (isHeader(name, value)) return;
  const padding = typeof value === "string" && value !== "" ? describePadding(value) : undefined;
  throw new TypeError( // the platform's message would quote the value
    `${subject}: header ${inspect(name)} has an invalid name or value` +
      (padding ? `: ${padding}` : ""),
  );
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

/** Returns the secrets that sign; none to send unsigned requests. */
export function checkSecrets(
  subject: string,
  { secret, secrets }: RequestOptions,
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
