/**
 * The contract is exact: what its schemas allow is accepted, and what is sent back is what they say.
 * @module
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "../support/fast_check.ts";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { type Setup, webhooks, withApp } from "./helpers.ts";
import { arbitraryOf, type Json } from "./schema_arbitrary.ts";

type Parameter = {
  readonly name: string;
  readonly in: string;
  readonly schema: Json;
  readonly required: boolean;
};
type Content = Readonly<
  Record<string, { readonly schema?: Json; readonly example?: unknown }>
>;
type Operation = {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content; readonly required: boolean };
  readonly responses: Readonly<Record<string, { readonly content: Content }>>;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Json;
};

/** Rejections that depend on what is stored or under way, not on the form of a request. */
const BY_STATE = new Set([
  "event_not_found",
  "delivery_not_found",
  "target_not_found",
  "target_removed",
  "event_gone",
  "delivery_in_progress",
  "idempotency_in_progress",
  "idempotency_conflict",
  "store_limit",
  "ask_not_found",
  "replay_not_found",
  "too_many_replays",
  "webhook_not_found",
  "webhook_exists",
  "webhook_name_used",
  "webhook_changed",
  "webhook_invalid",
  "if_match_required",
]);

const RUNS = 60;

test("every request that the document allows is accepted, and every response matches it", () =>
  withApp({ webhooks }, async (setup) => {
    setup.hooks.use({ name: "audit", events: ["tool.*"], durable: true, handle() {} });
    const document = await (await setup.send("/openapi.json")).json() as Document;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const validators = new Map<Json, ValidateFunction>();
    const validatorOf = (schema: Json): ValidateFunction => {
      const known = validators.get(schema) ??
        ajv.compile({ ...schema, components: document.components });
      validators.set(schema, known);
      return known;
    };
    let accepted = 0;
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const [id] = await seed(setup);
        const requests = requestsOf(method, path, operation, {
          id: id!,
          target: "audit",
          name: "stored",
        });
        await fc.assert(
          fc.asyncProperty(requests, async (request) => {
            const response = await setup.send(request.path, request);
            const message = `${method} ${JSON.stringify(request)} -> ${response.status}`;
            const type = response.headers.get("content-type")!.replace(/;.*/, "");
            const media = operation.responses[response.status]?.content[type];
            if (type === "text/event-stream") return await response.body!.cancel();
            const text = await response.text();
            const body = type === "text/plain" ? text : JSON.parse(text);
            assert.ok(media, `${message} ${JSON.stringify(body)}`);
            if (response.status < 300) accepted++;
            else assert.ok(BY_STATE.has(body.code), `${message} ${JSON.stringify(body)}`);
            const validate = validatorOf(media.schema ?? {});
            assert.ok(validate(body), `${message} ${JSON.stringify(validate.errors)}`);
          }),
          { numRuns: RUNS },
        );
      }
    }
    assert.ok(accepted > RUNS * 8, `${accepted}`);
    assert.deepEqual(setup.errors, []);
  }));

test("the cursor of a response is accepted, and matches the document", () =>
  withApp({}, async (setup) => {
    for (let n = 0; n < 3; n++) await seed(setup);
    const document = await (await setup.send("/openapi.json")).json() as Document;
    for (const path of ["/events", "/events?session=" + encodeURIComponent("😀".repeat(256))]) {
      const join = path.includes("?") ? "&" : "?";
      const { next_cursor: cursor } = await (await setup.send(`${path}${join}limit=1`)).json();
      const { schema } = document.paths["/events"]!.get!.parameters!.find(({ name }) =>
        name === "cursor"
      )!;
      assert.match(cursor, new RegExp(schema.pattern as string));
      assert.ok(cursor.length <= (schema.maxLength as number));
      assert.equal((await setup.send(`${path}${join}limit=1&cursor=${cursor}`)).status, 200);
    }
  }));

/** Stores some events; resolves to their ids. */
async function seed({ send }: Setup): Promise<readonly string[]> {
  const event = { type: "tool.called", session_id: "😀".repeat(256), data: { name: "bash" } };
  const { receipts } = await (await send("/events", { body: { events: [event, event] } })).json();
  return receipts.map(({ id }: { readonly id: string }) => id);
}

/** Requests that an operation allows; paths often name what exists. */
function requestsOf(
  method: string,
  path: string,
  { parameters = [], requestBody }: Operation,
  known: Readonly<Record<string, string>>,
) {
  const values = parameters.filter(({ name }) => name !== "cursor").map((parameter) => {
    const { name, in: place, schema, required } = parameter;
    const any = arbitraryOf(schema);
    const value = place === "path" ? fc.oneof(fc.constant(known[name]!), any) : any;
    const maybe = required ? value : fc.option(value, { nil: undefined, freq: 1 });
    return maybe.map((value) => ({ parameter, value }));
  });
  // The rules of a webhook are those of the configuration file, whose tests compare them with its schema.
  const isWebhook = path.startsWith("/webhooks");
  const bodies = Object.entries(requestBody?.content ?? {}).map(([type, { schema, example }]) => {
    const value = isWebhook ? fc.constant(example) : arbitraryOf(withoutCursor(schema!));
    return fc.record({ type: fc.constant(type), value });
  });
  const body = bodies.length === 0 ? fc.constant(undefined) : fc.oneof(...bodies);
  return fc.tuple(fc.tuple(...values), body).map(([values, body]) => {
    const query = new URLSearchParams();
    const headers: Record<string, string> = {};
    let at = path;
    for (const { parameter: { name, in: place }, value } of values) {
      if (value === undefined) continue;
      const text = String(value);
      if (place === "path") at = at.replace(`{${name}}`, encodeURIComponent(text));
      else if (place === "query") query.set(name, text);
      else headers[name] = text;
    }
    if (body) headers["content-type"] = body.type;
    return {
      method: method.toUpperCase(),
      path: query.size > 0 ? `${at}?${query}` : at,
      headers,
      ...(body ? { body: JSON.stringify(body.value) } : {}),
    };
  });
}

/** A cursor is of an earlier response: none can be made of a schema. */
function withoutCursor(schema: Json): Json {
  const { cursor: _, ...properties } = (schema.properties ?? {}) as Json;
  return schema.properties ? { ...schema, properties } : schema;
}
