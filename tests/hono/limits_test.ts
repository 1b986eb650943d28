import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { createHooksApp, type HooksAppSettings } from "@omniagent/hooks/hono";
import { test } from "../harness.ts";
import { quiet } from "../quiet.ts";
import { BASH, problemOf, receiptsOf, testApp, withApp } from "./helpers.ts";

/** A body that tells how much of it was read. */
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
  return createHooksApp(createHooks({ logger: quiet }), {
    auth: false,
    logger: quiet,
    ...settings,
  });
}

test("a body that says that it is too large is refused before it is read", async () => {
  const { stats, request } = counted(2048, 2048);
  const response = await open({ limits: { body: 1024 } }).request(request);
  assert.deepEqual(await problemOf(response), { status: 413, code: "body_too_large" });
  assert.equal(stats.read, 0);
});

test("a body that does not say so is refused where it grows too large", async () => {
  const { stats, request } = counted(1_000_000);
  const response = await open({ limits: { body: 4096 } }).request(request);
  assert.deepEqual(await problemOf(response), { status: 413, code: "body_too_large" });
  assert.ok(stats.read <= 4096 + 2048, `${stats.read}`);
  assert.ok(stats.cancelled);
});

test("a body of just as many bytes as allowed is read", async () => {
  const { request } = counted(4096);
  const response = await open({ limits: { body: 4096 } }).request(request);
  assert.equal(response.status, 400); // it is blank
});

test("a body that breaks off changes nothing", async () => {
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
  testApp(`a body of '${type}' is refused`, {}, async ({ ask }) => {
    const response = await ask("/events", {
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
  testApp(`a body of '${type}' is taken`, {}, async ({ ask }) => {
    await receiptsOf(await ask("/events", { body: BASH, headers: { "content-type": type } }));
  });
}

testApp(
  "what `curl -d` sends unless it is told otherwise is refused with what to send",
  {},
  async ({ ask }) => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await ask("/events", { body: JSON.stringify(BASH), headers });
    const { title } = await response.json();
    assert.match(title, /^Send JSON as 'Content-Type: application\/json'/);
  },
);

testApp("a compressed body is refused", {}, async ({ ask }) => {
  const response = await ask("/events", { body: BASH, headers: { "content-encoding": "gzip" } });
  assert.deepEqual(await problemOf(response), { status: 415, code: "media_type_unsupported" });
});

testApp("headers over the limit are refused on every route", {}, async ({ ask }) => {
  const headers = { "x-much": "a".repeat(16 * 1024) };
  for (const path of ["/hooks", "/health", "/events"]) {
    assert.deepEqual(await problemOf(await ask(path, { headers })), {
      status: 431,
      code: "headers_too_large",
    });
  }
});

test("requests that wait for handlers are bounded, and may come again in a second", () =>
  withApp({ app: { limits: { waits: 2 } } }, async ({ hooks, ask }) => {
    let go!: () => void;
    const gate = new Promise<void>((resolve) => go = resolve);
    hooks.on("*", () => gate);
    const post = () => ask("/events?wait=true", { body: BASH });
    const waiting = [post(), post()];
    const refused = await post();
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.deepEqual(await problemOf(refused), { status: 429, code: "too_many_waits" });
    go();
    for (const response of await Promise.all(waiting)) await receiptsOf(response);
    await receiptsOf(await post());
  }));

test("a batch of more events than allowed, and deeper JSON, are refused", () =>
  withApp({ app: { limits: { events: 2, jsonDepth: 3 } } }, async ({ ask }) => {
    const post = (body: unknown) => ask("/events", { body });
    assert.equal((await post({ events: [BASH, BASH] })).status, 422); // one deeper than alone
    assert.equal((await post({ events: Array(3).fill(BASH) })).status, 422);
    assert.equal((await post({ type: "a", data: [[1]] })).status, 202);
    assert.equal((await post({ type: "a", data: [[[1]]] })).status, 422);
  }));

test("an event that no store takes is refused, and so is a batch", () =>
  withApp({}, async ({ ask, errors }) => {
    const large = { type: "a", data: "x".repeat(300 * 1024) };
    const cases = [[large, ""], [{ events: [BASH, large] }, "/events/1"]] as const;
    for (const [body, pointer] of cases) {
      assert.deepEqual(await problemOf(await ask("/events", { body })), {
        status: 422,
        code: "store_limit",
        pointers: [pointer],
      });
    }
    assert.deepEqual(errors, []);
  }));

test("a batch that does not fit one commit says so, and names no event", () =>
  withApp({}, async ({ ask }) => {
    const events = Array.from({ length: 11 }, (_, n) => ({ ...BASH, id: `id-${n}` }));
    const response = await ask("/events", { body: { events } });
    assert.equal(response.status, 422);
    const { code, errors: [error] } = await response.json();
    assert.deepEqual([code, error.pointer], ["store_limit", "/events"]);
    assert.match(error.detail, /10 checks, .* got 1[12],.* Send fewer events at once/);
  }));

test("a body that does not arrive in time is refused, and holds no place of others", async () => {
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
  "the logger is none": { logger: {} },
  "onError is no function": { onError: 5 },
};
for (const [name, options] of Object.entries(ill)) {
  test(`createHooksApp() throws when ${name}`, () => {
    const create = createHooksApp as (hooks: unknown, options: unknown) => unknown;
    assert.throws(
      () => create(createHooks({ logger: quiet }), { auth: false, ...options as object }),
      (error) =>
        (error instanceof TypeError || error instanceof RangeError) &&
        /^Cannot create the hooks app(?: as|: | with )/.test(error.message),
    );
  });
}
