import { decodeBase64Url, encodeBase64Url } from "../../internal/bytes.ts";
import { hmacSha256Hex } from "../../internal/crypto.ts";
import type { Outbox } from "../../outbox/mod.ts";
import { hasScope } from "../auth.ts";
import { type AppContext, respond } from "../context.ts";
import type { Scope } from "../options.ts";
import { found, type Problem, PROBLEMS, toProblem } from "../problems.ts";
import { isSameSecret, type Session } from "./session.ts";

/** A request to a page of the console, by someone with the scope that the page needs. */
export type PageRequest = {
  readonly c: AppContext;
  readonly session: Session;
  /** The path from this page to the root of the console: `./`, `../`, … */
  readonly root: string;
  /** The parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The query. Empty values, which forms send for empty fields, are left out. */
  readonly query: URLSearchParams;
  /** The fields of the form; empty for a `GET`. Its CSRF token was checked. */
  readonly form: URLSearchParams;
  /** The notice about the action that led to this page. */
  readonly notice: Notice | undefined;
  /** The time of the request, in milliseconds since 1970. */
  readonly now: number;
};

/** The outcome of an action, which the next page shows. */
export type Notice = {
  readonly kind: "ok" | "error";
  readonly text: string;
};

/** A page of the console (`GET`), or an action that a form of a page sends (`POST`). */
export type ConsoleRoute = {
  readonly method: "GET" | "POST";
  /** The path below the root of the console, with parameters: `events/:id`. */
  readonly path: string;
  /** The scope that it needs, or one of several. */
  readonly scope: Scope | readonly Scope[];
  readonly handle: (at: PageRequest) => Response | Promise<Response>;
};

/** Query parameters, of which undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** The query parameter of a notice. */
const NOTICE = "notice";
/** Longest text of a notice, in characters: it is part of a URL. */
const MAX_NOTICE = 500;

/**
 * Returns a link to a page, relative to this one, so that it works wherever the app is mounted. Encode parts
 * of the path that vary: link(at, `events/${encodeURIComponent(id)}`).
 */
export function link({ root }: Pick<PageRequest, "root">, path: string, query: Query = {}): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const search = new URLSearchParams(set.map(([name, value]) => [name, String(value)]));
  return `${root}${path}${set.length > 0 ? `?${search}` : ""}`;
}

/** Returns whether this person has one of some scopes. Pages hide buttons otherwise. */
export function can({ session }: PageRequest, ...scopes: readonly Scope[]): boolean {
  return hasScope(session.identity, scopes);
}

/** Returns the outbox. @throws {Problem} when the hooks have none */
export function outboxOf({ c }: PageRequest): Outbox {
  return found(c.get("hooksRequest").app.outbox, "outbox_required");
}

/** Returns the names of this process's targets, which filters offer. */
export function targetNames({ c }: PageRequest): readonly string[] {
  const { registry } = c.get("hooksRequest").app;
  return registry.list().filter(({ durable }) => durable).map(({ name }) => name).sort();
}

/** Returns a response that shows another page, after an action, with a notice of its outcome. */
export async function redirect(
  at: PageRequest,
  path: string,
  { notice, query }: { readonly notice?: Notice; readonly query?: Query } = {},
): Promise<Response> {
  const signed = notice && { [NOTICE]: await signNotice(at.session, notice) };
  return respond(at.c, 303, null, { location: link(at, path, { ...query, ...signed }) });
}

/** Returns the notice of a URL; undefined if this session didn't make it. */
export async function readNotice(
  { noticeKey }: Session,
  query: URLSearchParams,
): Promise<Notice | undefined> {
  const [, mac = "", encoded = ""] = /^([0-9a-f]{64})\.([\w-]+)$/.exec(query.get(NOTICE) ?? "") ??
    [];
  const expected = await hmacSha256Hex(new TextEncoder().encode(noticeKey), encoded);
  if (!isSameSecret(expected, mac)) return undefined;
  const [kind, text] = JSON.parse(decodeBase64Url(encoded)!);
  return { kind, text };
}

async function signNotice({ noticeKey }: Session, { kind, text }: Notice): Promise<string> {
  const short = [...text].slice(0, MAX_NOTICE).join("");
  const encoded = encodeBase64Url(JSON.stringify([kind, short]));
  return `${await hmacSha256Hex(new TextEncoder().encode(noticeKey), encoded)}.${encoded}`;
}

/** Pages to which an action may return. */
const BACK =
  /^(?:deliveries|dead-letters|targets|gates|(?:events|webhooks)\/[\w.%-]+)(?:\?[^#]*)?$/;

/**
 * Performs the action of a form, and shows a page with a notice of the outcome: the one in the form's field
 * `back`, or `path`.
 *
 * @throws whatever isn't a problem of the request
 */
export async function act(
  at: PageRequest,
  path: string,
  action: () => Promise<string | Notice>,
): Promise<Response> {
  const back = at.form.get("back") ?? "";
  const [page, search] = (BACK.test(back) ? back : path).split("?", 2);
  const query = Object.fromEntries(new URLSearchParams(search ?? ""));
  return await redirect(at, page!, { notice: await attempt(action), query });
}

/** Returns the outcome of an action. A problem that the person can fix is a notice, too. */
export async function attempt(action: () => Promise<string | Notice>): Promise<Notice> {
  try {
    const outcome = await action();
    return typeof outcome === "string" ? { kind: "ok", text: outcome } : outcome;
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined || PROBLEMS[problem.code][0] >= 500) throw error;
    return failed(explain(problem));
  }
}

/** Returns the notice of a failure. */
export function failed(text: string): Notice {
  return { kind: "error", text };
}

function explain({ code, errors, extras }: Problem): string {
  if (code === "webhook_changed") {
    return "Someone else has changed the webhook. Review the current version, then try again.";
  }
  const isSentence = (text: string): boolean => /^[A-Z]/.test(text);
  const texts = errors.map(({ pointer, detail }) =>
    isSentence(detail) ? detail : `${pointer.slice(1)} ${detail}`
  );
  return texts.join("; ") || String(extras.members?.detail ?? PROBLEMS[code][1]);
}
