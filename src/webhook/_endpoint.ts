import {
  checkDefined,
  checkKnown,
  checkRetry,
  describePadding,
  readCount,
  readDuration,
} from "../internal/options.ts";
import { checkFunctions, checkName, checkObject, inspect } from "../internal/validate.ts";
import { checkPatterns } from "../core/event_rules.ts";
import { WEBHOOK_LIMITS } from "./_limits.ts";
import { Handshake, type HandshakeOptions } from "./_handshake.ts";
import {
  findContentTypeProblem,
  findReservedReason,
  findUrlProblem,
  isUnsetHeader,
  SENDER_ORIGIN,
} from "./request_rules.ts";
import type { Scrub, Sensitive } from "./_scrub.ts";
import { createWebhookSigner, type WebhookSigner } from "./_signer.ts";
import type { WebhookHookOptions } from "./webhook_options.ts";

const DEFAULT_TIMEOUT = 10_000;
/** What every `fetch` can send (RFC 9110, section 5.5); `Headers` of some take more. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Where and how to send: checked options. Everything secret is in here, and in nothing that shows. */
export type Endpoint =
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
    /** Takes what is secret out of a text; `ended`: whether it is whole. */
    readonly scrub: (text: string, ended: boolean) => Promise<string>;
  };

/** Checks the options of a webhook. No message holds a secret, a header's value, or the URL. */
export function createEndpoint(options: WebhookHookOptions): Endpoint {
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
  const headers = checkHeaders(
    subject,
    options.headers === undefined ? {} : options.headers,
    format,
  );
  checkOneOf(subject, "ordering", options.ordering, [undefined, "session"]);
  const { timeout: given = DEFAULT_TIMEOUT, retryOn = [] } = options;
  const timeout = readDuration(subject, "timeout", given, WEBHOOK_LIMITS.timeout);
  checkFunctions(subject, options, [], ["transform", "fetch"]);
  if (options.guard !== undefined && typeof options.guard?.check !== "function") {
    throw new TypeError(`${subject} as 'guard' must be one that createAddressGuard() gave`);
  }
  checkRetry(subject, options.retry);
  const secrets = secretsOf(subject, options);
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
    guard: options.guard,
    fetch: options.fetch,
    signer: secrets.length > 0 ? createWebhookSigner(secrets) : undefined,
    handshake: options.handshake === undefined
      ? undefined
      : new Handshake(checkHandshake(subject, options.handshake)),
    scrub: lazyScrub({ secrets, headers, url }),
  };
}

/** Loaded when there is a text to look through: it is a third of what sends. */
function lazyScrub(sensitive: Sensitive): Endpoint["scrub"] {
  let scrub: Promise<Scrub> | undefined;
  return async (text, ended) => {
    if (text === "") return text;
    scrub ??= import("./_scrub.ts").then(({ createScrub }) => createScrub(sensitive));
    // An attempt never rejects, and a text that nobody looked through is not kept.
    return await scrub.then((scrub) => scrub.text(text, ended), () => "");
  };
}

function checkUrl(subject: string, { url, guard, fetch }: WebhookHookOptions): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined; // Node 20 has no URL.parse
  if (!/^https?:$/.test(parsed?.protocol ?? "")) {
    const padding = typeof url === "string" ? describePadding(url) : undefined;
    throw new TypeError(
      `${subject} as 'url' must be an absolute http or https URL${padding ? `: ${padding}` : ""}`,
    );
  }
  if (parsed!.username || parsed!.password) {
    throw new TypeError(
      `${subject} as 'url' must not hold a user name or password: use headers: { authorization: … }`,
    );
  }
  if (guard && parsed!.protocol !== "https:") {
    throw new TypeError(`${subject} as 'url' must be https when there is a 'guard'`);
  }
  // The platform's fetch refuses these; one that was passed may go elsewhere, such as through a proxy.
  const problem = fetch === undefined ? findUrlProblem(parsed!) : undefined;
  if (problem !== undefined) throw new TypeError(`${subject}: 'url' ${problem}`);
  parsed!.hash = ""; // never sent
  return parsed!;
}

function checkHeaders(
  subject: string,
  headers: NonNullable<WebhookHookOptions["headers"]>,
  format: string,
): Readonly<Record<string, string>> {
  const checked = new Headers();
  if (!(headers instanceof Headers)) {
    checkObject(subject, "'headers'", headers);
    if (Symbol.iterator in headers) { // a Map has no entries of its own: nothing would be sent
      throw new TypeError(
        `${subject}: 'headers' must be an object or Headers, got ${inspect(headers)}`,
      );
    }
  }
  for (const [name, value] of headers instanceof Headers ? headers : Object.entries(headers)) {
    const reserved = findReservedReason(name);
    if (reserved !== undefined) {
      throw new TypeError(`${subject}: header '${name}' is reserved, as ${reserved}`);
    }
    if (value === undefined || isUnsetHeader(name, value)) {
      throw new TypeError(
        `${subject}: the value of header ${inspect(name)} is or ends with 'undefined'. ` +
          "Leave the header out, or check that its value is set",
      );
    }
    let twice = false;
    try {
      if (typeof value !== "string" || !HEADER_VALUE.test(value)) throw new TypeError();
      twice = checked.has(name);
      checked.set(name, value);
    } catch { // the platform's message shows the value
      const padding = typeof value === "string" ? describePadding(value) : undefined;
      throw new TypeError(
        `${subject} as header ${inspect(name)} has an invalid name or value` +
          (padding && value !== "" ? `: ${padding}` : ""),
      );
    }
    if (twice) throw new TypeError(`${subject}: header '${name}' is set twice`);
  }
  const type = checked.get("content-type");
  const problem = type === null ? undefined : findContentTypeProblem(type, format);
  if (problem !== undefined) {
    throw new TypeError(`${subject}: header 'content-type' ${problem}`);
  }
  return Object.fromEntries(checked);
}

function secretsOf(subject: string, { secret, secrets }: WebhookHookOptions): readonly string[] {
  if (secret !== undefined && secrets !== undefined) {
    throw new TypeError(`${subject} as it has both 'secret' and 'secrets'`);
  }
  if (secret !== undefined) return [secret];
  if (secrets !== undefined && (!Array.isArray(secrets) || secrets.length === 0)) {
    throw new TypeError(`${subject} as 'secrets' must be a list of at least one secret`);
  }
  return secrets ?? [];
}

function checkStatuses(subject: string, statuses: readonly number[]): readonly number[] {
  if (!Array.isArray(statuses)) throw new TypeError(`${subject} as 'retryOn' must be a list`);
  for (const status of statuses) {
    if (Number.isInteger(status) && status >= 300 && status <= 599) continue;
    throw new RangeError(
      `${subject} as 'retryOn' must be statuses from 300 to 599: current value is ${
        inspect(status)
      }`,
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
  allowed: readonly unknown[],
): void {
  if (allowed.includes(value)) return;
  const names = allowed.filter((value) => value !== undefined).map((value) => `"${value}"`);
  throw new TypeError(
    `${subject} as '${name}' must be ${
      names.join(", ").replace(/, (?!.*, )/, " or ")
    }: current value is ${inspect(value)}`,
  );
}

/** Every option, for those who write JavaScript: a misspelt one would be ignored in silence. */
const KNOWN: readonly string[] = [
  ...["name", "events", "url", "method", "headers", "timeout", "retryCount", "retryDelay", "retry"],
  ...["retryOn", "secret", "secrets", "format", "filter", "transform", "concurrency", "ordering"],
  ...["guard", "fetch", "handshake"],
];
