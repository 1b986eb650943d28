import { html } from "hono/html";
import * as v from "valibot";
import { type AskLink, verifyAskLink } from "../core/gates/ask_link.ts";
import type { Ask, AskResolution } from "../core/mod.ts";
import { MAX_BY } from "../core/gates/limits.ts";
import { showInvisible } from "../internal/json_text.ts";
import { type AppContext, respond, respondJson } from "./context.ts";
import { pageOf, pageQuery, respondPage, withCursor } from "./pages.ts";
import { found, Problem, PROBLEMS } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

const choice = s.oneOf("allow", "deny", "edit");
const ask = s.object({
  id: s.string,
  state: s.oneOf("pending", "allowed", "denied", "edited", "expired"),
  question: s.string,
  gate: v.optional(s.string),
  allow: s.list(choice),
  event_type: s.string,
  data: v.unknown(),
  digest: s.string,
  session_id: v.optional(s.session),
  run_id: v.optional(s.run),
  call_id: v.optional(s.string),
  agent_id: v.optional(s.string),
  decision_id: s.string,
  asked_at: s.time,
  expires_at: s.time,
  resolved_at: v.optional(s.time),
  by: v.optional(s.string),
  note: v.optional(s.string),
  edited: v.optional(v.unknown()),
});

/** An ask in JSON. */
export type AskJson = v.InferOutput<typeof ask>;

const data = { name: "pay", call_id: "call-7", params: { amount: 5 } };

const example: AskJson = {
  id: s.EXAMPLE_ID,
  state: "pending",
  question: "Pay 5?",
  gate: "approve-payments",
  allow: ["allow", "deny"],
  event_type: "tool.called",
  data,
  digest: "5d41402abc4b2a76b9719d911017c592aee2d5c3b1a0f4a7e8b4c6d2f1e09a83",
  session_id: "s-1",
  call_id: "call-7",
  decision_id: s.EXAMPLE_ID,
  asked_at: s.EXAMPLE_TIME,
  expires_at: "2026-04-22T10:40:00.000Z",
};

/** The id of an ask in a path. */
const askInPath = s.describe(
  s.eventId,
  "The id of the ask",
  s.EXAMPLE_ID,
);

const by = s.describe(
  s.externalId,
  "Who responds. The token's name is stored with it",
  "ada@example.com",
);
const mapping = v.record(v.string(), v.unknown(), "must be an object");

/** The routes of asks. */
export const askRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/asks",
    scope: ["read", "approve"],
    operationId: "listAsks",
    summary: "List asks, newest first",
    query: {
      state: s.describe(
        s.oneOf("pending", "all"),
        "pending, the default: asks that wait for a response; all: resolved and expired ones, too",
        "pending",
      ),
      ...pageQuery,
    },
    needsOutbox: true,
    response: pageOf("asks", ask, example),
    async handle(c, { query }) {
      const page = await withCursor(query.cursor, () => asksOf(c).list(query));
      return respondPage(c, "asks", page, page.items.map((item) => s.toJson(ask, item)));
    },
  }),
  defineRoute({
    method: "GET",
    path: "/asks/:id",
    scope: ["read", "approve"],
    operationId: "getAsk",
    summary: "Get an ask",
    params: { id: askInPath },
    needsOutbox: true,
    response: { description: "The ask", schema: ask, example },
    problems: ["ask_not_found"],
    async handle(c, { params: { id } }) {
      return respondJson(c, 200, s.toJson(ask, await findAsk(c, id)));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/asks/:id",
    scope: "approve",
    operationId: "resolveAsk",
    summary: "Respond to an ask: allow, deny or edit. The first response wins",
    params: { id: askInPath },
    body: {
      schema: s.strictObject({
        decision: choice,
        data: v.optional(mapping),
        by: v.optional(by),
        note: v.optional(s.note),
      }),
      example: { decision: "allow", by: "ada@example.com", note: "as discussed" },
    },
    needsOutbox: true,
    response: {
      description: "The ask as it is now",
      schema: ask,
      example: { ...example, state: "allowed", by: "ada@example.com (slack)" },
    },
    problems: ["ask_not_found", "ask_resolved", "ask_expired", "ask_refused", "hooks_closed"],
    async handle(c, { params: { id }, body: { decision, data, by, note } }) {
      await findAsk(c, id);
      if ((decision === "edit") !== (data !== undefined)) {
        const detail = "must be set for the decision edit, and only then";
        throw Problem.invalid({ pointer: "/data", detail });
      }
      const { name } = c.get("hooksRequest").identity;
      const resolution: AskResolution = {
        decision,
        ...(data !== undefined && { data }),
        by: by === undefined ? shorten(name || "http") : name ? withSource(by, name) : by,
        ...(note !== undefined && { note }),
      };
      return respondJson(c, 200, s.toJson(ask, await asksOf(c).resolve(id, resolution)));
    },
  }),
];

/** Truncates a name to what is stored. */
export function shorten(name: string, max = MAX_BY): string {
  return [...name].slice(0, max).join("");
}

/** Returns who responds, and the token or link they used. A name that they chose must not replace that. */
function withSource(by: string, source: string): string {
  const used = ` (${shorten(source, MAX_BY - 4)})`;
  return shorten(by, MAX_BY - [...used].length) + used;
}

/** Returns an ask. @throws {Problem} when it isn't stored */
async function findAsk(c: AppContext, id: string): Promise<Ask> {
  return found(await asksOf(c).get(id), "ask_not_found");
}

/** Returns the asks of the app. */
export function asksOf(c: AppContext) {
  return c.get("hooksRequest").app.registry.gates.asks;
}

const SIGNATURE_LENGTH = 64;

const linkQuery = {
  decision: s.describe(s.oneOf("allow", "deny"), "What the link responds", "allow"),
  by: s.describe(s.externalId, "Who got the link", "ada@example.com"),
  expires: s.describe(s.count, "When it expires, in milliseconds since 1970", 1776854400000),
  signature: s.describe(
    s.externalId,
    "Signature of the ask and the other parameters, made with the approval key",
    "5".repeat(SIGNATURE_LENGTH),
  ),
} as const;

const linkProblems = ["ask_not_found", "link_invalid", "link_expired"] as const;

/** The parts that the routes of links share. */
const shared = {
  path: "/asks/:id/respond",
  params: { id: askInPath },
  query: linkQuery,
  response: {
    description: "A page",
    mediaType: "text/html",
    schema: s.string,
    example: "<!doctype html><title>Approval</title><p>…</p>",
  },
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
    problems: linkProblems,
    async handle(c, input) {
      const { ask, link } = await readLink(c, input);
      if (ask.state === "expired") throw new Problem("ask_expired");
      if (ask.state !== "pending") throw new Problem("ask_resolved");
      const data = showInvisible(JSON.stringify(ask.data, null, 2));
      const body = html`
        <p>${showInvisible(ask.question)}</p>
        <pre>${data}</pre>
        <form method="post"><button>${LABELS[link.decision]}</button></form>
      `;
      return respondHtml(c, 200, "Approval", body);
    },
  }),
  defineRoute({
    ...shared,
    method: "POST",
    operationId: "useAskLink",
    summary: "Respond to an ask with a signed link, once",
    problems: [...linkProblems, "ask_resolved", "ask_expired", "ask_refused"],
    async handle(c, input) {
      const { link: { askId, decision, by } } = await readLink(c, input);
      await asksOf(c).resolve(askId, { decision, by: withSource(by, "link") });
      return respondHtml(c, 200, DONE[decision], html`<p>You can close this page.</p>`);
    },
  }),
];

const LABELS = { allow: "Allow", deny: "Deny" } as const;
const DONE = { allow: "Allowed", deny: "Denied" } as const;

type LinkInput = {
  readonly params: { readonly id: string };
  readonly query: Partial<s.ValuesOf<typeof linkQuery>>;
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

/** Responds to a person with a page instead of a problem document. */
function respondProblem(c: AppContext, { code }: Problem): Response {
  c.get("hooksRequest").logFields.problem = code;
  const [status, title] = PROBLEMS[code];
  return respondHtml(c, status, title);
}

/** Responds with a page without scripts, styles or anything else to load. */
function respondHtml(
  c: AppContext,
  status: number,
  title: string,
  body: ReturnType<typeof html> | "" = "",
): Response {
  const page = html`
    <!doctype html>
    <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <meta name="color-scheme" content="light dark">
      <meta name="robots" content="noindex">
      <title>${title}</title>
      <main>
        <h1>${title}</h1>
        ${body}
      </main>
    </html>
  `;
  return respond(c, status, String(page).trim(), {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  });
}
