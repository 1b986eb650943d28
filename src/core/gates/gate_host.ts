import { isThenable } from "../../internal/async.ts";
import { type Clock, systemClock } from "../../internal/clock.ts";
import type { InFlight } from "../background_queue.ts";
import type { QueueRecords, RecordWrite } from "../delivery.ts";
import type { HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import type { HookLifecycle } from "../lifecycle.ts";
import { enterDispatch, inside, leaveDispatch } from "../nesting.ts";
import type { Observer } from "../observer.ts";
import type { HooksOptions } from "../options.ts";
import type { Pipeline } from "../pipeline.ts";
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
  /** Limit of one decision, in milliseconds. */
  readonly timeout: number;
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
  /** Passes an event to the handlers of this process alone, as the store fails. Never throws. */
  announce(event: HookEvent): void;
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

/** The part of the registry that gates use. */
export type RegistryParts = {
  readonly logger: Logger;
  readonly reporter: Reporter;
  readonly lifecycle: HookLifecycle;
  readonly observer: Observer;
  readonly pipeline: Pipeline;
  /** Decisions and tool calls, which `close` waits for. */
  readonly calls: InFlight;
  readonly recorder: Recorder;
};

/** Options of `createHost`. `timeout` is that of a decision, in milliseconds. */
type CreateHostOptions = {
  readonly outbox: HooksOptions["outbox"];
  readonly redact: HooksOptions["redact"];
  readonly timeout: number;
};

/** Returns the host of a registry's gates. */
export function createHost(parts: RegistryParts, options: CreateHostOptions): HostParts {
  const { lifecycle, pipeline, logger, reporter, observer, recorder } = parts;
  const { outbox, redact, timeout } = options;
  return {
    logger,
    reporter,
    recorder,
    timeout,
    records: outbox?.records,
    clock: systemClock,
    isRedacting: redact !== undefined,
    closing: lifecycle.closing,
    ending: lifecycle.ending,
    abandoned: lifecycle.abandoned,
    admit: (subject) => lifecycle.admit(subject, false),
    run: (work) => run(parts, work),
    runDirect: (work) => runDirect(parts, work),
    isObserved: (type) => observer.isObserved(type),
    publish(events, records) {
      if (outbox !== undefined) return store(parts, events, records, timeout);
      // Without a store, events are only observed: no observer keeps a tool from running.
      return observer.acceptDirect(events) ? undefined : observer.accept(events, true);
    },
    observe(event) {
      if (lifecycle.closing.aborted) return;
      const failed = (error: unknown): void =>
        reporter.failed(`Cannot emit '${event.type}'`, error, event);
      observer.accept([event]).catch(failed);
    },
    announce: (event) => pipeline.announce(event),
    redact: (event) => pipeline.redact(event),
    validate: (event) => pipeline.validate(event),
    validateInTime: (event) => pipeline.validate(event, timeout),
  };
}

async function run<Result>(
  { lifecycle, calls }: RegistryParts,
  work: () => Promise<Result>,
): Promise<Result> {
  const leave = calls.enter();
  try {
    return await inside(lifecycle, "dispatch", work);
  } finally {
    leave();
  }
}

function runDirect<Result>(
  { lifecycle, calls }: RegistryParts,
  work: () => Result | Promise<Result>,
): Result | Promise<Result> {
  enterDispatch(lifecycle, "");
  try {
    const done = work();
    if (!isThenable(done)) return done;
    return Promise.resolve(done as Promise<Result>).finally(calls.enter());
  } finally {
    leaveDispatch();
  }
}

/** Emits events with an outbox. Resolves when they are stored: handlers aren't waited for. */
function store(
  { pipeline, reporter }: RegistryParts,
  events: readonly HookEvent[],
  records: readonly RecordWrite[] | undefined,
  schemaTimeout: number,
): Promise<void> {
  const batch = events.map((event) => ({ event, fresh: true }));
  return new Promise((resolve, reject) => {
    let isStored = false;
    const onAccepted = (): void => {
      isStored = true;
      resolve();
    };
    const failed = (error: unknown): void => {
      if (!isStored) return reject(error);
      reporter.failed(`Cannot call the handlers of '${events[0]!.type}'`, error, events[0]);
    };
    // A hook whose `init` hangs or fails keeps no tool from running.
    const early = { isAdmitted: true, isEarly: true, schemaTimeout };
    pipeline.dispatchMany(batch, { onAccepted, records, ...early }).catch(failed);
  });
}
