import { EventValidationError, HookInitError, HooksClosedError } from "../core/mod.ts";
import { toJsonPointer } from "../internal/issues.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";
import { storeErrorOf, StoreLimitError } from "../store/mod.ts";
import { IdempotencyConflictError, OutboxUnavailableError } from "../outbox/errors.ts";

export { toJsonPointer as pointerTo };

/** Every problem that an answer can have: its status, and what it says. The codes are stable. */
export const PROBLEMS = {
  body_malformed: [400, "The body is no JSON in UTF-8"],
  body_incomplete: [400, "The body ended before it was complete"],
  token_missing: [401, "A bearer token is needed"],
  token_invalid: [401, "The token is not known"],
  token_expired: [401, "The token has expired"],
  scope_missing: [403, "The token does not allow this"],
  origin_forbidden: [403, "A page of another site may not send this without a bearer token"],
  not_found: [404, "There is nothing here"],
  event_not_found: [404, "There is no such event, or it is no longer kept"],
  delivery_not_found: [404, "There is no such delivery"],
  target_not_found: [404, "There is no such target"],
  method_not_allowed: [405, "This path has other methods, see Allow"],
  idempotency_in_progress: [409, "The first request with this Idempotency-Key is not answered yet"],
  delivery_in_progress: [409, "An attempt at this delivery is under way"],
  target_removed: [409, "The target was removed, which is for good"],
  event_gone: [410, "The event of this delivery is no longer kept"],
  body_timeout: [408, "The body did not arrive in time"],
  body_too_large: [413, "The body is too large"],
  media_type_unsupported: [
    415,
    "Send JSON as 'Content-Type: application/json', or CloudEvents, and no 'Content-Encoding'",
  ],
  request_invalid: [422, "The request is invalid, see errors"],
  idempotency_conflict: [422, "The idempotency key was used for something else"],
  store_limit: [
    422,
    "The request is larger than the store takes, see errors",
  ],
  too_many_waits: [429, "Too many requests wait for handlers"],
  too_many_streams: [429, "Too many event streams are open"],
  headers_too_large: [431, "The headers are too large"],
  outbox_required: [501, "This needs an outbox, and there is none"],
  hooks_closed: [503, "The hooks are closed"],
  hooks_not_ready: [503, "A hook could not be opened"],
  outbox_unavailable: [503, "The store is not available"],
  auth_unavailable: [503, "The token could not be verified"],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;

/** A problem that has a place in the contract. */
export type ProblemCode = keyof typeof PROBLEMS;

/** What is wrong with an input. */
export type InputError = { readonly pointer: string; readonly detail: string };

/** What an answer says beside the problem. */
export type ProblemExtras = {
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of the document. */
  readonly members?: Readonly<Record<string, unknown>>;
};

/** An answer that is a problem document. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly extras: ProblemExtras;

  constructor(code: ProblemCode, extras: ProblemExtras = {}) {
    super(PROBLEMS[code][1]);
    this.code = code;
    this.extras = extras;
  }

  /** The input is invalid: every fault of it. */
  static invalid(errors: readonly InputError[]): Problem {
    return new Problem("request_invalid", { members: { errors } });
  }
}

/** Too much at once: to be tried again in a second. */
export function tooMany(code: "too_many_waits" | "too_many_streams"): Problem {
  return new Problem(code, { headers: { "retry-after": "1" } });
}

/** Something behind the app does not answer; why is for its log. */
export function unavailable(
  code: "auth_unavailable" | "outbox_unavailable",
  cause: unknown,
): Problem {
  const problem = new Problem(code, { ...retryLater, members: detailOf(cause) });
  problem.cause = cause;
  return problem;
}

/** The members of a problem document (RFC 9457). */
export function problemDocument(code: string, status: number, title: string) {
  return { type: `urn:omniagent:hooks:problem:${code}`, title, status, code };
}

/** The problem that an error stands for; undefined: it was not expected. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof EventValidationError) return Problem.invalid(inputErrors(error.issues));
  if (error instanceof StoreLimitError) {
    return new Problem("store_limit", limitErrors(error.issues));
  }
  if (error instanceof IdempotencyConflictError) return new Problem("idempotency_conflict");
  if (error instanceof HooksClosedError) return new Problem("hooks_closed", retryLater);
  if (error instanceof HookInitError) return new Problem("hooks_not_ready", retryLater);
  if (error instanceof OutboxUnavailableError) {
    const { stored } = error;
    const members = { stored, ...detailOf(error) };
    return new Problem("outbox_unavailable", { ...retryLater, members });
  }
  if (error instanceof TypeError && error.message === CLOSED) {
    return new Problem("outbox_unavailable", { ...retryLater, members: { stored: false } });
  }
  return undefined;
}

/** What is wrong with the store, and what an operator can do: nothing of it is the backend's own text. */
function detailOf(error: unknown): { readonly detail?: string } {
  const failed = storeErrorOf(error);
  return failed === undefined ? {} : { detail: `The store failed: ${failed.advice}` };
}

/** What every store says once it is closed: the process is about to end. */
const CLOSED = "Cannot use the store as it is closed";

const retryLater: ProblemExtras = { headers: { "retry-after": "5" } };

/** What is too large for the store, where it is known. */
export function limitErrors(issues: readonly StandardIssue[]): ProblemExtras {
  return issues.length === 0 ? {} : { members: { errors: inputErrors(issues) } };
}

/** Where the faults are, after a prefix. Messages of a user's schema may quote the input: not shown. */
export function inputErrors(
  issues: readonly StandardIssue[],
  prefix: readonly (string | number)[] = [],
): readonly InputError[] {
  return issues.map(({ path = [], message }) => {
    const keys = [...prefix, ...path.map((part) => typeof part === "object" ? part.key : part)];
    const below = keys.indexOf("data");
    const foreign = below >= 0 && below < keys.length - 1;
    return {
      pointer: toJsonPointer(keys),
      detail: foreign ? "is not what the schema of this type accepts" : message,
    };
  });
}
