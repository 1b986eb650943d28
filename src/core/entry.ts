import { isThenable, withTimeout } from "../internal/async.ts";
import { scopedStore } from "../store/scoped_store.ts";
import type { Store } from "../store/mod.ts";
import { type Chain, inside } from "./nesting.ts";
import type { DeliveryTarget, Webhook } from "./delivery.ts";
import { HookTimeoutError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { Emitter } from "./emitter.ts";
import type { HandlerContext, Hook, Logger } from "./hook.ts";
import type { Telemetry } from "./telemetry.ts";

/** Returned by a call whose filter rejected the event, or whose only call was already made. */
export const SKIPPED: unique symbol = Symbol("skipped");

/** Calls a handler, with its filter, its timeout and `once` around it. */
export type Invoke = (event: HookEvent, context: HandlerContext) => unknown;

/** An entry, as `HookRegistry.list` returns it. */
type EntryInfo = {
  readonly name: string;
  readonly kind: "handler" | "hook" | "webhook";
  readonly events: readonly string[];
  readonly durable: boolean;
};

/** Options of an entry. */
type EntryOptions = {
  readonly info: EntryInfo;
  readonly priority?: number;
  readonly invoke: Invoke;
  /** The hook or webhook, if it has a lifecycle. */
  readonly hook?: Hook | Webhook;
  /** Whether `init` of the hook registers targets. @default {false} */
  readonly bringsTargets?: boolean;
  /** Set if the outbox delivers to it. */
  readonly target?: DeliveryTarget;
  /** Returns whether a target wants an event. @default always */
  readonly accepts?: (event: HookEvent) => boolean;
  /** The first parts of the keys in its slice of the store; absent without a slice. */
  readonly scope?: readonly string[] | undefined;
};

/** A registration in the registry. */
export class Entry {
  readonly info: EntryInfo;
  readonly priority: number;
  readonly invoke: Invoke;
  readonly target: DeliveryTarget | undefined;
  readonly accepts: (event: HookEvent) => boolean;
  /** Whether it is an inline webhook, which is sent while the next handlers run. */
  readonly isSender: boolean;
  /** Whether `init` of the hook registers targets. */
  readonly bringsTargets: boolean;
  /** Whether it is still registered. */
  active = true;
  store: Store | undefined;
  readonly #hook: Hook | Webhook | undefined;
  readonly #scope: readonly string[] | undefined;

  constructor(options: EntryOptions) {
    const { info } = options;
    this.info = Object.freeze({ ...info, events: Object.freeze([...info.events]) });
    this.priority = options.priority ?? 0;
    this.invoke = options.invoke;
    this.target = options.target;
    this.accepts = options.accepts ?? (() => true);
    this.isSender = info.kind === "webhook" && options.target === undefined;
    this.bringsTargets = options.bringsTargets ?? false;
    this.#hook = options.hook;
    this.#scope = options.scope;
  }

  /** Whether it has to be opened and closed. */
  get hasLifecycle(): boolean {
    return this.#hook !== undefined;
  }

  /** Passes it its slice of a store. */
  setStorage(store: Store): void {
    if (this.#scope === undefined) return;
    this.store = scopedStore(store, this.#scope);
    const result: unknown = this.#hook?.setStorage?.(this.store);
    rejectPromise("setStorage", result);
  }

  /** Opens the hook. */
  async open(context: Pick<HandlerContext, "logger" | "signal">, owner: object): Promise<void> {
    const { store } = this;
    const hook = this.#hook;
    if (!hook || !("init" in hook) || hook.init === undefined) return;
    await inside(owner, "init", () => hook.init!(store ? { ...context, store } : context));
  }

  /** Closes the hook. */
  async close(owner: object): Promise<void> {
    const hook = this.#hook;
    if (hook?.close !== undefined) await inside(owner, "close", () => hook.close!());
  }
}

/** Skips the events that a filter rejects. */
export function filtered(invoke: Invoke, filter: (event: HookEvent) => boolean): Invoke {
  return (event, context) => passes(filter, event) ? invoke(event, context) : SKIPPED;
}

/** Returns the result of a filter for an event. @throws {TypeError} when that is a promise */
export function passes(filter: (event: HookEvent) => boolean, event: HookEvent): boolean {
  const result = filter(event);
  rejectPromise("filter", result);
  return result;
}

/** Throws for a promise, which would count as true, and whose rejection would be lost. */
function rejectPromise(name: string, result: unknown): void {
  if (!isThenable(result)) return;
  result.then(undefined, () => {});
  throw new TypeError(`Cannot await '${name}': it must be synchronous`);
}

/** Calls a handler once, even if dispatches overlap. `before` is called just before. */
export function onlyOnce(invoke: Invoke, before: () => void): Invoke {
  let called = false;
  return (event, context) => {
    if (called) return SKIPPED;
    called = true;
    before();
    return invoke(event, context);
  };
}

/** Limits the duration of a call, in milliseconds. After it, its signal aborts and the call has failed. */
export function limited(invoke: Invoke, name: string, timeout: number): Invoke {
  return (event, context) =>
    withTimeout(
      context.signal,
      timeout,
      () => new HookTimeoutError(name, timeout),
      (signal) => invoke(event, { ...context, signal }),
    );
}

/** The parts of a handler's context. */
export type ContextOptions = {
  /** The types of the events that led to the call. */
  readonly chain: Chain;
  readonly signal: AbortSignal;
  readonly attempt?: number;
};

/** Emits events that continue a chain. */
type ChainEmitter = {
  readonly [Name in "emit" | "emitInBackground"]: (
    type: string,
    data: unknown,
    options: Parameters<Emitter["emit"]>[2],
    cause: Chain,
  ) => ReturnType<Emitter[Name]>;
};

/** The parts that all contexts share. */
type ContextParts = {
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly emitter: ChainEmitter;
};

/** Returns the second argument of a handler. */
export function handlerContext(
  { store, info }: Entry,
  { chain, signal, attempt = 1 }: ContextOptions,
  { logger, telemetry, emitter }: ContextParts,
): HandlerContext {
  return Object.freeze<HandlerContext & { readonly telemetry?: Telemetry }>({
    signal,
    logger,
    attempt,
    ...(store && { store }),
    ...(info.kind === "webhook" && { telemetry }),
    emit: (type, data, options) => emitter.emit(type, data, options, chain),
    emitInBackground: (type, data, options) => emitter.emitInBackground(type, data, options, chain),
  });
}
