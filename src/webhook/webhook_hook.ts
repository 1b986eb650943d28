import { guarded } from "../core/reporter.ts";
import { readCount, readDuration } from "../internal/options.ts";
import { sha256Hex } from "../internal/crypto.ts";
import { delay, Semaphore } from "../internal/async.ts";
import { snapshotOf } from "../core/snapshot.ts";
import type {
  Attempt,
  AttemptContext,
  HandlerContext,
  HookEvent,
  Logger,
  Webhook,
} from "../core/mod.ts";
import { DEFAULT_RETRY, fixedRetry, type RetryPolicy } from "../core/retry.ts";
import { makeAttempt } from "./_attempt.ts";
import { createEndpoint, type Endpoint } from "./_endpoint.ts";
import { compileFilter } from "./_filter.ts";
import { WEBHOOK_LIMITS } from "./_limits.ts";
import { WebhookError } from "./errors.ts";
import type { WebhookHookOptions } from "./webhook_options.ts";

/** An inline delivery obeys `Retry-After` up to here, in milliseconds; past it there is no more attempt. */
const LONGEST_INLINE_WAIT = 30_000;

/**
 * An HTTP endpoint that hears events: every event is one signed POST or PUT, delivered inline or, with
 * an outbox, durably. Its URL, headers and secrets can't be read from it.
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
  /** The patterns that it hears. */
  readonly events: readonly string[];
  /** Limit of one attempt, in milliseconds. */
  readonly timeout: number;
  /** Attempts at once, at most. */
  readonly concurrency: number;
  /** When the outbox tries again: the quick attempts, then the schedule. */
  readonly retry: RetryPolicy;
  /** Whether one session's events are delivered in order. */
  declare readonly ordering?: "session";
  readonly #endpoint: Endpoint;
  readonly #quick: RetryPolicy;
  readonly #filter: (event: HookEvent) => boolean;
  readonly #slots: Semaphore;
  #warned = false;

  /**
   * Checks its options.
   *
   * @throws {TypeError | RangeError} when one is ill-formed
   * @throws {WebhookVerificationError} when a secret is; no message holds a secret
   */
  constructor(options: WebhookHookOptions) {
    this.#endpoint = createEndpoint(options);
    const { name, events, timeout } = this.#endpoint;
    const { retryCount = 0, retryDelay: delay = 1000, concurrency = 16, ordering } = options;
    const subject = `Cannot create webhook '${name}'`;
    const limits = WEBHOOK_LIMITS;
    this.name = name;
    this.events = events;
    this.timeout = timeout;
    this.concurrency = readCount(subject, "concurrency", concurrency, limits.concurrency);
    readCount(subject, "retryCount", retryCount, limits.retryCount);
    const retryDelay = readDuration(subject, "retryDelay", delay, limits.retryDelay);
    this.#quick = fixedRetry({ delay: retryDelay, retries: retryCount, jitter: 0 });
    this.retry = quickThen(this.#quick, retryCount, options.retry ?? DEFAULT_RETRY);
    if (ordering) this.ordering = ordering;
    this.#filter = compileFilter(subject, options.filter);
    this.#slots = new Semaphore(concurrency);
  }

  /** Whether its `filter` lets an event pass. */
  accepts(event: HookEvent): boolean {
    return this.#filter(event);
  }

  /** A digest of its URL, 64 bits of SHA-256: another URL is another address. */
  async address(): Promise<string> {
    return (await sha256Hex(this.#endpoint.url.href)).slice(0, 16);
  }

  /** Makes one attempt, when one of the `concurrency` slots is free. Never rejects. */
  async attempt(event: HookEvent, { signal, logger }: AttemptContext): Promise<Attempt> {
    if (!this.#warned) this.#warn(logger);
    try {
      return await this.#slots.run(() => makeAttempt(this.#endpoint, event, signal), signal);
    } catch { // aborted while it waited
      return { verdict: "retry", duration: 0, error: "the attempt was aborted" };
    }
  }

  /**
   * Delivers without a queue: the first attempt and `retryCount` more, `retryDelay` apart, or as far
   * apart as `Retry-After` asks, up to 30 s.
   *
   * @throws {WebhookError} when the last attempt failed
   * @throws {EventValidationError} when it is not an event that can be sent
   */
  async deliver(event: HookEvent, { signal, logger }: HandlerContext): Promise<void> {
    const attempts: Attempt[] = [];
    const sent = snapshotOf(event, `Cannot deliver to '${this.name}'`);
    for (;;) {
      const attempt = await this.attempt(sent, { attempt: attempts.length + 1, signal, logger });
      attempts.push(attempt);
      if (attempt.verdict === "delivered") return;
      const wait = this.#waitAfter(attempts.length, attempt);
      if (wait === undefined || signal.aborted) break;
      if (!await delay(wait, signal)) break;
    }
    throw new WebhookError(this.name, attempts, signal.aborted ? { cause: signal.reason } : {});
  }

  /** Waits for the attempts that run. */
  close(): Promise<void> {
    return this.#slots.empty();
  }

  /** How long to wait after the n-th attempt; undefined: it was the last. */
  #waitAfter(n: number, { verdict, retryAfter = 0 }: Attempt): number | undefined {
    if (verdict !== "retry" || retryAfter > LONGEST_INLINE_WAIT) return undefined;
    const delay = this.#quick.delay(n, 0);
    return delay === undefined ? undefined : Math.max(delay, retryAfter);
  }

  #warn(logger: Logger): void {
    this.#warned = true;
    const { protocol, hostname } = this.#endpoint.url;
    if (protocol === "https:" || LOOPBACK.test(hostname)) return;
    const message = `Webhook '${this.name}' sends over plain http: anyone on the way can read it`;
    guarded(() => logger.warn(message)); // a logger that fails stops no delivery
  }
}

/** Hosts that nobody else is on the way to. */
const LOOPBACK = /^(([^.]+\.)*localhost\.?|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Some quick retries, then a schedule. */
function quickThen(quick: RetryPolicy, count: number, schedule: RetryPolicy): RetryPolicy {
  return {
    delay: (attempt, random) =>
      attempt <= count ? quick.delay(attempt, random) : schedule.delay(attempt - count, random),
    total: quick.total + schedule.total,
  };
}
