import type { Ask } from "../core/mod.ts";
import { showInvisible } from "../internal/json_text.ts";
import { type AskLink, verifyAskLink } from "../core/gates/ask_link.ts";
import { askInPath, asksOf, findAsk, shorten } from "./asks.ts";
import { type AppContext, respond } from "./context.ts";
import { Problem, PROBLEMS } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

const SIGNATURE_LENGTH = 64;

const query = {
  decision: s.describe(s.oneOf("allow", "deny"), "What the link responds", "allow"),
  by: s.describe(s.externalId, "Who got the link", "ada@example.com"),
  expires: s.describe(s.count, "When it expires, in milliseconds since 1970", 1776854400000),
  signature: s.describe(
    s.externalId,
    "Signature of the ask and the other parameters, made with the approval key",
    "5".repeat(SIGNATURE_LENGTH),
  ),
} as const;

const problems = ["ask_not_found", "link_invalid", "link_expired"] as const;
const example = "<!doctype html><title>Approval</title><p>…</p>";

/** What both routes share. */
const shared = {
  path: "/asks/:id/respond",
  params: { id: askInPath },
  query,
  response: { description: "A page", mediaType: "text/html", schema: s.string, example },
  respondProblem,
} as const;

/**
 * The routes of signed links. They need no token: the link is the permission. Only `POST` responds to the
 * ask, because mail and chat programs fetch links to preview them.
 */
export const askLinkRoutes: readonly Route[] = [
  defineRoute({
    ...shared,
    method: "GET",
    operationId: "showAskLink",
    summary: "Show the response of a signed link, with a button that sends it",
    problems,
    async handle(c, input) {
      const { ask, link } = await readLink(c, input);
      if (ask.state !== "pending") throw over(ask);
      return respondPage(c, 200, "Approval", [
        `<p>${escape(ask.question)}</p>`,
        `<pre>${escape(JSON.stringify(ask.data, null, 2))}</pre>`,
        `<form method="post"><button>${LABELS[link.decision]}</button></form>`,
      ]);
    },
  }),
  defineRoute({
    ...shared,
    method: "POST",
    operationId: "useAskLink",
    summary: "Respond to an ask with a signed link, once",
    problems: [...problems, "ask_resolved", "ask_expired", "ask_refused"],
    async handle(c, input) {
      const { link: { askId, decision, by } } = await readLink(c, input);
      await asksOf(c).resolve(askId, { decision, by: shorten(`${by} (link)`) });
      return respondPage(c, 200, DONE[decision], ["<p>You can close this page.</p>"]);
    },
  }),
];

const LABELS = { allow: "Allow", deny: "Deny" } as const;
const DONE = { allow: "Allowed", deny: "Denied" } as const;

type LinkInput = {
  readonly params: { readonly id: string };
  readonly query: {
    readonly decision?: "allow" | "deny";
    readonly by?: string;
    readonly expires?: number;
    readonly signature?: string;
  };
};

/** Reads a signed link. @throws {Problem} when it isn't valid */
async function readLink(
  c: AppContext,
  { params: { id }, query: { decision, by, expires, signature } }: LinkInput,
): Promise<{ readonly link: AskLink; readonly ask: Ask }> {
  const { approvalKeys, outbox } = c.get("hooksRequest").app;
  const isWhole = decision !== undefined && by !== undefined && expires !== undefined &&
    signature !== undefined;
  if (approvalKeys.length === 0 || !outbox || !isWhole) throw new Problem("link_invalid");
  const link: AskLink = { askId: id, decision, by, expiresAt: new Date(expires) };
  const validity = await verifyAskLink(link, signature, approvalKeys, Date.now());
  if (validity !== "valid") throw new Problem(`link_${validity}`);
  return { link, ask: await findAsk(c, id) };
}

function over({ state }: Ask): Problem {
  return new Problem(state === "expired" ? "ask_expired" : "ask_resolved");
}

/** People read these pages: no problem documents. */
function respondProblem(c: AppContext, { code }: Problem): Response {
  c.get("hooksRequest").logFields.problem = code;
  const [status, title] = PROBLEMS[code];
  return respondPage(c, status, title, []);
}

/** Returns a page without scripts, styles or anything else to load. */
function respondPage(
  c: AppContext,
  status: number,
  title: string,
  body: readonly string[],
): Response {
  const html = [
    "<!doctype html>",
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="robots" content="noindex">',
    `<title>${escape(title)}</title>`,
    `<main><h1>${escape(title)}</h1>`,
    ...body,
    "</main></html>",
  ];
  return respond(c, status, html.join("\n"), {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return showInvisible(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
