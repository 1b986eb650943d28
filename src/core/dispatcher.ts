import type { EmitOptions, Emitter, Receipt } from "./emitter.ts";
import type { AgentEvents, EventType } from "./events.ts";
import { HookRegistry } from "./registry.ts";

/** Emits events to a registry, with the method names of the Go package. */
export class Dispatcher<Events extends object = AgentEvents> implements Emitter<Events> {
  // Not typed by `Events`: that would change what a dispatcher can be assigned to.
  readonly #emitter: Emitter<never>;

  /**
   * Creates a dispatcher for a registry.
   *
   * @param emitter Emits in its place, such as the emitter of an agent. @default the registry
   * @throws {TypeError} when it is not a `HookRegistry`
   */
  constructor(registry: HookRegistry<Events>, emitter: Emitter<Events> = registry) {
    if (!(registry instanceof HookRegistry)) {
      throw new TypeError("Cannot create dispatcher: 'registry' must be a HookRegistry");
    }
    this.#emitter = emitter as unknown as Emitter<never>;
  }

  /** Emits an event and waits for its handlers. See `Emitter.emit`. */
  emit<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): Promise<Receipt> {
    return this.#emitter.emit(type as never, data as never, options);
  }

  /** Emits an event in the background. See `Emitter.emitInBackground`. */
  emitInBackground<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): void {
    this.#emitter.emitInBackground(type as never, data as never, options);
  }

  /** Does the same as `emitInBackground`. */
  emitAsync<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): void {
    this.emitInBackground(type, data, options);
  }

  /** Does the same as `emit`, with the session as an argument. An empty session means none. */
  emitWithSession<Type extends EventType<Events>>(
    type: Type,
    sessionId: string,
    data: Events[Type],
    options?: EmitOptions,
  ): Promise<Receipt> {
    return this.emit(type, data, { ...options, sessionId });
  }

  /** Does the same as `emitAsync`, with the session as an argument. An empty session means none. */
  emitAsyncWithSession<Type extends EventType<Events>>(
    type: Type,
    sessionId: string,
    data: Events[Type],
    options?: EmitOptions,
  ): void {
    this.emitAsync(type, data, { ...options, sessionId });
  }
}
