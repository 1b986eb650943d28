import { TrieRouter } from "hono/router/trie-router";
import { NAME_PATTERN } from "../../internal/validate.ts";
import { checkOrigin, hasScope } from "../auth.ts";
import { checkPlainUtf8, readBody } from "../body.ts";
import { type AppContext, respond } from "../context.ts";
import { found, Problem } from "../problems.ts";
import { checkHeaderSize } from "../router.ts";
import { findAsset } from "./assets.ts";
import { CSRF_FIELD } from "./components.tsx";
import { PAGE_HEADERS, respondError } from "./layout.tsx";
import { eventRoutes } from "./event_details.tsx";
import { eventListRoutes } from "./event_list.tsx";
import { deliveryPages } from "./deliveries.tsx";
import { gatePages } from "./gate_pages.tsx";
import { overviewRoutes } from "./overview.tsx";
import { replayPages } from "./replay_pages.tsx";
import { targetPages } from "./target_pages.tsx";
import { webhookPages } from "./webhook_pages.tsx";
import { type ConsoleRoute, type PageRequest, readNotice } from "./request.ts";
import { isSameSecret, readSession } from "./session.ts";
import { respondSignIn, signIn, signOut } from "./sign_in.tsx";

/** The pages and actions of the console. */
export const consoleRoutes: readonly ConsoleRoute[] = [
  ...overviewRoutes,
  ...eventListRoutes,
  ...eventRoutes,
  ...deliveryPages,
  ...replayPages,
  ...targetPages,
  ...webhookPages,
  ...gatePages,
];

const router = new TrieRouter<ConsoleRoute>();
for (const route of consoleRoutes) router.add(route.method, `/${route.path}`, route);

/** Parameters of paths that name a webhook or another target. */
const NAMES = ["name", "target"];

/** Longest form of someone who isn't signed in, in bytes: a token, and the path of a page. */
const MAX_SIGN_IN = 16_384;

/** Responds to a request below the root of the console, which has `depth` slashes before it. */
export async function respondConsole(c: AppContext, depth: number): Promise<Response> {
  const { path, root } = locate(c, depth);
  const isPost = c.req.method === "POST";
  if (!isPost && c.req.method !== "GET" && c.req.method !== "HEAD") {
    throw new Problem("method_not_allowed", { headers: { allow: "GET, HEAD, POST" } });
  }
  const { limits } = c.get("hooksRequest").app;
  checkHeaderSize(c.req.raw.headers, limits.headers);
  if (path.startsWith("assets/")) return await respondAsset(c, path);
  if (isPost) checkOwnPage(c.req.raw);
  if (isPost && path === "sign-in") return await signIn(c, root, await readForm(c, MAX_SIGN_IN));

  const query = readQuery(c);
  const session = await readSession(c);
  if (path === "sign-in") return await respondSignIn(c, root, { session, query });
  if (session === undefined) return respondSignedOut(c, { path, root });
  c.get("hooksRequest").identity = session.identity;
  const fields = isPost ? await readForm(c, limits.body) : new URLSearchParams();
  if (isPost && !isSameSecret(session.csrf, fields.get(CSRF_FIELD) ?? "")) {
    throw new Problem("origin_forbidden"); // it doesn't come from a page of this session
  }
  if (path === "sign-out" && isPost) return signOut(c, root);

  const [matches] = router.match(isPost ? "POST" : "GET", `/${path}`);
  const [route, rawParams] = found(matches[0], "not_found");
  if (!hasScope(session.identity, [route.scope].flat())) throw new Problem("scope_missing");
  const params = decodeParams(rawParams as Readonly<Record<string, string>>);
  const notice = await readNotice(session, query);
  const at = { c, session, root, params, query, form: fields, notice, now: Date.now() };
  return await route.handle(at);
}

/** Responds with a page to a problem of such a request. */
export async function respondConsoleProblem(
  c: AppContext,
  problem: Problem,
  depth: number,
): Promise<Response> {
  c.get("hooksRequest").logFields.problem = problem.code;
  const { root } = locate(c, depth);
  // Someone who isn't signed in sees only the error.
  const session = await readSession(c).catch(() => undefined);
  const none = { params: {}, query: new URLSearchParams(), form: new URLSearchParams() };
  const at: PageRequest | undefined = session &&
    { c, session, root, ...none, notice: undefined, now: Date.now() };
  return await respondError(c, root, problem, at);
}

/** Returns the path of a request below the root of the console, and the relative path of the root. */
function locate(c: AppContext, depth: number): { readonly path: string; readonly root: string } {
  const { pathname } = new URL(c.req.raw.url);
  const path = pathname.split("/").slice(depth).join("/");
  const levels = path.split("/").length - 1;
  return { path, root: levels === 0 ? "./" : "../".repeat(levels) };
}

function decodeParams(
  params: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const decoded = Object.entries(params).map(([name, part]) => {
    const text = tryDecode(part);
    const isValid = !NAMES.includes(name) || NAME_PATTERN.test(text ?? "");
    return [name, found(isValid ? text : undefined, "not_found")];
  });
  return Object.fromEntries(decoded);
}

function tryDecode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

async function respondAsset(c: AppContext, path: string): Promise<Response> {
  const { asset: { type, content }, isCurrent } = found(await findAsset(path), "not_found");
  // A page of another version, during a deployment, gets the current file.
  const caching = isCurrent ? "public, max-age=31536000, immutable" : "no-store";
  return respond(c, 200, content, {
    ...PAGE_HEADERS,
    "content-type": type,
    "cache-control": caching,
  });
}

async function readForm(c: AppContext, limit: number): Promise<URLSearchParams> {
  const { app } = c.get("hooksRequest");
  const { headers } = c.req.raw;
  const type = headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded *(?:;|$)/i.test(type)) {
    throw new Problem("media_type_unsupported");
  }
  checkPlainUtf8(headers);
  const limits = { ...app.limits, body: Math.min(limit, app.limits.body) };
  const bytes = await readBody(c.req, { ...app, limits });
  return new URLSearchParams(new TextDecoder().decode(bytes));
}

/** Returns the query without empty values: forms send those of fields that were left empty. */
function readQuery(c: AppContext): URLSearchParams {
  const { searchParams } = new URL(c.req.raw.url);
  return new URLSearchParams([...searchParams].filter(([, value]) => value !== ""));
}

/** Checks that a form comes from a page of this origin, as browsers report it. @throws {Problem} */
function checkOwnPage(request: Request): void {
  const { headers } = request;
  if (!headers.has("origin") && !headers.has("sec-fetch-site")) {
    throw new Problem("origin_forbidden"); // programs use the API
  }
  checkOrigin(request, []);
}

/**
 * Sends someone to the sign-in, and back afterwards. A link on another site opens the page without the
 * cookie, which is `SameSite=Strict`: the page then opens itself once more, which sends it.
 */
function respondSignedOut(
  c: AppContext,
  { path, root }: { readonly path: string; readonly root: string },
): Response {
  const { method, raw } = c.req;
  if (method === "POST" || raw.headers.get("accept") === "text/event-stream") {
    throw new Problem("token_missing");
  }
  const { search } = new URL(raw.url);
  if (raw.headers.get("sec-fetch-site") === "cross-site" && method === "GET") {
    const html = '<!doctype html><html lang="en"><title>Hooks</title>' +
      '<meta http-equiv="refresh" content="0"></html>';
    return respond(c, 200, html, PAGE_HEADERS);
  }
  const next = `${path}${search}`;
  const suffix = next === "" ? "" : `?${new URLSearchParams({ next })}`;
  return respond(c, 303, null, { ...PAGE_HEADERS, location: `${root}sign-in${suffix}` });
}
