import { basePath } from "hono/route";
import type { Call } from "./_call.ts";
import type { Param, Params } from "./_input.ts";
import { type ProblemCode, problemDocument, PROBLEMS } from "./_problems.ts";
import { type Answer, problemsOf, type Route } from "./_route.ts";
import { documented, type Schema } from "./_schemas.ts";
import type { Json } from "./_wire.ts";

/** The JSON schema of a schema. */
type Convert = (schema: Schema) => Json;

const PROBLEM = "application/problem+json";

/** The contract. The paths in it begin where the app is mounted. */
export async function openapi(call: Call, routes: readonly Route[]): Promise<Response> {
  const base = call.state.basePath ?? basePath(call.context);
  const document = documentOf(routes, base, await loadConverter(), call.state.validate);
  return call.json(200, document);
}

/** Loaded when somebody asks: to take events in, nobody needs it. */
async function loadConverter(): Promise<Convert> {
  const { toJsonSchema } = await import("@valibot/to-json-schema");
  return (schema) => {
    const { $schema: _, ...json } = toJsonSchema(schema as never, {
      target: "draft-2020-12",
      typeMode: "input",
      overrideAction: ({ valibotAction, jsonSchema }) => {
        const rule = documented.get(valibotAction);
        return rule && { ...jsonSchema, ...rule };
      },
    });
    return json;
  };
}

function documentOf(
  routes: readonly Route[],
  base: string,
  convert: Convert,
  validate: boolean,
): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route, convert, validate);
  }
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Event hooks",
      version: "1",
      description: "Events of agents: taken in, delivered to webhooks, and streamed.",
    },
    servers: [{ url: base || "/" }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "A token with scopes: emit, read, or admin, which allows all",
        },
      },
      schemas: { Problem: problemSchema },
    },
  };
}

function operationOf(route: Route, convert: Convert, validate: boolean): Json {
  const { operation, summary, description, scope, body, bodyRequired = false } = route;
  const parameters = [
    ...parametersOf("path", route.pathParams, convert),
    ...parametersOf("query", route.query, convert),
    ...parametersOf("header", route.headers, convert),
  ];
  const content = Object.entries(body ?? {}).map(([type, { schema, json, example }]) => [
    type,
    { schema: bodySchema(schema ? convert(schema) : json, validate), example },
  ]);
  return {
    operationId: operation,
    summary,
    ...(description === undefined ? {} : { description }),
    security: scope === undefined ? [] : [{ bearer: [scope] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body
      ? { requestBody: { required: bodyRequired, content: Object.fromEntries(content) } }
      : {}),
    responses: responsesOf(route, convert),
  };
}

/** The schema of a body, without the payloads of agent events where they are not validated. */
function bodySchema(json: unknown, validate: boolean): unknown {
  if (validate) return json;
  return JSON.parse(JSON.stringify(json, (key, value) => key === "allOf" ? undefined : value));
}

function parametersOf(place: string, params: Params = {}, convert: Convert): readonly Json[] {
  const required = (param: Param): boolean => place === "path" || (param.required ?? false);
  return Object.entries(params).map(([name, param]) => ({
    name,
    in: place,
    description: param.description,
    required: required(param),
    schema: convert(param.schema),
    ...(param.example === undefined ? {} : { example: param.example }),
  }));
}

function responsesOf(route: Route, convert: Convert): Json {
  const responses: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    responses[status] = answerOf(answer, convert);
  }
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemsOf(route)) {
    const [status] = PROBLEMS[code];
    byStatus.set(status, [...byStatus.get(status) ?? [], code]);
  }
  for (const [status, codes] of byStatus) responses[status] = problemAnswer(codes);
  responses.default = {
    description: "Something went wrong here",
    content: { [PROBLEM]: { schema: { $ref: "#/components/schemas/Problem" } } },
  };
  return responses;
}

function answerOf(answer: Answer, convert: Convert): Json {
  const { description, mediaType = "application/json", schema, example, headers } = answer;
  const media = {
    ...(schema === undefined ? {} : { schema: convert(schema) }),
    ...(example === undefined ? {} : { example }),
  };
  const described = Object.entries(headers ?? {}).map(([name, description]) => [
    name,
    { description, schema: { type: "string" } },
  ]);
  return {
    description,
    ...(headers ? { headers: Object.fromEntries(described) } : {}),
    content: { [mediaType]: media },
  };
}

function problemAnswer(codes: readonly ProblemCode[]): Json {
  const examples = codes.map((code) => {
    const [status, title] = PROBLEMS[code];
    return [code, { value: problemDocument(code, status, title) }];
  });
  const content = {
    schema: {
      allOf: [
        { $ref: "#/components/schemas/Problem" },
        { properties: { code: { enum: codes } } },
      ],
    },
    examples: Object.fromEntries(examples),
  };
  return {
    description: codes.map((code) => `${code}: ${PROBLEMS[code][1]}`).join("; "),
    content: { [PROBLEM]: content },
  };
}

const problemSchema = {
  type: "object",
  description: "A problem document (RFC 9457). The code is stable, its title is not.",
  required: ["type", "title", "status", "code"],
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { type: "string" },
    request_id: { type: "string", description: "As in X-Request-Id, and in the log" },
    errors: {
      type: "array",
      description: "Every fault of the input",
      items: {
        type: "object",
        required: ["pointer", "detail"],
        properties: {
          pointer: {
            type: "string",
            description:
              "A JSON pointer into the body, ?name of the query, :name of the path, or a header",
          },
          detail: { type: "string" },
        },
      },
    },
    stored: { description: "Whether the events are stored: false, or unknown" },
    accepted: {
      type: "integer",
      description: "How many events of a batch of CloudEvents were taken",
    },
  },
};
