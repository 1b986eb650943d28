import { readBytes } from "../internal/bytes.ts";
import { parseMediaType, parseRetryAfter } from "../internal/http_fields.ts";
import { printable } from "./output.ts";

/** Tells users how to find the names of targets. */
export const LIST_TARGETS = "Run `hooks targets` to list the targets";

/** Thrown for errors that the user can fix. Printed without a stack. */
export class CommandError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name: string = "CommandError";
  /** The exit code of the process: 1 for a failure, 2 for invalid arguments. */
  readonly exitCode: 1 | 2;
  /** Further lines: each issue, or what to do. */
  readonly details: readonly string[];

  /** Creates an error; `details` are printed below the message. */
  constructor(message: string, details: readonly string[] = [], exitCode: 1 | 2 = 1) {
    super(message);
    this.details = details;
    this.exitCode = exitCode;
  }
}

/** Thrown for a response that isn't successful. */
export class ResponseError extends CommandError {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "ResponseError";
  /** The HTTP status. */
  readonly status: number;
  /** The `code` of the problem document, if there is one. */
  readonly code: string | undefined;

  /** Creates an error for a response with that status and code. */
  constructor(
    { status, code }: { readonly status: number; readonly code?: string | undefined },
    message: string,
    details: readonly string[],
  ) {
    super(message, details);
    this.status = status;
    this.code = code;
  }
}

/** A problem document (RFC 9457), with the members that a hooks server sets. */
type Problem = {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly errors?: unknown;
};

/** Returns the error for a response that isn't successful, with every issue that it names. */
export async function responseError(
  response: Response,
  url: string,
  hadToken: boolean,
): Promise<ResponseError> {
  const { status } = response;
  const advice = adviceFor(status, hadToken, response.headers.get("retry-after"));
  const problem = await readProblem(response);
  if (problem === undefined && status >= 500) {
    return new ResponseError({ status }, `${url} failed with HTTP ${status}`, [
      "Check its log, and the proxy in front of it if there is one",
      ...advice,
    ]);
  }
  // A hooks server has all paths that the command requests, unless it is mounted elsewhere.
  if (problem === undefined || /^(?:not_found|method_not_allowed)$/.test(`${problem.code}`)) {
    return new ResponseError({ status }, `No hooks server at ${url} (HTTP ${status})`, [
      "Set --url or HOOKS_URL to its address, including the path that it is mounted at",
    ]);
  }
  const issues = issuesOf(problem);
  const text = issues.length > 0
    ? "The server rejected the request as invalid"
    : [problem.detail, problem.title].find((part) => typeof part === "string");
  const code = typeof problem.code === "string" ? problem.code : undefined;
  const suffix = code === undefined ? "" : ` (${code})`;
  return new ResponseError(
    { status, code },
    printable(`${text ?? `The server responded with HTTP ${status}`}${suffix}`),
    [...issues, ...code === "target_not_found" ? [LIST_TARGETS] : [], ...advice],
  );
}

/** Returns the problem document of a response, if it is one and arrives. */
async function readProblem(response: Response): Promise<Problem | undefined> {
  const type = parseMediaType(response.headers.get("content-type"));
  if (type?.essence !== "application/problem+json") {
    await response.body?.cancel().catch(() => {}); // the connection may be gone
    return undefined;
  }
  try {
    const limits = { maxBytes: 1024 * 1024, timeout: 10_000 };
    const bytes = await readBytes(response.body, limits);
    const value = typeof bytes === "string"
      ? undefined
      : JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns what is wrong with the input, each issue with a pointer to its place. */
function issuesOf({ errors }: Problem): readonly string[] {
  if (!Array.isArray(errors)) return [];
  return errors.map((
    { pointer, detail }: { readonly pointer?: unknown; readonly detail?: unknown },
  ) => printable(pointer ? `${pointer}: ${detail}` : `${detail}`));
}

function adviceFor(status: number, hadToken: boolean, retryAfter: string | null): string[] {
  if (status === 401) {
    return [
      hadToken
        ? "Check --token or HOOKS_TOKEN: the server doesn't know this token, or it has expired"
        : "Set --token or HOOKS_TOKEN; `hooks serve` prints a token if its configuration has none",
    ];
  }
  if (status === 403) {
    return ["Use a token with the scope that this needs; scopes are set in the server's config"];
  }
  const wait = parseRetryAfter(retryAfter, Date.now());
  const isBusy = (status === 429 || status === 503) && wait !== undefined;
  return isBusy ? [`Try again in ${Math.ceil(wait / 1000)} s`] : [];
}
