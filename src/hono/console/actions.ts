import { PROBLEMS, toProblem } from "../problems.ts";
import { type Notice, type PageRequest, redirect } from "./request.ts";

/** Pages that an action may lead back to. */
const BACK =
  /^(?:deliveries|dead-letters|targets|gates|(?:events|webhooks)\/[\w.%-]+)(?:\?[^#]*)?$/;

/**
 * Does what a form asks for, and shows a page with a notice of the outcome: the one that the form names in
 * its field `back`, or `path`. What the person can do something about becomes a notice, too.
 *
 * @throws whatever isn't a problem of the request
 */
export async function act(
  at: PageRequest,
  path: string,
  action: () => Promise<string | Notice>,
): Promise<Response> {
  const back = at.form.get("back") ?? "";
  const [page, query] = (BACK.test(back) ? back : path).split("?", 2);
  const outcome = await attempt(action);
  const notice = typeof outcome === "string" ? { kind: "ok", text: outcome } as const : outcome;
  const fields = Object.fromEntries(new URLSearchParams(query ?? ""));
  return await redirect(at, page!, { notice, query: fields });
}

/** Returns the outcome of an action. A problem is a notice about an error. */
export async function attempt(
  action: () => Promise<string | Notice>,
): Promise<string | Notice> {
  try {
    return await action();
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined || PROBLEMS[problem.code][0] >= 500) throw error;
    return { kind: "error", text: textOf(problem.code, problem.extras.members ?? {}) };
  }
}

const CHANGED =
  "Someone has changed the webhook in the meantime. Review it as it is now, and try again.";

function textOf(code: keyof typeof PROBLEMS, members: Readonly<Record<string, unknown>>): string {
  const { detail, errors } = members as {
    readonly detail?: string;
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  };
  if (code === "webhook_changed") return CHANGED;
  if (errors !== undefined) {
    const isSentence = (text: string): boolean => /^[A-Z]/.test(text);
    return errors.map(({ pointer, detail }) =>
      isSentence(detail) ? detail : `${pointer.slice(1)} ${detail}`
    ).join("; ");
  }
  return detail ?? PROBLEMS[code][1];
}
