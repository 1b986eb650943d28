/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { AppContext } from "../context.ts";
import { type Problem, type ProblemCode, PROBLEMS } from "../problems.ts";
import { Mark, respondBarePage, respondPage } from "./layout.tsx";
import type { PageRequest } from "./request.ts";

/** What people can do about a problem, where its title doesn't say. */
const ADVICE: { readonly [Code in ProblemCode]?: readonly [title: string, advice: string] } = {
  not_found: ["Page not found", "Check the address, or start again from the overview."],
  event_not_found: [
    "Event not found",
    "Events are deleted when their retention ends. Check the id, or look for it in the list.",
  ],
  scope_missing: [
    "Not allowed",
    "Your token lacks the scope for this. Sign out, and sign in with one that has it.",
  ],
  origin_forbidden: [
    "This form is no longer valid",
    "It belongs to another session, or another page sent it. Go back, reload the page, and try again.",
  ],
  token_missing: ["Your session has ended", "Sign in again."],
  token_invalid: [
    "Not signed in",
    "This app has its own sign-in, and you aren't signed in there. Sign in, then reload this page.",
  ],
  outbox_required: [
    "An outbox is required",
    "Pass an outbox to createHooks: without one, nothing is stored for this page to show.",
  ],
  outbox_unavailable: [
    "The store is unavailable",
    "Nothing is lost: events that were accepted are stored. Reload the page in a moment.",
  ],
  request_invalid: ["The request is invalid", "A value in the address or the form is not valid."],
  internal: ["Something went wrong", "The error is in the log of the server."],
};

/** Responds with the page of a problem; with navigation for someone who is signed in. */
export async function respondError(
  c: AppContext,
  root: string,
  { code, extras }: Problem,
  at: PageRequest | undefined,
): Promise<Response> {
  const [status, heading] = PROBLEMS[code];
  const [title, advice] = ADVICE[code] ?? [heading, undefined];
  const { errors } = (extras.members ?? {}) as {
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  };
  const content = (
    <div class="stack">
      {advice && <p>{advice}</p>}
      {errors && <ul>{errors.map(({ pointer, detail }) => <li>{`${pointer} ${detail}`}</li>)}</ul>}
      <p class="muted">
        Status {status}. Request <code>{c.get("hooksRequest").id}</code>
      </p>
    </div>
  );
  if (at !== undefined) return await respondPage(at, { title, status }, content);
  const bare = (
    <>
      <h1>
        <Mark /> {title}
      </h1>
      {content}
      {c.get("hooksRequest").app.tokens && (
        <p>
          <a href={`${root}sign-in`}>Go to the sign-in</a>
        </p>
      )}
    </>
  );
  return await respondBarePage(c, root, { title, status, headers: { ...extras.headers } }, bare);
}
