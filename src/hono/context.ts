import type { Context } from "hono";
import type { HookRegistry } from "../core/mod.ts";
import type { Semaphore } from "../internal/async.ts";
import type { Outbox } from "../outbox/mod.ts";
import type { WebhookStore } from "../webhook_store/mod.ts";
import type { AgentSessions } from "./agent_sessions.ts";
import type { LiveEvents } from "./stream/live.ts";
import type { Identity, Settings, Token } from "./options.ts";
import { type Problem, problemDocument, PROBLEMS } from "./problems.ts";

/** The state that all requests of an app share. */
export type AppState = Settings & {
  readonly registry: HookRegistry;
  /** Undefined without an outbox of this package. */
  readonly outbox: Outbox | undefined;
  /** Undefined if the app stores no webhooks. */
  readonly webhooks: WebhookStore | undefined;
  /** Undefined if everyone may do everything. */
  readonly authenticate: ((request: Request) => Identity | Promise<Identity>) | undefined;
  /** The tokens; undefined with another kind of authentication. */
  readonly tokens: readonly Token[] | undefined;
  /** Limits the requests that wait for handlers. */
  readonly waits: Semaphore;
  /** Limits the open event streams. */
  readonly streams: Semaphore;
  /** The idempotency keys of requests in progress. */
  readonly keysInProgress: Set<string>;
  /** The sessions of other agents. */
  readonly agentSessions: AgentSessions;
  /** Undefined without an outbox. */
  readonly liveEvents: LiveEvents | undefined;
};

/** State of one request, in the context variable `hooksRequest`. */
export type RequestState = {
  readonly app: AppState;
  /** The id in the response and in the log. */
  readonly id: string;
  readonly startedAt: number;
  /** Who sent the request, once authenticated. */
  identity: Identity;
  /** Further fields of its line in the log. */
  readonly logFields: Record<string, unknown>;
};

/** The environment of the app. One variable, so that those of an app around it stay as they are. */
export type AppEnv = { Variables: { hooksRequest: RequestState } };

/** The context of a request. */
export type AppContext = Context<AppEnv>;

/** Every response is data for its client, and not a page. */
const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

/** The identity without authentication. */
const ANYONE: Identity = { name: "", scopes: ["admin"] };

/** Starts a request: sets the variable of its context. */
export function startRequest(c: AppContext, app: AppState): RequestState {
  const request: RequestState = {
    app,
    id: crypto.randomUUID(),
    startedAt: performance.now(),
    identity: ANYONE,
    logFields: {},
  };
  c.set("hooksRequest", request);
  return request;
}

/** Returns a response with the headers that every response has. */
export function respond(
  c: AppContext,
  status: number,
  body: BodyInit | null,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(body, {
    status,
    headers: { ...SECURITY_HEADERS, "x-request-id": c.get("hooksRequest").id, ...headers },
  });
}

/** Returns a response of JSON. */
export function respondJson(
  c: AppContext,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const type = { "content-type": "application/json" };
  return respond(c, status, JSON.stringify(body), { ...type, ...headers });
}

/** Returns the response of a problem. */
export function respondProblem(c: AppContext, { code, extras }: Problem): Response {
  const { id, logFields } = c.get("hooksRequest");
  logFields.problem = code;
  const document = { ...problemDocument(code), request_id: id, ...extras.members };
  return respond(c, PROBLEMS[code][0], JSON.stringify(document), {
    "content-type": "application/problem+json",
    ...extras.headers,
  });
}

/** Returns the function that keeps the platform running after the response; undefined if there is none. */
export function waitUntilOf(c: AppContext): ((promise: Promise<unknown>) => void) | undefined {
  if (isServer(c.env)) return undefined;
  try {
    const { executionCtx } = c;
    if (typeof executionCtx.waitUntil !== "function") return undefined;
    return (promise) => executionCtx.waitUntil(promise);
  } catch { // Hono throws if there is no context
    return undefined;
  }
}

/**
 * Returns whether `env` comes from a server of Deno, Bun or Node, or is empty. Those have no execution
 * context, and asking Hono for it costs as much as the rest of a request.
 */
function isServer(env: unknown): boolean {
  if (typeof env !== "object" || env === null) return true;
  return "remoteAddr" in env || "requestIP" in env || "incoming" in env;
}
