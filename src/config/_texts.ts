/**
 * The texts of a configuration: what `WebhookHook`, the outbox and the server accept, as patterns.
 *
 * @module
 */
import {
  describePadding,
  type Limits,
  MAX_DURATION,
  wholeMilliseconds,
} from "../internal/options.ts";
import {
  closest,
  NAME_PATTERN,
  NAME_RULE,
  TOKEN_PATTERN,
  TOKEN_RULE,
} from "../internal/validate.ts";
import { parseTime } from "../core/event_rules.ts";
import { paddingHint } from "./_reader.ts";
import { BLOCKED, findUrlProblem, isBadPort } from "../webhook/request_rules.ts";
import { DURATION, formatDuration, meantDuration, toMilliseconds } from "./duration.ts";
import { type Kind, number } from "./_kinds.ts";
import { oneOf, text } from "./_text.ts";

/** The name of a webhook or of a token. */
export const name: Kind<string> = text({
  accepted: NAME_RULE,
  pattern: NAME_PATTERN,
  meant: (written) => {
    const plain = written.trim().replace(/\s+/g, "-");
    return plain !== written && NAME_PATTERN.test(plain) ? { suggestion: plain } : {};
  },
});

/** What agents emit of their own accord, for "did you mean". */
export const EVENT_PATTERNS: readonly string[] = [
  ...["message.received", "message.sent", "tool.called", "tool.completed", "session.created"],
  ...["session.updated", "session.rollover", "job.executed", "agent.end"],
  ...["message.*", "tool.*", "session.*", "job.*", "agent.*"],
];

/** The pattern of events. */
export const eventPattern: Kind<string> = text({
  accepted: 'an event type such as tool.called, a prefix such as tool.*, or "*"',
  pattern: /^(?:\*|(?=.{1,128}(?:\.\*)?$)[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?)$/u,
  meant: (written) => ({ suggestion: closest(written, EVENT_PATTERNS) }),
});

/** A URL as far as its host: what follows may be a secret. */
function asFarAsHost(url: string): string {
  const variable = /^\$\{[A-Za-z_][A-Za-z0-9_]*(?:\}|(?=:-))/.exec(url)?.[0];
  if (variable !== undefined) return variable;
  if (url.includes("@")) return ""; // credentials, whatever they hold: a password may have a slash
  const host = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#\\]*(?=[/?#]|$)/i.exec(url)?.[0] ?? "";
  return /^[a-z][^:]*:\/\/[^:[$]*:(?!\d*$)/i.test(host) ? "" : host; // a password, and its host is missing
}

/** Why a URL can't be fetched. The port is not repeated: it may come from a variable. */
function urlProblem(text: string): string | undefined {
  const problem = URL.canParse(text) ? findUrlProblem(new URL(text)) : undefined;
  return problem?.replace(/port \d+, which/, "a port that");
}

/** Where a webhook is sent to. */
export const url: Kind<string> = text({
  accepted: "an absolute http or https URL without user name and password",
  pattern: /^[Hh][Tt][Tt][Pp][Ss]?:\/\/[^\s/?#@\\]+(?:[/?#]\S*)?$/u,
  show: asFarAsHost,
  problem: urlProblem,
  parse: (text) => URL.canParse(text) ? text : undefined,
  meant: (written) => {
    if (/^https?:\/\/[^/?#]*@/i.test(written)) {
      return { hint: "credentials belong into headers, as in Authorization" };
    }
    const padding = describePadding(written);
    if (padding !== undefined) return { hint: padding };
    if (/\s/.test(written)) return { hint: "it holds a space or a line break" };
    const bare = /^(?:\/\/)?(?:[\w-]+\.)*[\w-]+(?::\d+)?(?:[/?#]|$)/.test(written);
    return bare ? { hint: "it has to begin with https:// or http://" } : {};
  },
});

/** Where durable deliveries are kept. */
export const path: Kind<string> = text({
  accepted: "a file, :memory: or a URL",
  pattern: /^[^\0]+$/u,
  problem: (text) => /^https?:/i.test(text) ? urlProblem(text) : undefined,
  show: (text) => /:\/\/|:.*@/s.test(text) ? asFarAsHost(text) : text,
});

/** A host to listen on. */
export const host: Kind<string> = text({
  accepted: "a host name or an address, without scheme and port",
  pattern: /^(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|(?=[^:]*:[^:]*:)[0-9A-Fa-f:.]+)$/u,
  meant: (written) => {
    const [, host, port] = /^(?:[a-z]+:\/\/)?([^/:[\]\s]+|\[[0-9a-f:.]+\])(?::(\d+))?\/?$/i
      .exec(written) ?? [];
    if (host === undefined || host === written) return {};
    const hint = port === undefined ? {} : { hint: `the port belongs into server.port` };
    return { suggestion: host.replace(/^\[|\]$/g, ""), ...hint };
  },
});

const anyPort: Kind<number> = number({
  type: "integer",
  from: 0,
  to: 65_535,
  accepted: "an integer from 0 to 65535",
});

/** A port to listen on, which clients can reach; 0: any that is free. */
export const port: Kind<number> = {
  get schema() {
    return anyPort.schema;
  },
  read(value, reader) {
    const port = anyPort.read(value, reader);
    if (!port || !isBadPort(port)) return port;
    reader.fault("invalid_value", { problem: `is a port ${BLOCKED}` });
    return undefined;
  },
};

/** A bearer token that every client can send. */
export const token: Kind<string> = text({
  accepted: TOKEN_RULE,
  pattern: TOKEN_PATTERN,
  show: "none",
  meant: paddingHint,
});

/**
 * The value of a header (RFC 9110, section 5.5, as `fetch` takes it).
 */
export const headerValue: Kind<string> = text({
  accepted: "one line of text without characters beyond Latin-1",
  pattern: /^[\t\x20-\x7e\x80-\xff]*$/u,
  show: "none",
  meant: (written) =>
    /[\r\n]$/.test(written)
      ? { hint: "it ends with a line break: a block begun with |- or >- has none" }
      : written === ""
      ? {}
      : paddingHint(written),
});

/** Four characters of base64, and what may end it. */
const QUAD = "(?:[A-Za-z0-9+/]{4})";
const ONE = "[A-Za-z0-9+/][AQgw]==";
const TWO = "[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=";

/** What signs; the lengths are those of Standard Webhooks ("Signature scheme"). */
export const secret: Kind<string> = text({
  accepted: "whsec_ and base64 of 24 to 64 bytes, or whsk_ and base64 of 32 or 64 bytes",
  pattern: new RegExp(
    `^(?:whsec_${QUAD}{8}(?:${QUAD}{0,12}(?:${ONE}|${TWO})|${QUAD}{0,13}|${QUAD}{13}${ONE})` +
      `|whsk_(?:${QUAD}{10}${TWO}|${QUAD}{21}${ONE}))$`,
    "u",
  ),
  show: "none",
  meant: (written) =>
    written.startsWith("whpk_")
      ? { hint: "a whpk_ key is public and can't sign" }
      : paddingHint(written),
});

/** A time. `Date` objects, which other parsers make of it, are taken too. */
export const time: Kind<Date> = dateOr(text<Date>({
  accepted: "a time such as 2027-01-31T00:00:00Z",
  pattern:
    /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/u,
  parse: parseTime,
  meant: (written) => {
    const day = /^\d{4}-\d\d-\d\d$/.exec(written)?.[0];
    return day && parseTime(`${day}T00:00:00Z`) ? { suggestion: `${day}T00:00:00Z` } : {};
  },
}));

function dateOr(written: Kind<Date>): Kind<Date> {
  return {
    get schema() {
      return written.schema;
    },
    read(value, reader) {
      const date = value instanceof Date && !Number.isNaN(value.getTime());
      return written.read(date ? value.toISOString() : value, reader);
    },
  };
}

/** A duration within limits, in whole milliseconds, as `readDuration` reads it from code. */
export function duration({ min = 1, max = MAX_DURATION }: Limits = {}): Kind<number> {
  const limits = `from ${formatDuration(min)} to ${formatDuration(max)}`;
  return text<number>({
    accepted: `a duration such as 500ms, 5s or 1m30s, ${limits}`,
    pattern: DURATION,
    parse: (text) => {
      const value = wholeMilliseconds(toMilliseconds(text));
      return value >= min && value <= max ? value : undefined;
    },
    meant: meantDuration,
  });
}

/** One of some words, whose letters may have been written large, or wrong. */
export function word<const T extends string>(...words: readonly T[]): Kind<T> {
  return oneOf(words, (written) => ({ suggestion: closest(written, words) }));
}
