import { abortable } from "./_abort.ts";
import { show } from "./_check.ts";
import { findEnvelopeFaults } from "./_event_rules.ts";
import type { HookLifecycle } from "./_lifecycle.ts";
import type { Plan, Plans } from "./_plans.ts";
import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { EventSchemas, StandardIssue, StandardSchemaV1 } from "./standard_schema.ts";

/** Everything that can refuse an event before a handler hears it. */
export class Acceptance {
  /** Events that wait for hooks to be opened: none may overtake them. */
  entering = 0;
  readonly #lifecycle: HookLifecycle;
  readonly #schemas: EventSchemas | undefined;

  constructor(lifecycle: HookLifecycle, schemas: EventSchemas | undefined) {
    this.#lifecycle = lifecycle;
    this.#schemas = schemas;
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

/** Who hears an event; undefined when it is none. Cheap: it is asked of every one. */
export function planFor(event: HookEvent, plans: Plans): Plan | undefined {
  try {
    const { id, timestamp, sessionId } = event;
    const isEvent = typeof id === "string" && id !== "" &&
      timestamp instanceof Date && !Number.isNaN(timestamp.getTime()) &&
      ((sessionId ?? undefined) === undefined || typeof sessionId === "string");
    return isEvent ? plans.for(event.type) : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with a value that is no event. */
export function refusalOf(subject: string, event: HookEvent): EventValidationError {
  return new EventValidationError(subject, findEnvelopeFaults(event));
}

function checkSignal(subject: string, signal: AbortSignal | undefined): void {
  if ((signal ?? undefined) === undefined || typeof signal?.addEventListener === "function") return;
  throw new TypeError(
    `${subject} as 'signal' must be an AbortSignal: current value is ${show(signal)}`,
  );
}

/** Judges a payload by the schema of its type. @throws {EventValidationError} with every fault */
async function validate(event: HookEvent, schemas: EventSchemas): Promise<void> {
  const { type, data } = event;
  if (!Object.hasOwn(schemas, type)) return;
  const schema = (schemas as Readonly<Record<string, StandardSchemaV1 | undefined>>)[type];
  if (schema === undefined) return;
  const result = await schema["~standard"].validate(data);
  if (typeof result !== "object" || result === null) {
    throw new TypeError(`Cannot dispatch '${type}' as its schema gave no result`);
  }
  const { issues } = result;
  if (issues === undefined || issues.length === 0) return;
  const faults = issues.map(({ message, path = [] }): StandardIssue => ({
    message,
    path: ["data", ...path],
  }));
  throw new EventValidationError(`Cannot dispatch '${type}'`, faults);
}
