import type {
  Attempt,
  AttemptContext,
  HandlerContext,
  HookEvent,
  Logger,
  Webhook,
} from "../core/mod.ts";
import { tracedAttempt } from "../core/recorder.ts";
import { guarded } from "../core/reporter.ts";
import { DEFAULT_RETRY, fixedRetry, type RetryPolicy } from "../core/retry_policy.ts";
import { snapshotOf } from "../core/snapshot.ts";
import { NO_TELEMETRY, type Telemetry } from "../core/telemetry.ts";
import { delay, Semaphore } from "../internal/async.ts";
import { errorMessage } from "../internal/issues.ts";
import { readCount, readDuration } from "../internal/options.ts";
import type { MakeAttempt } from "./attempt.ts";
import { type CheckedOptions, checkOptions } from "./check_options.ts";
import { WebhookError } from "./errors.ts";
import { compileFilter } from "./filter.ts";
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_RETRY_DELAY,
  MAX_INLINE_WAIT,
  WEBHOOK_LIMITS,
} from "./limits.ts";
import type { WebhookHookOptions } from "./options.ts";
import { isReadable } from "./request_rules.ts";

/**
 * Sends events to an HTTP endpoint. Every event is one signed POST or PUT, delivered inline or, with an
 * outbox, durably. Its URL, headers and secrets can't be read from it.
 *
 * ```ts
 * import { createHooks, WebhookHook } from "@omniagent/hooks";
 *
 * const hooks = createHooks();
 * hooks.use(
 *   new WebhookHook({
 *     name: "audit",
 *     events: ["tool.*"],
 *     url: "https://audit.example.com/events",
 *     retryCount: 2,
 *     filter: { "data.name": ["bash", "git_*"] },
 *   }),
 * );
 * ```
 */
export class WebhookHook implements Webhook {
  /** Unique among hooks and webhooks. */
  readonly name: string;
  /** The patterns that it subscribes to. */
  readonly events: readonly string[];
  /** Limit of one attempt, in milliseconds. */
  readonly timeout: number;
  /** The maximum of concurrent attempts. */
  readonly concurrency: number;
  /** When the outbox retries: the quick attempts, then the schedule. */
  readonly retry: RetryPolicy;
  /** `"session"` if the events of a session are delivered in order. */
  declare readonly ordering?: "session";
  readonly #options: CheckedOptions;
  readonly #quick: RetryPolicy;
  readonly #filter: (event: HookEvent) => boolean;
  readonly #semaphore: Semaphore;
  #attempts: Promise<MakeAttempt> | undefined;
  #warned = false;

  /**
   * Creates a webhook. Error messages contain no secret.
   *
   * @throws {TypeError | RangeError} when an option is invalid
   * @throws {WebhookVerificationError} when a secret is invalid
   */
  constructor(options: WebhookHookOptions) {
    this.#options = checkOptions(options);
    const { name, events, timeout } = this.#options;
    const { retryCount = 0, retryDelay: given = DEFAULT_RETRY_DELAY, ordering } = options;
    const { concurrency = DEFAULT_CONCURRENCY } = options;
    const subject = `Cannot create webhook '${name}'`;
    const limits = WEBHOOK_LIMITS;
    this.name = name;
    this.events = events;
    this.timeout = timeout;
    this.concurrency = readCount(subject, "concurrency", concurrency, limits.concurrency);
    readCount(subject, "retryCount", retryCount, limits.retryCount);
    const retryDelay = readDuration(subject, "retryDelay", given, limits.retryDelay);
    this.#quick = fixedRetry({ delay: retryDelay, retries: retryCount, jitter: 0 });
    this.retry = quickThen(this.#quick, retryCount, options.retry ?? DEFAULT_RETRY);
    if (ordering) this.ordering = ordering;
    this.#filter = compileFilter(subject, options.filter);
    this.#semaphore = new Semaphore(concurrency);
  }

  /** Returns whether its `filter` matches an event. */
  accepts(event: HookEvent): boolean {
    return this.#filter(event);
  }

  /** Returns a digest of its URL, 64 bits of SHA-256. Another URL has another address. */
  async address(): Promise<string> {
    const { sha256Hex } = await import("../internal/crypto.ts");
    return (await sha256Hex(this.#options.url.href)).slice(0, 16);
  }

  /** Makes one attempt as soon as fewer than `concurrency` are running. Never rejects. */
  async attempt(
    event: HookEvent,
    { signal, logger, traceparent }: AttemptContext,
  ): Promise<Attempt> {
    if (!this.#warned) this.#warn(logger);
    const make = async () => await (await this.#loadAttempts())(event, { signal, traceparent });
    try {
      return await this.#semaphore.run(make, signal);
    } catch (error) { // aborted while it waited, or not loaded
      const reason = signal.aborted ? "the attempt was aborted" : errorMessage(error);
      return { verdict: "retry", duration: 0, error: reason };
    }
  }

  /** Loads the code that sends with the first attempt: it is most of the code of webhooks. */
  #loadAttempts(): Promise<MakeAttempt> {
    return this.#attempts ??= importAttempts().then(
      ({ createAttempts }) => createAttempts(this.#options),
      (cause) => {
        this.#attempts = importing = undefined; // the next attempt may succeed
        throw new Error(
          "the code that sends webhooks could not be loaded: deploy every file of the package or bundle",
          { cause },
        );
      },
    );
  }

  /**
   * Delivers without an outbox: makes one attempt and up to `retryCount` more, `retryDelay` apart or as
   * `Retry-After` asks, up to 30 s.
   *
   * @throws {WebhookError} when the last attempt failed
   * @throws {EventValidationError} when the event can't be sent
   */
  async deliver(
    event: HookEvent,
    { signal, logger, telemetry = NO_TELEMETRY }: HandlerContext & {
      readonly telemetry?: Telemetry;
    },
  ): Promise<void> {
    const attempts: Attempt[] = [];
    const sent = snapshotOf(event, `Cannot deliver to '${this.name}'`);
    for (;;) {
      const context = { attempt: attempts.length + 1, signal, logger };
      const attempt = await tracedAttempt(telemetry, this, sent, context);
      attempts.push(attempt);
      if (attempt.verdict === "delivered") return;
      const wait = this.#waitAfter(attempts.length, attempt);
      if (wait === undefined || signal.aborted) break;
      if (!await delay(wait, signal)) break;
    }
    throw new WebhookError(this.name, attempts, signal.aborted ? { cause: signal.reason } : {});
  }

  /** Resolves when no attempt is running. */
  close(): Promise<void> {
    return this.#semaphore.empty();
  }

  /** Returns how long to wait after the n-th attempt, in milliseconds; undefined if it was the last. */
  #waitAfter(n: number, { verdict, retryAfter = 0 }: Attempt): number | undefined {
    if (verdict !== "retry" || retryAfter > MAX_INLINE_WAIT) return undefined;
    const wait = this.#quick.delay(n, 0);
    return wait === undefined ? undefined : Math.max(wait, retryAfter);
  }

  #warn(logger: Logger): void {
    this.#warned = true;
    if (!isReadable(this.#options.url)) return;
    const message =
      `Webhook '${this.name}' sends over plain http: anyone on the network path can read it`;
    guarded(() => logger.warn(message)); // a logger that fails stops no delivery
  }
}

let importing: Promise<Pick<typeof import("./attempt.ts"), "createAttempts">> | undefined;

/**
 * Imports the code that sends, once: on Deno, code after an import may run in the async context of another
 * caller of that import.
 */
function importAttempts(): NonNullable<typeof importing> {
  return importing ??= import("./attempt.ts");
}

/** Returns a policy of quick retries, then a schedule. */
function quickThen(quick: RetryPolicy, count: number, schedule: RetryPolicy): RetryPolicy {
  return {
    delay: (attempt, random) =>
      attempt <= count ? quick.delay(attempt, random) : schedule.delay(attempt - count, random),
    total: quick.total + schedule.total,
  };
}
