import { maskError } from "../../internal/mask_error.ts";
import { maskUrls } from "../../internal/mask_url.ts";
import { StoreError, type StoreFailure } from "../../store/mod.ts";

/** What every call gets once the store, or the KV below it, is closed: nothing is sent any more. */
export function closedError(cause?: unknown): TypeError {
  const options = cause === undefined ? {} : { cause };
  return new TypeError("Cannot use the store as it is closed", options);
}

/**
 * An error of the backend as a store throws it. Its class would mislead: `fetch` throws a `TypeError` when
 * a reply is lost, which at a store means that nothing was sent. And `@deno/kv` puts a stack into the
 * message, of which the first line is kept. The secrets of URLs are masked, also those in `path`.
 */
export function failure(what: string, error: unknown, path?: string): Error {
  const message = error instanceof Error ? error.message : String(error);
  // Deno's, and that of `@deno/kv`: whoever opened the KV closed it.
  const closed = (error as Error | null)?.name === "BadResource" || /after '\.close'/.test(message);
  if (closed) return closedError(error);
  const cause = maskError(error, path);
  if (/non-U64 value/.test(message)) {
    return new TypeError("Cannot sum as the key holds a JSON value", { cause });
  }
  const [line] = maskUrls(message, path).split("\n", 1);
  return new StoreError(`Cannot ${what} as Deno KV failed: ${line}`, failureOf(message), { cause });
}

/** What SQLite and the system say (sqlite3_errstr, strerror), and what that means. */
const KINDS: readonly (readonly [pattern: RegExp, kind: StoreFailure])[] = [
  [/database or disk is full|No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/i, "full"],
  [/read-?only (?:database|file ?system)|EROFS|Permission denied|EACCES|EPERM/i, "read_only"],
  [/unable to open database file|ENOENT|No such file or directory|is a directory/i, "cannot_open"],
  [/database disk image is malformed|file is not a database|malformed database/i, "corrupt"],
  [/database (?:table |schema )?is locked/i, "locked"],
];

/** What a message of SQLite, or of the system, means. */
export function failureOf(message: string): StoreFailure {
  return KINDS.find(([pattern]) => pattern.test(message))?.[1] ?? "failed";
}
