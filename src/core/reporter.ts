import { isThenable } from "../internal/async.ts";
import { outside } from "./nesting.ts";
import { maskError } from "../internal/mask_error.ts";
import type { HookEvent } from "./events.ts";
import type { Logger } from "./hook.ts";

/**
 * Formats our own errors in one line; others keep their stack. Secrets in URLs are masked, because
 * platforms quote the whole URL in the errors of a request.
 */
function brief(value: unknown): unknown {
  const masked = maskError(value);
  return masked instanceof Error && typeof (masked as { code?: unknown }).code === "string"
    ? `${masked.name}: ${masked.message}`
    : masked;
}

/** The default logger: warnings and errors on the console. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  // deno-lint-ignore no-console
  warn: (...data) => console.warn(...data.map((value) => brief(value))),
  // deno-lint-ignore no-console
  error: (...data) => console.error(...data.map((value) => brief(value))),
};

/** The logger of `logger: false`. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** Calls user code. Its error, or its rejection, is passed to `caught`, or ignored. */
export function guarded(action: () => unknown, caught = (_error: unknown): void => {}): void {
  try {
    const result = action();
    if (isThenable(result)) result.then(undefined, caught);
  } catch (error) {
    caught(error);
  }
}

/** Reports failures to the logger and to callbacks, whose own failures break nothing. */
export class Reporter {
  readonly #logger: Logger;
  readonly #onError: ((error: unknown, event?: HookEvent) => void) | undefined;
  readonly #onDrop: ((event: HookEvent) => void) | undefined;

  constructor(
    logger: Logger,
    onError?: (error: unknown, event?: HookEvent) => void,
    onDrop?: (event: HookEvent) => void,
  ) {
    this.#logger = logger;
    this.#onError = onError;
    this.#onDrop = onDrop;
  }

  /** Calls user code. Its failure is reported. */
  guard(message: string, event: HookEvent | undefined, action: () => unknown): void {
    guarded(action, (error) => this.failed(message, error, event));
  }

  /** Logs a failure and passes it to `onError`. */
  failed(message: string, error: unknown, event?: HookEvent): void {
    this.#log(message, error);
    this.#call("onError", () => this.#onError?.(error, event));
  }

  /** Passes a dropped event to `onDrop`. */
  dropped(event: HookEvent): void {
    this.#call("onDrop", () => this.#onDrop?.(event));
  }

  /**
   * Calls the user's callback. If it fails, that is only logged, so that reporting can't loop. A
   * callback that emits another failing event is not called past the depth limit of `emit`.
   */
  #call(name: string, callback: () => unknown): void {
    guarded(() => outside(callback), (error) => this.#log(`'${name}' failed`, error));
  }

  /** Logs with secrets in URLs masked, because logs travel further than `onError`. */
  #log(message: string, error: unknown): void {
    // A logger that fails can't be reported.
    guarded(() => this.#logger.error(message, maskError(error)));
  }
}
