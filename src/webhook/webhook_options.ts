import type { HookEvent, RetryPolicy } from "../core/mod.ts";
import type { AddressGuard } from "./address_guard.ts";

/** A value that a filter compares; in a string `*` stands for any run of characters. */
export type FilterValue = string | number | boolean | null;

/** Options of a webhook. Durations are in milliseconds. */
export interface WebhookHookOptions {
  /** Unique among hooks and webhooks: 1 to 64 characters of `[A-Za-z0-9._-]`. */
  readonly name: string;
  /** The patterns that it hears. */
  readonly events: readonly string[];
  /** Where to: http or https, without user name and password. */
  readonly url: string | URL;
  /** The method of a request. @default {"POST"} */
  readonly method?: "POST" | "PUT" | undefined;
  /**
   * Sent with every attempt. `content-type` may be replaced; headers that belong to the connection, to `fetch`,
   * to Standard Webhooks (`webhook-*`) or to CloudEvents (`ce-*`) are errors.
   */
  readonly headers?: Headers | Readonly<Record<string, string>>;
  /**
   * Limit of one attempt until the response headers arrive, in milliseconds, at most 120,000. The body is read
   * for at most 2 s within what is left of it. @default {10000}
   */
  readonly timeout?: number | undefined;
  /** Quick attempts after the first, 100 at most. @default {0} */
  readonly retryCount?: number | undefined;
  /** Before each quick attempt; 3,600,000 at most. @default {1000} */
  readonly retryDelay?: number | undefined;
  /** The outbox's schedule, after the quick attempts; inline there is none. @default `DEFAULT_RETRY` */
  readonly retry?: RetryPolicy | undefined;
  /** Statuses that are retried beside 408, 409, 425, 429 and 5xx; success never is. @default {[]} */
  readonly retryOn?: readonly number[] | undefined;
  /** Signs every attempt after Standard Webhooks: `whsec_…` or `whsk_…`. @default none: unsigned */
  readonly secret?: string;
  /** Several that sign together while one replaces another; instead of `secret`. */
  readonly secrets?: readonly string[];
  /**
   * How an event is written: the JSON of `encodeEvent`, or CloudEvents 1.0.2 in structured or binary
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
   * Rewrites an event at each attempt, before signing. It receives its own copy, which it can change. A
   * returned event is serialized in `format`, and any other value is sent as JSON; null settles the
   * delivery without a request. If it throws, the attempt is retried. To keep data out of the store as
   * well, use `createHooks({ redact })`.
   */
  readonly transform?: (event: HookEvent) => unknown | Promise<unknown>;
  /** Attempts at once, 10,000 at most. @default {16} */
  readonly concurrency?: number | undefined;
  /** `"session"`: one session's events one after the other, in order. Needs an outbox. @default none */
  readonly ordering?: "session" | undefined;
  /**
   * Judges the address before each attempt, for a URL that a stranger chose: `createAddressGuard()`.
   * Such a URL must be https. @default none
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
  /** Instead of the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}
