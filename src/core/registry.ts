import { checkFunctions, checkObject, inspect } from "../internal/validate.ts";
import { checkStore } from "../store/check_store.ts";
import type { Store } from "../store/mod.ts";
import { Engine } from "./_engine.ts";
import type { Entry } from "./_entry.ts";
import {
  checkDefined,
  checkKnown,
  OR_INFINITE,
  readCount,
  readDuration,
} from "../internal/options.ts";
import { type DurableHost, handlerEntry, hookEntry, webhookEntry } from "./_registration.ts";
import type { Webhook } from "./delivery.ts";
import { checkEmitOptions, type EmitOptions, type Receipt } from "./emitter.ts";
import type { AgentEvents, HookEvent } from "./events.ts";
import type { HandlerOptions, Hook, PatternHandler } from "./hook.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { EventOf, EventPattern } from "./patterns.ts";
import type { Registration, RegistrationInfo } from "./registration.ts";
import type { RegistryOptions } from "./registry_options.ts";

/** The engine beneath a registry: for what this folder makes of one, and nobody else. */
export let engineOf: (registry: HookRegistry) => Engine;

/**
 * Who hears which event: handlers, compiled hooks and webhooks, by pattern.
 *
 * `createHooks` makes one, with a `Dispatcher` over it; use it by itself when events are made elsewhere.
 */
export class HookRegistry<Events extends object = AgentEvents> implements Lifecycle {
  static {
    engineOf = (registry) => registry.#engine;
  }

  // What is private is not typed by `Events`: that would change what a registry can be assigned to.
  readonly #options: RegistryOptions;
  readonly #engine: Engine;
  readonly #names = new Set<string>();
  readonly #queued = new Set<Registration>();

  /**
   * An empty registry.
   *
   * @throws {TypeError | RangeError} when an option is ill-formed
   */
  constructor(options: RegistryOptions<Events> = {}) {
    this.#options = checkOptions(options as unknown as RegistryOptions);
    this.#engine = new Engine(this.#options);
  }

  /**
   * Registers a handler for what a pattern, or several, match.
   *
   * @param name For logs and failures, and the name of its part of the store; empty: none
   * @throws {TypeError | RangeError} when an argument is ill-formed
   */
  registerHandler<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    name: string,
    handler: PatternHandler<Events, Pattern>,
    options: HandlerOptions<EventOf<Events, Pattern>> = {},
  ): Registration {
    const once = (): void => registration.unregister();
    const entry = handlerEntry(pattern, name, handler as never, options as never, once);
    const registration = this.#add(entry);
    return registration;
  }

  /**
   * Registers a compiled hook. It is opened before its first event.
   *
   * @throws {TypeError | RangeError} when the hook is ill-formed, its name is taken, or it is durable
   *   and there is no outbox
   */
  registerHook(hook: Hook<EventOf<Events>, Events>): Registration {
    const engine = this.#engine;
    const hostOf = (entry: () => Entry): DurableHost => ({
      enter: () => engine.enter(entry()),
      run: (call) => engine.run(call),
      contextFor: (event, signal, attempt) =>
        engine.contextFor(entry(), [event.type], signal, attempt),
    });
    return this.#add(hookEntry(hook as unknown as Hook, this.#options.outbox, hostOf));
  }

  /**
   * Registers a webhook: with an outbox it is delivered to in the background, again and again if need
   * be; without one, inline.
   *
   * @throws {TypeError} when the webhook is ill-formed, its name is taken, or it has an `ordering` and
   *   there is no outbox
   */
  registerWebhook(webhook: Webhook): Registration {
    return this.#add(webhookEntry(webhook, this.#options.outbox));
  }

  /** Gives every hook its part of a store, also those that come later, and always before `init`. */
  setStorage(store: Store): void {
    checkStore("Cannot set the storage", store);
    this.#engine.stores.set(store);
  }

  /**
   * Dispatches an event that exists, such as one that `decodeEvent` returned. Like `emit`, it takes a
   * frozen copy at the call. With an outbox, an event whose id is stored already is a duplicate: it is not
   * stored again, and no handler runs.
   *
   * @throws {DispatchError} when handlers failed; the others ran nevertheless
   * @throws {EventValidationError} when it is not an event, JSON can't carry its payload, or a schema
   *   refuses that
   * @throws {EmitDepthError} when 64 events are emitted inside of one another
   * @throws {HookInitError} when a hook could not be opened
   * @throws {HooksClosedError} after `close`
   */
  dispatch(event: HookEvent, options?: EmitOptions): Promise<Receipt> {
    if (options !== undefined) {
      try {
        checkEmitOptions("dispatch", event?.type, options);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#engine.dispatch(event, options);
  }

  /** The same in the background. Never throws: failures go to the logger and to `onError`. */
  dispatchAsync(event: HookEvent, options?: EmitOptions): void {
    this.#engine.dispatchAsync(event, options);
  }

  /** How many handlers, hooks and webhooks hear a type. */
  handlerCount(type: string): number {
    return this.#engine.plans.hearing(type).size;
  }

  /** How many compiled hooks and webhooks there are. */
  hookCount(): number {
    return this.#names.size;
  }

  /** All registrations, in order. */
  list(): readonly RegistrationInfo[] {
    return Array.from(this.#engine.plans.entries, (entry) => entry.info);
  }

  /**
   * Opens every hook that is not open. Implied by the first event.
   *
   * @throws {HookInitError} when a hook could not be opened
   * @throws {DeadlockError} in `init` of a hook
   */
  init(): Promise<void> {
    return this.#engine.init();
  }

  /**
   * Resolves when no background event is running or queued, including those emitted in the meantime.
   *
   * @throws {DeadlockError} in a background handler, which would wait for itself. On a platform without
   *   `AsyncLocalStorage` (Workers without `nodejs_compat`), this is detected only before the handler's
   *   first `await`; after that, the call never resolves
   */
  drain(): Promise<void> {
    return this.#engine.drain();
  }

  /**
   * Refuses events from now on, waits for those under way, stops the outbox, and closes hooks in
   * reverse order; all that within `closeTimeout`. Idempotent.
   *
   * In a handler or a hook, call it without `await`, because it waits for them. If an awaited call
   * can't be detected (after the first `await` of a foreground handler, without an outbox, schemas or
   * `redact`), `closeTimeout` ends the wait.
   *
   * @throws {DeadlockError} in a handler or a hook; the hooks close nevertheless
   * @throws {HookCloseError} with everything that went wrong
   */
  close(): Promise<void> {
    return this.#engine.close(() => {
      for (const registration of this.#queued) registration.unregister();
      this.#queued.clear();
      this.#engine.lifecycle.connection?.unregister();
    });
  }

  #add(entry: Entry): Registration {
    const { name, kind } = entry.info;
    const named = kind !== "handler";
    const subject = `Cannot register ${kind} '${name}'`;
    this.#engine.lifecycle.admit(subject, false);
    if (named && this.#names.has(name)) {
      throw new TypeError(`${subject} as the name is taken by another hook or webhook`);
    }
    const queued = entry.target && this.#options.outbox?.register(entry.target);
    try {
      this.#engine.add(entry);
    } catch (error) {
      queued?.unregister();
      throw error;
    }
    if (named) this.#names.add(name);
    if (queued) this.#queued.add(queued);
    const unregister = (): void => {
      if (!entry.active) return;
      entry.active = false;
      this.#engine.delete(entry);
      if (named) this.#names.delete(name);
      queued?.unregister();
      if (queued) this.#queued.delete(queued);
    };
    return { unregister, [Symbol.dispose]: unregister };
  }
}

/** Every option of a registry. */
const KNOWN: readonly string[] = [
  ...["schemas", "outbox", "store", "logger", "redact", "onError", "onDrop", "maxConcurrent"],
  ...["maxPending", "overflow", "waitUntil", "closeTimeout"],
];

/** What someone may have meant. */
const RENAMED = { storage: "store", queue: "outbox", timeout: "closeTimeout" };

function checkOptions(options: RegistryOptions): RegistryOptions {
  const subject = "Cannot create hooks";
  checkObject(subject, "the options", options);
  checkKnown(subject, options, KNOWN, RENAMED);
  checkDefined(subject, options, { redact: "to store and send events as they are" });
  if (options.store !== undefined) checkStore(subject, options.store);
  if (options.outbox !== undefined) {
    checkFunctions(`${subject} with this outbox`, options.outbox, [
      ...["publish", "register", "start", "stop"],
    ]);
  }
  const { maxConcurrent, maxPending, closeTimeout, overflow, schemas = {} } = options;
  readCount(subject, "maxConcurrent", maxConcurrent, OR_INFINITE);
  readCount(subject, "maxPending", maxPending, { min: 0, infinite: true });
  if (overflow !== undefined && overflow !== "reject" && overflow !== "drop") {
    throw new TypeError(
      `${subject} as 'overflow' must be "reject" or "drop": current value is ${inspect(overflow)}`,
    );
  }
  checkFunctions(subject, options, [], ["redact", "onError", "onDrop", "waitUntil"]);
  if (options.logger !== undefined) {
    checkFunctions(subject, options.logger, ["debug", "info", "warn", "error"]);
  }
  checkObject(subject, "'schemas'", schemas);
  for (const [type, schema] of Object.entries(schemas)) {
    if (schema !== undefined && typeof schema?.["~standard"]?.validate !== "function") {
      throw new TypeError(`${subject} as the schema of '${type}' must be a Standard Schema`);
    }
  }
  if (closeTimeout === undefined) return options;
  return {
    ...options,
    closeTimeout: readDuration(subject, "closeTimeout", closeTimeout, OR_INFINITE),
  };
}
