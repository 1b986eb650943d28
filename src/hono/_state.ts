import type { Semaphore } from "../internal/async.ts";
import type { HookRegistry, Logger } from "../core/mod.ts";
import type { Outbox } from "../outbox/mod.ts";
import type { Authenticator } from "./_auth.ts";
import type { Feed } from "./_feed.ts";
import type { HooksAppLimits } from "./options.ts";

/** What the requests of an app share. */
export type AppState = {
  readonly registry: HookRegistry;
  /** The outbox, if it is one of ours. */
  readonly outbox: Outbox | undefined;
  /** Undefined: everyone may do everything. */
  readonly authenticator: Authenticator | undefined;
  readonly limits: { readonly [Name in keyof HooksAppLimits]-?: number };
  /** Whether the payloads of agent events are validated. */
  readonly validate: boolean;
  /** How long a body may take to arrive, in milliseconds. */
  readonly bodyTimeout: number;
  readonly logger: Logger;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly basePath: string | undefined;
  /** Requests that wait for handlers. */
  readonly waits: Semaphore;
  /** Open event streams. */
  readonly streams: Semaphore;
  /** The idempotency keys of requests that have no answer yet. */
  readonly running: Set<string>;
  /** What streams read; there is none without an outbox. */
  readonly feed: Feed | undefined;
};
