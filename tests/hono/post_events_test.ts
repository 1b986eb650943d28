import type { HookEvent } from "@omniagent/hooks";
import assert from "node:assert/strict";
import { BASH, problemOf, receiptsOf, testApp } from "./helpers.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

testApp("an event is accepted with a new id", {}, async ({ hooks, send }) => {
  const received: HookEvent[] = [];
  hooks.on("*", (event) => void received.push(event));
  const body = {
    ...BASH,
    id: "mine",
    timestamp: "2026-04-22T12:30:00.5+02:00",
    session_id: "s-1",
    more: 1,
  };
  const [receipt, ...others] = await receiptsOf(await send("/events", { body, token: "emit" }));
  assert.deepEqual(others, []);
  assert.match(receipt!.id, UUID_V7);
  assert.deepEqual(receipt, { id: receipt!.id, deliveries: 0, duplicate: false });
  assert.deepEqual(received, [{
    id: receipt!.id,
    type: "tool.called",
    timestamp: new Date("2026-04-22T10:30:00.500Z"),
    sessionId: "s-1",
    data: { name: "bash" },
  }]);
});

testApp(
  "?wait=true returns the outcome of each handler, without its error",
  {},
  async (setup) => {
    const { hooks, send } = setup;
    hooks.registry.registerHandler("tool.*", "works", () => {});
    hooks.registry.registerHandler("tool.*", "breaks", () => {
      throw new Error("the secret of this house");
    });
    hooks.registry.registerHandler("tool.*", "hangs", () => new Promise(() => {}), { timeout: 1 });
    const response = await send("/events?wait=true", { body: { events: [BASH, BASH] } });
    const text = await response.clone().text();
    assert.doesNotMatch(text, /secret/);
    const receipts = await receiptsOf(response);
    assert.equal(receipts.length, 2);
    for (const { handlers } of receipts) {
      assert.deepEqual(handlers, [
        { name: "works", ok: true },
        { name: "breaks", ok: false, error: "failed" },
        { name: "hangs", ok: false, error: "hook_timeout" },
      ]);
    }
    const [plain] = await receiptsOf(await send("/events", { body: BASH }));
    assert.equal(plain!.handlers, undefined);
  },
);

testApp(
  "a batch with an invalid event is rejected as a whole, with every issue",
  {},
  async (setup) => {
    const { hooks, send } = setup;
    let received = 0;
    hooks.on("*", () => void received++);
    const events = [BASH, { type: "Tool", data: 1 }, { type: "tool.called" }, "no", {
      ...BASH,
      timestamp: "2026-02-30T00:00:00Z",
      session_id: 5,
      id: "",
    }];
    assert.deepEqual(await problemOf(await send("/events", { body: { events } })), {
      status: 422,
      code: "request_invalid",
      pointers: [
        "/events/1/type",
        "/events/2/data",
        "/events/3",
        "/events/4/id",
        "/events/4/timestamp",
        "/events/4/session_id",
      ],
    });
    assert.equal(received, 0);
  },
);

const onlyNames = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) => {
      const { name } = value as { readonly name?: unknown };
      if (typeof name === "string") return { value: value as { name: string } };
      return { issues: [{ message: `${JSON.stringify(name)} is no name`, path: ["name"] }] };
    },
  },
} as const;

testApp("a schema validates all events of a batch before any is stored", {
  hooks: { schemas: { "tool.called": onlyNames } },
}, async ({ hooks, send }) => {
  let received = 0;
  hooks.on("*", () => void received++);
  const events = [BASH, { type: "tool.called", data: { name: 5_000_000_007 } }, BASH, {
    type: "tool.called",
    data: {},
  }];
  const response = await send("/events", { body: { events } });
  assert.doesNotMatch(await response.clone().text(), /5000000007/);
  assert.deepEqual(await problemOf(response), {
    status: 422,
    code: "request_invalid",
    pointers: ["/events/1/data/name", "/events/3/data/name"],
  });
  assert.equal(received, 0);
  const single = await send("/events", { body: { type: "tool.called", data: {} } });
  assert.deepEqual((await problemOf(single)).pointers, ["/data/name"]);
});

testApp("a posted id identifies the event for its sender", {}, async ({ hooks, send }) => {
  const received: string[] = [];
  hooks.on("*", ({ id }) => void received.push(id));
  const post = (body: unknown, token: "emit" | "admin" = "emit") =>
    send("/events", { body, token });
  const [first] = await receiptsOf(await post({ ...BASH, id: "mine" }));
  const [again] = await receiptsOf(await post({ ...BASH, id: "mine" }));
  assert.deepEqual(again, { id: first!.id, deliveries: 0, duplicate: true });
  const [other] = await receiptsOf(await post({ ...BASH, id: "mine" }, "admin"));
  assert.notEqual(other!.id, first!.id); // of another sender
  const batch = await receiptsOf(await post({ events: [BASH, { ...BASH, id: "mine" }] }));
  assert.deepEqual(batch.map(({ duplicate }) => duplicate), [false, true]);
  assert.equal(batch[1]!.id, first!.id);
  assert.deepEqual(received, [first!.id, other!.id, batch[0]!.id]);
  const conflict = await post({ type: "tool.called", id: "mine", data: { name: "other" } });
  assert.deepEqual(await problemOf(conflict), { status: 422, code: "idempotency_conflict" });
});

testApp(
  "without waitUntil handlers run before the response",
  {},
  async ({ hooks, send }) => {
    let done = false;
    hooks.on("*", async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      done = true;
    });
    await receiptsOf(await send("/events", { body: BASH }));
    assert.ok(done);
  },
);

const rejected: Readonly<Record<string, readonly [unknown, status: number, pointer?: string]>> = {
  "no body": ["", 400],
  "half a body": ['{"type":"tool.called","da', 400],
  "bytes that are no UTF-8": [new Uint8Array([0x22, 0xff, 0x22]), 400],
  "a number": ["5", 422, ""],
  "null": ["null", 422, ""],
  "a list": ["[]", 422, ""],
  "an empty batch": ['{"events":[]}', 422, "/events"],
  "a batch that is no list": ['{"events":{"type":"tool.called","data":1}}', 422, "/events"],
  "101 events": [{ events: Array(101).fill(BASH) }, 422, "/events"],
  "65 arrays in one another": [
    `{"type":"tool.called","data":${"[".repeat(65)}${"]".repeat(65)}}`,
    422,
    "",
  ],
  "a number that is too large": ['{"type":"a","data":{"marker":1e400}}', 422, "/data/marker"],
  "a type that is a key of every object": ['{"type":"__proto__.a","data":1,"x":{}}', 202],
  "a session of a control character": [{ ...BASH, session_id: "a\nb" }, 422, "/session_id"],
  "a session of half a character": [
    '{"type":"a","data":1,"session_id":"\\ud800"}',
    422,
    "/session_id",
  ],
};
for (const [name, [body, status, pointer]] of Object.entries(rejected)) {
  testApp(`${name} gets a ${status}`, {}, async ({ send, errors }) => {
    const response = await send("/events", { body });
    assert.equal(response.status, status);
    if (pointer !== undefined) assert.deepEqual((await problemOf(response)).pointers, [pointer]);
    assert.deepEqual(errors, []);
  });
}

testApp("__proto__ in a payload is an ordinary key", {}, async ({ hooks, send }) => {
  const received: unknown[] = [];
  hooks.on("*", ({ data }) => void received.push(JSON.stringify(data)));
  const data = '{"__proto__":{"admin":true},"constructor":1}';
  await receiptsOf(await send("/events", { body: `{"type":"order.paid","data":${data}}` }));
  assert.deepEqual(received, [data]);
  assert.equal(({} as { admin?: boolean }).admin, undefined);
});
