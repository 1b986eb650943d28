/**
 * Generated requests for `/webhooks`: bodies, ids and tags that are right, wrong, or neither. Responses
 * repeat what was sent, so these are apart from the others.
 * @module
 */
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { generateSecret } from "@omniagent/hooks/webhook";
import { webhookStore } from "@omniagent/hooks/webhook-store";
import assert from "node:assert/strict";
import { test } from "../../support/harness.ts";
import { Random, SEED } from "../../support/random.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { inTime, known, TOKENS, webhooks } from "../helpers.ts";
import { operationsOf } from "./requests.ts";
import { anyValue, toText } from "./values.ts";

const REQUESTS = 1_000;
/** Of all requests, those that change something. */
const LEAST_CHANGES = 0.04;

const random = new Random(SEED);

/** What fields can be: of each, values that are right and some that are not. */
const FIELDS: Readonly<Record<string, () => readonly unknown[]>> = {
  events: () => [["tool.*"], ["*"], ["job.done", "job.*"], [], ["A"], "tool.*", [1]],
  url: () => [
    ...["https://a.example/", "https://b.example/p?q=1", "https://u:p@c.example/"],
    ...["http://a.example/", "https://127.0.0.1/", "https://[::1]/", "ftp://a", "", 7, "https://"],
  ],
  secret: () => [secret(), secret(), "whsec_", "short", "é", null, 1],
  secrets: () => [[secret(), secret()], [], Array.from({ length: 20 }, secret), "x"],
  headers: () => [
    ...[{ "X-Key": value() }, { "x-key": value(), "X-Key": value() }, { "X-Key": null }, {}],
    ...[{ "webhook-id": "1" }, { "a b": "1" }, { "X-Key": "\n" }, { host: "x" }, [], "x"],
  ],
  filter: () => [{ "data.name": ["yes"] }, null, { "data.": [1] }, {}, [], { "": ["a"] }],
  timeout: () => ["5s", "1m", null, "0s", "-1s", "1h", 5, "5 s"],
  concurrency: () => [1, 16, null, 0, -1, 1.5, 1e9, "1"],
  retry: () => [["1s", "2s"], [], null, ["0s"], { delay: "1s" }, "1s", [["1s"]]],
  ordering: () => ["session", null, "none", 1],
  format: () => ["native", "cloudevents", null, "xml"],
  name: () => ["w1", "w2", "a b", "", "é", "x".repeat(300), 1, null, "__proto__", "../w1"],
};
const ODD_NAMES = ["", "%00", "%ff", "..", "a b", "é", "x".repeat(300), "__proto__", "w1/test"];

const PROTO = '{"__proto__":{"url":"https://a.example/"},"constructor":1}';

/** Everything that no response may contain. */
const secrets = new Set<string>();

function secret(): string {
  const text = generateSecret();
  secrets.add(text);
  return text;
}

/** The value of a header, which is as secret. */
function value(): string {
  const text = `Bearer ${crypto.randomUUID()}`;
  secrets.add(text);
  return text;
}

test(`${REQUESTS} requests for webhooks cause no 500, reveal no secret, and change nothing if rejected`, async () => {
  const store = memoryStore();
  const hooks = createHooks({
    outbox: createOutbox(store, { logger: silentLogger }),
    logger: silentLogger,
  });
  const unexpected: unknown[] = [];
  const app = createHooksApp(hooks, {
    tokens: known,
    logger: silentLogger,
    limits: { body: 65_536 },
    webhooks: webhookStore(store, webhooks),
    onError: (error) => unexpected.push(error),
  });
  /** All that is stored of webhooks, with the versions of it. */
  const stored = async () => {
    const kinds = new Set(["webhook", "webhooks", "endpoint"]);
    const entries: string[] = [];
    for await (const { key, value, versionstamp } of store.list({ prefix: ["hooks"] })) {
      if (!kinds.has(String(key[1]))) continue;
      entries.push(
        JSON.stringify([key, `${versionstamp}`, typeof value === "bigint" ? `${value}` : value]),
      );
    }
    return entries.join("\n");
  };
  const document = await (await app.request("/openapi.json")).json();
  const operations = new Map<string, readonly string[]>();
  for (
    const { method, path, statuses } of operationsOf(
      document,
      (path) => path.startsWith("/webhooks"),
    )
  ) {
    operations.set(`${method} ${path}`, statuses);
  }
  assert.equal(operations.size, 7);
  const seen = new Map<string, number>();
  let changes = 0;
  let before = await stored();
  for (let n = 0; n < REQUESTS; n++) {
    const { method, path, operation, headers, body } = await nextRequest(app, {
      operations: [...operations.keys()],
      names: 20 + n / 10,
    });
    const token = random.pick(
      ["admin", "admin", "admin", "admin", "admin", "read", "emit"] as const,
    );
    const label = `seed ${SEED}, request ${n}: ${method} ${path} ${body}`;
    const request = {
      method,
      headers: { authorization: `Bearer ${TOKENS[token]}`, ...headers },
      ...body !== undefined && { body },
    };
    const response = await inTime(label, app.request(`http://hooks.test${path}`, request));
    const text = await response.text();
    const message = `${label} -> ${response.status} ${text}`;
    seen.set(
      `${operation} ${response.status}`,
      (seen.get(`${operation} ${response.status}`) ?? 0) + 1,
    );
    assert.ok(response.status < 500, message);
    assert.ok(
      operations.get(operation)!.includes(`${response.status}`) || response.status === 404 ||
        response.status === 405,
      message,
    );
    // A secret that was generated is shown once, in this response.
    const shown = response.ok ? (JSON.parse(text) as { secret?: string }).secret : undefined;
    for (const one of secrets) assert.ok(!text.includes(one), `${message} shows ${one}`);
    if (shown !== undefined) secrets.add(shown);
    const after = await stored();
    for (const one of secrets) {
      assert.ok(!after.includes(one), `${label}: ${one} is stored in clear`);
    }
    if (!response.ok || method === "GET") assert.equal(after, before, message);
    else if (after !== before) changes++;
    before = after;
  }
  assert.deepEqual(unexpected, []);
  const accepted = [...operations.keys()].filter((one) =>
    !seen.has(`${one} 200`) && !seen.has(`${one} 201`)
  );
  assert.deepEqual(accepted, [], "never accepted");
  console.log(
    `${REQUESTS} requests for webhooks, seed ${SEED}: ${changes} changes, ${seen.size} kinds of responses`,
  );
  assert.ok(changes >= REQUESTS * LEAST_CHANGES, `${changes} changes`);
  await hooks.close();
});

type Next = {
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
};

/** Makes a request, about half of the time one that can succeed. */
async function nextRequest(
  app: { request(path: string, init: RequestInit): Response | Promise<Response> },
  { operations, names }: { readonly operations: readonly string[]; readonly names: number },
): Promise<Next> {
  const frequent = ["POST /webhooks", "POST /webhooks", "PATCH /webhooks/{name}"];
  const operation = random.pick([...operations, ...frequent]);
  const [method, template] = operation.split(" ") as [string, string];
  const isOdd = random.chance(0.1);
  const name = isOdd ? random.pick(ODD_NAMES) : `w${random.below(names)}`;
  const query = method === "GET" && random.chance(0.3)
    ? `?${
      random.pick(["limit=1", "limit=0", "limit=x", "cursor=dzE", "cursor=%00", "cursor=!", "a=1"])
    }`
    : "";
  const path = template.replace("{name}", isOdd ? encodeURI(name) : name) + query;
  const headers: Record<string, string> = {};
  if (random.chance(0.9)) {
    headers["if-match"] = random.pick([
      "*",
      '"1"',
      'W/"1"',
      '"2", "3"',
      "1",
      '"',
      "",
      "é",
      "*, *",
      '"1e9"',
    ]);
    if (random.chance(0.5)) {
      const current = await app.request(`http://hooks.test/webhooks/${name}`, {
        headers: { authorization: `Bearer ${TOKENS.read}` },
      });
      await current.body?.cancel();
      headers["if-match"] = current.headers.get("etag") ?? "*";
    }
  }
  if (method === "GET" || method === "DELETE") {
    return { operation, method, path, headers, body: undefined };
  }
  headers["content-type"] = random.chance(0.95) ? "application/json" : "text/plain";
  return { operation, method, path, headers, body: bodyFor(operation, name) };
}

function bodyFor(operation: string, name: string): string {
  if (random.chance(0.05)) return toText(anyValue(random, "marker", 4));
  if (random.chance(0.03)) {
    return random.pick(["", "{", "[]", "null", '{"name":"a","name":"b"}', PROTO]);
  }
  /** The first values of a field are right. */
  const field = (key: string): unknown => {
    const values = FIELDS[key]!();
    return random.chance(0.85) ? values[random.below(2)] ?? values[0] : random.pick(values);
  };
  const body: Record<string, unknown> = {};
  if (operation === "POST /webhooks") {
    Object.assign(body, { name, events: field("events"), url: field("url") });
    if (random.chance(0.1)) body.name = field("name");
  }
  const isRotation = operation.endsWith("rotate-secret");
  if (isRotation) {
    if (random.chance(0.5)) {
      body.overlap = random.pick(["0s", "24h", "0s", "-1s", "1000h", 5, null]);
    }
    if (random.chance(0.4)) body.secret = field("secret");
    if (random.chance(0.9)) return toText(body);
  }
  const isTest = operation.endsWith("/test");
  if (isTest && random.chance(0.9)) return "{}";
  for (const key of Object.keys(FIELDS)) {
    if (key !== "name" && random.chance(0.15)) body[key] = field(key);
  }
  if (random.chance(0.05)) {
    body[random.pick(["unknown", "constructor", "revision"])] = 1;
  }
  if (random.chance(0.03)) body[random.pick(Object.keys(FIELDS))] = anyValue(random, "marker", 4);
  return toText(body);
}
