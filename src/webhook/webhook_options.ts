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
  /** Sent with every attempt; `content-type` may be replaced, `webhook-*` may not. */
  readonly headers?: Headers | Readonly<Record<string, string>>;
  /** Limit of one attempt: connection, headers and body; 120,000 at most. @default {10000} */
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
   * Which payloads are wanted: a dotted path, such as `"data.name"`, to the value or the list of values
   * that pass. All paths must pass; a list in the payload passes if one of its items does. In a key, `\.`
   * is a dot and `\\` a backslash, as in `"data.labels.a\\.b"`. Text is compared by case, values by
   * their type: `"5"` is not 5. A field that is missing passes no value, null neither.
   */
  readonly filter?: Readonly<Record<string, FilterValue | readonly FilterValue[]>>;
  /**
   * Rewrites an event at each attempt, before signing. It gets a copy of its own, which it may change. An
   * event that it returns is written as `format` says, anything else is the JSON that is sent; null settles
   * the delivery without a request. One that throws is retried. What must not be stored either is taken out by `createHooks({ redact })`.
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
   * `WebHook-Request-Origin`. Without it nothing is sent, and attempts fail. `origin` is the DNS name of
   * this sender, `rate` how many requests a minute to ask for. The receiver's `WebHook-Allowed-Rate` is
   * kept to, by each process. @default none
   */
  readonly handshake?:
    | { readonly origin: string; readonly rate?: number | undefined }
    | undefined;
  /** Instead of the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}
