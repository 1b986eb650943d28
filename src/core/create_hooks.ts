import type { HooksOption } from "./define_hook.ts";
import type { DeliveryQueue } from "./delivery.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Emitter } from "./emitter.ts";
import type { AgentEvents } from "./events.ts";
import type { HandlerFunc, HandlerOptions } from "./hook.ts";
import type { HooksOptions } from "./options.ts";
import type { EventOf, EventPattern } from "./patterns.ts";
import type { Registration } from "./registration.ts";
import { HookRegistry } from "./registry.ts";

/** What `createHooks` returns: registry and dispatcher in one. Its methods need no `this`. */
export interface Hooks<
  Events extends object = AgentEvents,
  Outbox extends DeliveryQueue | undefined = DeliveryQueue | undefined,
> extends Emitter<Events> {
  /** Registers handlers, hooks and webhooks, and dispatches existing events. */
  readonly registry: HookRegistry<Events>;
  /** Emits events, with the method names of the Go package. */
  readonly dispatcher: Dispatcher<Events>;
  /** The `outbox` that was passed to `createHooks`. */
  readonly outbox: Outbox;
  /**
   * Registers a handler for one pattern or several. Call what it returns to unregister the handler.
   *
   * @throws {TypeError | RangeError} when an argument is invalid
   * @throws {HooksClosedError} after `close`
   */
  on<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    handler: HandlerFunc<EventOf<Events, Pattern>, Events>,
    options?: HandlerOptions<EventOf<Events, Pattern>>,
  ): Registration;
  /**
   * Registers a handler for one event: it is unregistered before its first call.
   *
   * @throws {TypeError | RangeError} when an argument is invalid
   * @throws {HooksClosedError} after `close`
   */
  once<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    handler: HandlerFunc<EventOf<Events, Pattern>, Events>,
    options?: Omit<HandlerOptions<EventOf<Events, Pattern>>, "once">,
  ): Registration;
  /**
   * Registers hooks, webhooks and what `withHook` and its siblings return: all of them, or none.
   *
   * @returns One registration per argument, in the same order
   * @throws {TypeError | RangeError} when one is invalid
   */
  use(...options: readonly HooksOption<Events>[]): readonly Registration[];
  /** Opens every hook that is not open. Implied by the first event. See `HookRegistry.init`. */
  init(): Promise<void>;
  /** Waits for background events. See `HookRegistry.drain`. */
  drain(): Promise<void>;
  /** Rejects new events, waits for running ones, and closes hooks. See `HookRegistry.close`. */
  close(): Promise<void>;
}

/**
 * Creates hooks: the place to register handlers and to emit events.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 *
 * const hooks = createHooks();
 * hooks.on("tool.called", (event) => console.log(event.data.name));
 * await hooks.emit("tool.called", { name: "bash", params: { command: "ls" } });
 * await hooks.close();
 * ```
 *
 * `hooks.outbox` has the type of the outbox that you pass. With your own events, name both types:
 * `createHooks<Events, Outbox>({ outbox })`.
 *
 * @throws {TypeError | RangeError} when an option is invalid
 */
export function createHooks<
  Events extends object = AgentEvents,
  Outbox extends DeliveryQueue | undefined = DeliveryQueue | undefined,
>(options: HooksOptions<Events, Outbox> = {}): Hooks<Events, Outbox> {
  const registry = new HookRegistry<Events>(options);
  return {
    registry,
    dispatcher: new Dispatcher<Events>(registry),
    outbox: options.outbox as Outbox,
    on: (pattern, handler, options) => registry.registerHandler(pattern, "", handler, options),
    once: (pattern, handler, options) =>
      registry.registerHandler(pattern, "", handler, { ...options, once: true }),
    use: (...options) => registry.use(...options),
    emit: (type, data, options) => registry.emit(type, data, options),
    emitInBackground: (type, data, options) => registry.emitInBackground(type, data, options),
    init: () => registry.init(),
    drain: () => registry.drain(),
    close: () => registry.close(),
  };
}
