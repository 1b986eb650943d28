/**
 * Rules for a webhook's request: URLs that can be fetched, and headers that users can set. An entry of
 * this folder: the configuration and the CLI apply the same rules.
 *
 * @module
 */
import { parseMediaType } from "../internal/http_fields.ts";

/**
 * Ports that `fetch` blocks, from the WHATWG Fetch standard, "Port blocking"
 * (https://fetch.spec.whatwg.org/#port-blocking). Deno and Node enforce it, Bun does not. They are
 * rejected everywhere, so that a webhook works the same on every runtime.
 */
const BLOCKED_PORTS: ReadonlySet<number> = /* @__PURE__ */ portsOf(
  "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 " +
    "111 113 115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 " +
    "532 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 " +
    "5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080",
);

function portsOf(list: string): ReadonlySet<number> {
  return new Set(list.split(" ").map(Number));
}

/** Why a blocked port can't be used, for messages. */
export const BLOCKED: string =
  'which fetch blocks (WHATWG Fetch, "Port blocking"): use another port';

/** Returns whether `fetch` blocks a port. */
export function isBadPort(port: number): boolean {
  return BLOCKED_PORTS.has(port);
}

/** Limits of a host name and of a part of it, in octets (RFC 1035, section 2.3.4). */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/** Returns why an http or https URL can never be fetched; undefined if it can. Shows only the port of the URL. */
export function findUrlIssue({ port, hostname }: URL): string | undefined {
  if (port !== "" && isBadPort(Number(port))) return `uses port ${port}, ${BLOCKED}`;
  if (hostname.startsWith("[")) return undefined;
  const name = hostname.replace(/\.$/, "");
  const labels = name.split(".");
  if (labels.includes("")) return "has a host with an empty part, which no DNS name can have";
  if (name.length > MAX_NAME || labels.some(({ length }) => length > MAX_LABEL)) {
    return `has a host that is too long: a DNS name has at most ${MAX_NAME} characters, and ` +
      `${MAX_LABEL} between two dots`;
  }
  return undefined;
}

/** Hosts on this machine. */
const LOOPBACK = /^(([^.]+\.)*localhost\.?|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Returns whether anyone on the network path can read what is sent to a URL. */
export function isReadable({ protocol, hostname }: URL): boolean {
  return protocol !== "https:" && !LOOPBACK.test(hostname);
}

/**
 * Headers that belong to the connection or the protocol, each with its standard. Names are in lower
 * case; one that ends with `-` covers every name that starts with it.
 */
const RESERVED: readonly (readonly [reason: string, names: string])[] = [
  // https://github.com/standard-webhooks/standard-webhooks, "Webhook headers", and the CloudEvents
  // HTTP webhook spec 1.0.2, sections 2 to 4: WebHook-Request-Origin and the like.
  ["it belongs to Standard Webhooks", "webhook-"],
  // CloudEvents HTTP protocol binding 1.0.2, section 3.1.3.2. In any format: to a receiver, a
  // request with `ce-specversion` is a CloudEvent in binary mode.
  ["it belongs to CloudEvents", "ce-"],
  // RFC 9110, sections 7.2, 7.6, 7.8, 8.6 and 10.1; RFC 9112, section 6.1; RFC 9113, section 8.2.2. All
  // are forbidden request headers of WHATWG Fetch, which leaves them to the runtime.
  [
    "it belongs to the connection",
    "connection content-length expect host http2-settings keep-alive te trailer transfer-encoding " +
    "upgrade via proxy-",
  ],
  // WHATWG Fetch, "forbidden request-header" (https://fetch.spec.whatwg.org/#forbidden-request-header).
  // Its `cookie`, `origin`, `referer` and `dnt` are for pages in a browser; here they are yours.
  [
    "it belongs to fetch",
    "accept-charset accept-encoding cookie2 date set-cookie sec- access-control-request-headers " +
    "access-control-request-method access-control-request-private-network",
  ],
  // RFC 9110, sections 8.4 and 14.5: the body is sent whole and as it is.
  ["it describes the body", "content-encoding content-range"],
];

/** Every reserved name, for messages and patterns. */
export const RESERVED_HEADERS: readonly string[] = /* @__PURE__ */ RESERVED.flatMap(([, names]) =>
  names.split(" ")
);

/** Returns why a user can't set a header; undefined if they can. Names are case-insensitive. */
export function findReservedReason(name: string): string | undefined {
  const lower = name.toLowerCase();
  const isReserved = (one: string): boolean =>
    one.endsWith("-") ? lower.startsWith(one) : lower === one;
  return RESERVED.find(([, names]) => names.split(" ").some(isReserved))?.[0];
}

/** Returns why a `content-type` can't be sent in a format; undefined if it can. Doesn't quote it. */
export function findContentTypeIssue(value: string, format: string): string | undefined {
  if (format !== "native") return `is set by the format "${format}": remove it`;
  return parseMediaType(value.trim()) === undefined
    ? "must be a media type, such as application/json"
    : undefined;
}

/** Headers whose value is a secret, often from a variable. */
const SECRET_HEADER = /^(?:proxy-)?authorization$|^cookie$|token|secret|api-?key/i;

/** Returns whether a secret header was made from a variable that is not set, such as `Bearer undefined`. */
export function isUnsetHeader(name: string, value: unknown): boolean {
  return SECRET_HEADER.test(name) && /^(?:[A-Za-z]+ )?(?:undefined|null)$/.test(String(value));
}

/** The DNS name of a sender, as in `WebHook-Request-Origin`. */
export const SENDER_ORIGIN: RegExp = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
