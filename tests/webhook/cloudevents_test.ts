/**
 * The three modes of CloudEvents 1.0.2. Invalid messages are in cloudevents_faults_test.ts.
 * @module
 */
import assert from "node:assert/strict";
import {
  type CloudEventMessage,
  cloudEventsModeOf,
  encodeCloudEvent,
  encodeCloudEventBatch,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { BATCH, binary, decode, EVENT, STRUCTURED, structured } from "./cloudevents_messages.ts";

test("a structured message has the attributes and the data in its body", () => {
  const { headers, body } = encodeCloudEvent(EVENT);
  assert.deepEqual(headers, { "content-type": STRUCTURED });
  assert.equal(
    new TextDecoder().decode(body),
    '{"specversion":"1.0","id":"0192f0c1-7c1e-7a3b-8f55-2f6f0a5c9d10",' +
      '"source":"urn:omniagent:hooks","type":"tool.called","time":"2026-04-22T10:30:00.123Z",' +
      '"sessionid":"s-1","datacontenttype":"application/json",' +
      '"data":{"name":"bash","params":{"list":[1,null,"ü 😀"]}}}',
  );
});

test("a binary message has the attributes in percent-encoded headers and the data as its body", () => {
  const event = { ...EVENT, sessionId: 'Euro € 😀 "100%"' };
  const { headers, body } = encodeCloudEvent(event, { mode: "binary", source: "/a%20b" });
  assert.deepEqual(headers, {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": EVENT.id,
    "ce-source": "/a%2520b",
    "ce-type": "tool.called",
    "ce-time": "2026-04-22T10:30:00.123Z",
    "ce-sessionid": "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22100%25%22",
  });
  assert.equal(new TextDecoder().decode(body), JSON.stringify(EVENT.data));
});

test("an event without a session has no attribute for it", () => {
  for (const sessionId of [undefined, ""]) {
    const { sessionId: _, ...event } = EVENT;
    const options = sessionId === undefined ? event : { ...event, sessionId };
    const message = encodeCloudEvent(options);
    assert(!new TextDecoder().decode(message.body).includes("session"));
    assert.deepEqual(decode(message)[0]?.event, {
      type: EVENT.type,
      timestamp: EVENT.timestamp,
      data: EVENT.data,
    });
  }
});

test("an event of another source keeps its source and id", () => {
  const [received] = decode(structured({ source: "https://a.example/x", id: "№ 1" }));
  assert(received);
  const { source, id } = received;
  for (const mode of ["structured", "binary"] as const) {
    const [again] = decode(encodeCloudEvent(EVENT, { source, id, mode }));
    assert.deepEqual([again?.source, again?.id], ["https://a.example/x", "№ 1"]);
  }
});

test("decodeCloudEvents() returns the attributes that are not fields of an event separately", () => {
  const [received] = decode(structured({
    subject: "orders/5",
    dataschema: "https://a.example/schema.json",
    datacontenttype: "application/vnd.a+json; charset=UTF-8",
    traceparent: "00-ab-cd-01",
    attempt: 3,
    sampled: false,
    unset: null,
    time: "2026-04-22T12:30:00.123456789+02:00",
    data: null,
  }));
  assert.deepEqual(received, {
    source: "/s",
    id: "1",
    event: { type: "a.b", timestamp: new Date("2026-04-22T10:30:00.123Z"), data: null },
    attributes: {
      subject: "orders/5",
      dataschema: "https://a.example/schema.json",
      datacontenttype: "application/vnd.a+json; charset=UTF-8",
      traceparent: "00-ab-cd-01",
      attempt: 3,
      sampled: false,
    },
  });
});

test("decodeCloudEvents() reads a session id of any attribute type as text", () => {
  const sessions = ["s", 0, 5, false, true, ""].map((sessionid) =>
    decode(structured({ sessionid }))[0]?.event.sessionId
  );
  assert.deepEqual(sessions, ["s", "0", "5", "false", "true", undefined]);
});

test("decodeCloudEvents() leaves the timestamp to the caller if there is no time", () => {
  assert(!("timestamp" in decode(structured({}))[0]!.event));
  assert(!("timestamp" in decode(structured({ time: null }))[0]!.event));
});

test("decodeCloudEvents() reads JSON, text and XML data in every place where it can be", () => {
  const json = "application/json";
  const cases: readonly (readonly [CloudEventMessage, unknown])[] = [
    [structured({}), null],
    [structured({ data_base64: null }), null],
    [structured({ data: "I'm just a string" }), "I'm just a string"],
    [structured({ data: "{}", datacontenttype: json }), "{}"],
    [structured({ data: false }), false],
    [structured({ data: "<a/>", datacontenttype: "application/xml" }), "<a/>"],
    [structured({ data: "5", datacontenttype: "text/plain" }), "5"],
    [structured({ data: { a: 1 }, datacontenttype: "application/json;charset=utf-16" }), { a: 1 }],
    [structured({ data_base64: btoa('{"a":1}') }), { a: 1 }],
    [structured({ data_base64: btoa("[1]"), datacontenttype: "Text/JSON" }), [1]],
    [structured({ data_base64: "w7w=", datacontenttype: 'text/plain; Charset="UTF-8"' }), "ü"],
    [binary({}, ""), null],
    [binary({}, "null"), null],
    [binary({}, '"ü"'), "ü"],
    [binary({ "content-type": "application/json; charset=utf-8" }, "[]"), []],
    [binary({ "content-type": "application/soap+xml" }, "<a/>"), "<a/>"],
    [binary({ "content-type": "text/plain;" }, "5"), "5"],
    [binary({ "content-type": "application/octet-stream" }, ""), null],
  ];
  for (const [message, data] of cases) assert.deepEqual(decode(message)[0]?.event.data, data);
});

test("decodeCloudEvents() reads a binary message without a content type as JSON", () => {
  const { headers, body } = binary({}, '{"a":1}');
  const { "content-type": _, ...bare } = headers;
  assert.deepEqual(decode({ headers: bare, body })[0]?.event.data, { a: 1 });
});

test("decodeCloudEvents() unquotes a header's value, then percent-decodes it once", () => {
  const cases = [
    ["a b", "a b"],
    ['"a b"', "a b"],
    ['"a \\"b\\" \\\\"', 'a "b" \\'],
    ['x"y z"', "xy z"],
    ["%2541", "%41"],
    ["%e2%82%AC", "€"],
    ["%41", "A"],
    ["Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"],
    ["\\", "\\"],
  ] as const;
  for (const [header, subject] of cases) {
    assert.equal(decode(binary({ "ce-subject": header }))[0]?.attributes.subject, subject);
  }
});

test("a batch may be empty", () => {
  const message = encodeCloudEventBatch([]);
  assert.equal(new TextDecoder().decode(message.body), "[]");
  assert.deepEqual(decode(message), []);
});

test("cloudEventsModeOf() tells the modes apart by content type, then by headers", () => {
  const mode = (headers: Record<string, string>) => cloudEventsModeOf(new Headers(headers));
  assert.equal(
    mode({ "content-type": "Application/CloudEvents+JSON; charset=utf-8" }),
    "structured",
  );
  assert.equal(mode({ "content-type": BATCH, "ce-id": "1" }), "batch");
  assert.equal(mode({ "content-type": "application/json", "ce-type": "a" }), "binary");
  assert.equal(mode({ "content-type": "application/json", "ce-other": "a" }), undefined);
  assert.equal(mode({}), undefined);
});

test("ce- headers of a structured message are ignored", () => {
  const { headers, body } = structured({ id: "body" });
  assert.equal(decode({ headers: { ...headers, "ce-id": "header" }, body })[0]?.id, "body");
});
