import type { Context } from "hono";
import type { AppState } from "./_state.ts";
import type { Identity } from "./options.ts";
import { type ProblemCode, problemDocument, type ProblemExtras, PROBLEMS } from "./_problems.ts";

/** What every answer carries: it is data, for its asker, and no page. */
const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

/** Everyone, where there is no authentication. */
const ANYONE: Identity = { name: "", scopes: ["admin"] };

/** One request on its way to its answer. */
export class Call {
  /** Names the request in its answer and in the log. */
  readonly id: string = crypto.randomUUID();
  readonly started: number = performance.now();
  readonly context: Context;
  readonly state: AppState;
  /** Set once the token is verified. */
  identity: Identity = ANYONE;
  /** The parameters of the query, checked. */
  query: Readonly<Record<string, unknown>> = {};
  /** What the log tells beside. */
  readonly facts: Record<string, unknown> = {};

  constructor(context: Context, state: AppState) {
    this.context = context;
    this.state = state;
  }

  get request(): Request {
    return this.context.req.raw;
  }

  /** A parameter of the path. */
  param(name: string): string {
    return this.context.req.param(name) ?? "";
  }

  /** What the platform has to be told of work after the answer; undefined where there is none. */
  get waitUntil(): ((promise: Promise<unknown>) => void) | undefined {
    const { context } = this;
    if (isServer(context.env)) return undefined;
    try {
      const { executionCtx } = context;
      if (typeof executionCtx.waitUntil !== "function") return undefined;
      return (promise) => executionCtx.waitUntil(promise);
    } catch { // Hono throws where there is none
      return undefined;
    }
  }

  /** An answer of JSON. */
  json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
    return this.respond(status, JSON.stringify(body), {
      "content-type": "application/json",
      ...headers,
    });
  }

  /** A problem document. */
  problem(code: ProblemCode, { headers = {}, members = {} }: ProblemExtras = {}): Response {
    const [status, title] = PROBLEMS[code];
    return this.#problem(code, status, title, headers, members);
  }

  /** What went wrong here is nobody else's business. */
  internalError(): Response {
    return this.#problem("internal", 500, "Something went wrong here", {}, {});
  }

  respond(
    status: number,
    body: BodyInit | null,
    headers: Readonly<Record<string, string>>,
  ): Response {
    return new Response(body, {
      status,
      headers: { ...SECURITY_HEADERS, "x-request-id": this.id, ...headers },
    });
  }

  #problem(
    code: string,
    status: number,
    title: string,
    headers: Readonly<Record<string, string>>,
    members: Readonly<Record<string, unknown>>,
  ): Response {
    this.facts.problem = code;
    const document = { ...problemDocument(code, status, title), request_id: this.id, ...members };
    return this.respond(status, JSON.stringify(document), {
      "content-type": "application/problem+json",
      ...headers,
    });
  }
}

/**
 * Whether `env` is what a server of Deno, Bun or Node gives, or nothing: then there is no context, and to
 * ask Hono for it costs as much as the rest of a request.
 */
function isServer(env: unknown): boolean {
  if (typeof env !== "object" || env === null) return true;
  return "remoteAddr" in env || "requestIP" in env || "incoming" in env;
}
