/**
 * Failures of SQLite, which files of Deno KV and of `./sqlite` share.
 *
 * @module
 */
import { retry } from "../internal/async.ts";
import { type Clock, systemClock } from "../internal/clock.ts";
import type { StoreFailure } from "./errors.ts";

/** Messages of SQLite and the system (sqlite3_errstr, strerror). */
const FAILURES: readonly (readonly [pattern: RegExp, failure: StoreFailure])[] = [
  [/database or disk is full|No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/i, "full"],
  [/read-?only (?:database|file ?system)|EROFS|Permission denied|EACCES|EPERM/i, "read_only"],
  [/unable to open database file|ENOENT|No such file or directory|is a directory/i, "cannot_open"],
  [/database disk image is malformed|file is not a database|malformed database/i, "corrupt"],
  [/no such (?:table|column)|too large to be represented as a JavaScript number/i, "corrupt"],
  [/database (?:table |schema )?is locked/i, "locked"],
];

/** Returns what a message of SQLite, or of the system, means. */
export function sqliteFailure(message: string): StoreFailure {
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
