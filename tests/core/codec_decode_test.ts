import assert from "node:assert/strict";
import { thrown } from "../support/failures.ts";
import fc from "../support/fast_check.ts";
import { decodeEvent, encodeEvent, EventValidationError, type HookEvent } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { eventOf, pathsOf } from "./_helpers.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The wire form of an event, with some fields replaced; undefined takes one away. */
function wire(fields: Readonly<Record<string, unknown>> = {}): string {
  const time = "2026-04-22T10:30:00Z";
  return JSON.stringify({ id: "e-1", type: "tool.called", timestamp: time, data: {}, ...fields });
}

test("decodeEvent() reads what the Go package sends, as bytes or text", () => {
  const body =
    '{"id":"e-1","type":"tool.completed","timestamp":"2026-04-22T12:30:00.123456789+02:00",' +
    '"session_id":"s-1","data":{"name":"bash","result":"ok"}}\n';
  const expected = {
    id: "e-1",
    type: "tool.completed",
    timestamp: new Date("2026-04-22T10:30:00.123Z"),
    sessionId: "s-1",
    data: { name: "bash", result: "ok" },
  };
  assert.deepEqual(decodeEvent(body), expected);
  assert.deepEqual(decodeEvent(utf8(body)), expected);
  assert.deepEqual(decodeEvent(utf8(`xx${body}`).subarray(2)), expected);
});

test("unknown fields are ignored, and an empty session means none", () => {
  const event = decodeEvent(
    wire({ session_id: "", sessionId: "no", version: 2, extra: { a: [] } }),
  );
  assert.deepEqual(event, eventOf({ timestamp: new Date("2026-04-22T10:30:00Z") }));
  assert.equal("sessionId" in event, false);
});

test("a byte order mark is skipped, and a null session means none", () => {
  const event = eventOf({ timestamp: new Date("2026-04-22T10:30:00Z") });
  for (const body of [`\ufeff${wire()}`, utf8(`\ufeff${wire()}`), wire({ session_id: null })]) {
    assert.deepEqual(decodeEvent(body), event);
  }
});

test("a payload may be any JSON value, null too", () => {
  for (const data of [null, false, 0, "", [], [null], "text", { __proto__: null }]) {
    assert.deepEqual(decodeEvent(wire({ data })).data, JSON.parse(JSON.stringify(data)));
  }
});

test("a key __proto__ in the payload is an own field, and pollutes nothing", () => {
  const { data } = decodeEvent(
    wire({ data: 0 }).replace('"data":0', '"data":{"__proto__":{"x":1}}'),
  );
  assert.deepEqual(Object.keys(data as object), ["__proto__"]);
  assert.equal((data as { readonly x?: unknown }).x, undefined);
});

const times: Readonly<Record<string, string>> = {
  "2026-04-22T10:30:00Z": "2026-04-22T10:30:00.000Z",
  "2026-04-22t10:30:00z": "2026-04-22T10:30:00.000Z",
  "2026-04-22T10:30:00.1Z": "2026-04-22T10:30:00.100Z",
  "2026-04-22T10:30:00.999999999Z": "2026-04-22T10:30:00.999Z",
  "2026-04-22T10:30:00.1239999-05:30": "2026-04-22T16:00:00.123Z",
  "2026-04-22T00:30:00+14:00": "2026-04-21T10:30:00.000Z",
  "2026-04-22T10:30:00-00:00": "2026-04-22T10:30:00.000Z",
  "2024-02-29T23:59:59+00:00": "2024-02-29T23:59:59.000Z",
  "2000-02-29T00:00:00Z": "2000-02-29T00:00:00.000Z",
  "0000-02-29T00:00:00Z": "0000-02-29T00:00:00.000Z",
  "0050-03-01T00:00:00Z": "0050-03-01T00:00:00.000Z",
  "9999-12-31T23:59:59.999Z": "9999-12-31T23:59:59.999Z",
};

test("times of RFC 3339 are read to the millisecond, whatever their offset and precision", () => {
  for (const [timestamp, expected] of Object.entries(times)) {
    assert.equal(decodeEvent(wire({ timestamp })).timestamp.toISOString(), expected, timestamp);
  }
});

// deno-fmt-ignore
const badTimes: readonly unknown[] = [
  "", "now", "2026-04-22", "2026-04-22T10:30Z", "2026-04-22T10:30:00", "2026-04-22 10:30:00Z",
  "2026-04-22T10:30:00.Z", "2026-04-22T10:30:00,5Z", "2026-04-22T10:30:00+02", "2026-04-22T10:30:00+0200",
  "2026-04-22T10:30:00+24:00", "2026-04-22T10:30:00+02:60", "2026-04-22T10:30:00Z ", " 2026-04-22T10:30:00Z",
  "2026-04-22T10:30:00Z\n", "2026-02-29T00:00:00Z", "2026-02-30T00:00:00Z", "1900-02-29T00:00:00Z",
  "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
  "2026-04-22T24:00:00Z", "2026-04-22T10:60:00Z", "2026-04-22T10:30:60Z", "10000-01-01T00:00:00Z",
  "+010000-01-01T00:00:00Z", "-000001-01-01T00:00:00Z", "26-04-22T10:30:00Z", "２０26-04-22T10:30:00Z",
  1776853800000, null, true, {}, ["2026-04-22T10:30:00Z"],
];

test("a time that is not RFC 3339 is rejected by path", () => {
  const taken = badTimes.filter((timestamp) => {
    try {
      decodeEvent(wire({ timestamp }));
      return true;
    } catch (error) {
      assert.ok(error instanceof EventValidationError);
      assert.deepEqual(pathsOf(error), ["timestamp"]);
      return false;
    }
  });
  assert.deepEqual(taken, []);
});

test("a time in the years 10000 or -1 in UTC is rejected, since it can't be encoded", () => {
  for (const timestamp of ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"]) {
    const error = thrown(() => decodeEvent(wire({ timestamp })), EventValidationError);
    assert.deepEqual(pathsOf(error), ["timestamp"]);
  }
});

/** An event whose payload is text of some bytes. */
const withBytes = (...bytes: number[]): Uint8Array => {
  const [before, after] = wire({ data: "|" }).split("|").map(utf8);
  return new Uint8Array([...before!, ...bytes, ...after!]);
};

const id = "0192f3a4-0000-7000-8000-000000000000";
const faults: readonly (readonly [name: string, body: string | Uint8Array, ...paths: string[]])[] =
  [
    ["an empty body", "", ""],
    ["text that is no JSON", "{", ""],
    ["trailing garbage", `${wire()} x`, ""],
    ["two events", `${wire()}${wire()}`, ""],
    ["two byte order marks", `\ufeff\ufeff${wire()}`, ""],
    ["bytes that are no UTF-8", withBytes(0xff), ""],
    ["an encoded surrogate", withBytes(0xed, 0xa0, 0x80), ""],
    ["bytes that end within a character", withBytes(0xe2, 0x82), ""],
    ["UTF-16", new Uint8Array([...wire()].flatMap((c) => [c.charCodeAt(0), 0])), ""],
    ["null", "null", ""],
    ["a list", `[${wire()}]`, ""],
    ["a string", JSON.stringify(wire()), ""],
    ["a number", "5", ""],
    ["an empty object", "{}", "id", "type", "timestamp", "data"],
    ["an event of the Go package, which has no id", wire({ id: undefined }), "id"],
    ["an id that is a number", wire({ id: 5 }), "id"],
    ["an id with a dot", wire({ id: `${id}.1` }), "id"],
    ["an empty id", wire({ id: "" }), "id"],
    ["a type that is a list", wire({ type: ["tool.called"] }), "type"],
    ["a type that is a pattern", wire({ type: "tool.*" }), "type"],
    ["a session that is a number", wire({ session_id: 0 }), "session_id"],
    [
      "null for all that it needs",
      wire({ id: null, type: null, timestamp: null }),
      "id",
      "type",
      "timestamp",
    ],
    ["no payload", wire({ data: undefined }), "data"],
    ["fields under __proto__", `{"__proto__":${wire()}}`, "id", "type", "timestamp", "data"],
    [
      "four issues at once",
      wire({ id: 1, type: 2, timestamp: 3, session_id: 4 }),
      "id",
      "type",
      "timestamp",
      "session_id",
    ],
  ];

for (const [name, body, ...paths] of faults) {
  test(`decodeEvent() rejects ${name}, by path`, () => {
    const error = thrown(() => decodeEvent(body), EventValidationError);
    assert.deepEqual(pathsOf(error), paths);
    assert.match(error.message, /^Cannot decode event: /);
  });
}

test("decodeEvent() rejects values that are neither bytes nor text", () => {
  for (const body of [undefined, null, 5, {}, [], eventOf()]) {
    const error = thrown(() => decodeEvent(body as never), TypeError);
    assert.doesNotMatch(error.message, /UTF-8/);
  }
});

test("decodeEvent() never overflows the stack, however deep the JSON is", () => {
  for (const depth of [201, 10_000, 1_000_000]) {
    const data = "[".repeat(depth) + "]".repeat(depth);
    try {
      decodeEvent(wire({ data: 0 }).replace('"data":0', `"data":${data}`));
    } catch (error) {
      assert.ok(error instanceof EventValidationError, `${error}`);
      assert.doesNotMatch(error.message, /UTF-8/);
    }
  }
});

const type = fc.stringMatching(/^[a-z0-9_]{1,9}(\.[a-z0-9_]{1,9}){0,4}$/);
const events: fc.Arbitrary<HookEvent> = fc.record({
  id: fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/),
  type,
  timestamp: fc.date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  }),
  sessionId: fc.string({ unit: "binary", minLength: 1 }),
  data: fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.parse(JSON.stringify(value))),
}, { requiredKeys: ["id", "type", "timestamp", "data"] });

test("decodeEvent() of an encoded event returns an equal event", () =>
  fc.assert(fc.property(events, (event) => {
    assert.deepEqual(decodeEvent(encodeEvent(event)), { ...event });
  })));

/** What decodeEvent() makes of a body: an event can be encoded again, and an error has no payload. */
function judge(body: string | Uint8Array, secret?: string): void {
  try {
    const event = decodeEvent(body);
    assert.deepEqual(decodeEvent(encodeEvent(event)), event);
  } catch (error) {
    assert.ok(error instanceof EventValidationError, `${error}`);
    assert.ok(error.issues.length > 0);
    if (secret) {
      assert.ok(!JSON.stringify([error.message, error.stack, error.issues]).includes(secret));
    }
    assert.equal(error.cause, undefined);
  }
}

test("decodeEvent() returns an event or throws an EventValidationError for any bytes, text and JSON", () => {
  const field = fc.oneof(
    fc.jsonValue(),
    fc.constant("s3cr3t"),
    fc.constant("2026-04-22T10:30:00Z"),
  );
  const record = fc.record(
    { id: field, type: field, timestamp: field, session_id: field, data: field },
    { requiredKeys: [] },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => judge(bytes)));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => judge(text)));
  fc.assert(fc.property(fc.json(), (text) => judge(text)));
  fc.assert(fc.property(record, (fields) => judge(JSON.stringify(fields), "s3cr3t")));
  fc.assert(fc.property(record, fc.nat(), fc.nat(255), (fields, at, byte) => {
    const bytes = utf8(wire(fields));
    bytes[at % bytes.length] = byte;
    judge(bytes);
  }));
});

test("an EventValidationError repeats nothing of the body", () => {
  const secret = "s3cr3t";
  for (
    const body of [
      `{"data":"${secret}" ${secret}`,
      secret,
      `"${secret}"`,
      wire({ [secret]: 1, id: secret + "." }),
    ]
  ) {
    judge(body, secret);
  }
});
