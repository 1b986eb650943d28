import { consoleLogger, silentLogger } from "../core/reporter.ts";
import { checkApprovalKey } from "../core/gates/ask_link.ts";
import type { Logger } from "../core/mod.ts";
import type { WebhookStore } from "../webhook_store/mod.ts";
import { checkKnown, OR_INFINITE, readDuration } from "../internal/options.ts";
import {
  checkBoolean,
  checkFunctions,
  checkLogger,
  checkObject,
  checkOneOf,
  invalidOption,
} from "../internal/validate.ts";
import {
  type AppLimits,
  BODY_TIMEOUT,
  HEARTBEAT,
  type HooksAppLimits,
  POLL_INTERVAL,
  readLimits,
} from "./limits.ts";

/**
 * What a token allows. `emit`: to post events; `decide`: to call the gates, as other agents do; `read`: to see
 * events, deliveries, hooks, targets, decisions, and asks; `approve`: to see asks and respond to them;
 * `admin`: all of that, and to retry, replay, and drain deliveries, and to manage targets and webhooks.
 */
export type Scope = "emit" | "decide" | "read" | "approve" | "admin";

/** Who sent a request, and what they may do. */
export type Identity = {
  /**
   * The name in logs. Idempotency keys are scoped by it, so give a token and its replacement the same
   * name.
   */
  readonly name: string;
  /** What is allowed. */
  readonly scopes: readonly Scope[];
  /** When the identity expires. An open stream ends then. @default never */
  readonly expiresAt?: Date;
};

/** A bearer token. */
export type Token = Identity & {
  /** The secret: 16 to 512 characters of `[A-Za-z0-9._~+/-]`, with `=` at the end only. */
  readonly token: string;
};

/**
 * Resolves a request to its identity, or to undefined to reject it. Called for every request to a route
 * that needs a scope. `token` is the bearer token, or undefined if the request has none. In that case,
 * authenticate it by other means, such as a cookie, which a browser's `EventSource` can send.
 *
 * Not called for a malformed `Authorization: Bearer` header, or one of more than 4096 characters: such a
 * request gets a 401 `token_invalid`, regardless of its other headers.
 *
 * A state-changing request without a bearer token gets a 403 `origin_forbidden` if it comes from a page
 * on another origin that is not in `cors.origins`.
 */
export type VerifyToken = (
  token: string | undefined,
  request: Request,
) => Identity | undefined | Promise<Identity | undefined>;

/** Who may use the app. Access is denied by default: choose one of the three. */
export type HooksAppAuth =
  | {
    /** The accepted tokens. Several may share a name, while one replaces another. */
    readonly tokens: readonly Token[];
  }
  | {
    /** Your own scheme: JWTs, opaque tokens, session cookies. */
    readonly verifyToken: VerifyToken;
  }
  | {
    /** Allows everything to everyone, for an app behind your own authentication. */
    readonly auth: false;
  };

/** Options of `createHooksApp`, except for authentication. */
export interface HooksAppSettings {
  /** Limits of requests and streams. */
  readonly limits?: HooksAppLimits | undefined;
  /** Origins of web pages that may call the app, or `"*"`. @default none: no CORS headers */
  readonly cors?: { readonly origins: readonly string[] | "*" } | undefined;
  /**
   * Senders that may deliver CloudEvents, by their `WebHook-Request-Origin`, such as
   * `eventgrid.azure.net`; or `"*"` for all. Allows them in the `OPTIONS` handshake that Azure Event Grid
   * and others begin with (CloudEvents, "HTTP 1.1 Web Hooks", section 4). Grants no access: requests are
   * authenticated as before. `WebHook-Request-Callback` is never called. @default none: 405
   */
  readonly webhookOrigins?: readonly string[] | "*" | undefined;
  /** Requests per minute that the handshake allows, in `WebHook-Allowed-Rate`. @default no limit */
  readonly webhookRate?: number | undefined;
  /**
   * The key of links that respond to an ask, see `signAskLink`: at least 32 characters. Several while one
   * replaces another. @default none: no link is valid
   */
  readonly approvalKey?: string | readonly string[] | undefined;
  /**
   * Who decides when a gate asks about a hook of another agent. `"agent"`: the agent asks its user, unless
   * the hook says `?ask=wait`. `"wait"`: the response always waits until someone resolves the ask. @default
   * {"agent"}
   */
  readonly ask?: "agent" | "wait" | undefined;
  /**
   * The path at which `app.mount` or a proxy mounts the app, hiding it from the app. Not needed with
   * `app.route`.
   */
  readonly basePath?: string | undefined;
  /**
   * Serves `/webhooks`, to create, change and delete webhooks while the server runs: a `webhookStore` on the
   * store of the outbox. It is connected to the hooks, unless it is already. @default none: 501
   */
  readonly webhooks?: WebhookStore | undefined;
  /**
   * Whether to serve the web console at `/console`. With `tokens`, people sign in with one of scope `read`,
   * `approve` or `admin`; with `verifyToken`, it is called without a bearer token, as for other requests of
   * a browser; with `auth: false`, everyone is an admin. It is loaded when it is first opened.
   * @default {false}
   */
  readonly console?: boolean | undefined;
  /** Logs every request (`info`), failing dependencies (`warn`) and bugs (`error`). @default the console */
  readonly logger?: Logger | false | undefined;
  /** Called with every error that a response can't report. @default none */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Whether posted agent events (those of `agentEventSchemas`) must have the fields of their type.
   * Other types are never validated here. @default {true}
   */
  readonly validate?: boolean | undefined;
  /**
   * How long the body of a request may take to arrive, in milliseconds; a slower one gets a 408.
   * `Infinity`: no limit. @default {10000}
   */
  readonly bodyTimeout?: number | undefined;
  /**
   * Interval of the comments that keep a stream alive, in milliseconds; `Infinity`: none.
   * @default {5000}
   */
  readonly heartbeat?: number | undefined;
  /**
   * How often to poll the store while a stream is open, in milliseconds. Events of this process are
   * streamed immediately; `Infinity`: only those. @default {1000}
   */
  readonly pollInterval?: number | undefined;
}

/** Options of `createHooksApp`. */
export type HooksAppOptions = HooksAppAuth & HooksAppSettings;

/** Settings with their defaults. */
export type Settings = {
  readonly limits: AppLimits;
  /** Origins of web pages that may call the app; undefined without CORS. */
  readonly origins: readonly string[] | "*" | undefined;
  readonly basePath: string | undefined;
  readonly console: boolean;
  readonly approvalKeys: readonly string[];
  readonly ask: "agent" | "wait";
  readonly logger: Logger;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly validate: boolean;
  readonly bodyTimeout: number;
  readonly heartbeat: number;
  readonly pollInterval: number;
};

const KNOWN_OPTIONS: readonly string[] = [
  "tokens",
  "verifyToken",
  "auth",
  "limits",
  "cors",
  "approvalKey",
  "ask",
  "basePath",
  "console",
  "webhooks",
  "logger",
  "onError",
  "validate",
  "bodyTimeout",
  "heartbeat",
  "pollInterval",
  "webhookOrigins",
  "webhookRate",
];

/**
 * Returns the settings with their defaults.
 *
 * @throws {TypeError | RangeError} when an option is invalid or unknown
 */
export function readSettings(subject: string, options: HooksAppOptions): Settings {
  checkOptions(subject, options);
  const { cors, logger = consoleLogger, approvalKey = [] } = options;
  const { bodyTimeout = BODY_TIMEOUT, heartbeat = HEARTBEAT } = options;
  const { pollInterval = POLL_INTERVAL } = options;
  return {
    limits: readLimits(subject, options.limits),
    origins: cors?.origins,
    basePath: options.basePath,
    console: options.console ?? false,
    approvalKeys: [approvalKey].flat(),
    ask: options.ask ?? "agent",
    logger: logger === false ? silentLogger : logger,
    onError: options.onError,
    validate: options.validate ?? true,
    bodyTimeout: readDuration(subject, "bodyTimeout", bodyTimeout, OR_INFINITE),
    heartbeat: readDuration(subject, "heartbeat", heartbeat, OR_INFINITE),
    pollInterval: readDuration(subject, "pollInterval", pollInterval, OR_INFINITE),
  };
}

function checkOptions(subject: string, options: HooksAppOptions): void {
  checkObject(subject, "'options'", options);
  checkKnown(subject, options, KNOWN_OPTIONS, { token: "tokens", poll: "pollInterval" });
  const { webhooks, cors, basePath, logger, approvalKey = [] } = options;
  const { validate = true, ask = "agent", console = false } = options;
  checkBoolean(subject, "console", console);
  checkBoolean(subject, "validate", validate);
  checkOneOf(subject, "ask", ask, ["agent", "wait"]);
  checkFunctions(subject, options, [], ["onError"]);
  if (webhooks !== undefined && typeof webhooks?.connect !== "function") {
    throw invalidOption(subject, "webhooks", webhooks, "what webhookStore() returns");
  }
  checkLogger(subject, logger);
  if (cors !== undefined) {
    checkKnown(`${subject} with 'cors'`, cors, ["origins"]);
    if (!isOrigins(cors.origins)) {
      throw invalidOption(subject, "cors.origins", cors.origins, '"*" or a list of origins');
    }
  }
  if (basePath !== undefined && !/^(?:\/[\w.~-]+)*$/.test(basePath)) {
    throw invalidOption(subject, "basePath", basePath, 'a path such as "/hooks"');
  }
  for (const key of [approvalKey].flat()) checkApprovalKey(subject, "approvalKey", key);
}

function isOrigins(origins: unknown): boolean {
  if (!Array.isArray(origins)) return origins === "*";
  return origins.length > 0 && origins.every((origin) => typeof origin === "string");
}
