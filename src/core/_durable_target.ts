import { within } from "./_abort.ts";
import type { Attempt, AttemptContext, DeliveryTarget } from "./delivery.ts";
import { HookTimeoutError, reason } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerContext, Hook } from "./hook.ts";
import { DEFAULT_RETRY } from "./retry.ts";

/** Limit of one call of a durable hook that names none, in milliseconds. */
const DEFAULT_TIMEOUT = 30_000;
/** Calls at once of a durable hook that says nothing else. */
const DEFAULT_CONCURRENCY = 16;

/** What a durable hook needs of the registry. */
export type DurableHost = {
  /** Opens what is not open yet. @throws {HooksClosedError} when the hook is not to be called any more */
  enter(): Promise<void>;
  /** Runs a call, which `close` then waits for. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** The context of a call. */
  contextFor(event: HookEvent, signal: AbortSignal, attempt: number): HandlerContext;
};

/** A durable hook as a target of the queue: a call that throws is an attempt that failed. */
export function durableTarget(hook: Hook, host: DurableHost): DeliveryTarget {
  const { name, timeout = DEFAULT_TIMEOUT } = hook;

  async function call(event: HookEvent, { attempt, signal }: AttemptContext): Promise<void> {
    await host.enter();
    signal.throwIfAborted();
    await within(
      signal,
      timeout,
      () => new HookTimeoutError(name, timeout),
      (signal) => hook.handle(event as never, host.contextFor(event, signal, attempt)),
    );
  }

  return {
    name,
    timeout,
    concurrency: hook.concurrency ?? DEFAULT_CONCURRENCY,
    retry: hook.retry ?? DEFAULT_RETRY,
    async attempt(event, context): Promise<Attempt> {
      const started = performance.now();
      const duration = (): number => Math.round(performance.now() - started);
      try {
        await host.run(() => call(event, context));
        return { verdict: "delivered", duration: duration() };
      } catch (error) {
        return { verdict: "retry", duration: duration(), error: reason(error) };
      }
    },
  };
}
