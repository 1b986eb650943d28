import { withTimeout } from "../internal/async.ts";
import { errorMessage } from "../internal/issues.ts";
import { MAX_CONCURRENCY } from "../internal/limits.ts";
import {
  checkKnown,
  checkMembers,
  checkNotText,
  checkRetry,
  LEASE,
  OR_INFINITE,
  readCount,
  readDuration,
  readNumber,
} from "../internal/options.ts";
import {
  checkBoolean,
  checkFunctions,
  checkName,
  checkObject,
  invalidOption,
} from "../internal/validate.ts";
import type {
  Attempt,
  AttemptContext,
  DeliveryQueue,
  DeliveryTarget,
  Webhook,
} from "./delivery.ts";
import { Entry, filtered, type Invoke, limited, onlyOnce } from "./entry.ts";
import { HookTimeoutError } from "./errors.ts";
import { checkPatterns } from "./event_rules.ts";
import type { HookEvent } from "./events.ts";
import { HOOK_MEMBERS, isTargetSource } from "./define_hook.ts";
import type { HandlerContext, HandlerOptions, Hook } from "./hook.ts";
import { DURABLE_CONCURRENCY, DURABLE_TIMEOUT } from "./limits.ts";
import { DEFAULT_RETRY } from "./retry_policy.ts";

/** A handler to register. */
type HandlerDefinition = {
  readonly patterns: string | readonly string[];
  readonly name: string;
  readonly handler: Invoke;
  readonly options: HandlerOptions<HookEvent>;
};

/** Returns the entry of a handler. `unregister` is called before its only call, with `once`. */
export function handlerEntry(
  { patterns, name, handler, options }: HandlerDefinition,
  unregister: () => void,
): Entry {
  const subject = "Cannot register handler";
  checkHandlerOptions(subject, options);
  const events = checkPatterns(subject, patterns);
  checkFunctions(subject, { handler, filter: options.filter }, ["handler"], ["filter"]);
  const { filter, once = false, priority = 0 } = options;
  const timeout = readDuration(subject, "timeout", options.timeout, OR_INFINITE);
  const scope: unknown = name || options.name || "";
  // With a lone surrogate, it would share its slice of the store with other names.
  if (typeof scope !== "string" || !scope.isWellFormed()) {
    throw invalidOption(subject, "name", scope, "a string without lone surrogates");
  }
  readNumber(subject, "priority", priority);
  checkBoolean(subject, "once", once);
  const label = scope || handler.name || events.join(", ");
  let invoke = handler;
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

const HANDLER_OPTIONS: readonly string[] = ["name", "once", "priority", "timeout", "filter"];

function checkHandlerOptions(subject: string, options: unknown): void {
  checkNotText(subject, options, "name");
  checkKnown(subject, options, HANDLER_OPTIONS, { durable: "use(defineHook({ durable: true }))" });
}

/** The part of the registry that a durable hook uses. */
export type DurableHost = {
  /** Opens hooks that aren't open. @throws {HooksClosedError} when the hook may no longer be called */
  enter(entry: Entry): Promise<void>;
  /** Makes a call that `close` waits for. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** Returns the context of a call. */
  contextOf(entry: Entry, event: HookEvent, context: AttemptContext): HandlerContext;
};

/** Returns the entry of a hook. It is called in the process, or by the queue if it is durable. */
export function hookEntry(hook: Hook, queue: DeliveryQueue | undefined, host: DurableHost): Entry {
  checkObject("Cannot register hook", "the hook", hook);
  checkName("Cannot register hook", hook.name);
  const { name, durable = false } = hook;
  const subject = `Cannot register hook '${name}'`;
  checkMembers(subject, hook, HOOK_MEMBERS);
  const events = checkPatterns(subject, hook.events);
  checkFunctions(subject, hook, ["handle"], ["init", "close", "filter", "setStorage"]);
  const timeout = readDuration(subject, "timeout", hook.timeout, durable ? LEASE : OR_INFINITE);
  readCount(subject, "concurrency", hook.concurrency, { max: MAX_CONCURRENCY });
  checkRetry(subject, hook.retry);
  if (durable && queue === undefined) {
    throw new TypeError(`${subject}: 'durable' needs an outbox. Pass createHooks({ outbox })`);
  }
  const filter = hook.filter && ((event: HookEvent): boolean => hook.filter!(event as never));
  let invoke: Invoke = (event, context) => hook.handle(event as never, context);
  if (timeout !== undefined) invoke = limited(invoke, name, timeout);
  if (filter) invoke = filtered(invoke, filter);
  const entry: Entry = new Entry({
    info: { name, kind: "hook", events, durable },
    invoke,
    hook,
    bringsTargets: isTargetSource(hook),
    scope: ["hook", name],
    ...(durable && { target: durableTarget(hook, host, () => entry) }),
    ...(filter && { accepts: filter }),
  });
  return entry;
}

/** Returns the entry of a webhook. The queue delivers to it; without one, it is sent inline. */
export function webhookEntry(webhook: Webhook, queue: DeliveryQueue | undefined): Entry {
  checkObject("Cannot register webhook", "the webhook", webhook);
  checkName("Cannot register webhook", webhook.name);
  const { name, ordering } = webhook;
  const subject = `Cannot register webhook '${name}'`;
  const events = checkPatterns(subject, webhook.events);
  checkFunctions(subject, webhook, ["attempt", "accepts", "deliver"], ["close", "setStorage"]);
  if (ordering !== undefined && queue === undefined) {
    throw new TypeError(`${subject}: 'ordering' needs an outbox. Pass createHooks({ outbox })`);
  }
  const accepts = (event: HookEvent): boolean => webhook.accepts(event);
  return new Entry({
    info: { name, kind: "webhook", events, durable: queue !== undefined },
    invoke: filtered((event, context) => webhook.deliver(event, context), accepts),
    accepts,
    hook: webhook,
    scope: ["hook", name],
    ...(queue && { target: webhook }),
  });
}

/** Returns a durable hook as a target of the queue. A call that throws is a failed attempt. */
function durableTarget(hook: Hook, host: DurableHost, entry: () => Entry): DeliveryTarget {
  const { name, concurrency = DURABLE_CONCURRENCY, retry = DEFAULT_RETRY } = hook;
  const timeout = readDuration("", "timeout", hook.timeout ?? DURABLE_TIMEOUT);

  async function call(event: HookEvent, context: AttemptContext): Promise<void> {
    await host.enter(entry());
    context.signal.throwIfAborted();
    await withTimeout(
      context.signal,
      timeout,
      () => new HookTimeoutError(name, timeout),
      (signal) =>
        hook.handle(event as never, host.contextOf(entry(), event, { ...context, signal })),
    );
  }

  return {
    name,
    timeout,
    concurrency,
    retry,
    async attempt(event, context): Promise<Attempt> {
      const started = performance.now();
      const duration = (): number => Math.round(performance.now() - started);
      try {
        await host.run(() => call(event, context));
        return { verdict: "delivered", duration: duration() };
      } catch (error) {
        const message = errorMessage(error);
        return withCause({ verdict: "retry", duration: duration(), error: message }, error);
      }
    },
  };
}

const causes = /* @__PURE__ */ new WeakMap<Attempt, unknown>();

/** Keeps the error of an attempt: its stack is for logs, and is never stored. */
function withCause(attempt: Attempt, cause: unknown): Attempt {
  causes.set(attempt, cause);
  return attempt;
}

/** Returns the error of an attempt, if a durable hook made it in this process. */
export function attemptCause(attempt: Attempt): unknown {
  return causes.get(attempt);
}
