import { setTimer } from "../internal/async.ts";
import { quote } from "../internal/validate.ts";
import { StoreLimitError } from "../store/errors.ts";
import type { InFlight } from "./background_queue.ts";
import { callHandlers, receiptIn } from "./dispatch.ts";
import type { EmitOptions } from "./emitter.ts";
import { EventValidationError, HooksClosedError } from "./errors.ts";
import type { AgentEvents, EventType, HookEvent } from "./events.ts";
import type { HandlerTable } from "./handler_table.ts";
import type { HookLifecycle } from "./lifecycle.ts";
import { enterDispatch, leaveDispatch } from "./nesting.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Recorder } from "./recorder.ts";
import type { Reporter } from "./reporter.ts";
import { createEvent } from "./snapshot.ts";
import type { Spans, TelemetrySpan } from "./telemetry.ts";

/**
 * How long an observed event may block its caller, in milliseconds. A slower store continues in the
 * background: the agent doesn't wait for it.
 */
const MAX_WAIT = 1_000;

/** The part of the registry that an observer uses. */
type Parts = {
  readonly pipeline: Pipeline;
  readonly handlers: HandlerTable;
  readonly reporter: Reporter;
  readonly lifecycle: HookLifecycle;
  /** Runs, decisions and tool calls, which `close` waits for. */
  readonly calls: InFlight;
  readonly recorder: Recorder;
};

/** Options of an observed event. */
export type ObserveOptions = Pick<EmitOptions, "sessionId" | "runId" | "traceparent"> & {
  /** Whether it belongs to what began before `close`, which waits for it. @default {false} */
  readonly isAdmitted?: boolean | undefined;
};

/** Emits events for adapters of agent SDKs: an event that fails never fails its caller. */
export class Observer<Events extends object = AgentEvents> {
  readonly #parts: Parts;
  /** Whether the outbox has just kept a caller waiting for too long. */
  #isSlow = false;

  /** @ignore A registry creates its own. */
  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Registers a run that `close` waits for. Returns a function to call when it ends, which must be soon after
   * `closing` aborts.
   */
  enter(): () => void {
    return this.#parts.calls.enter();
  }

  /** Aborts when `close` begins. */
  get closing(): AbortSignal {
    return this.#parts.lifecycle.closing;
  }

  /**
   * Emits an event. Resolves when it is accepted, without waiting for handlers, or after a second if the outbox
   * needs longer. Never rejects: failures are logged and reported to `onError`.
   */
  emit<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options: ObserveOptions = {},
  ): Promise<void> {
    return this.#guarded(type, () => {
      const { isAdmitted, ...correlation } = options;
      return this.accept([createEvent(type, data, correlation)], isAdmitted);
    });
  }

  /**
   * Dispatches events, and resolves like `emit`.
   *
   * @param isAdmitted Whether they belong to what began before `close`
   * @throws {EventValidationError} when a schema rejects a payload
   * @throws {HooksClosedError} after `close`
   */
  accept(events: readonly HookEvent[], isAdmitted = false): Promise<void> {
    if (this.acceptDirect(events)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let isLate = false;
      // Once a store has kept one caller waiting, no other waits until it responds again.
      const cancel = setTimer(this.#isSlow ? 0 : MAX_WAIT, () => {
        isLate = true;
        this.#isSlow = true;
        resolve();
      });
      const onAccepted = (): void => {
        cancel();
        this.#isSlow = false;
        resolve();
      };
      const failed = (error: unknown): void => {
        const short = error instanceof StoreLimitError ? withoutContent(events) : undefined;
        if (short !== undefined) {
          this.report(`Cannot store the content of ${quote(events[0]!.type)}`, error);
          return dispatch(short);
        }
        cancel();
        const isCallers = error instanceof EventValidationError ||
          error instanceof HooksClosedError;
        if (isCallers && !isLate) return reject(error);
        this.report(`Cannot emit ${quote(events[0]!.type)}`, error);
        resolve();
      };
      const dispatch = (events: readonly HookEvent[]): void => {
        const batch = events.map((event) => ({ event, fresh: true }));
        this.#parts.pipeline.dispatchMany(batch, { onAccepted, isAdmitted, isEarly: true })
          .then(onAccepted, failed);
      };
      dispatch(events);
    });
  }

  /**
   * Does the same at once, if events go straight to their handlers. Returns whether it did. Never throws.
   *
   * @ignore Gates call it.
   */
  acceptDirect(events: readonly HookEvent[]): boolean {
    const { lifecycle, handlers } = this.#parts;
    const handled = events.filter(({ type }) => this.isObserved(type));
    // Several are handled one after the other, which takes time.
    if (!this.#parts.pipeline.isDirect || handled.length > 1) return false;
    for (const event of handled) {
      this.#parts.reporter.guard(`Cannot emit ${quote(event.type)}`, event, () => {
        enterDispatch(lifecycle, event.type);
        try {
          callHandlers(handlers.listFor(event.type), event).catch(receiptIn); // what failed is reported
        } finally {
          leaveDispatch();
        }
      });
    }
    return true;
  }

  /** Returns whether events of a type are stored, or handled by anything. @ignore Gates call it. */
  isObserved(type: string): boolean {
    const { pipeline, handlers } = this.#parts;
    return !pipeline.isDirect || handlers.listFor(type).calls.length > 0;
  }

  /** Calls a function in a span, which ends when the returned promise settles. */
  span<Name extends keyof Spans, Result>(
    name: Name,
    attributes: Spans[Name],
    fn: (span: TelemetrySpan) => Result,
  ): Result {
    return this.#parts.recorder.span(name, attributes, fn);
  }

  /** Returns a function that calls others in the span that is active now. */
  bind(): <Result>(fn: () => Result) => Result {
    return this.#parts.recorder.bind();
  }

  /** Logs a failure and passes it to `onError`, like that of a handler. Never throws. */
  report(message: string, error: unknown): void {
    this.#parts.reporter.failed(message, error);
  }

  async #guarded(type: string, emit: () => Promise<void>): Promise<void> {
    try {
      await emit();
    } catch (error) {
      this.report(`Cannot emit ${quote(type)}`, error);
    }
  }
}

/**
 * Returns events that are too large to be stored without the parameters and results of tools; undefined if there are
 * none to omit. A tool that ran must leave a trace.
 */
function withoutContent(events: readonly HookEvent[]): readonly HookEvent[] | undefined {
  let isShorter = false;
  const short = events.map((event) => {
    const { params, result, ...data } = event.data as Readonly<Record<string, unknown>>;
    const hasContent = event.type.startsWith("tool.") && (params ?? result) !== undefined;
    isShorter ||= hasContent;
    return hasContent ? createEvent(event.type, data, event) : event;
  });
  return isShorter ? short : undefined;
}
