import { checkStore } from "../store/scoped_store.ts";
import type { Store } from "../store/mod.ts";
import { BackgroundQueue, InFlight } from "./background_queue.ts";
import type { HooksOption } from "./define_hook.ts";
import type { Webhook } from "./delivery.ts";
import type { EmitOptions, Receipt } from "./emitter.ts";
import type { Entry } from "./entry.ts";
import { HooksClosedError } from "./errors.ts";
import type { AgentEvents, EventOf, EventPattern, EventType, HookEvent } from "./events.ts";
import { Gates } from "./gates/gates.ts";
import { HandlerTable } from "./handler_table.ts";
import type { HandlerFunc, HandlerOptions, Hook } from "./hook.ts";
import { HookLifecycle } from "./lifecycle.ts";
import { type HooksOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import type { Metric } from "./metrics.ts";
import { Observer } from "./observer.ts";
import { Pipeline } from "./pipeline.ts";
import { type DurableHost, handlerEntry, hookEntry, webhookEntry } from "./create_entry.ts";
import { Recorder } from "./recorder.ts";
import { createRegistration, registerAll, type Registration } from "./registration.ts";
import { Reporter } from "./reporter.ts";

/**
 * Registers handlers, hooks and webhooks by pattern, and dispatches events to them.
 *
 * `createHooks` creates one. Use it directly when events are created elsewhere.
 */
export class HookRegistry<Events extends object = AgentEvents> {
  // Private state isn't typed by `Events`: that would change what a registry can be assigned to.
  readonly #options: ResolvedOptions;
  readonly #handlers: HandlerTable;
  readonly #lifecycle: HookLifecycle;
  readonly #pipeline: Pipeline;
  readonly #names = new Set<string>();
  readonly #queued = new Set<{ unregister(): void }>();
  readonly #connection: { unregister(): void } | undefined;
  readonly #recorder: Recorder;
  /** Gates and their decisions: `hooks.gate`, `hooks.decide` and `hooks.call` call its methods. */
  readonly gates: Gates<Events>;
  /** Emits events for adapters of agent SDKs, whose runs must not fail because of an event. */
  readonly observer: Observer<Events>;

  /** Creates a registry. @throws {TypeError | RangeError} when an option is invalid */
  constructor(options: HooksOptions<Events> = {}) {
    this.#options = resolveOptions(options as unknown as HooksOptions);
    const { logger, onError, onDrop, outbox: queue, store, use, closeTimeout } = this.#options;
    const reporter = new Reporter(logger, onError, onDrop);
    const background = new BackgroundQueue(this.#options, reporter);
    const recorder = this.#recorder = new Recorder(this.#options, reporter);
    const flight = { inFlight: new InFlight(), calls: new InFlight() };
    const work = { logger, reporter, background, recorder, ...flight };
    const lifecycle = this.#lifecycle = new HookLifecycle({ ...work, queue, closeTimeout });
    const contextOf = (entry: Entry, type: string) =>
      this.#pipeline.contextOf(entry, { chain: [type], signal: lifecycle.abandoned });
    const handlers = this.#handlers = new HandlerTable({ ...work, lifecycle, contextOf }, store);
    this.#pipeline = new Pipeline({ ...work, options: this.#options, handlers, lifecycle });
    const pipeline = this.#pipeline;
    const observer = new Observer({ ...work, pipeline, handlers, lifecycle });
    this.observer = observer as unknown as Observer<Events>;
    this.gates = new Gates<Events>(this.#options, { ...work, lifecycle, observer, pipeline });
    this.#connection = queue?.connect?.({
      logger,
      telemetry: recorder,
      targetsOf: (event) => this.#pipeline.targetsOf(event),
      announce: (event) => this.#pipeline.announce(event),
    });
    try {
      this.use(...use as unknown as readonly HooksOption<Events>[]);
    } catch (error) {
      this.#connection?.unregister(); // the outbox can be used for another attempt
      throw error;
    }
  }

  /**
   * Registers a handler for one pattern or several.
   *
   * @param name The name in logs and errors, and of its slice of the store; empty for none
   * @throws {TypeError | RangeError} when an argument is invalid
   * @throws {HooksClosedError} after `close`
   */
  registerHandler<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    name: string,
    handler: HandlerFunc<EventOf<Events, Pattern>, Events>,
    options: HandlerOptions<EventOf<Events, Pattern>> = {},
  ): Registration {
    const definition = { patterns: pattern, name, handler, options } as never;
    const registration = this.#add(handlerEntry(definition, () => registration()));
    return registration;
  }

  /**
   * Registers a hook. It is opened before its first event.
   *
   * @throws {TypeError | RangeError} when the hook is invalid, its name is taken, or it is durable and
   *   there is no outbox
   * @throws {HooksClosedError} after `close`
   */
  registerHook(hook: Hook<EventOf<Events>, Events>): Registration {
    const pipeline = this.#pipeline;
    const host: DurableHost = {
      enter: (entry) => this.#enter(entry),
      run: (call) => pipeline.run(call),
      contextOf: (entry, { type }, { signal, attempt }) =>
        pipeline.contextOf(entry, { chain: [type], signal, attempt }),
    };
    return this.#add(hookEntry(hook as unknown as Hook, this.#options.outbox, host));
  }

  /**
   * Registers a webhook: with an outbox it is sent in the background, with retries; without one, inline.
   *
   * @throws {TypeError} when the webhook is invalid, its name is taken, or it has an `ordering` and there
   *   is no outbox
   * @throws {HooksClosedError} after `close`
   */
  registerWebhook(webhook: Webhook): Registration {
    return this.#add(webhookEntry(webhook, this.#options.outbox));
  }

  /**
   * Registers hooks, webhooks, and the results of `withHook` and its siblings: all of them, or none.
   *
   * @returns One registration per argument, in the same order
   * @throws {TypeError | RangeError} when one is invalid
   */
  use(...options: readonly HooksOption<Events>[]): readonly Registration[] {
    return registerAll(this as never, options as readonly HooksOption[]);
  }

  /**
   * Passes each hook its slice of a store before `init`, including hooks registered later.
   *
   * @throws {HookInitError} when a hook's `setStorage` throws; the others are called nevertheless
   */
  setStorage(store: Store): void {
    checkStore("Cannot set storage", store);
    this.#handlers.setStorage(store);
  }

  /** Emits an event and waits for its handlers. See `Emitter.emit`. */
  emit<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): Promise<Receipt> {
    return this.#pipeline.emit(type, data, options);
  }

  /** Emits an event in the background. See `Emitter.emitInBackground`. */
  emitInBackground<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): void {
    this.#pipeline.emitInBackground(type, data, options);
  }

  /**
   * Dispatches an existing event, such as one that `decodeEvent` returned. Like `emit`, it takes a frozen
   * copy at the call. With an outbox, an event whose id is already stored is a duplicate: it is not stored
   * again, and no handler runs.
   *
   * @throws {DispatchError} when handlers failed; the others ran nevertheless
   * @throws {EventValidationError} when it is not an event, JSON can't represent its payload, or a schema
   *   rejects that
   * @throws {EmitDepthError} when 64 events are nested
   * @throws {HookInitError} when a hook could not be opened
   * @throws {HooksClosedError} after `close`
   */
  dispatch(
    event: HookEvent,
    options?: Pick<EmitOptions, "signal" | "idempotencyKey" | "waitUntil">,
  ): Promise<Receipt> {
    return this.#pipeline.dispatch(event, options);
  }

  /** Dispatches an existing event in the background. Never throws: failures go to `onError` and the logger. */
  dispatchAsync(event: HookEvent, options?: Parameters<HookRegistry["dispatch"]>[1]): void {
    this.#pipeline.dispatchInBackground(event, options);
  }

  /**
   * Dispatches several events: all are validated and stored, or none. Then their handlers run, event by
   * event. A failed handler is in the receipt of its event, and stops nothing.
   *
   * @param batch Events, each with an optional idempotency key. `fresh` says that an id was just created, so
   *   that it can't be a duplicate; `hasTimestamp`, that the sender set the timestamp, which is then part of
   *   the content of a key
   * @param options An idempotency key for the whole batch: those of its events are ignored then.
   *   `onAccepted` is called when all events are accepted, before the first handler runs
   * @throws {EventValidationError} with every issue; a path starts with the index of the event
   * @throws {HookInitError} when a hook could not be opened
   * @throws {HooksClosedError} after `close`
   */
  dispatchMany(
    batch: readonly {
      readonly event: HookEvent;
      readonly idempotencyKey?: string | undefined;
      readonly fresh?: boolean | undefined;
      readonly hasTimestamp?: boolean | undefined;
    }[],
    options: {
      readonly idempotencyKey?: string | undefined;
      readonly onAccepted?: ((receipts: readonly Receipt[]) => void) | undefined;
    } = {},
  ): Promise<readonly Receipt[]> {
    return this.#pipeline.dispatchMany(batch, options);
  }

  /** Returns the number of handlers, hooks and webhooks that receive a type. */
  handlerCount(type: string): number {
    return this.#handlers.matching(type).size;
  }

  /** Returns the number of hooks and webhooks. */
  hookCount(): number {
    return this.#names.size;
  }

  /** Returns the metrics of this process and of the outbox, as `GET /metrics` serves them. */
  metrics(): Promise<readonly Metric[]> {
    return this.#recorder.metrics();
  }

  /** Returns all registrations, in order. */
  list(): readonly {
    /** The name; for a handler without one, its function's name or its patterns. */
    readonly name: string;
    /** What was registered. */
    readonly kind: "handler" | "hook" | "webhook";
    /** The patterns that it subscribes to. */
    readonly events: readonly string[];
    /** Whether the outbox delivers to it. */
    readonly durable: boolean;
  }[] {
    return Array.from(this.#handlers.entries, (entry) => entry.info);
  }

  /**
   * Opens every hook that is not open. Implied by the first event.
   *
   * @throws {HookInitError} when a hook could not be opened
   * @throws {DeadlockError} in `init` of a hook
   */
  init(): Promise<void> {
    return this.#lifecycle.init();
  }

  /**
   * Resolves when no background event is running or waiting, including those emitted in the meantime.
   *
   * @throws {DeadlockError} in a background handler, which would wait for itself. On a platform without
   *   `AsyncLocalStorage` (Workers without `nodejs_compat`), this is detected only before the handler's
   *   first `await`; after that, the call never resolves
   */
  drain(): Promise<void> {
    return this.#lifecycle.drain();
  }

  /**
   * Rejects events from now on, waits for those that are running, stops the outbox, and closes hooks in
   * reverse order, all within `closeTimeout`. Idempotent.
   *
   * In a handler or a hook, call it without `await`, because it waits for them. If an awaited call
   * can't be detected (after the first `await` of a foreground handler or a gate, without an outbox, schemas
   * or `redact`), `closeTimeout` ends the wait.
   *
   * @throws {DeadlockError} in a handler or a hook; the hooks close nevertheless
   * @throws {HookCloseError} with everything that failed
   */
  close(): Promise<void> {
    return this.#lifecycle.close(() => this.#disconnect());
  }

  #disconnect(): void {
    for (const target of this.#queued) target.unregister();
    this.#queued.clear();
    this.#connection?.unregister();
    this.#recorder.stop();
  }

  /** Lets the queue call a durable hook. */
  async #enter(entry: Entry): Promise<void> {
    await this.#lifecycle.open();
    if (entry.active && !this.#lifecycle.isAbandoned) return;
    throw new HooksClosedError(`Cannot call '${entry.info.name}'`);
  }

  #add(entry: Entry): Registration {
    const { name, kind } = entry.info;
    const hasUniqueName = kind !== "handler";
    const subject = `Cannot register ${kind} '${name}'`;
    this.#lifecycle.admit(subject, false);
    if (hasUniqueName && this.#names.has(name)) {
      throw new TypeError(`${subject}: the name is taken by another hook or webhook`);
    }
    const queued = entry.target && this.#options.outbox?.register(entry.target);
    try {
      this.#handlers.add(entry);
    } catch (error) {
      queued?.unregister();
      throw error;
    }
    if (entry.hasLifecycle) this.#lifecycle.add(entry);
    if (hasUniqueName) this.#names.add(name);
    if (queued) this.#queued.add(queued);
    return createRegistration(() => {
      if (!entry.active) return;
      entry.active = false;
      this.#handlers.delete(entry);
      if (entry.hasLifecycle) this.#lifecycle.delete(entry);
      if (hasUniqueName) this.#names.delete(name);
      if (queued && this.#queued.delete(queued)) queued.unregister();
    });
  }
}
