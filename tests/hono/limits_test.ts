import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp, type HooksAppSettings } from "@omniagent/hooks/hono";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { BASH, problemOf, receiptsOf, testApp, withApp } from "./helpers.ts";

/** A body that counts how much of it was read. */
function counted(size: number, declared?: number) {
  const stats = { read: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (stats.read >= size) return controller.close();
      const chunk = new Uint8Array(Math.min(1024, size - stats.read)).fill(0x20);
      stats.read += chunk.length;
      controller.enqueue(chunk);
    },
    cancel: () => void (stats.cancelled = true),
  }, { highWaterMark: 0 });
  const headers = {
    "content-type": "application/json",
    ...(declared === undefined ? {} : { "content-length": String(declared) }),
  };
  const init = { method: "POST", headers, body: stream, duplex: "half" };
  return { stats, request: new Request("http://hooks.test/events", init as RequestInit) };
}

function open(settings: HooksAppSettings) {
  return createHooksApp(createHooks({ logger: silentLogger }), {
    auth: false,
    logger: silentLogger,
    ...settings,
  });
}

test("a body with a Content-Length over the limit is rejected before it is read", async () => {
  const { stats, request } = counted(2048, 2048);
  const response = await open({ limits: { body: 1024 } }).request(request);
  assert.deepEqual(await problemOf(response), { status: 413, code: "body_too_large" });
  assert.equal(stats.read, 0);
});

test("a body without a Content-Length is rejected where it exceeds the limit", async () => {
  const { stats, request } = counted(1_000_000);
  const response = await open({ limits: { body: 4096 } }).request(request);
  assert.deepEqual(await problemOf(response), { status: 413, code: "body_too_large" });
  assert.ok(stats.read <= 4096 + 2048, `${stats.read}`);
  assert.ok(stats.cancelled);
});

test("a body of exactly the limit is read", async () => {
  const { request } = counted(4096);
  const response = await open({ limits: { body: 4096 } }).request(request);
  assert.equal(response.status, 400); // it is blank
});

test("an incomplete body is rejected", async () => {
  for (const declared of [undefined, 4096]) {
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"events":[')),
      pull: () => Promise.reject(new Error("the connection was lost")),
    });
    const headers = {
      "content-type": "application/json",
      ...(declared && { "content-length": "4096" }),
    };
    const init = { method: "POST", headers, body: stream, duplex: "half" } as RequestInit;
    const response = await open({}).request(new Request("http://hooks.test/events", init));
    assert.deepEqual(await problemOf(response), { status: 400, code: "body_incomplete" });
  }
});

for (
  const type of [
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "application/jsonp",
    "application/cloudevents+avro",
    "multipart/form-data; boundary=x",
  ]
) {
  testApp(`a body of type '${type}' is rejected`, {}, async ({ send }) => {
    const response = await send("/events", {
      body: JSON.stringify(BASH),
      headers: { "content-type": type },
    });
    assert.deepEqual(await problemOf(response), { status: 415, code: "media_type_unsupported" });
  });
}

for (
  const type of [
    "application/json",
    "Application/JSON; charset=UTF-8",
    'application/json;charset="utf-8"',
  ]
) {
  testApp(`a body of type '${type}' is accepted`, {}, async ({ send }) => {
    await receiptsOf(await send("/events", { body: BASH, headers: { "content-type": type } }));
  });
}

testApp(
  "the default content type of `curl -d` is rejected with advice",
  {},
  async ({ send }) => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await send("/events", { body: JSON.stringify(BASH), headers });
    const { title } = await response.json();
    assert.match(title, /^Send JSON as 'Content-Type: application\/json'/);
  },
);

testApp("a compressed body is rejected", {}, async ({ send }) => {
  const response = await send("/events", { body: BASH, headers: { "content-encoding": "gzip" } });
  assert.deepEqual(await problemOf(response), { status: 415, code: "media_type_unsupported" });
});

testApp("headers over the limit are rejected on every route", {}, async ({ send }) => {
  const headers = { "x-much": "a".repeat(16 * 1024) };
  for (const path of ["/hooks", "/health", "/events"]) {
    assert.deepEqual(await problemOf(await send(path, { headers })), {
      status: 431,
      code: "headers_too_large",
    });
  }
});

test("requests that wait for handlers are bounded, and can be retried after a second", () =>
  withApp({ app: { limits: { waits: 2 } } }, async ({ hooks, send }) => {
    let go!: () => void;
    const gate = new Promise<void>((resolve) => go = resolve);
    hooks.on("*", () => gate);
    const post = () => send("/events?wait=true", { body: BASH });
    const waiting = [post(), post()];
    const rejected = await post();
    assert.equal(rejected.headers.get("retry-after"), "1");
    assert.deepEqual(await problemOf(rejected), { status: 429, code: "too_many_waits" });
    go();
    for (const response of await Promise.all(waiting)) await receiptsOf(response);
    await receiptsOf(await post());
  }));

test("a batch with too many events and JSON that is nested too deep are rejected", () =>
  withApp({ app: { limits: { events: 2, jsonDepth: 3 } } }, async ({ send }) => {
    const post = (body: unknown) => send("/events", { body });
    assert.equal((await post({ events: [BASH, BASH] })).status, 422); // one deeper than alone
    assert.equal((await post({ events: Array(3).fill(BASH) })).status, 422);
    assert.equal((await post({ type: "a", data: [[1]] })).status, 202);
    assert.equal((await post({ type: "a", data: [[[1]]] })).status, 422);
  }));

test("an event that exceeds the limits of the store is rejected, alone and in a batch", () =>
  withApp({}, async ({ send, errors }) => {
    const large = { type: "a", data: "x".repeat(300 * 1024) };
    const cases = [[large, ""], [{ events: [BASH, large] }, "/events/1"]] as const;
    for (const [body, pointer] of cases) {
      assert.deepEqual(await problemOf(await send("/events", { body })), {
        status: 422,
        code: "store_limit",
        pointers: [pointer],
      });
    }
    assert.deepEqual(errors, []);
  }));

test("a batch that doesn't fit one commit is rejected as a whole", () =>
  withApp({}, async ({ send }) => {
    const events = Array.from({ length: 11 }, (_, n) => ({ ...BASH, id: `id-${n}` }));
    const response = await send("/events", { body: { events } });
    assert.equal(response.status, 422);
    const { code, errors: [error] } = await response.json();
    assert.deepEqual([code, error.pointer], ["store_limit", "/events"]);
    assert.match(error.detail, /10 checks, .* got 1[12],.* Send fewer events at once/);
  }));

test("a slow body is rejected, and doesn't count as waiting meanwhile", async () => {
  const app = open({ bodyTimeout: 20, limits: { waits: 1 } });
  const stalled = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"type":')),
  });
  const headers = { "content-type": "application/json", "content-length": "1000" };
  const init = { method: "POST", headers, body: stalled, duplex: "half" } as RequestInit;
  const slow = app.request(new Request("http://hooks.test/events", init));
  const body = JSON.stringify(BASH);
  await receiptsOf(await app.request("/events", { method: "POST", headers, body }));
  const response = await slow;
  assert.equal(response.headers.get("connection"), "close");
  assert.deepEqual(await problemOf(response), { status: 408, code: "body_timeout" });
});

const ill: Readonly<Record<string, unknown>> = {
  "limits are no object": { limits: 5 },
  "a limit is unknown": { limits: { bodies: 1 } },
  "a limit is no number": { limits: { body: "1" } },
  "a limit is zero": { limits: { streams: 0 } },
  "a batch is more than a commit takes": { limits: { events: 101 } },
  "JSON is deeper than a payload may be": { limits: { jsonDepth: 201 } },
  "the heartbeat is negative": { heartbeat: -1 },
  "the time for a body is zero": { bodyTimeout: 0 },
  "validate is text": { validate: "no" },
  "origins are text": { cors: { origins: "https://a.example" } },
  "the base path is a URL": { basePath: "https://a.example/" },
  "the logger has no methods": { logger: {} },
  "onError is no function": { onError: 5 },
};
for (const [name, options] of Object.entries(ill)) {
  test(`createHooksApp() throws when ${name}`, () => {
    const create = createHooksApp as (hooks: unknown, options: unknown) => unknown;
    assert.throws(
      () => create(createHooks({ logger: silentLogger }), { auth: false, ...options as object }),
      (error) =>
        (error instanceof TypeError || error instanceof RangeError) &&
        /^Cannot create the hooks app(?: as|: | with )/.test(error.message),
    );
  });
}
