import type { StandardIssue } from "../internal/standard_schema.ts";

/** Thrown when a key, a value or a commit is larger than the store accepts. Nothing was written. */
export class StoreLimitError extends RangeError {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "StoreLimitError";
  /** The stable error code. */
  readonly code = "store_limit";
  /** What is too large, if known. A path starts with the index of the event in its batch. */
  readonly issues: readonly StandardIssue[];

  /** Creates the error, with what is too large. */
  constructor(message?: string, issues: readonly StandardIssue[] = []) {
    super(message);
    this.issues = issues;
  }
}

/** Why a store failed. `failed` is anything else, such as a lost connection. */
export type StoreFailure =
  | "full"
  | "read_only"
  | "cannot_open"
  | "corrupt"
  | "locked"
  | "failed";

/** What an operator can do about a store that failed. */
const STORE_FAILURES: Readonly<Record<StoreFailure, string>> = {
  full: "its disk is full: free up space, or move the store to a larger disk",
  read_only:
    "it is read-only: check the permissions of its file and how its disk is mounted, then restart",
  cannot_open: "its file cannot be opened: check that its directory exists and is writable",
  corrupt: "its file is damaged or is not a store: restore it from a backup",
  locked: "another process holds its file: run one writer, or try again",
  failed: "it does not respond",
};

/** Thrown by a store when its backend fails. Your own store can throw it too. */
export class StoreError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "StoreError";
  /** The stable error code. */
  readonly code = "store_failed";
  /** Why it failed. */
  readonly failure: StoreFailure;
  /**
   * Whether the write may have been stored. `false`: it was certainly not stored. `"unknown"`: the
   * outcome of the commit is not known.
   */
  readonly stored: false | "unknown";
  /** Whether the same call may succeed soon without intervention. */
  readonly transient: boolean;
  readonly #advice: string | undefined;

  /**
   * Creates the error for a failure. `cause` is the backend's error. `advice` says what to do, if the default
   * advice for the failure isn't specific enough; it may be shown to clients. `stored` is false if the
   * backend certainly stored nothing, such as when it rejected the connection.
   */
  constructor(
    message: string,
    failure: StoreFailure = "failed",
    options: ErrorOptions & {
      readonly advice?: string | undefined;
      readonly stored?: false | undefined;
    } = {},
  ) {
    super(message, options);
    this.#advice = options.advice;
    this.failure = failure;
    const mayBeStored = failure === "failed" || failure === "corrupt";
    this.stored = options.stored ?? (mayBeStored ? "unknown" : false);
    this.transient = failure === "failed" || failure === "locked";
  }

  /** Tells an operator what is wrong with the store and how to fix it. */
  get advice(): string {
    return this.#advice ?? STORE_FAILURES[this.failure];
  }
}

/** Returns the `StoreError` in an error or in one of its causes. */
export function storeErrorOf(error: unknown): StoreError | undefined {
  let at = error;
  for (let depth = 0; depth < 8 && at instanceof Error; depth++) {
    if (at instanceof StoreError) return at;
    at = at.cause;
  }
  return undefined;
}

/** Returns the error of every call after the store, or the KV below it, was closed. */
export function closedError(cause?: unknown): TypeError {
  const options = cause === undefined ? {} : { cause };
  return new TypeError("Cannot use the store: it is closed", options);
}

/**
 * Returns whether a store threw this because it is closed. By its message, so that the stores of another
 * copy of the package count, too.
 */
export function isClosedError(error: unknown): boolean {
  return error instanceof TypeError &&
    /^Cannot use (?:the )?store\b.*\bclosed\b/.test(error.message);
}
