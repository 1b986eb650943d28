import { abortable } from "./_abort.ts";
import { show } from "./_check.ts";
import { findEnvelopeFaults } from "./_envelope.ts";
import type { HookLifecycle } from "./_lifecycle.ts";
import { isEventType } from "./_patterns.ts";
import { validate } from "./_validate.ts";
import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { EventSchemas } from "./standard_schema.ts";

/** Everything that can refuse an event before a handler hears it. */
export class Acceptance {
  /** Events that wait for hooks to be opened: none may overtake them. */
  entering = 0;
  readonly #lifecycle: HookLifecycle;
  readonly #schemas: EventSchemas | undefined;
  readonly #isKnown: (type: string) => boolean;

  constructor(
    lifecycle: HookLifecycle,
    schemas: EventSchemas | undefined,
    isKnown: (type: string) => boolean,
  ) {
    this.#lifecycle = lifecycle;
    this.#schemas = schemas;
    this.#isKnown = isKnown;
  }

  /** Whether a value is an event, as far as a dispatch must know. Cheap: it is asked of every one. */
  isEvent(event: HookEvent): boolean {
    try {
      const { id, type, timestamp, sessionId } = event;
      return typeof id === "string" && id !== "" &&
        timestamp instanceof Date && !Number.isNaN(timestamp.getTime()) &&
        (sessionId === undefined || typeof sessionId === "string") &&
        (this.#isKnown(type) || isEventType(type));
    } catch {
      return false;
    }
  }

  /** What is wrong with a value that is no event. */
  refusal(subject: string, event: HookEvent): EventValidationError {
    return new EventValidationError(subject, findEnvelopeFaults(event));
  }

  /** Resolves when an event is accepted. `admitted`: it was, before `close` began. */
  async enter(
    event: HookEvent,
    signal: AbortSignal | undefined,
    admitted: boolean,
  ): Promise<void> {
    const subject = `Cannot dispatch '${event.type}'`;
    checkSignal(subject, signal);
    signal?.throwIfAborted();
    this.#lifecycle.admit(subject, admitted);
    if (!this.#lifecycle.ready || this.entering > 0) await this.#opened(signal);
    if (this.#schemas) await validate(event, this.#schemas);
    signal?.throwIfAborted();
  }

  async #opened(signal: AbortSignal | undefined): Promise<void> {
    this.entering++;
    try {
      const { abandoned } = this.#lifecycle;
      const opened = abortable(this.#lifecycle.open(), abandoned.signal);
      await (signal ? abortable(opened, signal) : opened);
    } finally {
      this.entering--;
    }
  }
}

function checkSignal(subject: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new TypeError(
    `${subject} as 'signal' must be an AbortSignal: current value is ${show(signal)}`,
  );
}
