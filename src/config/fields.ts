/**
 * The configuration file, field by field. Reading, the JSON Schema, suggestions and code frames follow from
 * this table.
 *
 * @module
 */
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_RETRY_DELAY,
  DEFAULT_TIMEOUT,
  MAX_SECRETS,
  WEBHOOK_LIMITS,
} from "../webhook/limits.ts";
import type {
  GateConfig,
  GateOptionsConfig,
  GrowingRetryConfig,
  RetentionConfig,
  ServerConfig,
  StorageConfig,
  TokenConfig,
  WebhookConfig,
  WebhookFields,
} from "./config.ts";
import { formatDuration } from "./duration.ts";
import { filter } from "./filter.ts";
import * as format from "./formats.ts";
import { duration, integer, list, number, oneOf } from "./formats.ts";
import { gateList, gateOptions } from "./gate_fields.ts";
import {
  type Field,
  type FieldsOf,
  object,
  type ObjectSchema,
  optional,
  protective,
  required,
  type Schema,
  type StringSchema,
} from "./schema.ts";

/** The file, before defaults are merged. */
export interface ConfigFile {
  readonly hooks?: HooksSection | undefined;
  readonly gates?: GateOptionsConfig | undefined;
  readonly storage?: StorageConfig | undefined;
  readonly retention?: RetentionConfig | undefined;
  readonly server?: Partial<ServerConfig> | undefined;
  readonly $schema?: string | undefined;
}

/** The section `hooks`. */
export interface HooksSection {
  readonly defaults?: SharedFields | undefined;
  readonly webhooks?: readonly WebhookConfig[] | undefined;
  readonly gates?: readonly GateConfig[] | undefined;
}

/** What webhooks may share. */
export type SharedFields = Omit<WebhookConfig, "name" | "events" | "url">;

const boolean: Schema = { type: "boolean" };
const delay = duration({ min: 0 });

const growingRetry: FieldsOf<GrowingRetryConfig> = {
  delay: required(delay, "Delay before the first retry."),
  retries: required(integer(0, 1000), "Number of retries after the first attempt."),
  factor: optional(number(1, 1000), "Multiplies each delay to get the next.", 2),
  max_delay: optional(delay, "Longest delay.", "10h"),
  jitter: optional(number(0, 1), "How much delays vary at random, as a fraction.", 0.2),
};

const retry: Schema = {
  type: "union",
  accepted: "a list of durations, or a mapping with delay and retries",
  list: list(delay, "durations", 0, 1000),
  other: object(growingRetry, {
    misplaced: { delays: "write a list of delays as the value of retry, as in retry: [1s, 1m]" },
  }),
  examples: [["10s", "1m", "1h"], { delay: "5s", retries: 12 }],
};

const handshake: FieldsOf<NonNullable<WebhookConfig["handshake"]>> = {
  origin: required(format.senderOrigin, "DNS name to send as WebHook-Request-Origin."),
  rate: optional(format.anyCount, "Requests per minute to ask for, as WebHook-Request-Rate."),
};

const { timeout, retryCount, retryDelay, concurrency } = WEBHOOK_LIMITS;
const formats = oneOf("native", "cloudevents", "cloudevents-binary");

const shared: FieldsOf<SharedFields> = {
  method: optional(oneOf("POST", "PUT"), "HTTP method.", "POST"),
  headers: optional(format.headers, "Request headers; a webhook's own are added to the defaults."),
  timeout: optional(
    duration(timeout),
    "Limit of an attempt, until response headers arrive.",
    formatDuration(DEFAULT_TIMEOUT),
  ),
  retry_count: optional(
    integer(retryCount.min, retryCount.max),
    "Number of quick retries after the first attempt.",
    0,
  ),
  retry_delay: optional(
    duration(retryDelay),
    "Delay before each quick retry.",
    formatDuration(DEFAULT_RETRY_DELAY),
  ),
  retry: optional(
    retry,
    "Retry schedule of the outbox, after the quick retries: a list of delays, or delays that grow. " +
      "If omitted: 5s, 5m, 30m, 2h, 5h, 10h, 10h.",
  ),
  retry_on: optional(
    list(format.status, "HTTP statuses", 0, 300),
    "Statuses to retry in addition to 408, 409, 425, 429 and 5xx.",
  ),
  secret: protective(format.secret, "Signs as Standard Webhooks defines it: whsec_… or whsk_…."),
  secrets: protective(
    list(format.secret, "secrets", 1, MAX_SECRETS),
    "Several secrets that all sign, while one replaces another; instead of secret.",
  ),
  format: optional(formats, "Native JSON, or CloudEvents 1.0.2, structured or binary.", "native"),
  filter: optional(
    filter,
    "Payloads to receive: dotted paths and the values that pass, where * matches any run of " +
      "characters. All paths must pass.",
  ),
  concurrency: optional(
    integer(concurrency.min, concurrency.max),
    "Number of attempts at once.",
    DEFAULT_CONCURRENCY,
  ),
  ordering: optional(
    oneOf("session"),
    "session delivers the events of each session in order. If omitted: in any order.",
  ),
  handshake: optional(
    object(handshake),
    "Asks the receiver for permission before the first request, by the validation handshake of " +
      "the CloudEvents webhook spec, and respects the rate that it allows.",
  ),
};

// In step with both of its types.
const webhook: FieldsOf<WebhookConfig> & Readonly<Record<keyof WebhookFields, Field>> = {
  name: required(format.name, "Name, unique among hooks and webhooks."),
  events: required(
    list(format.eventPattern, "event patterns", 1, 256),
    'Events to receive: types such as tool.called, prefixes such as tool.*, or "*".',
  ),
  url: required(format.url, "Where to send: http or https, without user name and password."),
  ...shared,
};

/** One webhook, in a file or over the API. */
export const webhookSchema: ObjectSchema = object(webhook, {
  exclusive: ["secret", "secrets"],
  misplaced: { retries: "use retry_count or retry" },
});

const tokens: FieldsOf<TokenConfig> = {
  name: required(format.name, "Name that logs show."),
  token: required(format.token, "The bearer token itself."),
  scopes: required(
    list(oneOf("emit", "decide", "read", "approve", "admin"), "scopes", 1, 5),
    "What it allows.",
  ),
  expires_at: protective(format.time, "When it expires. If omitted: never."),
};

const perWebhook = "set it on each webhook";

const hooks: FieldsOf<HooksSection> = {
  defaults: optional(
    object(shared, {
      exclusive: ["secret", "secrets"],
      misplaced: { name: perWebhook, events: perWebhook, url: perWebhook },
    }),
    "Fields for all webhooks that don't set them.",
  ),
  webhooks: optional(
    list(webhookSchema, "webhooks", 0, 256, ["name"]),
    "HTTP endpoints that receive events.",
  ),
  gates: optional(
    gateList,
    "HTTP endpoints that decide about events before they happen.",
  ),
};

/** A file, `:memory:`, or a URL. */
const storePath: StringSchema = {
  ...format.text("a file, :memory: or a URL", /^[^\0]+$/u),
  examples: ["./data/hooks.db"],
  findIssue: (text) => /^https?:/i.test(text) ? format.findFetchIssue(text) : undefined,
  visible: (text) => /:\/\/|:.*@/s.test(text) ? format.untilHost(text) : text,
};

/** A file of SQLite. */
const storeFile: StringSchema = {
  ...format.text("a file or :memory:", /^(?![A-Za-z][A-Za-z0-9+.-]+:\/\/)[^\0]+$/u),
  examples: ["./data/hooks.sqlite"],
  visible: storePath.visible!,
};

/** A PostgreSQL database. */
const postgresUrl: StringSchema = {
  ...format.text(
    "a URL that starts with postgres://",
    /^[Pp][Oo][Ss][Tt][Gg][Rr][Ee][Ss](?:[Qq][Ll])?:\/\/\S+$/u,
  ),
  examples: ["${DATABASE_URL}"],
  visible: format.untilHost,
  findIssue: (text) =>
    URL.canParse(text)
      ? undefined
      : "is not a valid URL: percent-encode special characters in the user name and the password",
};

const storage: FieldsOf<StorageConfig> = {
  path: optional(
    storePath,
    "A file of SQLite or Deno KV, :memory:, or a URL. A new file is SQLite where the runtime has it. " +
      "Relative to the working directory.",
  ),
  sqlite: optional(storeFile, "An SQLite file, or :memory:."),
  postgres: optional(postgresUrl, "The URL of a PostgreSQL database."),
  kv: optional(
    storePath,
    "A file of Deno KV, :memory:, or the URL of a KV Connect server.",
  ),
};

const retention: FieldsOf<RetentionConfig> = {
  events: optional(
    duration(),
    "How long an event is kept; what is not delivered by then is lost. At least twice the longest " +
      "retry schedule.",
    "720h",
  ),
  event_log: optional(boolean, "Whether to store events that no webhook subscribes to.", true),
  disable_after: optional(
    duration(),
    "How long a webhook may fail without a success before it is disabled.",
    "120h",
  ),
};

const server: FieldsOf<ServerConfig> = {
  host: optional(format.host, "Host to listen on.", "127.0.0.1"),
  port: optional(format.port, "Port to listen on; 0 for any free one.", 8787),
  tokens: protective(
    list(object(tokens), "tokens", 0, 1000, ["name", "token"]),
    "Bearer tokens and what they allow.",
  ),
  approval_key: protective(
    format.approvalKey,
    "Signs links that respond to what gates ask. If omitted: no such link is valid.",
  ),
  ask: protective(
    oneOf("agent", "wait"),
    "Who responds when a gate asks about a call of Claude Code or another agent: its user, or the person " +
      "who resolves the ask, while the agent waits. If omitted: agent.",
  ),
  validate: optional(boolean, "Whether to validate the agent events that are posted.", true),
  webhook_origins: optional(
    list(format.webhookOrigin, "names", 1, 100),
    'CloudEvents senders that may deliver, by WebHook-Request-Origin; "*" for all. If omitted: none, ' +
      "and their OPTIONS request gets 405.",
  ),
  webhook_rate: optional(
    format.anyCount,
    "Requests per minute granted to those senders. If omitted: no limit.",
  ),
  allow_addresses: optional(
    list(format.addressRange, "addresses", 0, 100),
    "IP addresses and CIDR ranges that webhooks created over the API may use besides public ones. " +
      "If omitted: none. Webhooks in this file may use any.",
  ),
};

const file: FieldsOf<ConfigFile> = {
  hooks: optional(object(hooks), "Webhooks, their defaults, and gates."),
  gates: optional(object(gateOptions), "Options of all gates."),
  storage: optional(
    object(storage, { exclusive: ["path", "sqlite", "postgres", "kv"] }),
    "Where durable deliveries are stored.",
  ),
  retention: optional(object(retention), "How long data is kept."),
  server: optional(object(server), "The HTTP server of the hooks command."),
  $schema: optional(format.text("text", /^/u), "Location of this JSON Schema, for editors."),
};

const moved = Object.entries({ hooks, storage, retention, server }).flatMap(([section, fields]) =>
  Object.keys(fields).map((key): [string, string] => [key, `move it to ${section}.${key}`])
);

/** The whole file. */
export const fileSchema: ObjectSchema = object(file, {
  misplaced: {
    ...Object.fromEntries(moved.filter(([key]) => key !== "events")), // a webhook has them too
    required: "move it to gates.required",
  },
});
