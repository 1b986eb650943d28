import { Hono } from "hono";
import { Hono as OtherHono } from "hono-of-another-version";
import assert from "node:assert/strict";
import { createHooks, fixedRetry, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { generateSecret, signWebhook, webhookReceiver } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { BASH, problemOf, receiptsOf, testApp, TOKENS, withApp } from "./helpers.ts";

const SECRET = generateSecret();

testApp(
  "unknown paths get a problem document",
  {},
  async ({ send, base }) => {
    for (
      const path of [
        "/nothing",
        "/events/a/b",

        "/deliveries/a",
        "/constructor",
        "/__proto__",
      ]
    ) {
      assert.deepEqual(await problemOf(await send(path)), { status: 404, code: "not_found" }, path);
    }
    const root = await send(base === "" ? "/" : "");
    assert.deepEqual(await problemOf(root), { status: 404, code: "not_found" });
  },
);

test("`logger: false` logs nothing", async () => {
  const { debug, info, warn, error } = console;
  const lines: string[] = [];
  const log = (...data: unknown[]) => void lines.push(data.map(String).join(" "));
  Object.assign(console, { debug: log, info: log, warn: log, error: log });
  try {
    const outbox = createOutbox(memoryStore(), { logger: false });
    const hooks = createHooks({ outbox });
    hooks.use(
      new WebhookHook({
        name: "quiet",
        events: ["*"],
        url: "https://example.com/",
        retry: fixedRetry({ retries: 0, delay: 1 }),
        fetch: () => Promise.resolve(new Response(null, { status: 500 })),
      }),
    );
    const app = createHooksApp(hooks, {
      logger: false,
      verifyToken: () => {
        throw new Error("quiet");
      },
    });
    assert.equal((await app.request("/events")).status, 503);
    const { id } = await hooks.emit("tool.called", { name: "bash" });
    await until(async () => (await outbox.get("quiet", id))?.state === "dead", () => "dead");
    await hooks.close();
    const receive = webhookReceiver(() => Promise.reject(new Error("quiet")), {
      secret: SECRET,
      logger: false,
    });
    const body = JSON.stringify({ id: "1", type: "a", timestamp: new Date(), data: {} });
    const headers = await signWebhook(body, { id: "1", secret: SECRET });
    const request = new Request("https://example.com/", { method: "POST", body, headers });
    assert.equal((await receive(request)).status, 500);
  } finally {
    Object.assign(console, { debug, info, warn, error });
  }
  assert.deepEqual(lines.filter((line) => line.includes("quiet")), []);
});

testApp("a path responds to other methods with 405 and Allow", {}, async ({ send }) => {
  const allowed = [
    ["DELETE", "/events", "POST, GET, HEAD"],
    ["PUT", "/events/abc", "GET, HEAD"],
    ["OPTIONS", "/events", "POST, GET, HEAD"],
    ["POST", "/health", "GET, HEAD"],
    ["GET", "/outbox/drain", "POST"],
    ["PATCH", "/deliveries/a/b/retry", "POST"],
  ] as const;
  for (const [method, path, allow] of allowed) {
    const response = await send(path, { method });
    assert.equal(response.headers.get("allow"), allow);
    assert.deepEqual(await problemOf(response), { status: 405, code: "method_not_allowed" });
  }
});

testApp("HEAD is GET without a body, for the stream too", {}, async ({ send }) => {
  for (const path of ["/health", "/events", "/events/stream"]) {
    const response = await send(path, { method: "HEAD" });
    assert.deepEqual([response.status, await response.text()], [200, ""]);
  }
});

testApp("every response has security headers and its own id", {}, async ({ send }) => {
  const ids = new Set<string | null>();
  for (const path of ["/health", "/hooks", "/nothing", "/openapi.json"]) {
    const { headers } = await send(path, { headers: { "x-request-id": "marker" } });
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.equal(headers.get("access-control-allow-origin"), null);
    ids.add(headers.get("x-request-id"));
  }
  assert.equal(ids.size, 4);
  assert.ok(!ids.has("marker"));
});

test("CORS allows the configured origins, before authentication", () =>
  withApp({ app: { cors: { origins: ["https://a.example"] } } }, async ({ send }) => {
    const preflight = (origin: string) =>
      send("/events", {
        method: "OPTIONS",
        token: null,
        headers: { origin, "access-control-request-method": "POST" },
      });
    const good = await preflight("https://a.example");
    assert.equal(good.status, 204);
    assert.equal(good.headers.get("access-control-allow-origin"), "https://a.example");
    assert.match(good.headers.get("access-control-allow-headers") ?? "", /authorization/i);
    const bad = await preflight("https://b.example");
    assert.equal(bad.headers.get("access-control-allow-origin"), null);
    const rejected = await send("/hooks", {
      token: null,
      headers: { origin: "https://a.example" },
    });
    assert.equal(rejected.headers.get("access-control-allow-origin"), "https://a.example");
    assert.equal(rejected.status, 401);
  }));

test("each request is logged in one line, without secrets and without anything that was sent", async () => {
  const lines: string[] = [];
  const note = (...data: unknown[]) => void lines.push(JSON.stringify(data));
  const logger = { debug: note, info: note, warn: note, error: note };
  await withApp({ app: { logger } }, async ({ send }) => {
    await send("/events?marker=1", { body: { type: "marker.x", data: "marker", id: "marker" } });
    await send("/events/marker", { token: "read" });
    await send("/marker", { method: "MARKER", token: "unknown" });
    await send("/events", { body: { events: [BASH, BASH] }, token: "emit" });
  });
  assert.equal(lines.length, 4, lines.join("\n"));
  assert.doesNotMatch(lines.join("\n"), /marker|0123456789abcdef/i);
  const [, line] = JSON.parse(lines[3]!);
  assert.deepEqual(
    { ...line, id: "", duration_ms: 0 },
    {
      id: "",
      method: "POST",
      path: "/events",
      status: 202,
      duration_ms: 0,
      token: "emit",
      events: 2,
    },
  );
});

test("requests succeed even if a logger or onError throws or rejects", async () => {
  const throws = () => {
    throw new Error("the disk is full");
  };
  for (const broken of [throws, () => Promise.reject(new Error("the disk is full"))]) {
    const logger = { debug: broken, info: broken, warn: broken, error: broken };
    await withApp(
      { hooks: { redact: throws }, app: { logger, onError: broken } },
      async ({ send }) => {
        assert.equal((await send("/health")).status, 200);
        assert.equal((await send("/events", { body: BASH })).status, 500);
      },
    );
  }
  await new Promise((resolve) => setTimeout(resolve)); // what is unhandled ends the process by now
});

test("an unexpected error is logged and reported, and its response shows nothing of it", async () => {
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (...data: unknown[]) => void logged.push(...data) };
  const redact = () => {
    throw new Error("the secret of this house");
  };
  await withApp({ hooks: { redact }, app: { logger } }, async ({ send, errors }) => {
    const response = await send("/events", { body: BASH });
    assert.doesNotMatch(await response.clone().text(), /secret/);
    assert.deepEqual(await problemOf(response), { status: 500, code: "internal" });
    assert.deepEqual(errors.map(String), ["Error: the secret of this house"]);
    assert.match(logged.map(String).join(" "), /Request \S+ failed Error: the secret/);
  });
});

testApp("GET /hooks lists registered hooks and handlers", {}, async ({ hooks, send }) => {
  hooks.registry.registerHandler("tool.*", "count", () => {});
  hooks.use({ name: "meter", events: ["agent.end"], handle: () => {}, durable: true });
  assert.deepEqual(await (await send("/hooks", { token: "read" })).json(), {
    hooks: [
      { name: "count", kind: "handler", events: ["tool.*"], durable: false },
      { name: "meter", kind: "hook", events: ["agent.end"], durable: true },
    ],
  });
});

testApp(
  "/ready fails while hooks can't be initialized, and once they are closed; /health doesn't",
  {},
  async (setup) => {
    const { hooks, send } = setup;
    assert.deepEqual(await (await send("/ready", { token: null })).json(), { status: "ready" });
    let broken = true;
    hooks.use({
      name: "fragile",
      events: ["*"],
      init: () => {
        if (broken) throw new Error("no connection");
      },
      handle: () => {},
    });
    const failed = await send("/ready", { token: null });
    assert.equal(failed.headers.get("retry-after"), "5");
    assert.deepEqual(await problemOf(failed), { status: 503, code: "hooks_not_ready" });
    assert.deepEqual(
      (await problemOf(await send("/events", { body: BASH }))).code,
      "hooks_not_ready",
    );
    broken = false;
    assert.equal((await send("/ready")).status, 200);
    await hooks.close();
    assert.deepEqual((await problemOf(await send("/ready"))).code, "hooks_closed");
    assert.deepEqual((await problemOf(await send("/events", { body: BASH }))).code, "hooks_closed");
    assert.equal((await send("/health", { token: null })).status, 200);
  },
);

for (const path of ["/events", "/events/a", "/events/stream", "/deliveries", "/deliveries/a/b"]) {
  testApp(`GET ${path} needs an outbox`, { outbox: false }, async ({ send }) => {
    assert.deepEqual(await problemOf(await send(path)), { status: 501, code: "outbox_required" });
  });
}
for (const path of ["/deliveries/a/b/retry", "/deliveries/replay", "/outbox/drain"]) {
  testApp(`POST ${path} needs an outbox`, { outbox: false }, async ({ send }) => {
    const response = await send(path, { method: "POST" });
    assert.deepEqual(await problemOf(response), { status: 501, code: "outbox_required" });
  });
}

test("an app of another Hono version mounts the app by its fetch", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const app = createHooksApp(hooks, { auth: false, basePath: "/hooks", logger: silentLogger });
  const outer = new OtherHono();
  outer.mount("/hooks", app.fetch);
  outer.get("/", (c) => c.text("mine"));
  const body = JSON.stringify(BASH);
  const headers = { "content-type": "application/json" };
  await receiptsOf(await outer.request("/hooks/events", { method: "POST", headers, body }));
  assert.equal(await (await outer.request("/")).text(), "mine");
  assert.equal((await outer.request("/hooks/nothing")).status, 404);
  const { servers } = await (await outer.request("/hooks/openapi.json")).json();
  assert.deepEqual(servers, [{ url: "/hooks" }]);
});

test("the OpenAPI document has the path of the mount, whatever else the outer app serves", async () => {
  const app = createHooksApp(createHooks({ logger: silentLogger }), {
    auth: false,
    logger: silentLogger,
  });
  const outer = new Hono();
  outer.use((_, next) => next());
  outer.route("/hooks", app);
  outer.route("/of/:tenant", app);
  outer.get("*", (c) => c.text("a page"));
  for (const base of ["/hooks", "/of/7"]) {
    const { servers } = await (await outer.request(`${base}/openapi.json`)).json();
    assert.deepEqual(servers, [{ url: base }]);
  }
});

test("routes, middleware and error handlers of the outer app stay in effect", async () => {
  const outer = new Hono();
  outer.use(async (c, next) => {
    await next();
    c.header("x-mine", "1");
  });
  outer.onError((_error, c) => c.text("mine", 500));
  outer.route(
    "/hooks",
    createHooksApp(createHooks({ logger: silentLogger }), { auth: false, logger: silentLogger }),
  );
  outer.get("/own", (c) => c.text("own"));
  assert.equal(await (await outer.request("/own")).text(), "own");
  assert.equal(await (await outer.request("/other")).text(), "404 Not Found");
  const response = await outer.request("/hooks/nothing");
  assert.equal(response.headers.get("x-mine"), "1");
  assert.equal((await problemOf(response)).code, "not_found");
});

test("a body that a middleware has read can be read again", async () => {
  const outer = new Hono();
  outer.use(async (c, next) => {
    await c.req.text();
    await next();
  });
  outer.route(
    "/",
    createHooksApp(createHooks({ logger: silentLogger }), { auth: false, logger: silentLogger }),
  );
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(BASH) };
  await receiptsOf(await outer.request("/events", init));
});

test("with waitUntil handlers run after the response; ?wait=true still waits for them", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
  let go!: () => void;
  const gate = new Promise<void>((resolve) => go = resolve);
  let handled = 0;
  hooks.on("*", async () => {
    await gate;
    handled++;
  });
  const after: Promise<unknown>[] = [];
  const context = {
    waitUntil: (promise: Promise<unknown>) => void after.push(promise),
    passThroughOnException() {},
    props: {},
  };
  const post = (query: string, body: unknown) =>
    app.request(
      `/events${query}`,
      {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${TOKENS.admin}` },
        body: JSON.stringify(body),
      },
      {},
      context,
    );
  const [receipt] = await receiptsOf(await post("", BASH));
  assert.deepEqual([handled, after.length, typeof receipt!.id], [0, 1, "string"]);
  assert.equal((await post("", { type: "A", data: 1 })).status, 422);
  const waiting = post("?wait=true", BASH);
  go();
  await Promise.all(after);
  const [other] = await receiptsOf(await waiting);
  assert.deepEqual([handled, other!.handlers!.length], [2, 1]);
  await hooks.close();
});

test("a failing or missing waitUntil neither loses nor rejects events", async () => {
  const throws = () => {
    throw new Error("the request is over");
  };
  for (const waitUntil of [throws, undefined]) {
    const hooks = createHooks({ logger: silentLogger });
    const received: unknown[] = [];
    hooks.on("*", ({ id }) => void received.push(id));
    const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(BASH) };
    const response = await app.request("/events", init, {}, { waitUntil } as never);
    const [receipt] = await receiptsOf(response);
    await hooks.close();
    assert.deepEqual(received, [receipt!.id]);
  }
});
