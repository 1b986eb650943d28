import { abortable } from "../internal/async.ts";
import { inspect } from "../internal/validate.ts";
import { copyJson } from "../internal/json.ts";
import type { HookLifecycle } from "./_lifecycle.ts";
import { EventValidationError } from "./errors.ts";
import type { EventSchemas, HookEvent } from "./events.ts";
import type { StandardIssue, StandardSchemaV1 } from "../internal/standard_schema.ts";

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

function checkSignal(subject: string, signal: AbortSignal | undefined): void {
  if ((signal ?? undefined) === undefined || typeof signal?.addEventListener === "function") return;
  throw new TypeError(
    `${subject} as 'signal' must be an AbortSignal: current value is ${inspect(signal)}`,
  );
}

/**
 * Validates a payload with the schema of its type. Schemas get a copy: some set defaults in what they
 * validate. What they return is not used.
 *
 * @throws {EventValidationError} with every fault
 */
async function validate(event: HookEvent, schemas: EventSchemas): Promise<void> {
  const { type, data } = event;
  if (!Object.hasOwn(schemas, type)) return;
  const schema = (schemas as Readonly<Record<string, StandardSchemaV1 | undefined>>)[type];
  if (schema === undefined) return;
  const result = await schema["~standard"].validate(copyJson(data, "data").value);
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
