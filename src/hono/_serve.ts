import type { Context, Hono } from "hono";
import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import { checkScope } from "./_auth.ts";
import { Call } from "./_call.ts";
import { readQuery } from "./_input.ts";
import * as v from "valibot";
import { type InputError, Problem, problemOf } from "./_problems.ts";
import type { Route } from "./_route.ts";
import type { AppState } from "./_state.ts";

/** Adds every route, and what answers where there is none. */
export function addRoutes(app: Hono, routes: readonly Route[], state: AppState): void {
  for (const route of routes) {
    app.on(route.method, route.path, handler(state, route.path, (call) => handle(call, route)));
  }
  for (const [path, methods] of methodsByPath(routes)) {
    const headers = { allow: methods.join(", ") };
    app.all(
      path,
      handler(state, path, () => {
        throw new Problem("method_not_allowed", { headers });
      }),
    );
  }
  app.all(
    "*",
    handler(state, "*", () => {
      throw new Problem("not_found");
    }),
  );
}

function methodsByPath(routes: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const of = methods.get(path) ?? [];
    of.push(...(method === "GET" ? ["GET", "HEAD"] : [method]));
    methods.set(path, of);
  }
  return methods;
}

async function handle(call: Call, route: Route): Promise<Response> {
  checkHeaders(call);
  if (route.scope !== undefined && call.state.authenticator !== undefined) {
    const known = call.state.authenticator(call.request);
    call.identity = known instanceof Promise ? await known : known;
    checkScope(call.identity, route.scope);
  }
  if (route.pathParams) checkPath(call, route);
  if (route.query) call.query = readQuery(route.query, call.request.url);
  return await route.handle(call);
}

function checkHeaders({ request, state: { limits } }: Call): void {
  let size = 0;
  request.headers.forEach((value, name) => size += name.length + value.length + 4); // ": ", line end
  if (size > limits.headers) throw new Problem("headers_too_large");
}

function checkPath(call: Call, { pathParams = {} }: Route): void {
  const errors: InputError[] = [];
  for (const [name, { schema }] of Object.entries(pathParams)) {
    const result = v.safeParse(schema, call.param(name), { abortEarly: true });
    if (!result.success) errors.push({ pointer: `:${name}`, detail: result.issues[0].message });
  }
  if (errors.length > 0) throw Problem.invalid(errors);
}

/** Answers whatever happens, and logs one line. */
export function handler(
  state: AppState,
  path: string,
  action: (call: Call) => Response | Promise<Response>,
): (context: Context) => Promise<Response> {
  return async (context) => {
    const call = new Call(context, state);
    let response: Response;
    try {
      response = await action(call);
    } catch (error) {
      response = refuse(call, error);
    }
    log(call, path, response.status);
    return response;
  };
}

function refuse(call: Call, error: unknown): Response {
  const { logger, onError } = call.state;
  const problem = problemOf(error);
  const cause = problem === error ? problem?.cause : error;
  if (problem === undefined || (cause !== undefined && isTrouble(problem))) {
    const level = problem === undefined ? "error" : "warn";
    guarded(() => logger[level](`Request ${call.id} failed`, maskError(cause)));
    guarded(() => onError?.(cause));
  }
  return problem ? call.problem(problem.code, problem.extras) : call.internalError();
}

/** Whether a problem is one of this side. */
function isTrouble({ code }: Problem): boolean {
  return code.endsWith("_unavailable") || code === "hooks_not_ready";
}

/** The one line of a request: nothing in it is what the asker wrote. */
function log(call: Call, path: string, status: number): void {
  const { id, started, identity, facts, context, state } = call;
  const duration = Math.round((performance.now() - started) * 1000) / 1000;
  guarded(() =>
    state.logger.info("request", {
      id,
      method: METHODS.has(context.req.method) ? context.req.method : "other",
      path,
      status,
      duration_ms: duration,
      ...(identity.name === "" ? {} : { token: identity.name }),
      ...facts,
    })
  );
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
