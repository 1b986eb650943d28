/**
 * The formats of values: what `WebhookHook`, the outbox and the server accept.
 *
 * @module
 */
import { agentEventJsonSchemas } from "../core/agent_event_schemas.ts";
import { parseTime } from "../core/event_rules.ts";
import { MAX_DURATION } from "../internal/limits.ts";
import { describePadding, type Limits, wholeMilliseconds } from "../internal/options.ts";
import {
  closest,
  NAME_PATTERN,
  NAME_RULE,
  TOKEN_PATTERN,
  TOKEN_RULE,
} from "../internal/validate.ts";
import {
  BLOCKED,
  findReservedReason,
  findUrlIssue,
  isBadPort,
  isUnsetHeader,
  RESERVED_HEADERS,
  SENDER_ORIGIN,
} from "../webhook/request_rules.ts";
import { parseRange } from "../webhook/address_ranges.ts";
import { WEBHOOK_ORIGIN } from "../webhook/handshake.ts";
import { joinWords } from "./display.ts";
import { DURATION, formatDuration, suggestDuration, toMilliseconds } from "./duration.ts";
import { suggestTrimming } from "./scalars.ts";
import type { ListSchema, NumberSchema, RecordSchema, Schema, StringSchema } from "./schema.ts";

/** Returns a whole number within bounds. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): NumberSchema {
  return { type: "integer", min, max };
}

/** Returns a number within bounds. */
export function number(min: number, max: number): NumberSchema {
  return { type: "number", min, max };
}

/** A positive whole number. */
export const anyCount: NumberSchema = { ...integer(1), accepted: "a positive integer" };

/** An HTTP status that may be retried. */
export const status: NumberSchema = {
  ...integer(300, 599),
  accepted: "an HTTP status from 300 to 599",
};

/** Returns a duration within bounds, read as whole milliseconds like durations in code. */
export function duration({ min = 1, max = MAX_DURATION }: Limits = {}): StringSchema {
  const bounds = `from ${formatDuration(min)} to ${formatDuration(max)}`;
  return {
    type: "string",
    accepted: `a duration such as 500ms or 1m30s, ${bounds}`,
    pattern: DURATION,
    parse: (text) => {
      const value = wholeMilliseconds(toMilliseconds(text));
      return value >= min && value <= max ? value : undefined;
    },
    suggest: suggestDuration,
  };
}

/** Returns a choice of words. */
export function oneOf(...values: readonly string[]): StringSchema {
  return {
    type: "string",
    accepted: joinWords(values, "or"),
    pattern: new RegExp(`^(?:${values.join("|")})$`, "u"),
    values,
    suggest: (written) => ({ suggestion: closest(written, values) }),
  };
}

/** Returns a list of `min` to `max` items, whose `unique` fields must differ. */
export function list(
  items: Schema,
  of: string,
  min: number,
  max: number,
  unique: readonly string[] = [],
): ListSchema {
  return { type: "list", items, of, min, max, unique };
}

/** Returns any text of a pattern. */
export function text(accepted: string, pattern: RegExp): StringSchema {
  return { type: "string", accepted, pattern };
}

/** The name of a webhook or a token. */
export const name: StringSchema = {
  ...text(NAME_RULE, NAME_PATTERN),
  suggest: (written) => {
    const plain = written.trim().replace(/\s+/g, "-");
    return plain !== written && NAME_PATTERN.test(plain) ? { suggestion: plain } : {};
  },
};

const EVENT_PATTERN = /^(?:\*|(?=.{1,128}(?:\.\*)?$)[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?)$/u;

/** An event type or a pattern of types. */
export const eventPattern: StringSchema = {
  ...text('an event type such as tool.called, a prefix such as tool.*, or "*"', EVENT_PATTERN),
  examples: ["tool.*", "message.sent"],
  suggest: (written) => ({ suggestion: closest(written, knownPatterns()) }),
};

/** Returns the types of the agent events and their prefixes. */
export function knownPatterns(): readonly string[] {
  const types = Object.keys(agentEventJsonSchemas());
  return [...types, ...new Set(types.map((type) => type.replace(/\..*/, ".*")))];
}

/** Where a webhook is sent. */
export const url: StringSchema = {
  type: "string",
  accepted: "an absolute http or https URL without user name and password",
  pattern: /^[Hh][Tt][Tt][Pp][Ss]?:\/\/[^\s/?#@\\]+(?:[/?#]\S*)?$/u,
  examples: ["https://hooks.example.com/events"],
  visible: untilHost,
  findIssue: findFetchIssue,
  parse: (text) => URL.canParse(text) ? text : undefined,
  suggest: (written) => {
    if (/^https?:\/\/[^/?#]*@/i.test(written)) {
      return { hint: "put credentials into headers, such as Authorization" };
    }
    const padding = describePadding(written);
    if (padding !== undefined) return { hint: padding };
    if (/\s/.test(written)) return { hint: "it contains a space or a line break" };
    const isBare = /^(?:\/\/)?(?:[\w-]+\.)*[\w-]+(?::\d+)?(?:[/?#]|$)/.test(written);
    return isBare ? { hint: "it must start with https:// or http://" } : {};
  },
};

/** Returns a URL up to its host: what follows may be a secret. */
export function untilHost(url: string): string {
  const variable = /^\$\{[A-Za-z_][A-Za-z0-9_]*(?:\}|(?=:-))/.exec(url)?.[0];
  if (variable !== undefined) return variable;
  if (url.includes("@")) return ""; // credentials, whatever follows: a password may contain a slash
  const host = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#\\]*(?=[/?#]|$)/i.exec(url)?.[0] ?? "";
  return /^[a-z][^:]*:\/\/[^:[$]*:(?!\d*$)/i.test(host) ? "" : host; // a password without its host
}

/** Returns why fetch rejects a URL. Does not quote the port, which may come from a variable. */
export function findFetchIssue(text: string): string | undefined {
  const problem = URL.canParse(text) ? findUrlIssue(new URL(text)) : undefined;
  return problem?.replace(/port \d+, which/, "a port that");
}

/** A host to listen on. */
export const host: StringSchema = {
  type: "string",
  accepted: "a host name or an address, without scheme and port",
  pattern: /^(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|(?=[^:]*:[^:]*:)[0-9A-Fa-f:.]+)$/u,
  suggest: (written) => {
    const [, host, port] = /^(?:[a-z]+:\/\/)?([^/:[\]\s]+|\[[0-9a-f:.]+\])(?::(\d+))?\/?$/i
      .exec(written) ?? [];
    if (host === undefined || host === written) return {};
    const suggestion = host.replace(/^\[|\]$/g, "");
    return port === undefined
      ? { suggestion }
      : { suggestion, hint: "set the port in server.port" };
  },
};

/** A port to listen on that clients can reach; 0 for any free one. */
export const port: NumberSchema = {
  ...integer(0, 65_535),
  findIssue: (port) => port !== 0 && isBadPort(port) ? `is a port ${BLOCKED}` : undefined,
};

/** A bearer token that every client can send. */
export const token: StringSchema = {
  ...text(TOKEN_RULE, TOKEN_PATTERN),
  visible: "none",
  suggest: suggestTrimming,
};

/** The key of links that respond to asks. */
export const approvalKey: StringSchema = {
  ...text("32 to 512 printable ASCII characters", /^[!-~]{32,512}$/u),
  visible: "none",
  suggest: suggestTrimming,
};

/** The value of a header (RFC 9110, section 5.5, as `fetch` accepts it). */
export const headerValue: StringSchema = {
  ...text("one line of Latin-1 text", /^[\t\x20-\x7e\x80-\xff]*$/u),
  visible: "none",
  suggest: (written) =>
    /[\r\n]$/.test(written)
      ? { hint: "it ends with a line break: start the block with |- or >- instead" }
      : suggestTrimming(written),
};

/** Four characters of base64, and what may end it. */
const QUAD = "(?:[A-Za-z0-9+/]{4})";
const ONE = "[A-Za-z0-9+/][AQgw]==";
const TWO = "[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=";

/** A `whsec_` secret of 24 to 64 bytes. */
const SYMMETRIC =
  `whsec_${QUAD}{8}(?:${QUAD}{0,12}(?:${ONE}|${TWO})|${QUAD}{0,13}|${QUAD}{13}${ONE})`;

/** A signing secret, of the lengths that Standard Webhooks allows ("Signature scheme"). */
export const secret: StringSchema = {
  type: "string",
  accepted: "whsec_ and base64 of 24 to 64 bytes, or whsk_ and base64 of 32 or 64 bytes",
  pattern: new RegExp(
    `^(?:${SYMMETRIC}|whsk_(?:${QUAD}{10}${TWO}|${QUAD}{21}${ONE}))$`,
    "u",
  ),
  visible: "none",
  suggest: (written) =>
    written.startsWith("whpk_")
      ? { hint: "a whpk_ key is public and can't sign" }
      : suggestTrimming(written),
};

/** What verifies a signature: a secret that both sides have, or the public key of the other side. */
export const verifyingSecret: StringSchema = {
  type: "string",
  accepted: "whsec_ and base64 of 24 to 64 bytes, or whpk_ and base64 of 32 bytes",
  pattern: new RegExp(
    `^(?:${SYMMETRIC}|whpk_${QUAD}{10}${TWO})$`,
    "u",
  ),
  visible: "none",
  suggest: suggestTrimming,
};

const DATE = "\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])";
const HOURS = "(?:[01]\\d|2[0-3]):[0-5]\\d";

/** A time, which other parsers may return as a `Date`. */
export const time: StringSchema = {
  type: "string",
  accepted: "a time such as 2027-01-31T00:00:00Z",
  pattern: new RegExp(`^${DATE}[Tt]${HOURS}:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-]${HOURS})$`, "u"),
  examples: ["2027-01-31T00:00:00Z"],
  acceptsDate: true,
  parse: parseTime,
  suggest: (written) => {
    const midnight = `${written}T00:00:00Z`;
    return new RegExp(`^${DATE}$`).test(written) && parseTime(midnight)
      ? { suggestion: midnight }
      : {};
  },
};

/** The `WebHook-Request-Origin` of a sender that may deliver, or `*`. */
export const webhookOrigin: StringSchema = text(
  "a name such as eventgrid.azure.net, or *",
  WEBHOOK_ORIGIN,
);

/** The DNS name by which a webhook identifies itself in a handshake. */
export const senderOrigin: StringSchema = text(
  "a DNS name such as events.example.com",
  SENDER_ORIGIN,
);

/** An IP address, or a range of them. */
export const addressRange: StringSchema = {
  ...text("an IP address or a CIDR range such as 10.1.0.0/16", /^[0-9A-Fa-f.:]+(?:\/[0-9]{1,3})?$/),
  parse: (text) => parseRange(text) === undefined ? undefined : text,
};

/** Returns a pattern for header names (RFC 9110, 5.6.2) without reserved ones, which `spell` writes for any case. */
function headerPattern(spell: (name: string) => string): string {
  const isPrefix = (name: string) => name.endsWith("-");
  const prefixes = RESERVED_HEADERS.filter(isPrefix).map(spell).join("|");
  const names = RESERVED_HEADERS.filter((name) => !isPrefix(name)).map(spell).join("|");
  return `^(?!${prefixes}|(?:${names})$)[!#$%&'*+.^_\`|~0-9A-Za-z\\-]+$`;
}

/** Headers of a webhook. */
export const headers: RecordSchema = {
  type: "record",
  accepted: "a mapping of header names to text",
  key: {
    accepted: "a header name that is not reserved (reserved are " +
      `${RESERVED_HEADERS.map((name) => name.replace(/-$/, "-*")).join(", ")})`,
    // Without the flag u, with which i matches the Kelvin sign as a k.
    pattern: new RegExp(headerPattern((name) => name), "i"),
    jsonPattern: headerPattern((name) =>
      name.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`)
    ),
    describeIssue: (key) => {
      const reason = findReservedReason(key);
      return reason === undefined ? "is not a valid header name" : `is reserved: ${reason}`;
    },
  },
  values: headerValue,
  max: 100,
  examples: [{ Authorization: "Bearer ${TOKEN}" }],
  normalize: (key) => key.toLowerCase(),
  findIssue: (key, value) =>
    isUnsetHeader(key, value)
      ? "is or ends with 'undefined' or 'null': remove the header, or check that its value is set"
      : undefined,
};
