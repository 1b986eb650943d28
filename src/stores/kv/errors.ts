import { maskError } from "../../internal/mask_error.ts";
import { maskUrls } from "../../internal/mask_url.ts";
import { closedError, StoreError } from "../../store/mod.ts";
import { sqliteFailure } from "../../store/sqlite_failure.ts";

/**
 * Converts an error of the backend to the error that a store throws. The original class would mislead:
 * `fetch` throws a `TypeError` when a reply is lost, which from a store means that nothing was sent.
 * `@deno/kv` adds a stack to the message, of which only the first line is kept. Secrets in URLs are masked,
 * including those in `path`.
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
  return new StoreError(`Cannot ${action}: Deno KV failed: ${line}`, sqliteFailure(message), {
    cause,
  });
}

/** A scheme of two letters or more: one letter is a Windows drive. */
const SCHEME = /^\s*([a-z][a-z0-9+.-]+):/i;

/**
 * Rejects URLs and connection strings of other databases. SQLite would use them as file paths, with
 * the user name and password in the name. The message contains only their scheme.
 *
 * @throws {TypeError} when the path has a scheme other than http and https
 */
export function checkStorePath(path: string | undefined): void {
  const scheme = SCHEME.exec(path ?? "")?.[1];
  if (scheme === undefined || /^https?$/i.test(scheme)) return;
  throw new TypeError(
    `Cannot open the store: '${scheme}:' is not supported. Pass a file path (./ before a name with ` +
      'a colon), ":memory:", or the http(s) URL of a KV Connect server',
  );
}
