/**
 * The schema of a webhook: every field once, with what it accepts and what it is for.
 *
 * @module
 */
import { closest } from "../internal/validate.ts";
import { type FilterValue, WEBHOOK_LIMITS } from "../webhook/send.ts";
import { filterPathPattern } from "../webhook/filter_path.ts";
import type { GrowingRetryConfig, RetryConfig, WebhookConfig } from "./config.ts";
import { headers } from "./_headers.ts";
import { count, type Kind, list, number } from "./_kinds.ts";
import { listOrMapping, map } from "./_free_mappings.ts";
import { type Fields, object } from "./_mappings.ts";
import { describe } from "./_reader.ts";
import { text } from "./_text.ts";
import { REFERENCE } from "./_variables.ts";
import { duration, eventPattern, name, secret, url, word } from "./_texts.ts";

/** What webhooks may share. */
export type SharedFields = Omit<WebhookConfig, "name" | "events" | "url">;

const growing: Kind<GrowingRetryConfig> = object<GrowingRetryConfig>({
  delay: {
    kind: duration({ min: 0 }),
    about: "Before the first retry.",
    required: true,
  },
  retries: {
    kind: count({ min: 0, max: 1000 }),
    about: "How many retries follow the first attempt.",
    required: true,
  },
  factor: {
    kind: number({ type: "number", from: 1, to: 1000, accepted: "a number from 1 to 1000" }),
    about: "Each delay is so many times the one before.",
    otherwise: 2,
  },
  max_delay: {
    kind: duration({ min: 0 }),
    about: "No delay is longer.",
    otherwise: "10h",
  },
  jitter: {
    kind: number({ type: "number", from: 0, to: 1, accepted: "a number from 0 to 1" }),
    about: "How far a delay may stray to either side, as a part of it.",
    otherwise: 0.2,
  },
}, { elsewhere: { delays: "a list of delays is retry itself, as in retry: [1s, 1m]" } });

const delays: Kind<readonly number[]> = list(duration({ min: 0 }), {
  of: "durations",
  from: 0,
  to: 1000,
});

const retry: Kind<RetryConfig> = listOrMapping<readonly number[], GrowingRetryConfig>(
  delays,
  growing,
  "a list of durations, or a mapping with delay and retries",
);

/** A value that a filter compares. */
const scalar: Kind<FilterValue | readonly FilterValue[]> = {
  schema: {
    type: ["string", "number", "boolean", "null"],
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
  },
  read(value, reader) {
    reader.show("all");
    if (typeof value === "string") {
      const text = reader.expand(value, "all")?.text;
      return text !== undefined && REFERENCE.test(value) ? alternatives(text) : text;
    }
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "number" && Number.isFinite(value)) {
      if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
      // YAML and JSON have rounded it already: what was written is not known any more.
      const accepted = "a number up to 9007199254740991, or text";
      const hint = "put it in quotes, and send it as text";
      reader.fault("invalid_value", { problem: `must be ${accepted}`, accepted, hint });
      return undefined;
    }
    const accepted = "text, a number, true, false, null, or a list of them";
    const found = describe(value, "all");
    reader.fault("invalid_type", { problem: `must be ${accepted}`, accepted, found });
    return undefined;
  },
};

/** A variable has text alone: where it stands for a number, true, false or null, both pass. */
function alternatives(text: string): FilterValue | readonly FilterValue[] {
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) {
    const number = Number(text);
    return Math.abs(number) <= Number.MAX_SAFE_INTEGER ? [text, number] : text;
  }
  return Object.hasOwn(WORDS, text) ? [text, WORDS[text] as FilterValue] : text;
}

const WORDS: Readonly<Record<string, FilterValue>> = { true: true, false: false, null: null };

const scalars: Kind<readonly (FilterValue | readonly FilterValue[])[]> = list(scalar, {
  of: "values",
  from: 1,
  to: 256,
});

const PATHS = ["data", "type", "id", "session_id"];

const filter: Kind<NonNullable<WebhookConfig["filter"]>> = map({
  accepted: "a mapping of paths to the values that pass",
  key: {
    accepted: "a path such as data.name, type, id or session_id",
    pattern: new RegExp(filterPathPattern("session_id"), "u"),
    problem: (key) =>
      /^data\..*\\/.test(key)
        ? "has a backslash before neither a dot nor a backslash: write \\\\ for the character itself"
        : "is no path of an event: there are data, data.name and the like, type, id, session_id",
    meant: (key) => {
      const near = closest(key, PATHS);
      const word = /^[\w-]+(\.[\w-]+)*$/.test(key) ? `data.${key}` : undefined;
      return { suggestion: near ?? word };
    },
  },
  value: {
    get schema() {
      return { anyOf: [scalars.schema, scalar.schema] };
    },
    read: (value, reader) =>
      Array.isArray(value) ? scalars.read(value, reader)?.flat() : scalar.read(value, reader),
  },
  to: 100,
  rename: (key) => key === "session_id" ? "sessionId" : key,
});

const handshake: Kind<NonNullable<WebhookConfig["handshake"]>> = object<
  NonNullable<WebhookConfig["handshake"]>
>({
  origin: {
    kind: text({
      accepted: "a DNS name such as events.example.com",
      pattern: /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/u,
    }),
    about: "The DNS name of this sender: WebHook-Request-Origin.",
    required: true,
  },
  rate: {
    kind: number({
      type: "integer",
      from: 1,
      to: Number.MAX_SAFE_INTEGER,
      accepted: "a positive integer",
    }),
    about: "How many requests a minute to ask for: WebHook-Request-Rate.",
  },
});

/** The fields that webhooks may share. */
export const shared: Fields<SharedFields> = {
  method: { kind: word("POST", "PUT"), about: "The method of a request.", otherwise: "POST" },
  headers: {
    kind: headers,
    about: "Sent with every attempt. Those of a webhook are added to those of the defaults.",
  },
  timeout: {
    kind: duration(WEBHOOK_LIMITS.timeout),
    about: "Limit of one attempt, until the response headers arrive.",
    otherwise: "10s",
  },
  retry_count: {
    kind: count(WEBHOOK_LIMITS.retryCount),
    about: "Quick attempts after the first.",
    otherwise: 0,
  },
  retry_delay: {
    kind: duration(WEBHOOK_LIMITS.retryDelay),
    about: "Before each quick attempt.",
    otherwise: "1s",
  },
  retry: {
    kind: retry,
    about:
      "When the outbox tries again, after the quick attempts: a list of delays, or delays that " +
      "grow. Left out: 5s, 5m, 30m, 2h, 5h, 10h, 10h.",
  },
  retry_on: {
    kind: list(
      number({ type: "integer", from: 300, to: 599, accepted: "an HTTP status from 300 to 599" }),
      { of: "HTTP statuses", from: 0, to: 300, show: "all" },
    ),
    about: "Statuses that are retried beside 408, 409, 425, 429 and 5xx.",
  },
  secret: {
    kind: secret,
    explicit: true,
    about: "Signs every attempt after Standard Webhooks: whsec_… or whsk_….",
  },
  secrets: {
    kind: list(secret, { of: "secrets", from: 1, to: 16 }),
    explicit: true,
    about: "Several that sign together while one replaces another; instead of secret.",
  },
  format: {
    kind: word("native", "cloudevents", "cloudevents-binary"),
    about:
      "How an event is written: native JSON, or CloudEvents 1.0.2 in structured or binary mode.",
    otherwise: "native",
  },
  filter: {
    kind: filter,
    about:
      "Which payloads are wanted: a dotted path to the value or the values that pass, where * " +
      "stands for any run of characters. All paths must pass.",
  },
  concurrency: {
    kind: count(WEBHOOK_LIMITS.concurrency),
    about: "Attempts at once.",
    otherwise: 16,
  },
  ordering: {
    kind: word("session"),
    about: "session: one session's events are delivered in order. Left out: in any order.",
  },
  handshake: {
    kind: handshake,
    about:
      "Asks the receiver for permission before the first request, by the validation handshake of " +
      "the CloudEvents webhook spec, and keeps to the rate that it allows.",
  },
};

/** One webhook. */
export const webhook: Kind<WebhookConfig> = object<WebhookConfig>({
  name: { kind: name, about: "Unique among hooks and webhooks.", required: true },
  events: {
    kind: list(eventPattern, { of: "event patterns", from: 1, to: 256, show: "all" }),
    about: 'What it hears: types such as tool.called, prefixes such as tool.*, or "*".',
    required: true,
  },
  url: {
    kind: url,
    about: "Where to: http or https, without user name and password.",
    required: true,
  },
  ...shared,
}, { either: ["secret", "secrets"], elsewhere: { retries: "write retry_count, or retry" } });
