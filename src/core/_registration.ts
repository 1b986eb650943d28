import { withTimeout } from "../internal/async.ts";
import { checkFunctions, checkName, checkObject, inspect } from "../internal/validate.ts";
import { checkPatterns } from "./event_rules.ts";
import { withCause } from "./attempt_cause.ts";
import {
  checkKnown,
  checkMembers,
  checkRetry,
  LEASE,
  MAX_CONCURRENCY,
  OR_INFINITE,
  readCount,
  readDuration,
} from "../internal/options.ts";
import { Entry, filtered, type Invoke, limited, onlyOnce, type Subject } from "./_entry.ts";
import type {
  Attempt,
  AttemptContext,
  DeliveryQueue,
  DeliveryTarget,
  Webhook,
} from "./delivery.ts";
import { HookTimeoutError } from "./errors.ts";
import { errorMessage } from "../internal/issues.ts";
import type { HookEvent } from "./events.ts";
import { type HandlerContext, type HandlerOptions, type Hook, HOOK_MEMBERS } from "./hook.ts";
import { DEFAULT_RETRY } from "./retry.ts";

/** A handler's entry; `unregister` is called before its only call if it is to be called once. */
export function handlerEntry(
  patterns: string | readonly string[],
  name: string,
  handler: Invoke,
  options: HandlerOptions<HookEvent>,
  unregister: () => void,
): Entry {
  const subject = "Cannot register a handler";
  checkHandlerOptions(subject, options);
  const events = checkPatterns(subject, patterns);
  checkFunctions(subject, { handler, filter: options.filter }, ["handler"], ["filter"]);
  const { filter, once = false, priority = 0 } = options;
  const timeout = readDuration(subject, "timeout", options.timeout, OR_INFINITE);
  const scope = name || options.name || "";
  if (typeof scope !== "string") {
    throw new TypeError(
      `${subject} as 'name' must be a string: current value is ${inspect(scope)}`,
    );
  }
  if (!scope.isWellFormed()) { // it would share its part of the store with other names
    throw new TypeError(`${subject} as 'name' must have no lone surrogates: got ${inspect(scope)}`);
  }
  if (typeof priority !== "number" || Number.isNaN(priority)) {
    throw new TypeError(
      `${subject} as 'priority' must be a number: current value is ${inspect(priority)}`,
    );
  }
  const label = scope || handler.name || events.join(", ");
  let invoke: Invoke = handler;
  if (timeout !== undefined) invoke = limited(invoke, label, timeout);
  if (once) invoke = onlyOnce(invoke, unregister);
  if (filter) invoke = filtered(invoke, filter);
  return new Entry({
    info: { name: label, kind: "handler", events, durable: false },
    priority,
    invoke,
    scope: scope ? ["handler", scope] : undefined,
  });
}

/** Every option of a handler. */
const HANDLER_OPTIONS: readonly string[] = ["name", "once", "priority", "timeout", "filter"];

function checkHandlerOptions(subject: string, options: unknown): void {
  if (typeof options === "string") {
    const meant = `{ name: ${inspect(options)} }`;
    throw new TypeError(`${subject}: the options must be an object. Did you mean ${meant}?`);
  }
  checkKnown(subject, options, HANDLER_OPTIONS, { durable: "use(defineHook({ durable: true }))" });
}

/** A compiled hook's entry: called in the process, or by the queue when it is durable. */
export function hookEntry(
  hook: Hook,
  queue: DeliveryQueue | undefined,
  hostOf: (entry: () => Entry) => DurableHost,
): Entry {
  checkObject("Cannot register a hook", "it", hook);
  checkName("Cannot register a hook", hook.name);
  const { name, durable = false } = hook;
  const subject = `Cannot register hook '${name}'`;
  checkMembers(subject, hook, HOOK_MEMBERS);
  const events = checkPatterns(subject, hook.events);
  checkFunctions(subject, hook, ["handle"], ["init", "close", "filter", "setStorage"]);
  const timeout = readDuration(subject, "timeout", hook.timeout, durable ? LEASE : OR_INFINITE);
  readCount(subject, "concurrency", hook.concurrency, { max: MAX_CONCURRENCY });
  checkRetry(subject, hook.retry);
  if (durable && queue === undefined) {
    throw new TypeError(
      `${subject} as 'durable' needs an outbox: pass createHooks({ outbox })`,
    );
  }
  const filter = hook.filter && ((event: HookEvent): boolean => hook.filter!(event as never));
  let invoke: Invoke = (event, context) => hook.handle(event as never, context);
  if (timeout !== undefined) invoke = limited(invoke, name, timeout);
  if (filter) invoke = filtered(invoke, filter);
  const entry: Entry = new Entry({
    info: { name, kind: "hook", events, durable },
    invoke,
    subject: hook as Subject,
    scope: ["hook", name],
    ...(durable ? { target: durableTarget(hook, hostOf(() => entry), timeout) } : {}),
    ...(filter ? { accepts: filter } : {}),
  });
  return entry;
}

/** A webhook's entry: delivered to by the queue, or inline without one. */
export function webhookEntry(webhook: Webhook, queue: DeliveryQueue | undefined): Entry {
  checkObject("Cannot register a webhook", "it", webhook);
  checkName("Cannot register a webhook", webhook.name);
  const { name, ordering } = webhook;
  const subject = `Cannot register webhook '${name}'`;
  const events = checkPatterns(subject, webhook.events);
  checkFunctions(subject, webhook, ["attempt", "accepts", "deliver"], ["close", "setStorage"]);
  if (ordering !== undefined && queue === undefined) {
    throw new TypeError(
      `${subject} as 'ordering' needs an outbox: pass createHooks({ outbox })`,
    );
  }
  const accepts = (event: HookEvent): boolean => webhook.accepts(event);
  return new Entry({
    info: { name, kind: "webhook", events, durable: queue !== undefined },
    invoke: filtered((event, context) => webhook.deliver(event, context), accepts),
    accepts,
    subject: webhook as Subject,
    scope: ["hook", name],
    ...(queue ? { target: webhook } : {}),
  });
}

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
function durableTarget(
  hook: Hook,
  host: DurableHost,
  timeout: number = DEFAULT_TIMEOUT,
): DeliveryTarget {
  const { name } = hook;

  async function call(event: HookEvent, { attempt, signal }: AttemptContext): Promise<void> {
    await host.enter();
    signal.throwIfAborted();
    await withTimeout(
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
        return withCause(
          { verdict: "retry", duration: duration(), error: errorMessage(error) },
          error,
        );
      }
    },
  };
}
