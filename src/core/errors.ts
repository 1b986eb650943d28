import { errorMessage, formatIssues, SHOWN } from "../internal/issues.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";
import type { HandlerOutcome, Receipt } from "./emitter.ts";

/**
 * Thrown when handlers of an event failed. The others ran, unless the caller's signal or `close` ended the
 * dispatch. In that case, the remaining handlers failed with its reason. `cause` is the first failure.
 */
export class DispatchError extends AggregateError {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "DispatchError";
  /** The stable error code. */
  readonly code = "dispatch_failed";
  /** Every failure with the name of its handler, in the order in which handlers were called. */
  readonly failures: readonly HandlerOutcome[];
  /** The receipt of the event. */
  readonly receipt: Receipt;

  /** Creates the error of an event. */
  constructor(type: string, failures: readonly HandlerOutcome[], receipt: Receipt) {
    const count = failures.length === 1 ? "1 handler" : `${failures.length} handlers`;
    super(
      failures.map((failure) => failure.error),
      `Cannot complete event '${type}': ${count} failed: ${describe(failures)}`,
      { cause: failures[0]?.error },
    );
    this.failures = failures;
    this.receipt = receipt;
  }
}

/** Thrown when a hook could not be opened. The hooks that the same `init` had opened are closed again. */
export class HookInitError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "HookInitError";
  /** The stable error code. */
  readonly code = "hook_init_failed";
  /** The hook's name. */
  readonly hook: string;

  /** Creates the error of a hook. `cause` is what it threw. */
  constructor(hook: string, cause: unknown) {
    super(`Cannot open hook '${hook}': ${errorMessage(cause)}`, { cause });
    this.hook = hook;
  }
}

/** Thrown when a handler exceeds its `timeout`. Also the reason of its `context.signal`. */
export class HookTimeoutError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "HookTimeoutError";
  /** The stable error code. */
  readonly code = "hook_timeout";
  /** The time limit, in milliseconds. */
  readonly timeout: number;

  /** Creates the error of a handler with a `timeout` in milliseconds. */
  constructor(handler: string, timeout: number) {
    super(`Handler '${handler}' timed out after ${timeout} ms`);
    this.timeout = timeout;
  }
}

/** Reported when an event is emitted in the background while too many are running and waiting. */
export class OverflowError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "OverflowError";
  /** The stable error code. */
  readonly code = "overflow";

  /** Creates the error of an event. */
  constructor(type: string, running: number, waiting: number) {
    super(
      `Cannot accept event '${type}': ${running} events are running and ${waiting} are waiting`,
    );
  }
}

/** Thrown when an event is rejected because of its type, its payload, or its wire format. */
export class EventValidationError extends TypeError {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "EventValidationError";
  /** The stable error code. */
  readonly code = "event_invalid";
  /** Every issue, with its path. */
  readonly issues: readonly StandardIssue[];

  /** Creates the error for issues. `subject` says what failed, such as `"Cannot emit 'tool.called'"`. */
  constructor(subject: string, issues: readonly StandardIssue[]) {
    super(`${subject}: ${formatIssues(issues)}`);
    this.issues = issues;
  }
}

/** Thrown after `close`: no event is accepted, and nothing can be registered. */
export class HooksClosedError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "HooksClosedError";
  /** The stable error code. */
  readonly code = "hooks_closed";

  /** Creates the error for what failed, such as `"Cannot emit 'tool.called'"`. */
  constructor(subject: string) {
    super(`${subject}: the hooks are closed`);
  }
}

/** Thrown when something could not be closed. Everything else was closed. `errors` has every failure. */
export class HookCloseError extends AggregateError {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "HookCloseError";
  /** The stable error code. */
  readonly code = "hook_close_failed";
  /** Every failure with the name of its hook, in the order of closing. */
  readonly failures: readonly HandlerOutcome[];

  /** Creates the error for failures. */
  constructor(failures: readonly HandlerOutcome[]) {
    super(
      failures.map((failure) => failure.error),
      `Cannot close hooks: ${describe(failures)}`,
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
  /** Identifies the class, also across copies of the package. */
  override readonly name = "EmitDepthError";
  /** The stable error code. */
  readonly code = "emit_too_deep";
  /** The types of the chain, the first event first. */
  readonly chain: readonly string[];

  /** Creates the error of the event that would have been the last of a chain. */
  constructor(chain: readonly string[]) {
    super(
      `Cannot emit '${chain.at(-1)}': more than ${chain.length - 1} events cause each other: ` +
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
  /** Identifies the class, also across copies of the package. */
  override readonly name = "DeadlockError";
  /** The stable error code. */
  readonly code = "deadlock";
}

/** How many types of a chain a message names. Those of a longer chain repeat. */
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

/** Thrown by `call` with `throwOnDeny` when a gate denied the call. */
export class GateDeniedError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "GateDeniedError";
  /** The stable error code. */
  readonly code = "gate_denied";
  /** The decision's id, as in `tool.denied`. */
  readonly decisionId: string;
  /** Set if the store failed, though gates or a person may have allowed the call. */
  readonly failure: "store" | undefined;

  /** Creates an error for a call, from what `call` resolves to otherwise. */
  constructor(
    tool: string,
    { reason, decisionId, failure }: {
      readonly reason: string;
      readonly decisionId: string;
      readonly failure?: "store" | undefined;
    },
  ) {
    super(`Cannot call '${tool}': ${reason}`);
    this.decisionId = decisionId;
    this.failure = failure;
  }
}

/** Thrown by a queue when a record was changed since it was read. Nothing was stored. */
export class RecordConflictError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "RecordConflictError";
  /** The stable error code. */
  readonly code = "record_conflict";

  /** Creates the error of a record. */
  constructor(key: readonly string[]) {
    super(`Cannot publish: the record '${key.join(" ")}' was changed in the meantime`);
  }
}

/** Thrown when an ask can't be resolved. Nothing was changed. */
export class AskError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "AskError";
  /** The stable error code. */
  readonly code = "ask_failed";
  /**
   * Why: `unknown`: it isn't stored, or no longer; `resolved`: someone has already responded; `expired`: it
   * has expired; `refused`: the gate doesn't offer this choice, or the edited data isn't valid.
   */
  readonly failure: "unknown" | "resolved" | "expired" | "refused";
  /** The ask. */
  readonly askId: string;

  /** Creates the error of an ask. */
  constructor(failure: AskError["failure"], askId: string, reason: string) {
    super(`Cannot resolve ask '${askId}': ${reason}`);
    this.failure = failure;
    this.askId = askId;
  }
}
