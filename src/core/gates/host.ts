import type { Clock } from "../../internal/clock.ts";
import type { QueueRecords, RecordWrite } from "../delivery.ts";
import type { HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import type { Recorder } from "../recorder.ts";
import type { Reporter } from "../reporter.ts";
import type { Digester } from "./digest.ts";

/** The part of the hooks that their gates use. */
export type GateHost = HostParts & { readonly digester: Digester };

/** The parts of it that exist before anything is decided. */
export type HostParts = {
  readonly logger: Logger;
  readonly reporter: Reporter;
  readonly recorder: Recorder;
  readonly clock: Clock;
  /** Whether events are redacted before they are stored and sent. */
  readonly isRedacting: boolean;
  /** Where decisions and asks are kept; undefined without an outbox. */
  readonly records: QueueRecords | undefined;
  /** Aborts when `close` is called. */
  readonly closing: AbortSignal;
  /** Aborts shortly before `close` gives up. */
  readonly ending: AbortSignal;
  /** Aborts when `close` gives up. */
  readonly abandoned: AbortSignal;
  /** Throws after `close`. @throws {HooksClosedError} */
  admit(subject: string): void;
  /** Runs something that `close` waits for. */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Runs something that stores nothing; `close` waits for it if it returns a promise. */
  runDirect<Result>(work: () => Result | Promise<Result>): Result | Promise<Result>;
  /** Returns whether events of a type are stored, or handled by anything in this process. */
  isObserved(type: string): boolean;
  /**
   * Emits events and stores records, all or none. Resolves when they are accepted, and stored if there is an
   * outbox. Handlers aren't waited for. Returns nothing if there was nothing to wait for.
   */
  publish(
    events: readonly HookEvent[],
    records?: readonly RecordWrite[],
  ): Promise<void> | undefined;
  /** Emits an event without waiting. Never throws. */
  observe(event: HookEvent): void;
  /** Returns an event as it is stored and sent. */
  redact(event: HookEvent): HookEvent;
  /** Judges a payload by the schema of its type; returns nothing without schemas. @throws {EventValidationError} */
  validate(event: HookEvent): Promise<void> | undefined;
  /**
   * Does the same within the time of a decision.
   *
   * @throws {EventValidationError} also when the schema needs longer
   */
  validateInTime(event: HookEvent): Promise<void> | undefined;
};
