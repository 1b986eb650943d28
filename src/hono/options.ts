import type { Logger } from "../core/mod.ts";

/**
 * What a token allows. `emit`: to post events; `read`: to see events, deliveries, hooks and targets;
 * `admin`: all that, and to retry, replay and drain, and to turn targets on and off.
 */
export type Scope = "emit" | "read" | "admin";

/** Who sent a request, and what they may do. */
export type Identity = {
  /** For logs; idempotency keys are apart by it. A token and the one that replaces it share a name. */
  readonly name: string;
  /** What is allowed. */
  readonly scopes: readonly Scope[];
  /** The end of that; a stream ends with it. @default never */
  readonly expiresAt?: Date;
};

/** A bearer token. */
export type Token = Identity & {
  /** The secret: 16 to 512 characters of `[A-Za-z0-9._~+/-]`, with `=` at the end only. */
  readonly token: string;
};

/**
 * Returns the identity behind a request, or undefined to reject it. Called for every request to a route
 * that needs a scope. `token` is the bearer token, or undefined if the request has none. In that case,
 * authenticate it by other means, such as a cookie, which a browser's `EventSource` can send. A
 * malformed bearer token is rejected before this is called.
 *
 * A state-changing request without a bearer token gets a 403 `origin_forbidden` if it comes from a page
 * on another origin that is not in `cors.origins`.
 */
export type VerifyToken = (
  token: string | undefined,
  request: Request,
) => Identity | undefined | Promise<Identity | undefined>;

/** Who may use the app. There is no door that is open because something was left out. */
export type HooksAppAuth =
  | {
    /** Known tokens: several of one name while one is replaced by another. */
    readonly tokens: readonly Token[];
  }
  | {
    /** Your own scheme: JWTs, opaque tokens, session cookies. */
    readonly verifyToken: VerifyToken;
  }
  | {
    /** Everyone may do everything: something else is in front of the app. */
    readonly auth: false;
  };

/** What is too much. */
export interface HooksAppLimits {
  /** Of a body, in bytes. @default {1048576} */
  readonly body?: number | undefined;
  /** Of the names and values of all headers, in bytes. @default {16384} */
  readonly headers?: number | undefined;
  /** Of arrays and objects in one another. @default {64} */
  readonly jsonDepth?: number | undefined;
  /** Events of a batch, at most 100. @default {100} */
  readonly events?: number | undefined;
  /** Requests that wait for handlers at once. @default {1000} */
  readonly waits?: number | undefined;
  /** Event streams at once. @default {1000} */
  readonly streams?: number | undefined;
  /** What waits for one reader of an event stream, in bytes, before it is closed. @default {1048576} */
  readonly streamBuffer?: number | undefined;
}

/** Options of `createHooksApp`, beside who may use it. */
export interface HooksAppSettings {
  /** What is too much. */
  readonly limits?: HooksAppLimits | undefined;
  /** Origins of web pages that may call, or `"*"`. @default none: no CORS headers */
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
   * The path that the app is mounted at by `app.mount`, which hides it, or by a proxy. Not needed with
   * `app.route`.
   */
  readonly basePath?: string | undefined;
  /** Hears of every request (`info`), of trouble (`warn`) and of bugs (`error`). @default the console */
  readonly logger?: Logger | undefined;
  /** Hears of every error that has no place in an answer. @default none */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Whether posted agent events (`tool.called` and the eight others) must have the fields of their type.
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
