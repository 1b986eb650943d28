/**
 * Invalid CloudEvents, received and encoded: each is rejected with the path of its issue.
 * @module
 */
import assert from "node:assert/strict";
import { EventValidationError, type HookEvent } from "@omniagent/hooks";
import {
  type CloudEventMessage,
  decodeCloudEvents,
  encodeCloudEvent,
  encodeCloudEventBatch,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import {
  BATCH,
  binary,
  bytes,
  decode,
  EVENT,
  faultsOf,
  raw,
  REQUIRED,
  STRUCTURED,
  structured,
} from "./cloudevents_messages.ts";

const INVALID_UTF8 = new Uint8Array([0x22, 0xff, 0x22]);

/** Invalid messages, and the paths that the error names. */
const rejected: readonly (readonly [name: string, message: CloudEventMessage, paths: string[]])[] =
  [
    // the message as a whole
    ["no CloudEvents at all", raw("application/json", "{}"), ["content-type"]],
    ["no content type", { headers: {}, body: bytes("{}") }, ["content-type"]],
    ["a format that is not JSON", raw("application/cloudevents+avro", "x"), ["content-type"]],
    ["a batch that is not JSON", raw("application/cloudevents-batch+xml", "[]"), ["content-type"]],
    ["a format without a name", raw("application/cloudevents", "{}"), ["content-type"]],
    ["a charset", raw(`${STRUCTURED}; charset=iso-8859-1`, "{}"), ["content-type"]],
    ["a broken parameter", raw(`${STRUCTURED}; charset`, "{}"), ["content-type"]],
    ["an empty body", raw(STRUCTURED, ""), [""]],
    ["no JSON", raw(STRUCTURED, "{"), [""]],
    ["no UTF-8", raw(STRUCTURED, INVALID_UTF8), [""]],
    ["JSON that nests too deep for a parser", raw(STRUCTURED, "[".repeat(200_000)), [""]],
    ["an array as an event", raw(STRUCTURED, "[]"), [""]],
    ["null as an event", raw(STRUCTURED, "null"), [""]],
    ["an object as a batch", raw(BATCH, JSON.stringify(REQUIRED)), [""]],
    ["elements of a batch", raw(BATCH, JSON.stringify([REQUIRED, 1, { ...REQUIRED, id: "" }])), [
      "1",
      "2.id",
    ]],
    // attributes, structured
    ["no attributes", raw(STRUCTURED, "{}"), ["specversion", "id", "source", "type"]],
    [
      "required attributes of null",
      structured({ specversion: null, id: null, source: null, type: null }),
      ["specversion", "id", "source", "type"],
    ],
    ["version 0.3", structured({ specversion: "0.3" }), ["specversion"]],
    ["version 1.0.2", structured({ specversion: "1.0.2" }), ["specversion"]],
    ["a version as a number", structured({ specversion: 1.0 }), ["specversion"]],
    ["an empty id", structured({ id: "" }), ["id"]],
    ["an id as a number", structured({ id: 5 }), ["id"]],
    ["an id with a line break", structured({ id: "a\nb" }), ["id"]],
    ["an id with half a surrogate pair", structured({ id: "a\ud800" }), ["id"]],
    ["an id with a noncharacter", structured({ id: "a\ufdd0" }), ["id"]],
    ["an empty source", structured({ source: "" }), ["source"]],
    ["a source with a space", structured({ source: "/a b" }), ["source"]],
    ["a source beyond ASCII", structured({ source: "/ü" }), ["source"]],
    ["a source with a stray percent", structured({ source: "/%2" }), ["source"]],
    ["a source with two fragments", structured({ source: "/a#b#c" }), ["source"]],
    ["a source with a bad scheme", structured({ source: "1a:b" }), ["source"]],
    ["an empty type", structured({ type: "" }), ["type"]],
    ["a type of someone else's", structured({ type: "com.example.Thing" }), ["type"]],
    ["a type that is too long", structured({ type: "a".repeat(129) }), ["type"]],
    ["an empty subject", structured({ subject: "" }), ["subject"]],
    ["a relative dataschema", structured({ dataschema: "/schema" }), ["dataschema"]],
    ["a time without a zone", structured({ time: "2026-04-22T10:30:00" }), ["time"]],
    ["a day that is not there", structured({ time: "2026-02-30T10:30:00Z" }), ["time"]],
    ["a time as a number", structured({ time: 1776853800 }), ["time"]],
    ["an extension with an upper-case name", structured({ sessionId: "s" }), ["sessionId"]],
    ["an extension with an underscore", structured({ session_id: "s" }), ["session_id"]],
    ["an extension that is an object", structured({ ext: {} }), ["ext"]],
    ["an extension that is a fraction", structured({ ext: 1.5 }), ["ext"]],
    ["an extension beyond 32 bits", structured({ ext: 2 ** 31 }), ["ext"]],
    ["an extension with a control character", structured({ ext: "a\u0085" }), ["ext"]],
    [
      "a name as long as the body",
      structured({ ["X".repeat(10_000)]: 1 }),
      ["X".repeat(64)],
    ],
    ["several faults", structured({ id: "", time: "now", ext: [] }), ["id", "time", "ext"]],
    // data, structured
    ["both data and data_base64", structured({ data: 1, data_base64: "MQ==" }), ["data_base64"]],
    ["data of null beside data_base64", structured({ data: null, data_base64: "MQ==" }), [
      "data_base64",
    ]],
    ["data_base64 as a number", structured({ data_base64: 1 }), ["data_base64"]],
    ["data_base64 that is not padded", structured({ data_base64: "MQ" }), ["data_base64"]],
    ["data_base64 with a line break", structured({ data_base64: "MQ=\n" }), ["data_base64"]],
    ["data_base64 of the URL alphabet", structured({ data_base64: "_-8=" }), ["data_base64"]],
    ["data_base64 that is not JSON", structured({ data_base64: btoa("{") }), ["data_base64"]],
    ["data_base64 that is not UTF-8", structured({ data_base64: "/w==" }), ["data_base64"]],
    [
      "binary data",
      structured({ datacontenttype: "image/png", data_base64: "MQ==" }),
      ["datacontenttype"],
    ],
    [
      "an object as text",
      structured({ datacontenttype: "text/plain", data: {} }),
      ["data"],
    ],
    ["a string as an image", structured({ datacontenttype: "image/png", data: "x" }), [
      "datacontenttype",
    ]],
    ["no media type", structured({ datacontenttype: "json", data: 1 }), ["datacontenttype"]],
    ["a media type as a number", structured({ datacontenttype: 1, data: 1 }), ["datacontenttype"]],
    [
      "base64 of another charset",
      structured({ datacontenttype: "text/plain; charset=utf-16", data_base64: "MQ==" }),
      ["datacontenttype"],
    ],
    // binary mode
    ["one header alone", { headers: { "ce-id": "1" }, body: bytes("") }, [
      "specversion",
      "source",
      "type",
    ]],
    ["ce-datacontenttype", binary({ "ce-datacontenttype": "application/json" }), [
      "datacontenttype",
    ]],
    ["ce-data", binary({ "ce-data": "x" }), ["data"]],
    ["ce-data_base64", binary({ "ce-data_base64": "MQ==" }), ["data_base64"]],
    ["an overlong escape", binary({ "ce-subject": "%C0%A0" }), ["subject"]],
    ["an escaped surrogate", binary({ "ce-subject": "%ED%A0%80" }), ["subject"]],
    ["half an escape", binary({ "ce-subject": "100%" }), ["subject"]],
    ["an escape that is not hexadecimal", binary({ "ce-subject": "%zz" }), ["subject"]],
    ["an escaped control character", binary({ "ce-subject": "a%0Ab" }), ["subject"]],
    ["a byte beyond ASCII", binary({ "ce-subject": "\u00fc" }), ["subject"]],
    ["an open quote", binary({ "ce-subject": '"a' }), ["subject"]],
    ["a header that can't be read, once", binary({ "ce-id": "%" }), ["id"]],
    ["a body that is not JSON", binary({}, "{"), ["data"]],
    ["a body that is not UTF-8", binary({}, INVALID_UTF8), ["data"]],
    ["a body of another kind", binary({ "content-type": "application/octet-stream" }), [
      "datacontenttype",
    ]],
    ["a body of another charset", binary({ "content-type": "application/json; charset=latin1" }), [
      "datacontenttype",
    ]],
    ["a content type that is none", binary({ "content-type": "json" }), ["datacontenttype"]],
  ];

for (const [name, message, paths] of rejected) {
  test(`decodeCloudEvents() rejects ${name}`, () => {
    assert.deepEqual(faultsOf(() => decode(message)), paths);
  });
}

test("decodeCloudEvents() never repeats a value in its errors", () => {
  const secret = "sk-4242";
  const all = {
    id: `${secret}\n`,
    type: secret,
    source: ` ${secret}`,
    time: secret,
    ext: [secret],
  };
  for (
    const message of [
      structured({ ...all, datacontenttype: secret, data_base64: secret }),
      structured({ data_base64: btoa(`{${secret}`) }),
      raw(STRUCTURED, `{"${secret}`),
      raw(`${STRUCTURED}; ${secret}`, "{}"),
      binary({ "ce-subject": `%${secret}`, "ce-time": secret }, `{${secret}`),
    ]
  ) {
    assert.throws(() => decode(message), (error: Error) => {
      assert(!JSON.stringify([error.message, error, `${error.cause}`]).includes(secret));
      return true;
    });
  }
});

test("encodeCloudEvent() rejects what CloudEvents can't represent", () => {
  const cases: readonly (readonly [unknown, Parameters<typeof encodeCloudEvent>[1], string[]])[] = [
    [{ ...EVENT, sessionId: "a\nb" }, {}, ["sessionId"]],
    [{ ...EVENT, sessionId: "\ud800" }, { mode: "binary" }, ["sessionId"]],
    [{ ...EVENT, timestamp: new Date(NaN) }, {}, ["timestamp"]],
    [{ ...EVENT, type: "No" }, {}, ["type"]],
    [{ ...EVENT, data: { n: 1n } }, {}, ["data.n"]],
    [{ ...EVENT, data: undefined }, {}, ["data"]],
    [EVENT, { source: "" }, ["source"]],
    [EVENT, { source: "a b", id: "" }, ["source", "id"]],
    [EVENT, { id: "\u0000" }, ["id"]],
    [EVENT, { source: 5, id: 5 } as object, ["source", "id"]],
    [null, {}, [""]],
  ];
  for (const [event, options, paths] of cases) {
    assert.deepEqual(faultsOf(() => encodeCloudEvent(event as HookEvent, options)), paths);
  }
});

test("encodeCloudEventBatch() names the event of an issue by its index", () => {
  const events = [EVENT, { ...EVENT, type: "No" }, { ...EVENT, data: undefined }, undefined];
  const faults = faultsOf(() => encodeCloudEventBatch(events as HookEvent[]));
  assert.deepEqual(faults, ["1.type", "2.data", "3"]);
});

test("an attribute that is a list nested twenty thousand times is an ordinary issue", () => {
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  for (const name of ["sessionid", "subject", "time", "datacontenttype", "other"]) {
    const envelope = `{"specversion":"1.0","id":"1","source":"/a","type":"a","${name}":${deep}}`;
    const headers = new Headers({ "content-type": "application/cloudevents+json" });
    assert.throws(
      () => decodeCloudEvents(headers, new TextEncoder().encode(envelope)),
      (error) => error instanceof EventValidationError && error.issues[0]!.path![0] === name,
    );
  }
});
