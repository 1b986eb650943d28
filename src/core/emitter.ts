import { inspect, quote } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import type { AgentEvents, EventType } from "./events.ts";

/** Options of one emission. */
export interface EmitOptions {
  /** The session that the event belongs to; an empty string means none. */
  readonly sessionId?: string | undefined;
  /**
   * Aborts the emission. Before the event is accepted, `emit` rejects with the signal's reason; after
   * that, what runs is aborted and what did not run yet fails with the reason. The async form
   * ignores it.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * A second emission under the same key is a duplicate: it is not stored, no handler runs, and its
   * receipt has the first one's id. Needs an outbox.
   */
  readonly idempotencyKey?: string | undefined;
  /** Keeps the platform alive until the async form is done, as `ctx.waitUntil` of Workers does. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** How one handler ended. */
export type HandlerOutcome = {
  /** The handler's name. */
  readonly name: string;
  /** Whether it succeeded. */
  readonly ok: boolean;
  /** What it threw, as it was thrown; absent when it succeeded. */
  readonly error?: unknown;
};

/** What became of an emission. */
export type Receipt = {
  /** The event's id; of the first event when this one is a duplicate. */
  readonly id: string;
  /** How many deliveries were stored: 0 without an outbox. */
  readonly deliveries: number;
  /** Whether its idempotency key was known, or its id was stored already; then no handler ran. */
  readonly duplicate: boolean;
  /** The handlers and inline webhooks that ran, or would have before an abort, in their order. */
  readonly handlers: readonly HandlerOutcome[];
};

/**
 * What emits events. A function that only emits takes an `Emitter`: `Hooks<AgentEvents & Own>` is an
 * `Emitter<AgentEvents>`, but it is no `Hooks<AgentEvents>`.
 */
export interface Emitter<Events extends object = AgentEvents> {
  /**
   * Emits an event and waits for every hook that hears it. Never throws at the call: whatever is
   * wrong rejects the promise, so it must be awaited.
   *
   * It waits for its handlers. One that never ends keeps it waiting, even past `close`, unless the handler
   * has a `timeout` or the emission a `signal`, an outbox or a schema: then `close` ends it when it gives up.
   *
   * Copies the payload in JSON form before `emit` returns: later changes to your object don't affect
   * the event, and handlers can't change your object.
   *
   * @throws {DispatchError} when handlers failed; the others ran nevertheless
   * @throws {EmitDepthError} when 64 emitted events are nested, or 16 with `context.emit`
   * @throws {EventValidationError} when the payload is refused; no handler ran
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
   * reported to `onError`, an event that found no room to `onError` or `onDrop`.
   */
  emitAsync<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options?: EmitOptions,
  ): void;
}

/** Every option of an emission. */
const EMIT_OPTIONS: readonly string[] = ["sessionId", "signal", "idempotencyKey", "waitUntil"];

/** Refuses options of an emission that nobody reads. Called for every event that has options: cheap. */
export function checkEmitOptions(action: string, type: unknown, options: EmitOptions): void {
  if (typeof options === "object" && options !== null) {
    let known = true;
    for (const name in options) known &&= EMIT_OPTIONS.includes(name);
    if (known && !Array.isArray(options)) return;
  }
  const subject = `Cannot ${action} ${quote(type)}`;
  if (typeof options === "string") {
    const meant = `{ sessionId: ${inspect(options)} }`;
    throw new TypeError(`${subject}: the options must be an object. Did you mean ${meant}?`);
  }
  checkKnown(subject, options, EMIT_OPTIONS, { session: "sessionId", key: "idempotencyKey" });
}
