import { errorMessage } from "../../internal/issues.ts";
import { maskError } from "../../internal/mask_error.ts";
import { StoreError, type StoreFailure } from "../../store/mod.ts";

const POOLED =
  "a pooler in transaction mode keeps no prepared statements: turn them off in the client (prepare: false)";

const DAMAGED = "the server found corrupted data: check its log, and restore a backup";

/** The meaning of a code. `stored` is present only if the statement was certainly not sent. */
type Meaning = readonly [failure: StoreFailure, advice?: string, stored?: false];

/**
 * SQLSTATE codes and classes (PostgreSQL 15, appendix A) with a known cause; the longest prefix wins. After
 * them, codes of sockets.
 */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  "25006": [
    "read_only",
    "the server or the session is read-only: connect to the primary, or check default_transaction_read_only",
  ],
  "26000": ["failed", POOLED],
  "28": ["cannot_open", "the server rejected the role or its password"],
  "3D000": ["cannot_open", "the database doesn't exist"],
  "3F000": ["cannot_open", "the schema doesn't exist: call migrate() or run postgresSchema()"],
  "42501": ["cannot_open", "the role lacks a privilege: see postgresSchema()"],
  "42P05": ["failed", POOLED],
  "42883": ["cannot_open", "a function doesn't exist: call migrate() or run postgresSchema()"],
  "42703": ["cannot_open", "the schema belongs to another program: set 'schema' to another name"],
  "42P01": ["cannot_open", "a table doesn't exist: call migrate() or run postgresSchema()"],
  "53100": ["full"],
  "53300": [
    "failed",
    "the server has too many connections: use a smaller pool, or a pooler",
    false,
  ],
  "55P03": ["failed", "lock_timeout is too short for the store's commits"],
  "57014": [
    "failed",
    "the statement was canceled, or statement_timeout is too short for the store",
  ],
  "57P01": ["failed", "the server is shutting down, or an administrator ended the connection"],
  "57P03": ["failed", "the server is starting up or shutting down", false],
  "HK003": ["cannot_open", "the encoding of the database must be UTF8"],
  "XX001": ["corrupt", DAMAGED],
  "XX002": ["corrupt", DAMAGED],
  ECONNREFUSED: [
    "failed",
    "the server rejects connections: check that it runs, and its address",
    false,
  ],
};

/** The meaning of a client that was closed, and no longer sends anything. */
const CLOSED: Meaning = [
  "cannot_open",
  "the database client was closed: close it after the hooks. A single connection doesn't reconnect: " +
  "use a pool",
];

/** Returns whether nothing was applied and the same commit may succeed: serialization failure, deadlock. */
export function wasRolledBack(error: unknown): boolean {
  return /^40(?:001|P01)$/.test(codeOf(driverErrorOf(error)));
}

/** Returns whether a connection ended in the middle of a statement, which may have been applied. */
export function wasInterrupted(error: unknown): boolean {
  const source = driverErrorOf(error);
  const { code } = (source ?? {}) as { readonly code?: unknown };
  // 57P01: an administrator ended it. The others are of 'postgres', sockets, and 'pg', which has no code.
  return /^(?:57P01|CONNECTION_CLOSED|ECONNRESET|EPIPE)$/.test(codeOf(source) || String(code)) ||
    /^Connection terminated unexpectedly/.test(errorMessage(source));
}

/** Converts an error of a driver to one that a store throws. */
export function postgresError(what: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  const source = driverErrorOf(error);
  const code = codeOf(source);
  if (code === "HK002") return new TypeError("Cannot sum: the key holds a JSON value");
  if (error instanceof TypeError && /^Cannot /.test(error.message)) return error;
  const meaning = isClosed(source) ? CLOSED : MEANINGS[code] ?? MEANINGS[code.slice(0, 2)];
  const [failure, advice, stored] = meaning ?? ["failed"];
  const reason = advice ?? errorMessage(source);
  return new StoreError(
    `Cannot ${what}: PostgreSQL failed${code && ` with ${code}`}: ${reason}`,
    failure,
    { cause: maskError(source), advice, stored },
  );
}

/** Returns whether the caller closed the client: a pool or a client of 'pg', PGlite, or 'postgres'. */
function isClosed(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return code === "CONNECTION_ENDED" ||
    /^Cannot use a pool after calling end|^Client was closed|^PGlite is closed/
      .test(errorMessage(error));
}

/** Returns the driver's error. The one that Drizzle wraps around it has the query in its message, with the data. */
function driverErrorOf(error: unknown): unknown {
  while (error instanceof Error && error.cause instanceof Error && codeOf(error) === "") {
    error = error.cause;
  }
  return error;
}

/** Returns the SQLSTATE, which `Bun.sql` has in `errno` and all others in `code`, or a known code of a socket. */
function codeOf(error: unknown): string {
  const { code, errno } = (error ?? {}) as { readonly code?: unknown; readonly errno?: unknown };
  const isKnown = (text: string): boolean =>
    /^[0-9A-Z]{5}$/.test(text) || Object.hasOwn(MEANINGS, text);
  return [code, errno].map(String).find(isKnown) ?? "";
}
