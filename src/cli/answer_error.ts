import { parseMediaType, parseRetryAfter } from "../internal/http_fields.ts";
import { readBytes } from "../internal/bytes.ts";
import { CommandError } from "./command_error.ts";
import { printable } from "./style.ts";

/** Where a name is looked up. */
export const WHERE_TARGETS = "`hooks targets` lists those that there are";

/** A problem document (RFC 9457), as far as a server of hooks fills it. */
type Problem = {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly errors?: unknown;
};

/** An answer that is no success. */
export class AnswerError extends CommandError {
  /** Its status. */
  readonly status: number;
  /** What kind of problem it is, where the answer says. */
  readonly code: string | undefined;

  /** An answer of that status and code. */
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

/** What an answer that is no success means to the user, with every issue that it names. */
export async function answerError(
  response: Response,
  url: string,
  hadToken: boolean,
): Promise<AnswerError> {
  const { status } = response;
  const problem = await readProblem(response);
  if (problem === undefined && status >= 500) {
    return new AnswerError({ status }, `${url} failed: it answered ${status}`, [
      "Its log may say why; a proxy in front of it answers so, too, while it is down",
      ...advice(status, hadToken, response.headers.get("retry-after")),
    ]);
  }
  // A server of hooks has all paths that are asked for, unless it stands elsewhere.
  if (problem === undefined || /^(?:not_found|method_not_allowed)$/.test(`${problem.code}`)) {
    return new AnswerError({ status }, `${url} is no server of hooks: it answered ${status}`, [
      "--url or HOOKS_URL says where yours is, with the path that it is mounted at",
    ]);
  }
  const faults = faultsOf(problem);
  const said = faults.length > 0
    ? "The server refused it as it is invalid"
    : [problem.detail, problem.title].find((part) => typeof part === "string");
  const code = typeof problem.code === "string" ? problem.code : undefined;
  const message = printable(said ?? `The server answered ${status}`) +
    (code === undefined ? "" : ` (${printable(code)})`);
  return new AnswerError({ status, code }, message, [
    ...faults,
    ...problem.code === "target_not_found" ? [WHERE_TARGETS] : [],
    ...advice(status, hadToken, response.headers.get("retry-after")),
  ]);
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  const type = parseMediaType(response.headers.get("content-type"));
  if (type?.essence !== "application/problem+json") {
    await response.body?.cancel().catch(() => {}); // it may have broken off
    return undefined;
  }
  const problem = await readJson(response);
  return typeof problem === "object" && problem !== null ? problem : undefined;
}

/** The JSON of a short body; undefined if it is none, or does not arrive. */
async function readJson({ body }: Response): Promise<unknown> {
  try {
    const bytes = await readBytes(body, { maxBytes: 1024 * 1024, timeout: 10_000 });
    return typeof bytes === "string" ? undefined : JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** What is wrong with the input, each with a pointer to it. */
function faultsOf({ errors }: Problem): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.map((
    { pointer, detail }: { readonly pointer?: unknown; readonly detail?: unknown },
  ) => printable(pointer ? `${pointer}: ${detail}` : `${detail}`));
}

function advice(status: number, hadToken: boolean, retryAfter: string | null): string[] {
  const wait = parseRetryAfter(retryAfter, Date.now());
  switch (status) {
    case 401:
      return [
        hadToken
          ? "The token is not one of the server's, or has expired: check --token or HOOKS_TOKEN"
          : "It wants a token: give --token or HOOKS_TOKEN (`hooks serve` prints one, unless it has some)",
      ];
    case 403:
      return ["The token is good, but not for this: its scopes stand in the server's config"];
    case 429:
    case 503:
      return wait === undefined ? [] : [`Try again in ${Math.ceil(wait / 1000)} s`];
    default:
      return [];
  }
}
