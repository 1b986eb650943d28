import type { Hono } from "hono";
import * as v from "valibot";
import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import type { Outbox } from "../outbox/mod.ts";
import { checkScope } from "./auth.ts";
import { checkJsonType, parseExactJson, readBody } from "./body.ts";
import {
  type AppContext,
  type AppEnv,
  type AppState,
  type RequestState,
  respondProblem,
  startRequest,
} from "./context.ts";
import type { Scope } from "./options.ts";
import { type InputError, Problem, type ProblemCode, toProblem } from "./problems.ts";
import { type Media, type Schema, type Schemas, validate, type ValuesOf } from "./schemas.ts";

/** A successful response. */
export type RouteResponse = Media & {
  /** @default {200} */
  readonly status?: number;
  readonly description: string;
  /** @default {"application/json"} */
  readonly mediaType?: string;
  /** Headers of this response, each with its description. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** The input of a route's handler: everything is validated. */
type Input<Params extends Schemas, Query extends Schemas, Body, NeedsOutbox extends boolean> = {
  readonly params: ValuesOf<Params>;
  readonly query: Partial<ValuesOf<Query>>;
  readonly body: Body;
  readonly outbox: NeedsOutbox extends true ? Outbox : Outbox | undefined;
};

/** The definition of a route: its handler, and its part of the OpenAPI document. */
type Definition<
  Params extends Schemas,
  Query extends Schemas,
  Body,
  NeedsOutbox extends boolean,
> = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** In the form of Hono: `/events/:id`. */
  readonly path: string;
  /** The scope that a token needs, or one of several; undefined for a public route. */
  readonly scope?: Scope | readonly Scope[];
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: Params;
  readonly query?: Query;
  /** Request headers that the handler reads and validates. */
  readonly headers?: Schemas;
  /** A JSON body, which may be left out. */
  readonly body?: Media<Body>;
  /** Required bodies by media type, which the handler reads and validates. */
  readonly content?: Readonly<Record<string, Media>>;
  /** Whether the route responds with 501 without an outbox. */
  readonly needsOutbox?: NeedsOutbox;
  readonly response: RouteResponse;
  /** Problems besides those that follow from the rest of the definition. */
  readonly problems?: readonly ProblemCode[];
  readonly handle: (
    c: AppContext,
    input: Input<Params, Query, Body, NeedsOutbox>,
  ) => Response | Promise<Response>;
  /** Responds to problems of its own requests, for clients that read no problem documents. */
  readonly respondProblem?: RespondProblem;
};

type RespondProblem = (c: AppContext, problem: Problem) => Response | Promise<Response>;

/** A route of any input, as lists hold it. */
export type Route = Definition<Schemas, Schemas, unknown, boolean>;

type None = Readonly<Record<never, never>>;

/** Defines a route. The types of its handler's input follow from its schemas. */
export function defineRoute<
  const Params extends Schemas = None,
  const Query extends Schemas = None,
  Body = undefined,
  NeedsOutbox extends boolean = false,
>(route: Definition<Params, Query, Body, NeedsOutbox>): Route {
  return route as unknown as Route;
}

/** Adds routes to an app, and responses to other methods and paths. */
export function addRoutes(app: Hono<AppEnv>, state: AppState, routes: readonly Route[]): void {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const { method, path } = route;
    const { respondProblem } = route;
    app.on(method, path, createHandler(state, path, (c) => handle(c, route), respondProblem));
    const known = methods.get(path) ?? [];
    methods.set(path, [...known, ...(method === "GET" ? ["GET", "HEAD"] : [method])]);
  }
  for (const [path, known] of methods) {
    const headers = { allow: known.join(", ") };
    app.all(path, createHandler(state, path, () => reject("method_not_allowed", headers)));
  }
  app.all("*", createHandler(state, "*", () => reject("not_found")));
}

/** Returns a Hono handler that responds even if `action` throws, and logs one line per request. */
export function createHandler(
  app: AppState,
  path: string,
  action: (c: AppContext) => Response | Promise<Response>,
  respond: RespondProblem = respondProblem,
): (c: AppContext) => Promise<Response> {
  return async (c) => {
    const request = startRequest(c, app);
    let response: Response;
    try {
      response = await action(c);
    } catch (error) {
      response = await respond(c, reportError(request, error));
    }
    logRequest(request, c.req.method, path, response.status);
    return response;
  };
}

function reject(code: ProblemCode, headers: Readonly<Record<string, string>> = {}): never {
  throw new Problem(code, { headers });
}

async function handle(c: AppContext, route: Route): Promise<Response> {
  const request = c.get("hooksRequest");
  const { authenticate, limits, outbox } = request.app;
  checkHeaderSize(c.req.raw.headers, limits.headers);
  if (route.scope !== undefined && authenticate !== undefined) {
    const identity = authenticate(c.req.raw);
    request.identity = identity instanceof Promise ? await identity : identity;
    checkScope(request.identity, [route.scope].flat());
  }
  const params = route.params ? validatePath(route.params, c.req.param()) : {};
  const query = route.query ? validateQuery(route.query, c.req.raw.url) : {};
  if (route.needsOutbox && outbox === undefined) throw new Problem("outbox_required");
  const body = route.body ? await readJson(c, route.body) : undefined;
  return await route.handle(c, { params, query, body, outbox });
}

/** Returns the validated parameters of a path. @throws {Problem} with every invalid parameter */
function validatePath(schemas: Schemas, params: Record<string, string>): Values {
  const { values, errors } = readParameters(schemas, ":", (name) => [params[name] ?? ""]);
  if (errors.length > 0) throw Problem.invalid(...errors);
  return values;
}

/** Returns the validated query of a URL. @throws {Problem} with every invalid or unknown parameter */
export function validateQuery(schemas: Schemas, url: string): Values {
  const start = url.indexOf("?");
  if (start < 0) return {};
  const search = new URLSearchParams(url.slice(start).replace(/#.*$/s, ""));
  const { values, errors } = readParameters(schemas, "?", (name) => search.getAll(name));
  if ([...search.keys()].some((name) => !Object.hasOwn(schemas, name))) {
    const known = Object.keys(schemas).join(", ") || "none";
    errors.push({ pointer: "?", detail: `has unknown parameters. Known parameters: ${known}` });
  }
  if (errors.length > 0) throw Problem.invalid(...errors);
  return values;
}

type Values = Readonly<Record<string, unknown>>;

function readParameters(
  schemas: Schemas,
  prefix: string,
  read: (name: string) => readonly string[],
): { readonly values: Values; readonly errors: InputError[] } {
  const values: Record<string, unknown> = {};
  const errors: InputError[] = [];
  for (const [name, schema] of Object.entries(schemas)) {
    const [text, ...others] = read(name);
    if (text === undefined) continue;
    const result = v.safeParse(schema, fromText(schema, text), { abortEarly: true });
    if (others.length > 0) {
      errors.push({ pointer: prefix + name, detail: "must not be repeated" });
    } else if (result.success) {
      values[name] = result.output;
    } else {
      errors.push({ pointer: prefix + name, detail: result.issues[0].message });
    }
  }
  return { values, errors };
}

/** Converts the text of a parameter to the type of its schema. Other text stays as it is, and is invalid. */
function fromText({ type }: Schema, text: string): unknown {
  if (type === "number" && /^\d{1,15}$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

/** Reads and validates a JSON body. An empty body counts as `{}`. */
async function readJson(c: AppContext, { schema }: Media): Promise<unknown> {
  const { app } = c.get("hooksRequest");
  const bytes = await readBody(c.req, app);
  if (bytes.length === 0) return validate(schema, {});
  checkJsonType(c.req.raw.headers);
  return validate(schema, parseExactJson(bytes, app.limits.jsonDepth));
}

/** Checks the size of all headers. @throws {Problem} when it exceeds the limit */
export function checkHeaderSize(headers: Headers, limit: number): void {
  let size = 0;
  headers.forEach((value, name) => size += name.length + value.length + 4); // ": ", line end
  if (size > limit) throw new Problem("headers_too_large");
}

/** Returns the problem of an error. Logs and reports it if the client is not the cause. */
function reportError({ id, app: { logger, onError } }: RequestState, error: unknown): Problem {
  const problem = toProblem(error);
  if (problem === undefined) {
    guarded(() => logger.error(`Request ${id} failed`, maskError(error)));
    guarded(() => onError?.(error));
    return new Problem("internal");
  }
  const cause = problem === error ? problem.cause : error;
  const isServerError = problem.code.endsWith("_unavailable") || problem.code === "hooks_not_ready";
  if (isServerError && cause !== undefined) {
    guarded(() => logger.warn(`Request ${id} failed`, maskError(cause)));
    guarded(() => onError?.(cause));
  }
  return problem;
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Logs a request. Nothing in the line comes from the client. */
function logRequest(request: RequestState, method: string, path: string, status: number): void {
  const { id, startedAt, identity, logFields, app } = request;
  const duration = Math.round((performance.now() - startedAt) * 1000) / 1000;
  guarded(() =>
    app.logger.info("request", {
      id,
      method: METHODS.has(method) ? method : "other",
      path,
      status,
      duration_ms: duration,
      ...(identity.name === "" ? {} : { token: identity.name }),
      ...logFields,
    })
  );
}
