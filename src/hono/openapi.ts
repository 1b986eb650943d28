import { basePath } from "hono/route";
import * as v from "valibot";
import { respondJson } from "./context.ts";
import { payloadRules } from "./decode_events.ts";
import { type ProblemCode, problemDocument, PROBLEMS } from "./problems.ts";
import { defineRoute, type Route, type RouteResponse } from "./router.ts";
import * as s from "./schemas.ts";
import { newWebhook, webhookChanges } from "./webhooks.ts";

/** Converts a schema to JSON Schema. */
type Convert = (schema: s.Schema) => s.JsonSchema;

const PROBLEM_TYPE = "application/problem+json";
const PROBLEM_REF = { $ref: "#/components/schemas/Problem" };

/** Returns the route of the document that describes all routes: others, and itself. */
export function openapiRoute(others: readonly Route[]): Route {
  const route: Route = defineRoute({
    method: "GET",
    path: "/openapi.json",
    operationId: "openapi",
    summary: "Get this document",
    response: { description: "OpenAPI 3.1", schema: s.object({ openapi: s.string }) },
    async handle(c) {
      const { app } = c.get("hooksRequest");
      const { create = {}, change = {} } = app.webhooks?.schemas ?? {};
      const known = new Map<s.Schema, s.JsonSchema>();
      known.set(newWebhook, create).set(webhookChanges, change);
      const convert = await createConverter(app.validate, known);
      const base = app.basePath ?? basePath(c);
      return respondJson(c, 200, createDocument(base, [...others, route], convert));
    },
  });
  return route;
}

/** Returns a converter. Its library is loaded here, because only this document needs it. */
async function createConverter(
  validate: boolean,
  known: ReadonlyMap<s.Schema, s.JsonSchema>,
): Promise<Convert> {
  const { toJsonSchema } = await import("@valibot/to-json-schema");
  const toJson = (schema: s.Schema): s.JsonSchema => {
    const { $schema: _, ...json } = toJsonSchema(schema, {
      target: "draft-2020-12",
      typeMode: "input",
      ignoreActions: ["check"], // described by the metadata next to it
      overrideAction: ({ valibotAction, jsonSchema }) => {
        if (validate || valibotAction !== payloadRules) return undefined;
        const { allOf: _, ...rest } = jsonSchema;
        return rest;
      },
    });
    return json;
  };
  return (schema) => known.get(schema) ?? toJson(schema);
}

/** Returns the document. Members that are undefined are not written. */
function createDocument(base: string, routes: readonly Route[], convert: Convert): s.JsonSchema {
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Event hooks",
      version: "1",
      description: "Events of agents: accepted, delivered to webhooks, and streamed.",
    },
    servers: [{ url: base || "/" }],
    paths: describePaths(routes, convert),
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "A token with scopes: emit, decide, read, approve, or admin, which includes all",
        },
      },
      schemas: { Problem: convert(problemSchema) },
    },
  };
}

function describePaths(routes: readonly Route[], convert: Convert): s.JsonSchema {
  const paths: Record<string, Record<string, s.JsonSchema>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = describeRoute(route, convert);
  }
  return paths;
}

function describeRoute(route: Route, convert: Convert): s.JsonSchema {
  const { operationId, summary, description, scope, body, content } = route;
  const parameters = [
    ...describeParameters("path", route.params, convert),
    ...describeParameters("query", route.query, convert),
    ...describeParameters("header", route.headers, convert),
  ];
  const bodies = content ?? (body && { "application/json": body });
  return {
    operationId,
    summary,
    description,
    security: [scope ?? []].flat().map((one) => ({ bearer: [one] })),
    parameters: parameters.length === 0 ? undefined : parameters,
    requestBody: bodies && {
      required: content !== undefined,
      content: mapValues(bodies, (media) => describeMedia(media, convert)),
    },
    responses: describeResponses(route, convert),
  };
}

/** Describes parameters. The description of a schema becomes that of its parameter. */
function describeParameters(
  location: "path" | "query" | "header",
  schemas: s.Schemas = {},
  convert: Convert,
): readonly s.JsonSchema[] {
  return Object.entries(schemas).map(([name, parameter]) => {
    const { description, examples, ...schema } = convert(parameter);
    const [example] = (examples ?? []) as readonly unknown[];
    return { name, in: location, description, required: location === "path", schema, example };
  });
}

function describeMedia({ schema, example }: s.Media, convert: Convert): s.JsonSchema {
  return { schema: convert(schema), example };
}

function describeResponses(route: Route, convert: Convert): s.JsonSchema {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemsOf(route)) {
    const [status] = PROBLEMS[code];
    byStatus.set(status, [...byStatus.get(status) ?? [], code]);
  }
  return {
    [route.response.status ?? 200]: describeResponse(route.response, convert),
    ...mapValues(Object.fromEntries(byStatus), describeProblems),
    default: route.respondProblem ? undefined : {
      description: PROBLEMS.internal[1],
      content: { [PROBLEM_TYPE]: { schema: PROBLEM_REF } },
    },
  };
}

function describeResponse(response: RouteResponse, convert: Convert): s.JsonSchema {
  const { description, mediaType = "application/json", headers } = response;
  const describeHeader = (text: string) => ({ description: text, schema: { type: "string" } });
  return {
    description,
    headers: headers && mapValues(headers, describeHeader),
    content: { [mediaType]: describeMedia(response, convert) },
  };
}

function describeProblems(codes: readonly ProblemCode[]): s.JsonSchema {
  const examples = codes.map((code) => [code, { value: problemDocument(code) }]);
  return {
    description: codes.map((code) => `${code}: ${PROBLEMS[code][1]}`).join("; "),
    content: {
      [PROBLEM_TYPE]: {
        schema: { allOf: [PROBLEM_REF, { properties: { code: { enum: codes } } }] },
        examples: Object.fromEntries(examples),
      },
    },
  };
}

/** Returns the codes of every problem that a route can respond with. */
function problemsOf(route: Route): ReadonlySet<ProblemCode> {
  const { scope, method, params, query, body, content, needsOutbox, problems = [] } = route;
  if (route.respondProblem) return new Set();
  const codes = new Set<ProblemCode>(["headers_too_large", ...problems]);
  const add = (...more: readonly ProblemCode[]): void => more.forEach((code) => codes.add(code));
  if (scope) {
    add("token_missing", "token_invalid", "token_expired", "scope_missing", "auth_unavailable");
    if (method !== "GET") add("origin_forbidden");
  }
  if (params || query || body || content) add("request_invalid");
  if (body || content) {
    add("body_malformed", "body_incomplete", "body_timeout", "body_too_large");
    add("media_type_unsupported");
  }
  if (needsOutbox) add("outbox_required", "outbox_unavailable");
  return codes;
}

function mapValues<Value>(
  values: Readonly<Record<string | number, Value>>,
  map: (value: Value) => s.JsonSchema,
): s.JsonSchema {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

const problemSchema = v.pipe(
  s.object({
    type: v.pipe(s.string, v.metadata({ format: "uri" })),
    title: s.string,
    status: s.integer(400, 599),
    code: s.string,
    request_id: v.optional(s.describe(s.string, "As in X-Request-Id, and in the log")),
    errors: v.optional(s.list(s.object({
      pointer: s.describe(
        s.string,
        "A JSON pointer into the body, ?name of the query, :name of the path, or a header",
      ),
      detail: s.string,
    }))),
    detail: v.optional(s.describe(s.string, "What to do, for an operator")),
    stored: v.optional(
      s.describe(v.unknown(), "Whether the events are stored: false, or unknown"),
    ),
    accepted: v.optional(
      s.describe(s.count, "How many events of a CloudEvents batch were accepted"),
    ),
  }),
  v.metadata({ description: "A problem (RFC 9457). Its code is stable, its title is not." }),
);
