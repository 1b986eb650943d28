/**
 * Properties of CloudEvents messages.
 * @module
 */
import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { HookEvent } from "@omniagent/hooks";
import {
  cloudEventIdempotencyKey,
  type CloudEventMessage,
  decodeCloudEvents,
  encodeCloudEvent,
  encodeCloudEventBatch,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import {
  BATCH,
  bytes,
  decode,
  EVENT,
  faultsOf,
  REQUIRED,
  STRUCTURED,
} from "./cloudevents_messages.ts";

// Control characters, lone surrogates and noncharacters are in no attribute.
const text = fc.string({ unit: "grapheme", maxLength: 30 }).filter((value) =>
  !/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(value)
);
const word = fc.stringMatching(/^[a-z0-9_]{1,8}$/);
const events: fc.Arbitrary<HookEvent> = fc.record({
  id: fc.uuid({ version: 7 }),
  type: fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(".")),
  timestamp: fc.date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  }),
  sessionId: text.filter((value) => value !== ""),
  data: fc.json().map((json): unknown => JSON.parse(json)),
}, { requiredKeys: ["id", "type", "timestamp", "data"], noNullPrototype: true });

test("property: our events come back equal in all three modes", () => {
  fc.assert(fc.property(fc.array(events, { maxLength: 4 }), fc.webUrl(), (batch, source) => {
    const back = (message: CloudEventMessage) =>
      decode(message).map((received) => {
        assert.equal(received.source, source);
        return { id: received.id, ...received.event };
      });
    assert.deepEqual(back(encodeCloudEventBatch(batch, { source })), batch);
    for (const mode of ["structured", "binary"] as const) {
      const single = batch.flatMap((event) => back(encodeCloudEvent(event, { source, mode })));
      assert.deepEqual(single, batch);
    }
  }));
});

test("property: an attribute of any text comes back equal through headers", () => {
  fc.assert(fc.property(text, (subject) => {
    const { headers, body } = encodeCloudEvent({ ...EVENT, sessionId: subject }, {
      mode: "binary",
    });
    for (const value of Object.values(headers)) assert.match(value, /^[\x21-\x7e]+$/);
    assert.equal(decode({ headers, body })[0]?.event.sessionId ?? "", subject);
  }));
});

test("property: any headers and bytes give events or an EventValidationError, nothing else", () => {
  const value = fc.oneof(
    fc.string({
      unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
    }),
    fc.constantFrom(
      "1.0",
      STRUCTURED,
      BATCH,
      "application/json",
      "text/plain; charset=x",
      '"',
      "%",
    ),
  );
  const name = fc.oneof(
    fc.constantFrom("content-type", "ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time"),
    fc.stringMatching(/^ce-[a-z0-9_-]{0,5}$/),
  );
  const member = fc.oneof(fc.jsonValue(), value);
  const key = fc.oneof(
    fc.constantFrom(
      ...Object.keys(REQUIRED),
      "data",
      "data_base64",
      "datacontenttype",
      "__proto__",
    ),
    fc.string(),
  );
  const envelope = fc.dictionary(key, member).map((members) => ({ ...REQUIRED, ...members }));
  const body = fc.oneof(
    fc.uint8Array(),
    fc.oneof(envelope, fc.array(envelope), fc.jsonValue()).map((json) =>
      bytes(JSON.stringify(json))
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), body, (headers, body) => {
      faultsOf(() => decodeCloudEvents(new Headers(headers), body));
    }),
    { numRuns: 2000 },
  );
});

test("property: two CloudEvents have one idempotency key only if source and id are equal", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "b", '"', ",", "\\"), maxLength: 3 });
  const pair = fc.record({ source: part, id: part });
  fc.assert(fc.property(pair, pair, (a, b) => {
    const same = a.source === b.source && a.id === b.id;
    assert.equal(cloudEventIdempotencyKey(a) === cloudEventIdempotencyKey(b), same);
  }));
  const key = (source: string, id: string) => cloudEventIdempotencyKey({ source, id });
  assert.notEqual(key("ab", "c"), key("a", "bc"));
  assert.notEqual(key('a","b', "c"), key("a", 'b","c'));
});
