import { maskError } from "../../internal/mask_error.ts";
import { errorMessage } from "../../internal/issues.ts";
import { closedError, StoreError, StoreLimitError } from "../../store/mod.ts";
import { sqliteFailure } from "../../store/sqlite_failure.ts";

/** An error of SQLite, as a store throws it. */
export function sqliteError(what: string, error: unknown): Error {
  if (error instanceof StoreError || error instanceof StoreLimitError) return error;
  const message = errorMessage(error);
  if (/database is not open|database has closed|closed database/i.test(message)) {
    return closedError(error);
  }
  if (error instanceof TypeError && /^Cannot /.test(message)) return error;
  return new StoreError(`Cannot ${what}: SQLite failed: ${message}`, sqliteFailure(message), {
    cause: maskError(error),
  });
}
