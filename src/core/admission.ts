import { abortable, deadline } from "../internal/async.ts";
import { copyJson } from "../internal/json.ts";
import type { StandardIssue, StandardSchemaV1 } from "../internal/standard_schema.ts";
import { invalidOption } from "../internal/validate.ts";
import type { RecordWrite } from "./delivery.ts";
import type { Receipt } from "./emitter.ts";
import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HookLifecycle } from "./lifecycle.ts";
import { snapshotOf } from "./snapshot.ts";

/** A Standard Schema per event type. */
type Schemas = Readonly<Record<string, StandardSchemaV1 | undefined>>;

/** Options of a batch. */
export type BatchOptions = {
  readonly idempotencyKey?: string | undefined;
  readonly onAccepted?: ((receipts: readonly Receipt[]) => void) | undefined;
  /** Records to store with the events. */
  readonly records?: readonly RecordWrite[] | undefined;
  /** Whether the batch was accepted before `close` began. */
  readonly isAdmitted?: boolean | undefined;
  /**
   * With an outbox: whether to store and accept the batch without waiting for hooks to open, except those
   * that register targets. Its handlers are called once all hooks are open.
   */
  readonly isEarly?: boolean | undefined;
  /** How long a schema may take to validate an event, in milliseconds. @default no limit */
  readonly schemaTimeout?: number | undefined;
};

/** How an event is admitted. */
type AdmitOptions = Pick<BatchOptions, "isAdmitted" | "isEarly" | "schemaTimeout">;

/** An event of a batch. */
export type BatchEvent = {
  readonly event: HookEvent;
  readonly idempotencyKey?: string | undefined;
  readonly fresh?: boolean | undefined;
  readonly hasTimestamp?: boolean | undefined;
};

/** Decides whether an event is accepted, before any handler receives it. */
export class Admission {
  readonly #lifecycle: HookLifecycle;
  readonly #schemas: Schemas | undefined;
  /** Events that wait for hooks to open. None may overtake them. */
  #entering = 0;

  constructor(lifecycle: HookLifecycle, schemas: Schemas | undefined) {
    this.#lifecycle = lifecycle;
    this.#schemas = schemas;
  }

  /** Whether an event can be accepted at once. */
  get isOpen(): boolean {
    return this.#lifecycle.isReady && this.#entering === 0;
  }

  /**
   * Resolves when an event is accepted. `isAdmitted` events were accepted before `close` began.
   *
   * @throws {EventValidationError | HookInitError | HooksClosedError} when it is rejected
   */
  async admit(
    event: HookEvent,
    signal: AbortSignal | undefined,
    { isAdmitted = false, isEarly = false, schemaTimeout }: AdmitOptions,
  ): Promise<void> {
    const subject = `Cannot dispatch '${event.type}'`;
    if ((signal ?? undefined) !== undefined && typeof signal!.addEventListener !== "function") {
      throw invalidOption(subject, "signal", signal, "an AbortSignal");
    }
    signal?.throwIfAborted();
    this.#lifecycle.admit(subject, isAdmitted);
    if (!this.isOpen && !isEarly) await this.opened(signal);
    const judged = this.validate(event, schemaTimeout);
    if (judged) await judged;
    signal?.throwIfAborted();
  }

  /** Resolves to the snapshots of a batch, taken at the call, if every event is accepted. */
  async admitAll(
    batch: readonly BatchEvent[],
    options: AdmitOptions,
  ): Promise<readonly BatchEvent[]> {
    const issues: StandardIssue[] = [];
    const reject = (error: unknown, index: number): void => {
      if (!(error instanceof EventValidationError)) throw error;
      for (const { message, path = [] } of error.issues) {
        issues.push({ message, path: [index, ...path] });
      }
    };
    const taken = batch.map((one, index): BatchEvent | undefined => {
      try {
        return { ...one, event: snapshotOf(one.event, "Cannot dispatch event") };
      } catch (error) {
        reject(error, index);
        return undefined;
      }
    });
    for (const [index, one] of taken.entries()) {
      const admitted = one && this.admit(one.event, undefined, options);
      await admitted?.catch((error) => reject(error, index));
    }
    if (issues.length > 0) throw new EventValidationError("Cannot dispatch a batch", issues);
    return taken as readonly BatchEvent[];
  }

  /**
   * Validates a payload with the schema of its type; returns nothing if it has none.
   *
   * @param timeout How long the schema may take, in milliseconds
   * @throws {EventValidationError} when the payload is invalid, or the schema takes longer than that
   */
  validate(event: HookEvent, timeout = Infinity): Promise<void> | undefined {
    const { type } = event;
    const schema = this.#schemas && Object.hasOwn(this.#schemas, type)
      ? this.#schemas[type]
      : undefined;
    if (schema === undefined) return undefined;
    const judged = validatePayload(event, schema);
    if (timeout === Infinity) return judged;
    const message = `its schema did not respond within ${timeout} ms`;
    const error = () => new EventValidationError(`Cannot dispatch '${type}'`, [{ message }]);
    return deadline(judged, timeout, { error });
  }

  /** Resolves when every hook is open. @throws {HookInitError | HooksClosedError} */
  async opened(signal?: AbortSignal): Promise<void> {
    this.#entering++;
    try {
      const opened = abortable(this.#lifecycle.open(), this.#lifecycle.abandoned);
      await (signal ? abortable(opened, signal) : opened);
    } finally {
      this.#entering--;
    }
  }
}

/**
 * Validates a payload with a schema. Schemas receive a copy, because some set defaults in it. Their output
 * isn't used.
 *
 * @throws {EventValidationError} with every issue
 */
async function validatePayload({ type, data }: HookEvent, schema: StandardSchemaV1): Promise<void> {
  const result = await schema["~standard"].validate(copyJson(data, "data").value);
  if (typeof result !== "object" || result === null) {
    throw new TypeError(`Cannot dispatch '${type}': its schema must return a result`);
  }
  const { issues } = result;
  if (issues === undefined || issues.length === 0) return;
  throw new EventValidationError(
    `Cannot dispatch '${type}'`,
    issues.map(({ message, path = [] }): StandardIssue => ({ message, path: ["data", ...path] })),
  );
}
