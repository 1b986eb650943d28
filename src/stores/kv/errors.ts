import { retry } from "../../internal/async.ts";
import { type Clock, systemClock } from "../../internal/clock.ts";
import { maskError } from "../../internal/mask_error.ts";
import { maskUrls } from "../../internal/mask_url.ts";
import { StoreError, type StoreFailure } from "../../store/mod.ts";

/** Returns the error of every call after the store, or the KV below it, was closed. */
export function closedError(cause?: unknown): TypeError {
  const options = cause === undefined ? {} : { cause };
  return new TypeError("Cannot use the store: it is closed", options);
}

/**
 * Returns the error that a store throws for one of its backend. The class of the original would
 * mislead: `fetch` throws a `TypeError` when a reply is lost, which from a store means that nothing was
 * sent. `@deno/kv` adds a stack to the message, of which the first line is kept. The secrets of URLs are
 * masked, also those in `path`.
 */
export function backendError(action: string, error: unknown, path?: string): Error {
  const message = error instanceof Error ? error.message : String(error);
  // How Deno and `@deno/kv` report that the owner of the KV closed it.
  const closed = (error as Error | null)?.name === "BadResource" || /after '\.close'/.test(message);
  if (closed) return closedError(error);
  const cause = maskError(error, path);
  if (/non-U64 value/.test(message)) {
    return new TypeError("Cannot sum: the key holds a JSON value", { cause });
  }
  const [line] = maskUrls(message, path).split("\n", 1);
  return new StoreError(`Cannot ${action}: Deno KV failed: ${line}`, failureOf(message), { cause });
}

/** Messages of SQLite and the system (sqlite3_errstr, strerror). */
const FAILURES: readonly (readonly [pattern: RegExp, failure: StoreFailure])[] = [
  [/database or disk is full|No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/i, "full"],
  [/read-?only (?:database|file ?system)|EROFS|Permission denied|EACCES|EPERM/i, "read_only"],
  [/unable to open database file|ENOENT|No such file or directory|is a directory/i, "cannot_open"],
  [/database disk image is malformed|file is not a database|malformed database/i, "corrupt"],
  [/database (?:table |schema )?is locked/i, "locked"],
];

/** Returns what a message of SQLite, or of the system, means. */
export function failureOf(message: string): StoreFailure {
  return FAILURES.find(([pattern]) => pattern.test(message))?.[1] ?? "failed";
}

/**
 * How long a locked file is retried, in milliseconds. Half of what the outbox waits for a commit, so
 * that it can try once more.
 */
const LOCK_TIMEOUT = 5000;

/**
 * Retries an action while another process locks the file. SQLite gives up after a while without having
 * applied anything, and the other process may win again and again: hence a timeout and jitter instead
 * of a number of retries.
 */
export function retryLocked<T>(action: () => Promise<T>, clock: Clock = systemClock): Promise<T> {
  const isRetryable = (error: unknown): boolean =>
    error instanceof Error && /database (?:table )?is locked/i.test(error.message);
  const pauses = { minPause: 5, maxPause: 250 }; // milliseconds: most locks last for one commit
  return retry(action, { timeout: LOCK_TIMEOUT, isRetryable, ...pauses, clock });
}
