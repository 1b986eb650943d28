import { CloudEvent, HTTP } from "cloudevents";
import type { HookEvent } from "@omniagent/hooks";
import assert from "node:assert/strict";
import { problemOf, receiptsOf, testApp } from "./helpers.ts";

const attributes = {
  specversion: "1.0",
  id: "1",
  source: "/agents/7",
  type: "tool.called",
  time: "2026-04-22T10:30:00.000Z",
  sessionid: "s-1",
  data: { name: "bash" },
};

/** The same event in each mode, as the SDK of CloudEvents writes it. */
function message(mode: "structured" | "batch" | "binary") {
  const event = new CloudEvent({ ...attributes, datacontenttype: "application/json" });
  if (mode === "batch") {
    const headers = { "content-type": "application/cloudevents-batch+json" };
    return { headers, body: JSON.stringify([event]) };
  }
  const { headers, body } = mode === "binary" ? HTTP.binary(event) : HTTP.structured(event);
  return { headers: headers as Record<string, string>, body: body as string };
}

for (const mode of ["structured", "batch", "binary"] as const) {
  testApp(`a CloudEvent of the SDK is accepted once: ${mode}`, {}, async ({ hooks, send }) => {
    const received: HookEvent[] = [];
    hooks.on("*", (event) => void received.push(event));
    const [first] = await receiptsOf(await send("/events", message(mode)));
    const [again] = await receiptsOf(await send("/events", message(mode)));
    assert.deepEqual(again, { id: first!.id, deliveries: 0, duplicate: true });
    assert.deepEqual(received, [{
      id: first!.id,
      type: "tool.called",
      timestamp: new Date(attributes.time),
      sessionId: "s-1",
      data: { name: "bash" },
    }]);
    assert.notEqual(first!.id, attributes.id);
  });
}

const batchOf = (...ids: readonly string[]) => ({
  headers: { "content-type": "application/cloudevents-batch+json" },
  body: ids.map((id) => ({ ...attributes, id })),
});

testApp("a partly accepted batch is completed when it is sent again", {}, async (setup) => {
  const { hooks, send } = setup;
  const received: string[] = [];
  hooks.on("*", ({ id }) => void received.push(id));
  const [one] = await receiptsOf(await send("/events", batchOf("1")));
  const all = await receiptsOf(await send("/events", batchOf("1", "2", "3")));
  assert.deepEqual(all.map(({ duplicate }) => duplicate), [true, false, false]);
  assert.equal(all[0]!.id, one!.id);
  assert.equal(received.length, 3);
});

testApp("a batch that fails at an event reports how many were accepted, and the rest can follow", {
  hooks: {
    schemas: {
      "tool.called": {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: (value: unknown) =>
            (value as { bad?: boolean }).bad
              ? { issues: [{ message: "is bad" }] }
              : { value: value as { name: string } },
        },
      },
    },
  },
}, async ({ send }) => {
  const { headers, body } = batchOf("1", "2", "3");
  const spoilt = body.map((event, index) =>
    index === 1 ? { ...event, data: { name: "bash", bad: true } } : event
  );
  const response = await send("/events", { headers, body: spoilt });
  const { accepted } = await response.clone().json() as { readonly accepted: number };
  assert.equal(accepted, 1);
  assert.deepEqual((await problemOf(response)).pointers, ["/1/data"]);
  const all = await receiptsOf(await send("/events", { headers, body }));
  assert.deepEqual(all.map(({ duplicate }) => duplicate), [true, false, false]);
});

testApp(
  "without an outbox CloudEvents are accepted without deduplication",
  { outbox: false },
  async ({ send }) => {
    const [first] = await receiptsOf(await send("/events", message("binary")));
    const [again] = await receiptsOf(await send("/events", message("binary")));
    assert.notEqual(again!.id, first!.id);
  },
);

testApp("every issue of a CloudEvent is reported, without its content", {}, async ({ send }) => {
  const response = await send("/events", {
    headers: { "content-type": "application/cloudevents+json" },
    body: {
      specversion: "0.3",
      id: "",
      type: "Marker!",
      time: "marker",
      "Marker-Attribute": "marker",
    },
  });
  assert.doesNotMatch(await response.clone().text(), /marker/i);
  const { code, pointers } = await problemOf(response);
  assert.equal(code, "request_invalid");
  for (const name of ["specversion", "id", "source", "type", "time"]) {
    assert.ok(pointers!.includes(`/${name}`), name);
  }
});

testApp("an Idempotency-Key applies to CloudEvents in every mode", {}, async ({ send }) => {
  for (const [n, sent] of [message("structured"), message("binary"), batchOf("1", "2")].entries()) {
    const headers = { ...sent.headers, "idempotency-key": `k-${n}` };
    const first = await receiptsOf(await send("/events", { ...sent, headers }));
    const again = await send("/events", { ...sent, headers });
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(await receiptsOf(again), first);
  }
});

testApp("malformed CloudEvents are rejected", {}, async ({ send }) => {
  const structured = { "content-type": "application/cloudevents+json" };
  const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
  const { data: _, ...rest } = attributes;
  const envelope = JSON.stringify(rest).slice(0, -1);
  const rejected: readonly (readonly [Record<string, string>, unknown, number])[] = [
    [structured, "[]", 422],
    [structured, "{", 422],
    [structured, `${envelope},"data":${deep}}`, 422],
    [structured, { ...attributes, sessionid: "s".repeat(257) }, 422],
    [structured, new Uint8Array([0xff]), 422],
    [{ "content-type": "application/cloudevents-batch+json" }, "{}", 422],
    [batchOf().headers, Array.from({ length: 101 }, () => attributes), 422],
    [{ "ce-type": "tool.called" }, "{}", 422],
    [{ ...message("binary").headers, "ce-source": "%zz" }, "{}", 422],
    [{ "content-type": "application/cloudevents+xml" }, "<a/>", 415],
  ];
  for (const [headers, body, status] of rejected) {
    assert.equal(
      (await send("/events", { headers, body })).status,
      status,
      JSON.stringify(headers),
    );
  }
});
