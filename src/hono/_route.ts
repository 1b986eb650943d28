import type { Call } from "./_call.ts";
import type { Params } from "./_input.ts";
import type { ProblemCode } from "./_problems.ts";
import type { Schema } from "./_schemas.ts";
import type { Scope } from "./options.ts";

/** An answer of a route that is no problem. */
export type Answer = {
  readonly description: string;
  /** @default application/json */
  readonly mediaType?: string;
  readonly schema?: Schema;
  readonly example?: unknown;
  /** Headers of this answer alone, each with what it says. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** A body that a route takes, in one form. */
export type BodyForm = {
  readonly schema?: Schema;
  /** Where the schema of another document says it better. */
  readonly json?: Readonly<Record<string, unknown>>;
  readonly example: unknown;
};

/** One route: everything that is known of it. Routes, contract and the test of scopes are made of these. */
export type Route = {
  readonly method: "GET" | "POST";
  /** In Hono's form: `/events/:id`. */
  readonly path: string;
  /** What a token has to allow; undefined: no token is needed. */
  readonly scope: Scope | undefined;
  readonly operation: string;
  readonly summary: string;
  readonly description?: string;
  /** Parameters of the path, each with what it is. */
  readonly pathParams?: Params;
  readonly query?: Params;
  readonly headers?: Params;
  /** Bodies by media type. */
  readonly body?: Readonly<Record<string, BodyForm>>;
  readonly bodyRequired?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those that every route of its kind has. */
  readonly problems?: readonly ProblemCode[];
  readonly handle: (call: Call) => Response | Promise<Response>;
};

/** Every problem that a route can answer with. */
export function problemsOf(route: Route): readonly ProblemCode[] {
  const codes: ProblemCode[] = ["headers_too_large"];
  if (route.scope) {
    codes.push("token_missing", "token_invalid", "token_expired", "scope_missing");
    codes.push("auth_unavailable");
    if (route.method !== "GET") codes.push("origin_forbidden");
  }
  if (route.query || route.body || route.pathParams) codes.push("request_invalid");
  if (route.body) {
    codes.push("body_malformed", "body_incomplete", "body_timeout", "body_too_large");
    codes.push("media_type_unsupported");
  }
  codes.push(...route.problems ?? []);
  return [...new Set(codes)];
}
