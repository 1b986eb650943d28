import { errorMessage, formatIssues, SHOWN } from "../internal/issues.ts";
import type { HandlerOutcome, Receipt } from "./emitter.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";

/**
 * Some of the handlers of an event failed. The others ran, unless the caller's signal or `close` ended the
 * dispatch: then those whose turn had not come failed with its reason. `cause` is the first failure.
 */
export class DispatchError extends AggregateError {
  /** The class's name. */
  override readonly name = "DispatchError";
  /** Stable. */
  readonly code = "dispatch_failed";
  /** Every failure with its handler's name, in the order in which the handlers were started. */
  readonly failures: readonly HandlerOutcome[];
  /** What became of the event. */
  readonly receipt: Receipt;

  /** An error for the event of a type. */
  constructor(type: string, failures: readonly HandlerOutcome[], receipt: Receipt) {
    const count = failures.length === 1 ? "a handler" : `${failures.length} handlers`;
    super(
      failures.map((failure) => failure.error),
      `Cannot complete event '${type}' as ${count} failed: ${describe(failures)}`,
      { cause: failures[0]?.error },
    );
    this.failures = failures;
    this.receipt = receipt;
  }
}

/** A hook could not be opened. What the same `init` had opened is closed again. */
export class HookInitError extends Error {
  /** The class's name. */
  override readonly name = "HookInitError";
  /** Stable. */
  readonly code = "hook_init_failed";
  /** The hook's name. */
  readonly hook: string;

  /** An error for a hook; `cause` is what it threw. */
  constructor(hook: string, cause: unknown) {
    super(`Cannot open hook '${hook}': ${errorMessage(cause)}`, { cause });
    this.hook = hook;
  }
}

/** A handler did not end in time. Its `context.signal` has this error as its reason. */
export class HookTimeoutError extends Error {
  /** The class's name. */
  override readonly name = "HookTimeoutError";
  /** Stable. */
  readonly code = "hook_timeout";
  /** The limit, in milliseconds. */
  readonly timeout: number;

  /** An error for a handler that had `timeout` milliseconds. */
  constructor(handler: string, timeout: number) {
    super(`Handler '${handler}' did not end within ${timeout} ms`);
    this.timeout = timeout;
  }
}

/** The async form found no room: too many events run and wait. */
export class OverflowError extends Error {
  /** The class's name. */
  override readonly name = "OverflowError";
  /** Stable. */
  readonly code = "overflow";

  /** An error for the event of a type. */
  constructor(type: string, running: number, waiting: number) {
    super(`Cannot take event '${type}' as ${running} events run and ${waiting} wait`);
  }
}

/** An event is refused: its type, its payload, or its form on the wire. */
export class EventValidationError extends TypeError {
  /** The class's name. */
  override readonly name = "EventValidationError";
  /** Stable. */
  readonly code = "event_invalid";
  /** Every fault, with the path to it. */
  readonly issues: readonly StandardIssue[];

  /** An error for faults; `subject` says what can't be done, such as `"Cannot emit 'tool.called'"`. */
  constructor(subject: string, issues: readonly StandardIssue[]) {
    super(`${subject} as the event is invalid: ${formatIssues(issues)}`);
    this.issues = issues;
  }
}

/** `close` was called: no event is taken, and nothing can be registered. */
export class HooksClosedError extends Error {
  /** The class's name. */
  override readonly name = "HooksClosedError";
  /** Stable. */
  readonly code = "hooks_closed";

  /** An error for what can't be done, such as `"Cannot emit 'tool.called'"`. */
  constructor(subject: string) {
    super(`${subject} as the hooks are closed`);
  }
}

/** Something did not close. Everything was tried; `errors` has all that went wrong. */
export class HookCloseError extends AggregateError {
  /** The class's name. */
  override readonly name = "HookCloseError";
  /** Stable. */
  readonly code = "hook_close_failed";
  /** Every failure with the hook's name, in the order in which they were closed. */
  readonly failures: readonly HandlerOutcome[];

  /** An error for failures. */
  constructor(failures: readonly HandlerOutcome[]) {
    super(
      failures.map((failure) => failure.error),
      `Cannot close the hooks: ${describe(failures)}`,
      { cause: failures[0]?.error },
    );
    this.failures = failures;
  }
}

/**
 * Thrown when a chain of events that cause events is too long, most likely because they cause each
 * other. A chain of `context.emit` can have 16 events. However you emit, 64 events can be nested before
 * the first `await`.
 */
export class EmitDepthError extends Error {
  /** The class's name. */
  override readonly name = "EmitDepthError";
  /** Stable. */
  readonly code = "emit_too_deep";
  /** The types of the chain, the first event first. */
  readonly chain: readonly string[];

  /** An error for the event that would have been the last of a chain. */
  constructor(chain: readonly string[]) {
    super(
      `Cannot emit '${chain.at(-1)}' as the chain of events is deeper than ${chain.length - 1}: ` +
        shorten(chain).join(" > "),
    );
    this.chain = chain;
  }
}

/**
 * Thrown when an awaited call would wait for itself: `drain` in a background handler, `close` in a
 * handler, or `emit` in a hook's `init`.
 */
export class DeadlockError extends Error {
  /** The class's name. */
  override readonly name = "DeadlockError";
  /** Stable. */
  readonly code = "deadlock";
}

/** Types of a chain that a message names: those of a long one repeat. */
const SHOWN_TYPES = 20;

function shorten(chain: readonly string[]): readonly string[] {
  if (chain.length <= SHOWN_TYPES) return chain;
  const half = SHOWN_TYPES / 2;
  return [...chain.slice(0, half), "…", ...chain.slice(-half)];
}

function describe(failures: readonly HandlerOutcome[]): string {
  const shown = failures.slice(0, SHOWN).map(({ name, error }) =>
    `${name ? `'${name}' ` : ""}(${errorMessage(error)})`
  );
  if (failures.length > SHOWN) shown.push(`and ${failures.length - SHOWN} more`);
  return shown.join(", ");
}
