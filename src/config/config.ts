import type { RetryOptions } from "../core/retry_policy.ts";
import type { WebhookGateOptions } from "../webhook/gate/options.ts";
import type { WebhookHookOptions } from "../webhook/options.ts";
import type { ConfigIssue } from "./config_error.ts";

/**
 * A checked configuration: plain data, with defaults merged, variables expanded, and durations in
 * milliseconds. It contains secrets and tokens as they are: never log all of it.
 */
export interface HooksConfig {
  /** The webhooks in the order of the file, with `hooks.defaults` merged in. */
  readonly webhooks: readonly WebhookConfig[];
  /** The gates over HTTP in the order of the file. `hooks.defaults` doesn't apply to them. */
  readonly gates: readonly GateConfig[];
  /** Options of all gates, for `createHooks({ gates })`; empty if the file has no such section. */
  readonly gateOptions: GateOptionsConfig;
  /** Where durable deliveries are stored; empty if the file has no such section. */
  readonly storage: StorageConfig;
  /** How long data is kept; empty if the file has no such section. */
  readonly retention: RetentionConfig;
  /** The HTTP server of the `hooks` command; without tokens if the file has no such section. */
  readonly server: ServerConfig;
}

/** One webhook: the options of `WebhookHook` that are data. */
export type WebhookConfig =
  & Omit<WebhookHookOptions, "url" | "headers" | "retry" | "transform" | "guard" | "fetch">
  & {
    /** Where to send: http or https, without user name and password. */
    readonly url: string;
    /** Headers of every attempt. */
    readonly headers?: Readonly<Record<string, string>>;
    /** Retry schedule of the outbox, instead of the default one. */
    readonly retry?: RetryConfig | undefined;
  };

/** The fields of one webhook as a configuration file spells them, with durations such as `"10s"`. */
export interface WebhookFields {
  /** Unique among hooks and webhooks: 1 to 64 characters of `[A-Za-z0-9._-]`. */
  readonly name: string;
  /** Events to receive: types such as `tool.called`, prefixes such as `tool.*`, or `*`. */
  readonly events: readonly string[];
  /** Where to send: http or https, without user name and password. */
  readonly url: string;
  /** The HTTP method. @default {"POST"} */
  readonly method?: "POST" | "PUT" | undefined;
  /** Headers of every attempt. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Limit of an attempt, until response headers arrive; at most 2 minutes. @default {"10s"} */
  readonly timeout?: string | undefined;
  /** Quick attempts after the first, at most 100. @default {0} */
  readonly retry_count?: number | undefined;
  /** Delay before each quick attempt, at most an hour. @default {"1s"} */
  readonly retry_delay?: string | undefined;
  /**
   * Retry schedule of the outbox: a list of delays, or delays that grow.
   *
   * @default 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, each ±20%
   */
  readonly retry?: readonly string[] | {
    readonly delay: string;
    readonly retries: number;
    readonly factor?: number | undefined;
    readonly max_delay?: string | undefined;
    readonly jitter?: number | undefined;
  } | undefined;
  /** Statuses to retry in addition to 408, 409, 425, 429 and 5xx. */
  readonly retry_on?: readonly number[] | undefined;
  /** Signs every attempt: `whsec_…` or `whsk_…`. */
  readonly secret?: string;
  /** Several secrets that all sign, while one replaces another; instead of `secret`. */
  readonly secrets?: readonly string[];
  /** How an event is written. @default {"native"} */
  readonly format?: WebhookConfig["format"];
  /** Payloads to receive: dotted paths, and the values that pass. */
  readonly filter?: NonNullable<WebhookConfig["filter"]>;
  /** Concurrent attempts, at most 10,000. @default {16} */
  readonly concurrency?: number | undefined;
  /** `"session"` delivers the events of each session in order. @default none */
  readonly ordering?: "session" | undefined;
  /** Asks the receiver for permission first. @default none */
  readonly handshake?: WebhookConfig["handshake"];
}

/** One gate over HTTP: the options of `WebhookGate` that are data. */
export type GateConfig =
  & Omit<WebhookGateOptions, "url" | "headers" | "guard" | "fetch" | "responseSecrets">
  & {
    /** Where to ask: http or https, without user name and password. */
    readonly url: string;
    /** Headers of every request. */
    readonly headers?: Readonly<Record<string, string>>;
    /** Verifies responses, if requests are signed with something else. */
    readonly responseSecrets?: readonly string[];
  };

/** Options of all gates. */
export interface GateOptionsConfig {
  /** Gates that must be registered: without them, nothing is allowed. */
  readonly required?: readonly string[];
  /** Limit of one decision, in milliseconds. */
  readonly timeout?: number | undefined;
}

/** A retry schedule: a list of delays in milliseconds, or delays that grow. */
export type RetryConfig = readonly number[] | GrowingRetryConfig;

/** Delays that grow by a factor up to a limit, in milliseconds: the options of `exponentialRetry`. */
export type GrowingRetryConfig = RetryOptions;

/** Where durable deliveries are stored: one of these. Files are relative to the working directory. */
export interface StorageConfig {
  /** A file of SQLite or Deno KV. A new one is SQLite where the runtime has it. Also any of the others. */
  readonly path?: string | undefined;
  /** An SQLite file, or `:memory:`. */
  readonly sqlite?: string | undefined;
  /** The URL of a PostgreSQL database. */
  readonly postgres?: string | undefined;
  /** A file of Deno KV, `:memory:`, or the URL of a KV Connect server. */
  readonly kv?: string | undefined;
}

/** How long data is kept. Durations are in milliseconds. */
export interface RetentionConfig {
  /** How long an event is kept; what is not delivered by then is lost. */
  readonly events?: number | undefined;
  /** Whether to store events that no webhook subscribes to. */
  readonly eventLog?: boolean | undefined;
  /** How long a webhook may fail without a success before it is disabled. */
  readonly disableAfter?: number | undefined;
}

/** The HTTP server of the `hooks` command. */
export interface ServerConfig {
  /** The host name or address to listen on, without a port. */
  readonly host?: string | undefined;
  /** The port to listen on, 0 to 65535; 0 for any free one. */
  readonly port?: number | undefined;
  /** Bearer tokens, with unique names and values. */
  readonly tokens: readonly TokenConfig[];
  /** Signs links that respond to what gates ask. @default none: no such link is valid */
  readonly approvalKey?: string | undefined;
  /** Who responds when a gate asks about a call of another agent: its user, or the person who resolves the ask. */
  readonly ask?: "agent" | "wait" | undefined;
  /** Whether to validate the agent events that are posted. @default {true} */
  readonly validate?: boolean | undefined;
  /** CloudEvents senders that may deliver, by `WebHook-Request-Origin`; `*` for all. @default none */
  readonly webhookOrigins?: readonly string[] | undefined;
  /** Requests per minute granted to those senders. @default no limit */
  readonly webhookRate?: number | undefined;
  /** Addresses and CIDR ranges that stored webhooks may use besides public ones. @default none */
  readonly allowAddresses?: readonly string[] | undefined;
}

/** What a token allows. */
export type TokenScope = "emit" | "decide" | "read" | "approve" | "admin";

/** A bearer token of the HTTP server. */
export interface TokenConfig {
  /** The name that logs show. */
  readonly name: string;
  /** The token itself. */
  readonly token: string;
  /** What it allows. */
  readonly scopes: readonly TokenScope[];
  /** When it expires. @default never */
  readonly expiresAt?: Date;
}

/** Variables for `${NAME}`: a function, or an object such as `process.env`. */
export type ConfigEnv =
  | ((name: string) => string | undefined)
  | Readonly<Record<string, string | undefined>>;

/** Options of `parseConfig` and `loadConfig`. */
export interface ConfigOptions {
  /** Variables for `${NAME}`; `{}` for none. Only names that the file contains are looked up. */
  readonly env: ConfigEnv;
  /** The name of the file in messages. @default {"the configuration"} */
  readonly file?: string | undefined;
  /**
   * Called for every setting that is valid but has no effect, such as a filter that never matches, in the
   * order of the webhooks. @default none: warnings are ignored
   */
  readonly onWarning?: ((warning: ConfigIssue) => void) | undefined;
}
