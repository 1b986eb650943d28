import type { HookEvent, RetryPolicy } from "../core/mod.ts";
import type { AddressGuard } from "./address_guard.ts";

/** A value that a filter compares. In a string, `*` matches any number of characters. */
export type FilterValue = string | number | boolean | null;

/** Options of a webhook. Durations are in milliseconds. */
export interface WebhookHookOptions {
  /** Unique among hooks and webhooks: 1 to 64 characters of `[A-Za-z0-9._-]`. */
  readonly name: string;
  /** The patterns that it subscribes to. */
  readonly events: readonly string[];
  /** Where to send events: http or https, without user name and password. */
  readonly url: string | URL;
  /** The method of a request. @default {"POST"} */
  readonly method?: "POST" | "PUT" | undefined;
  /**
   * Sent with every attempt. `content-type` can be replaced. Headers that belong to the connection, to `fetch`,
   * to Standard Webhooks (`webhook-*`) or to CloudEvents (`ce-*`) are errors.
   */
  readonly headers?: Headers | Readonly<Record<string, string>>;
  /**
   * Limit of one attempt until the response headers arrive, in milliseconds, at most 120,000. The body is
   * read for at most 2 s of the remaining time. @default {10000}
   */
  readonly timeout?: number | undefined;
  /** Quick attempts after the first, at most 100. @default {0} */
  readonly retryCount?: number | undefined;
  /** Delay before each quick attempt, in milliseconds, at most 3,600,000. @default {1000} */
  readonly retryDelay?: number | undefined;
  /**
   * The outbox's schedule after the quick attempts. Inline deliveries ignore it.
   *
   * @default 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, each ±20%
   */
  readonly retry?: RetryPolicy | undefined;
  /** Statuses to retry in addition to 408, 409, 425, 429 and 5xx, from 300 to 599. @default {[]} */
  readonly retryOn?: readonly number[] | undefined;
  /** Signs every attempt by Standard Webhooks: `whsec_…` or `whsk_…`. @default unsigned */
  readonly secret?: string;
  /** Several secrets that all sign while one replaces another; instead of `secret`. */
  readonly secrets?: readonly string[];
  /**
   * How an event is written: as the JSON of `encodeEvent`, or as CloudEvents 1.0.2 in structured or binary
   * mode. @default {"native"}
   */
  readonly format?: "native" | "cloudevents" | "cloudevents-binary" | undefined;
  /**
   * Selects events: maps a dotted path, such as `"data.name"`, to the value or the list of values that
   * match. All paths must match; a list in the payload matches if one of its items does. In a key, `\.`
   * is a dot and `\\` a backslash, as in `"data.labels.a\\.b"`. Text is case-sensitive, and types must
   * match: `"5"` is not 5. A missing field matches no value, not even null.
   */
  readonly filter?: Readonly<Record<string, FilterValue | readonly FilterValue[]>>;
  /**
   * Rewrites an event at each attempt, before signing. It gets its own copy, which it can change. A
   * returned event is serialized in `format`, and any other value is sent as JSON; null settles the
   * delivery without a request. If it throws, the attempt is retried. To keep data out of the store as
   * well, use `createHooks({ redact })`.
   */
  readonly transform?: (event: HookEvent) => unknown | Promise<unknown>;
  /** Concurrent attempts, at most 10,000. @default {16} */
  readonly concurrency?: number | undefined;
  /** `"session"` delivers the events of a session one after the other, in order. Needs an outbox. @default none */
  readonly ordering?: "session" | undefined;
  /**
   * Checks the address before each attempt, for a user-supplied URL: `createAddressGuard()`.
   * The URL must be https. @default none
   */
  readonly guard?: AddressGuard;
  /**
   * Asks the receiver for permission before the first request of each process, by the validation
   * handshake of the CloudEvents webhook spec ("Abuse protection"): `OPTIONS` with
   * `WebHook-Request-Origin`. Without permission, nothing is sent and attempts fail. `origin` is the
   * DNS name of this sender, `rate` the requests per minute to ask for. Each process respects the
   * receiver's `WebHook-Allowed-Rate`. @default none
   */
  readonly handshake?:
    | { readonly origin: string; readonly rate?: number | undefined }
    | undefined;
  /** Replaces the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

/** The permission that a webhook asks for. */
export type HandshakeOptions = NonNullable<WebhookHookOptions["handshake"]>;
