/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { type AppContext, respond } from "../context.ts";
import { Problem, type ProblemCode } from "../problems.ts";
import { Mark, PAGE_HEADERS, respondBarePage } from "./layout.tsx";
import { endSession, type Session, startSession } from "./session.ts";

/** What is wrong with a token. */
const ERRORS: { readonly [Code in ProblemCode]?: string } = {
  token_invalid: "This token is not valid. Check that you copied all of it.",
  token_expired: "This token has expired. Ask for a new one.",
  scope_missing: "This token can't use the console. It needs the scope read, approve, or admin.",
};

/** Responds with the form, or with the first page to someone who is signed in. */
export async function respondSignIn(
  c: AppContext,
  root: string,
  { session, query }: { readonly session: Session | undefined; readonly query: URLSearchParams },
): Promise<Response> {
  const next = safePath(query.get("next"));
  if (session !== undefined) return redirectTo(c, root + next);
  return await respondForm(c, root, { next });
}

/** Signs in with the token of a form. */
export async function signIn(
  c: AppContext,
  root: string,
  fields: URLSearchParams,
): Promise<Response> {
  const next = safePath(fields.get("next"));
  if (c.get("hooksRequest").app.tokens === undefined) return redirectTo(c, root);
  try {
    const { identity, cookie } = await startSession(c, (fields.get("token") ?? "").trim());
    c.get("hooksRequest").identity = identity;
    return redirectTo(c, root + next, cookie);
  } catch (error) {
    if (!(error instanceof Problem) || ERRORS[error.code] === undefined) throw error;
    c.get("hooksRequest").logFields.problem = error.code;
    const status = error.code === "scope_missing" ? 403 : 401;
    return await respondForm(c, root, { next, status, error: ERRORS[error.code]! });
  }
}

/** Ends the session of this browser. */
export function signOut(c: AppContext, root: string): Response {
  return redirectTo(c, `${root}sign-in`, endSession(c));
}

function redirectTo(c: AppContext, location: string, cookie?: string): Response {
  const headers = cookie === undefined ? {} : { "set-cookie": cookie };
  return respond(c, 303, null, { ...PAGE_HEADERS, ...headers, location });
}

/** Returns a path below the root of the console; empty for any other URL. */
function safePath(next: string | null): string {
  const base = "http://console/c/";
  if (next === null || !URL.canParse(next, base)) return "";
  const { origin, pathname, search } = new URL(next, base);
  if (origin !== "http://console" || !pathname.startsWith("/c/")) return "";
  const path = pathname.slice("/c/".length);
  return path.startsWith("/") || path.includes(":") ? "" : path + search;
}

async function respondForm(
  c: AppContext,
  root: string,
  { next, error, status = 200 }: {
    readonly next: string;
    readonly error?: string;
    readonly status?: number;
  },
): Promise<Response> {
  const title = "Sign in";
  const content = (
    <>
      <h1>
        <Mark /> Sign in to Hooks
      </h1>
      <form method="post" action={`${root}sign-in`}>
        <input type="hidden" name="next" value={next} />
        {/* For password managers, which store a name with every password. */}
        <input type="text" value="hooks" autocomplete="username" hidden readonly />
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          required
          autofocus
          autocomplete="current-password"
          spellcheck={false}
          aria-describedby={error ? "error hint" : "hint"}
          aria-invalid={error ? "true" : undefined}
        />
        {error && <p id="error" class="field-error" role="alert">{error}</p>}
        <p id="hint" class="muted">
          A token of the server with the scope <code>read</code>, <code>approve</code>, or{" "}
          <code>admin</code>. You stay signed in for 12 hours.
        </p>
        <button type="submit" class="primary">Sign in</button>
      </form>
    </>
  );
  return await respondBarePage(c, root, { title, status }, content);
}
