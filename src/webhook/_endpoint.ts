import {
  checkFunctions,
  checkName,
  checkObject,
  checkPatterns,
  checkPositive,
  show,
} from "../core/kit.ts";
import { createScrub, type Scrub } from "./_scrub.ts";
import { createWebhookSigner, type WebhookSigner } from "./_signer.ts";
import type { WebhookHookOptions } from "./webhook_options.ts";

const DEFAULT_TIMEOUT = 10_000;
const MAX_TIMEOUT = 120_000;
/** Headers that are the signature's, or the connection's. */
const RESERVED =
  /^(webhook-.*|host|content-length|connection|transfer-encoding|keep-alive|upgrade|te)$/;

/** Headers whose words are no secrets. */
const OPEN = /^(accept|accept-.*|content-type|user-agent)$/;

/** Where and how to send: checked options. Everything secret is in here, and in nothing that shows. */
export type Endpoint =
  & Pick<WebhookHookOptions, "transform" | "guard" | "fetch">
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
    readonly scrub: Scrub;
  };

/** Checks the options of a webhook. No message holds a secret, a header's value, or the URL. */
export function createEndpoint(options: WebhookHookOptions): Endpoint {
  checkName("Cannot create a webhook", options?.name);
  const { name, method = "POST", timeout = DEFAULT_TIMEOUT, format = "native" } = options;
  const subject = `Cannot create webhook '${name}'`;
  checkKnown(subject, options);
  const events = checkPatterns(subject, options.events);
  const url = checkUrl(subject, options);
  const headers = checkHeaders(subject, options.headers ?? {});
  checkOneOf(subject, "method", method, ["POST", "PUT"]);
  checkOneOf(subject, "format", format, ["native", "cloudevents", "cloudevents-binary"]);
  checkOneOf(subject, "ordering", options.ordering, [undefined, "session"]);
  checkPositive(subject, "timeout", timeout);
  if (timeout > MAX_TIMEOUT) {
    throw new RangeError(
      `${subject} as 'timeout' must be at most ${MAX_TIMEOUT} ms: current value is ${timeout}`,
    );
  }
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
    retryOn: new Set(checkStatuses(subject, options.retryOn ?? [])),
    transform: options.transform,
    guard: options.guard,
    fetch: options.fetch,
    signer: secrets.length > 0 ? createWebhookSigner(secrets) : undefined,
    scrub: createScrub(
      [...secrets, ...Object.values(headers)],
      Object.entries(headers).filter(([name]) => !OPEN.test(name)).map(([, value]) => value),
      url,
    ),
  };
}

function checkUrl(subject: string, { url, guard }: WebhookHookOptions): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined; // Node 20 has no URL.parse
  if (!/^https?:$/.test(parsed?.protocol ?? "")) {
    throw new TypeError(`${subject} as 'url' must be an absolute http or https URL`);
  }
  if (parsed!.username || parsed!.password) {
    throw new TypeError(
      `${subject} as 'url' must not hold a user name or password: use headers: { authorization: … }`,
    );
  }
  if (guard && parsed!.protocol !== "https:") {
    throw new TypeError(`${subject} as 'url' must be https when there is a 'guard'`);
  }
  parsed!.hash = ""; // never sent
  return parsed!;
}

function checkHeaders(
  subject: string,
  headers: NonNullable<WebhookHookOptions["headers"]>,
): Readonly<Record<string, string>> {
  const checked = new Headers();
  if (!(headers instanceof Headers)) checkObject(subject, "'headers'", headers);
  for (const [name, value] of headers instanceof Headers ? headers : Object.entries(headers)) {
    if (RESERVED.test(name.toLowerCase())) {
      throw new TypeError(`${subject} as header '${name}' is set by the delivery itself`);
    }
    try {
      if (typeof value !== "string") throw new TypeError();
      checked.set(name, value);
    } catch { // the platform's message shows the value
      throw new TypeError(`${subject} as header ${show(name)} has an invalid name or value`);
    }
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
      `${subject} as 'retryOn' must be statuses from 300 to 599: current value is ${show(status)}`,
    );
  }
  return statuses;
}

function checkRetry(subject: string, retry: WebhookHookOptions["retry"]): void {
  if (retry === undefined) return;
  if (typeof retry?.delay === "function" && typeof retry.total === "number") return;
  throw new TypeError(
    `${subject} as 'retry' must be a retry policy, such as scheduleRetry([1000]) gives`,
  );
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
    }: current value is ${show(value)}`,
  );
}

/** Every option, for those who write JavaScript: a misspelt one would be ignored in silence. */
const KNOWN: readonly string[] = [
  ...["name", "events", "url", "method", "headers", "timeout", "retryCount", "retryDelay", "retry"],
  ...["retryOn", "secret", "secrets", "format", "filter", "transform", "concurrency", "ordering"],
  ...["guard", "fetch"],
];

function checkKnown(subject: string, options: WebhookHookOptions): void {
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown === undefined) return;
  const plain = (name: string): string => name.replaceAll("_", "").toLowerCase();
  const meant = KNOWN.find((name) => plain(name) === plain(unknown));
  const hint = meant ? `: did you mean '${meant}'?` : `: there are ${KNOWN.join(", ")}`;
  throw new TypeError(`${subject} as '${unknown}' is no option${hint}`);
}
