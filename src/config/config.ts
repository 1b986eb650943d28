import type { ConfigIssue } from "./config_error.ts";
import type { WebhookHookOptions } from "../webhook/send.ts";

/**
 * A checked configuration: plain data, with defaults merged, variables put in, and durations in
 * milliseconds. It holds secrets and tokens as they are; log parts of it, not all.
 */
export interface HooksConfig {
  /** In the order of the file, each with what `hooks.defaults` gave it. */
  readonly webhooks: readonly WebhookConfig[];
  /** Where durable deliveries are kept; empty when the file does not say. */
  readonly storage: StorageConfig;
  /** How long things are kept; empty when the file does not say. */
  readonly retention: RetentionConfig;
  /** How the HTTP server of the `hooks` command listens; without tokens when the file does not say. */
  readonly server: ServerConfig;
}

/** One webhook: what of `WebhookHookOptions` is data. */
export type WebhookConfig =
  & Pick<
    WebhookHookOptions,
    | "name"
    | "events"
    | "method"
    | "timeout"
    | "retryCount"
    | "retryDelay"
    | "retryOn"
    | "secret"
    | "secrets"
    | "format"
    | "filter"
    | "concurrency"
    | "ordering"
    | "handshake"
  >
  & {
    /** Where to: http or https, without user name and password. */
    readonly url: string;
    /** Sent with every attempt. */
    readonly headers?: Readonly<Record<string, string>>;
    /** The outbox's schedule, instead of the default one. */
    readonly retry?: RetryConfig | undefined;
  };

/** A retry schedule: the delays one by one in milliseconds, or delays that grow. */
export type RetryConfig = readonly number[] | GrowingRetryConfig;

/** Delays that grow by a factor up to a cap. */
export interface GrowingRetryConfig {
  /** Before the first retry, in milliseconds. */
  readonly delay: number;
  /** How many retries follow the first attempt. */
  readonly retries: number;
  /** Each delay is so many times the one before. @default {2} */
  readonly factor?: number | undefined;
  /** No delay is longer, in milliseconds. @default {36000000} ten hours */
  readonly maxDelay?: number | undefined;
  /** How far a delay may stray to either side, as a part of it. @default {0.2} */
  readonly jitter?: number | undefined;
}

/** Where durable deliveries are kept. */
export interface StorageConfig {
  /** A file, `:memory:`, or the URL of a KV Connect server; relative to the working directory. */
  readonly path?: string | undefined;
}

/** How long things are kept. Durations are in milliseconds. */
export interface RetentionConfig {
  /** How long an event is kept: what is not delivered by then is gone. */
  readonly events?: number | undefined;
  /** Whether events that no webhook hears are stored too. */
  readonly eventLog?: boolean | undefined;
  /** After how long of nothing but failures a webhook is switched off. */
  readonly disableAfter?: number | undefined;
}

/** How the HTTP server of the `hooks` command listens. */
export interface ServerConfig {
  /** A host name or an address, without a port. */
  readonly host?: string | undefined;
  /** 0 to 65535; 0 lets the system choose. */
  readonly port?: number | undefined;
  /** Who may do what; their names and their texts are unique. */
  readonly tokens: readonly TokenConfig[];
  /** CloudEvents senders that may deliver, by `WebHook-Request-Origin`; `*` allows all. @default none */
  readonly webhookOrigins?: readonly string[] | undefined;
  /** The rate those senders are given, in requests per minute. @default no limit */
  readonly webhookRate?: number | undefined;
}

/** What a token lets its holder do. */
export type TokenScope = "emit" | "read" | "admin";

/** A token of the HTTP server. */
export interface TokenConfig {
  /** Shown in logs. */
  readonly name: string;
  /** What the holder sends. */
  readonly token: string;
  /** What it may be used for. */
  readonly scopes: readonly TokenScope[];
  /** From then on it is refused. @default never */
  readonly expiresAt?: Date;
}

/** The variables that `${NAME}` stands for: a function, or an object such as `process.env`. */
export type ConfigEnv =
  | ((name: string) => string | undefined)
  | Readonly<Record<string, string | undefined>>;

/** Options of `parseConfig` and `loadConfig`. */
export interface ConfigOptions {
  /** What `${NAME}` stands for; `{}` if nothing. Read for the names that the file holds only. */
  readonly env: ConfigEnv;
  /** What the file is called in messages. @default {"the configuration"} */
  readonly file?: string | undefined;
  /**
   * Called for every setting that is valid but has no effect, such as a filter that never matches, in
   * the order of the webhooks. @default none: warnings are ignored
   */
  readonly onWarning?: ((warning: ConfigIssue) => void) | undefined;
}
