import assert from "node:assert/strict";
import { BASH, problemOf, receiptsOf, testApp } from "./helpers.ts";

const other = { type: "tool.called", data: { name: "other" } };

for (
  const [name, body, changed] of [
    ["an event", BASH, other],
    ["a batch", { events: Array(100).fill(BASH) }, { events: [...Array(99).fill(BASH), other] }],
  ] as const
) {
  testApp(
    `${name} under a known Idempotency-Key gets the first response again`,
    {},
    async (setup) => {
      const { hooks, send } = setup;
      let received = 0;
      hooks.on("*", () => void received++);
      const post = (body: unknown, token: "emit" | "admin" = "emit") =>
        send("/events", { body, token, headers: { "idempotency-key": "k-1" } });
      const first = await post(body);
      assert.equal(first.headers.get("idempotent-replayed"), null);
      const response = await first.text();
      const before = received;
      const second = await post(body);
      assert.deepEqual([second.status, await second.text()], [202, response]);
      assert.equal(second.headers.get("idempotent-replayed"), "true");
      assert.deepEqual(await problemOf(await post(changed)), {
        status: 422,
        code: "idempotency_conflict",
      });
      assert.equal(received, before);
      const others = await receiptsOf(await post(body, "admin")); // the key is of the token's name
      assert.ok(others.every(({ id }) => !response.includes(id)));
    },
  );
}

testApp(
  "while the first request under a key is in progress, others get 409",
  {},
  async ({ hooks, send }) => {
    let go!: () => void;
    const gate = new Promise<void>((resolve) => go = resolve);
    let begun!: () => void;
    const running = new Promise<void>((resolve) => begun = resolve);
    hooks.on("*", async () => {
      begun();
      await gate;
    });
    const post = () => send("/events", { body: BASH, headers: { "idempotency-key": "k-1" } });
    const first = post();
    await running;
    const second = await post();
    assert.equal(second.headers.get("retry-after"), "1");
    assert.deepEqual(await problemOf(second), { status: 409, code: "idempotency_in_progress" });
    go();
    const [receipt] = await receiptsOf(await first);
    const [third] = await receiptsOf(await post());
    assert.equal(third!.id, receipt!.id);
  },
);

testApp("a rejected request leaves its key free", {}, async ({ send }) => {
  const headers = { "idempotency-key": "k-1" };
  assert.equal((await send("/events", { body: { type: "A" }, headers })).status, 422);
  await receiptsOf(await send("/events", { body: BASH, headers }));
});

testApp(
  "a quoted key equals the bare key, and may have escapes",
  {},
  async ({ send }) => {
    const post = async (key: string) => {
      const [receipt] = await receiptsOf(
        await send("/events", { body: BASH, headers: { "idempotency-key": key } }),
      );
      return receipt!.id;
    };
    const id = await post("k-1");
    for (const key of ['"k-1"', ' "k-1" ', '"k-1";v=1', "k-1"]) assert.equal(await post(key), id);
    assert.equal(await post('"a\\"b"'), await post('"a\\"b" ; q'));
    assert.equal(await post('a"b'), await post('"a\\"b"'));
    assert.notEqual(await post('"k 1"'), id);
    for (const key of ['"k-1', '"', '"a"b"', '"a", "b"', '"a\\b"', '""']) {
      const response = await send("/events", { body: BASH, headers: { "idempotency-key": key } });
      assert.deepEqual((await problemOf(response)).pointers, ["Idempotency-Key"], key);
    }
  },
);

testApp("the order of keys in a body doesn't matter", {}, async ({ send }) => {
  const spellings = [
    '{"type":"a.b","data":{"b":{"y":[1,{"q":1,"p":2}],"x":1.0},"a":"\\u00e9"},"session_id":"s"}',
    '{"data":{"a":"é","b":{"x":1,"y":[1e0,{"p":2,"q":1}]}},"session_id":"s","type":"a.b"}',
  ];
  const wrapped = spellings.map((event) => `{"events":[${event},{"type":"c","data":1}]}`);
  const withId = spellings.map((event) => `{"id":"mine",${event.slice(1)}`);
  for (
    const [bodies, headers] of [
      [spellings, { "idempotency-key": "k-1" }],
      [wrapped, { "idempotency-key": "k-2" }],
      [withId, {}],
    ] as const
  ) {
    const [first, second] = [
      await receiptsOf(await send("/events", { body: bodies[0], headers })),
      await receiptsOf(await send("/events", { body: bodies[1], headers })),
    ];
    assert.deepEqual(second.map(({ id }) => id), first.map(({ id }) => id));
  }
  const other = spellings[0]!.replace('"q":1', '"q":3');
  const conflict = await send("/events", { body: other, headers: { "idempotency-key": "k-1" } });
  assert.deepEqual(await problemOf(conflict), { status: 422, code: "idempotency_conflict" });
});

const withKey = { "idempotency-key": "k-1" };
const cloudEvents = { "content-type": "application/cloudevents+json" };
const forms: Readonly<Record<string, readonly [headers: Record<string, string>, Body]>> = {
  "an id": [{}, (time) => ({ ...BASH, id: "mine", timestamp: time })],
  "an Idempotency-Key": [withKey, (time) => ({ ...BASH, timestamp: time })],
  "an Idempotency-Key of a batch": [
    withKey,
    (time) => ({ events: [BASH, { ...BASH, timestamp: time }] }),
  ],
  "a CloudEvent": [
    cloudEvents,
    (time) => ({ ...BASH, specversion: "1.0", source: "/s", id: "1", time }),
  ],
};
type Body = (time: string | undefined) => unknown;
for (const [name, [headers, body]] of Object.entries(forms)) {
  testApp(`a timestamp is part of the content of ${name} if it was sent`, {}, async ({ send }) => {
    const post = (time?: string) => send("/events", { body: body(time), headers });
    const [first] = await receiptsOf(await post("2026-04-22T10:30:00Z"));
    const [same] = await receiptsOf(await post("2026-04-22T12:30:00.000+02:00"));
    assert.equal(same!.id, first!.id);
    for (const other of ["2026-04-22T10:30:01Z", undefined]) {
      assert.deepEqual(await problemOf(await post(other)), {
        status: 422,
        code: "idempotency_conflict",
      });
    }
  });

  testApp(`a timestamp is no part of the content of ${name} by default`, {}, async ({ send }) => {
    const post = (time?: string) => send("/events", { body: body(time), headers });
    const [first] = await receiptsOf(await post());
    await new Promise((resolve) => setTimeout(resolve, 2));
    const [second] = await receiptsOf(await post());
    assert.equal(second!.id, first!.id);
  });
}

testApp("ids of native events and of CloudEvents are unrelated", {}, async ({ send }) => {
  const cloudEvent = { specversion: "1.0", source: "/s", id: "1", type: "a.b", data: 1 };
  const headers = { "content-type": "application/cloudevents+json" };
  const [one] = await receiptsOf(await send("/events", { body: cloudEvent, headers }));
  const native = { id: '["/s","1"]', type: "a.b", data: 1 };
  const [other] = await receiptsOf(await send("/events", { body: native }));
  assert.notEqual(other!.id, one!.id);
  const elsewhere = { ...cloudEvent, source: "/t" };
  const [third] = await receiptsOf(await send("/events", { body: elsewhere, headers }));
  assert.equal(third!.duplicate, false); // an id is unique for its source alone
});

testApp("an Idempotency-Key requires an outbox", { outbox: false }, async ({ send }) => {
  const response = await send("/events", { body: BASH, headers: { "idempotency-key": "k-1" } });
  assert.deepEqual(await problemOf(response), { status: 501, code: "outbox_required" });
  await receiptsOf(await send("/events", { body: { ...BASH, id: "mine" } })); // its dedupe is no promise
});

for (const key of ["", "x".repeat(256), "ü"]) {
  testApp(
    `an Idempotency-Key of ${key.length} invalid characters is rejected`,
    {},
    async ({ send }) => {
      const response = await send("/events", { body: BASH, headers: { "idempotency-key": key } });
      assert.deepEqual((await problemOf(response)).pointers, ["Idempotency-Key"]);
    },
  );
}
