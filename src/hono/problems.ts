import { AskError, EventValidationError, HookInitError, HooksClosedError } from "../core/mod.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";
import { IdempotencyConflictError, OutboxUnavailableError } from "../outbox/errors.ts";
import { isClosedError, storeErrorOf, StoreLimitError } from "../store/errors.ts";
import { WebhookStoreError } from "../webhook_store/errors.ts";
import { AddressNotAllowedError } from "../webhook/errors.ts";

/** Every problem of a response: its status and its title. Codes are stable, titles are not. */
export const PROBLEMS = {
  body_malformed: [400, "Body is not valid UTF-8 JSON"],
  body_incomplete: [400, "Body is incomplete"],
  token_missing: [401, "Bearer token required"],
  token_invalid: [401, "Invalid token"],
  token_expired: [401, "Token has expired"],
  scope_missing: [403, "Token lacks the required scope"],
  origin_forbidden: [403, "Requests from pages on another origin require a bearer token"],
  not_found: [404, "Not found"],
  event_not_found: [404, "Event not found, or no longer stored"],
  delivery_not_found: [404, "Delivery not found"],
  target_not_found: [404, "Target not found"],
  ask_not_found: [404, "Approval request not found, or no longer stored"],
  replay_not_found: [404, "Replay not found, or no longer stored"],
  webhook_not_found: [404, "Webhook not found"],
  link_invalid: [403, "This link is not valid"],
  method_not_allowed: [405, "Method not allowed"],
  body_timeout: [408, "Body did not arrive in time"],
  idempotency_in_progress: [409, "A request with this Idempotency-Key is still in progress"],
  delivery_in_progress: [409, "An attempt at this delivery is in progress"],
  target_removed: [409, "Target was permanently removed"],
  ask_resolved: [409, "Someone has already responded"],
  webhook_exists: [409, "A webhook or hook with this name already exists"],
  webhook_name_used: [409, "A webhook with this name was deleted: use another name"],
  webhook_locked: [409, "The server can't decrypt the secrets of this webhook: see 'detail'"],
  too_many_webhooks: [409, "The store has the maximum number of webhooks"],
  link_expired: [410, "This link has expired"],
  ask_expired: [410, "The approval request has expired, and counts as denied"],
  event_gone: [410, "The event of this delivery is no longer stored"],
  webhook_changed: [412, "The webhook was changed: read it again"],
  body_too_large: [413, "Body is too large"],
  media_type_unsupported: [
    415,
    "Send JSON as 'Content-Type: application/json', or CloudEvents, without 'Content-Encoding'",
  ],
  request_invalid: [422, "Request is invalid: see 'errors'"],
  ask_refused: [422, "The gate does not accept this response: see 'detail'"],
  webhook_invalid: [422, "The webhook doesn't fit this server: see 'detail'"],
  idempotency_conflict: [422, "Idempotency key or event id was already used for other content"],
  store_limit: [422, "Request exceeds a limit of the store"],
  if_match_required: [428, "Send the ETag of the webhook as If-Match, or *"],
  too_many_tests: [429, "Too many tests are running"],
  too_many_waits: [429, "Too many requests are waiting for handlers"],
  too_many_streams: [429, "Too many event streams are open"],
  too_many_replays: [429, "Too many replays are running: wait for one, or cancel it"],
  headers_too_large: [431, "Headers are too large"],
  internal: [500, "Internal server error"],
  outbox_required: [501, "An outbox is required"],
  webhooks_disabled: [501, "The server needs an encryption key to store webhooks"],
  hooks_closed: [503, "Hooks are closed"],
  hooks_not_ready: [503, "A hook failed to initialize"],
  outbox_unavailable: [503, "Store is unavailable"],
  auth_unavailable: [503, "Token could not be verified"],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;

/** The code of a problem. */
export type ProblemCode = keyof typeof PROBLEMS;

/** An invalid part of a request, and where it is. */
export type InputError = { readonly pointer: string; readonly detail: string };

/** The parts of a response besides the problem itself. */
type ProblemExtras = {
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem document. */
  readonly members?: Readonly<Record<string, unknown>>;
};

const RETRY_LATER = { "retry-after": "5" };

/** An error that becomes a problem document. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly extras: ProblemExtras;

  constructor(code: ProblemCode, extras: ProblemExtras = {}) {
    super(PROBLEMS[code][1]);
    this.code = code;
    this.extras = extras;
  }

  /** What is invalid in the request. */
  get errors(): readonly InputError[] {
    const { errors = [] } = this.extras.members ?? {};
    return errors as readonly InputError[];
  }

  /** Returns the problem of an invalid request. */
  static invalid(...errors: readonly InputError[]): Problem {
    return new Problem("request_invalid", { members: { errors } });
  }

  /** Returns the problem of a limit on concurrent work. Clients may retry after a second. */
  static tooMany(
    code: "too_many_waits" | "too_many_streams" | "too_many_replays" | "too_many_tests",
  ): Problem {
    return new Problem(code, { headers: { "retry-after": "1" } });
  }

  /** Returns the problem of a dependency that failed. The cause is logged and never sent. */
  static unavailable(code: "auth_unavailable" | "outbox_unavailable", cause: unknown): Problem {
    const problem = new Problem(code, { headers: RETRY_LATER, members: storeDetail(cause) });
    problem.cause = cause;
    return problem;
  }
}

/** Returns the resource that was looked up. @throws {Problem} when it doesn't exist */
export function found<Value>(value: Value | undefined, code: ProblemCode): Value {
  if (value === undefined) throw new Problem(code);
  return value;
}

/** Returns the document of a problem (RFC 9457). */
export function problemDocument(code: ProblemCode) {
  const [status, title] = PROBLEMS[code];
  return { type: `urn:omniagent:hooks:problem:${code}`, title, status, code };
}

/** Returns the problem for an error; undefined for an unexpected one. */
export function toProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof EventValidationError) return Problem.invalid(...inputErrors(error.issues));
  if (error instanceof StoreLimitError) return storeLimit(error.issues);
  if (error instanceof IdempotencyConflictError) return new Problem("idempotency_conflict");
  if (error instanceof AskError) return askProblem(error);
  if (error instanceof WebhookStoreError) return webhookProblem(error);
  if (error instanceof AddressNotAllowedError) {
    return Problem.invalid({ pointer: "/url", detail: error.message });
  }
  if (isConfigError(error)) {
    return Problem.invalid(...error.issues.map(({ path, message }) => {
      return { pointer: toPointer(path), detail: message };
    }));
  }
  if (error instanceof HooksClosedError) {
    return new Problem("hooks_closed", { headers: RETRY_LATER });
  }
  if (error instanceof HookInitError) {
    return new Problem("hooks_not_ready", { headers: RETRY_LATER });
  }
  if (error instanceof OutboxUnavailableError) {
    const members = { stored: error.stored, ...storeDetail(error) };
    return new Problem("outbox_unavailable", { headers: RETRY_LATER, members });
  }
  if (isClosedError(error)) {
    return new Problem("outbox_unavailable", {
      headers: RETRY_LATER,
      members: { stored: false },
    });
  }
  return undefined;
}

/** Returns the problem of an ask that can't be resolved. */
function askProblem({ failure, message }: AskError): Problem {
  if (failure === "unknown") return new Problem("ask_not_found");
  return new Problem(`ask_${failure}`, { members: { detail: message } });
}

/** Whether an error is about invalid fields of a webhook. By name, because the app doesn't load the class. */
type ConfigError = Error & {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
};

function isConfigError(error: unknown): error is ConfigError {
  return error instanceof Error && error.name === "ConfigError" && "issues" in error;
}

/** Returns the problem of a stored webhook. */
function webhookProblem({ code, message }: WebhookStoreError): Problem {
  if (code === "too_many_tests") return Problem.tooMany(code);
  return new Problem(code === "name_used" ? "webhook_name_used" : code, {
    members: { detail: message },
  });
}

/** Returns the problem of events that exceed a limit of the store. */
export function storeLimit(issues: readonly StandardIssue[]): Problem {
  const members = issues.length === 0 ? {} : { errors: inputErrors(issues) };
  return new Problem("store_limit", { members });
}

/** Returns what an operator can do about a failing store. Never quotes the backend. */
function storeDetail(error: unknown): { readonly detail?: string } {
  const failure = storeErrorOf(error);
  return failure === undefined ? {} : { detail: `The store failed: ${failure.advice}` };
}

/** Converts issues of events. Messages of a user's schema are replaced: they may quote the payload. */
export function inputErrors(issues: readonly StandardIssue[]): readonly InputError[] {
  return issues.map(({ path = [], message }) => {
    const keys = path.map((part) => typeof part === "object" ? part.key : part);
    const data = keys.indexOf("data");
    const isPayload = data >= 0 && data < keys.length - 1;
    return {
      pointer: toPointer(keys),
      detail: isPayload ? "is rejected by the schema of this event type" : message,
    };
  });
}

/** Returns a JSON pointer (RFC 6901) that ends before the first key that isn't a plain name: it may hold anything. */
export function toPointer(keys: readonly PropertyKey[]): string {
  let pointer = "";
  for (const key of keys) {
    if (typeof key !== "number" && !/^[\w-]{1,64}$/.test(String(key))) break;
    pointer += `/${String(key)}`;
  }
  return pointer;
}
