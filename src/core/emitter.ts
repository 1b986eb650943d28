import type { AgentEvents, EventType } from "./events.ts";

/** Options of `emit`, `emitInBackground`, and `dispatch`. */
export interface EmitOptions {
  /** The session that the event belongs to. An empty string means none. */
  readonly sessionId?: string | undefined;
  /** The run of the agent that the event belongs to. An empty string means none. */
  readonly runId?: string | undefined;
  /** The trace of the event, a `traceparent` of W3C Trace Context. An empty string means none. */
  readonly traceparent?: string | undefined;
  /**
   * Aborts the emission. Before the event is accepted, `emit` rejects with the signal's reason. After that,
   * running handlers are aborted, and the remaining ones fail with the reason. `emitInBackground` ignores it.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * A second emission with the same key is a duplicate: it is not stored, no handler runs, and its
   * receipt has the id of the first one. Needs an outbox.
   */
  readonly idempotencyKey?: string | undefined;
  /**
   * Keeps the platform alive until the event is done, as `ctx.waitUntil` of Workers does. Called with a
   * promise that never rejects.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** How one handler ended. */
export type HandlerOutcome = {
  /** The handler's name. */
  readonly name: string;
  /** Whether it succeeded. */
  readonly ok: boolean;
  /** What it threw, unchanged; absent when it succeeded. */
  readonly error?: unknown;
};

/** The result of an emission. */
export type Receipt = {
  /** The event's id. For a duplicate, the id of the first event. */
  readonly id: string;
  /** How many deliveries were stored; 0 without an outbox. */
  readonly deliveries: number;
  /** Whether its idempotency key or its id was already stored. No handler ran then. */
  readonly duplicate: boolean;
  /** The handlers and inline webhooks that ran, or would have run before an abort, in order. */
  readonly handlers: readonly HandlerOutcome[];
};

/** What `emit` with `tx` resolves to: the event is stored in your transaction, and no handler has run yet. */
export type TransactionReceipt = Receipt & {
  /**
   * Runs the handlers after the commit of the caller, sends deliveries immediately, and resolves to the final
   * receipt. Without it, webhooks and durable hooks still receive the event; handlers don't run.
   *
   * Runs handlers once, however often it is called. For a duplicate, no handler runs.
   *
   * @throws {DispatchError} when handlers failed; the others ran nevertheless
   * @throws {Error} when the transaction isn't committed, or was rolled back; no handler ran
   * @throws {HooksClosedError} after `close`
   */
  committed(): Promise<Receipt>;
};

/**
 * Emits events. A function that only emits should take an `Emitter`: `Hooks<AgentEvents & Own>` is an
 * `Emitter<AgentEvents>`, but not a `Hooks<AgentEvents>`.
 */
export interface Emitter<Events extends object = AgentEvents> {
  /**
   * Emits an event and waits for its handlers. Always await it: it never throws synchronously, errors
   * reject the promise.
   *
   * A handler that never ends keeps it waiting, even past `close`, unless the handler has a `timeout` or
   * the emission has a `signal`, an outbox or a schema: then `close` ends it when it gives up.
   *
   * The payload is copied in JSON form before `emit` returns: later changes to your object don't affect
   * the event, and handlers can't change your object.
   *
   * @throws {DispatchError} when handlers failed; the others ran nevertheless
   * @throws {EmitDepthError} when 64 emitted events are nested, or 16 with `context.emit`
   * @throws {EventValidationError} when the payload is rejected; no handler ran
   * @throws {HookInitError} when a hook could not be opened; no handler ran
   * @throws {HooksClosedError} after `close`
   */
  emit<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): Promise<Receipt>;
  /**
   * Emits an event in the background. Never throws and needs no `await`: failures are logged and
   * reported to `onError`. An event that exceeds `maxPending` goes to `onError` or `onDrop`.
   */
  emitInBackground<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): void;
}
