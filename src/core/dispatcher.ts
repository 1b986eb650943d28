import type { Engine } from "./_engine.ts";
import type { EmitOptions, Emitter, Receipt } from "./emitter.ts";
import type { AgentEvents, EventType } from "./events.ts";
import { engineOf, HookRegistry } from "./registry.ts";

/** Makes events and dispatches them to a registry. */
export class Dispatcher<Events extends object = AgentEvents> implements Emitter<Events> {
  readonly #engine: Engine;

  /** A dispatcher over a registry. */
  constructor(registry: HookRegistry<Events>) {
    if (!(registry instanceof HookRegistry)) {
      throw new TypeError("Cannot create a dispatcher as 'registry' must be a HookRegistry");
    }
    this.#engine = engineOf(registry as unknown as HookRegistry);
  }

  /**
   * Emits an event and waits for every hook that hears it. Never throws at the call: whatever is wrong
   * rejects the promise, so it must be awaited.
   *
   * @throws {DispatchError} when handlers failed; the others ran nevertheless
   * @throws {EventValidationError} when the payload is refused; no handler ran
   * @throws {HookInitError} when a hook could not be opened; no handler ran
   * @throws {HooksClosedError} after `close`
   */
  emit<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): Promise<Receipt> {
    return this.#engine.emit(type, data, options);
  }

  /** Emits an event in the background. Never throws: failures go to the logger and to `onError`. */
  emitAsync<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): void {
    this.#engine.emitAsync(type, data, options);
  }

  /** `emit` in the Go package's order of arguments; an empty session means none. */
  emitWithSession<Type extends EventType<Events>>(
    type: Type,
    sessionId: string,
    data: Events[Type],
    options?: EmitOptions,
  ): Promise<Receipt> {
    return this.emit(type, data, { ...options, sessionId });
  }

  /** `emitAsync` in the Go package's order of arguments; an empty session means none. */
  emitAsyncWithSession<Type extends EventType<Events>>(
    type: Type,
    sessionId: string,
    data: Events[Type],
    options?: EmitOptions,
  ): void {
    this.emitAsync(type, data, { ...options, sessionId });
  }
}
