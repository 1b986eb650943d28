import assert from "node:assert/strict";
import { encodeEvent, EventValidationError } from "@omniagent/hooks";
import { thrown } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { eventOf, pathsOf, quietHooks } from "./_helpers.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("an event is encoded as JSON in the order id, type, timestamp, session_id, data", () => {
  const event = {
    data: { name: "bash", params: { command: "ls" } },
    sessionId: "s-1",
    timestamp: new Date("2026-04-22T12:30:00.120+02:00"),
    type: "tool.called",
    id: "0192f3a4-0000-7000-8000-000000000000",
  };
  const bytes = encodeEvent(event);
  assert.ok(bytes instanceof Uint8Array);
  assert.equal(
    text(bytes),
    '{"id":"0192f3a4-0000-7000-8000-000000000000","type":"tool.called",' +
      '"timestamp":"2026-04-22T10:30:00.120Z","session_id":"s-1",' +
      '"data":{"name":"bash","params":{"command":"ls"}}}',
  );
});

test("session_id is left out without a session, or with an empty one", () => {
  const bare = '{"id":"e-1","type":"tool.called","timestamp":"2026-04-22T10:30:00.125Z","data":{}}';
  assert.equal(text(encodeEvent(eventOf())), bare);
  assert.equal(text(encodeEvent(eventOf({ sessionId: "" }))), bare);
  assert.equal(text(encodeEvent(eventOf({ sessionId: undefined }))), bare);
  assert.equal(text(encodeEvent(eventOf({ sessionId: null as never }))), bare);
});

test("an event without a session has no field for it, also after an empty one", async () => {
  const hooks = quietHooks();
  const events: object[] = [];
  hooks.on("a", (event) => void events.push(event));
  await hooks.emit("a", null, { sessionId: "" });
  await hooks.emit("a", null, { sessionId: null as never });
  await hooks.dispatcher.emitWithSession("a", "", null);
  await hooks.emit("a", null);
  assert.deepEqual(events.map((event) => "sessionId" in event), [false, false, false, false]);
});

test("additional fields of an event are not sent", () => {
  const event = { ...eventOf(), secret: "hidden", toJSON: () => ({ other: true }) };
  assert.deepEqual(encodeEvent(event), encodeEvent(eventOf()));
});

test("text beyond ASCII is UTF-8, and a lone surrogate is escaped", () => {
  const bytes = encodeEvent(eventOf({ sessionId: "zürich", data: ["é", "\u{1f600}", "\ud83d"] }));
  assert.ok(text(bytes).includes('"session_id":"zürich","data":["é","\u{1f600}","\\ud83d"]'));
});

test("times of the years 0 to 9999 can be written", () => {
  for (const year of ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"]) {
    const encoded = encodeEvent(eventOf({ timestamp: new Date(year) }));
    assert.ok(text(encoded).includes(`"timestamp":"${year}"`));
  }
});

const faults: readonly (readonly [name: string, event: unknown, ...paths: string[]])[] = [
  ["null", null, ""],
  ["undefined", undefined, ""],
  ["text", "event", ""],
  ["an empty object", {}, "id", "type", "timestamp"],
  ["an id with a dot", eventOf({ id: "a.b" }), "id"],
  ["an empty id", eventOf({ id: "" }), "id"],
  ["an id of 129 characters", eventOf({ id: "a".repeat(129) }), "id"],
  ["an id with a line break", eventOf({ id: "a\n" }), "id"],
  ["a type that is none", eventOf({ type: "Tool" }), "type"],
  ["a time that is text", eventOf({ timestamp: "2026-04-22T10:30:00Z" }), "timestamp"],
  ["an invalid Date", eventOf({ timestamp: new Date(NaN) }), "timestamp"],
  ["a Date that is none", eventOf({ timestamp: Object.create(Date.prototype) }), "timestamp"],
  ["the year 10000", eventOf({ timestamp: new Date(Date.UTC(10000, 0)) }), "timestamp"],
  ["the year before 0", eventOf({ timestamp: new Date(-62_167_219_200_001) }), "timestamp"],
  ["a session that is a number", eventOf({ sessionId: 5 }), "sessionId"],
  ["a payload that is undefined", eventOf({ data: undefined }), "data"],
  ["a payload with a bigint", eventOf({ data: { n: [1n] } }), "data.n.0"],
];

for (const [name, event, ...paths] of faults) {
  test(`encodeEvent() rejects ${name}, by path`, () => {
    const error = thrown(() => encodeEvent(event as never), EventValidationError);
    assert.deepEqual(pathsOf(error), paths);
    assert.match(error.message, /^Cannot encode event/);
  });
}

/** A dispatch looks at what its handlers rely on, and leaves the rest to the encoder. */
const undispatchable = faults.filter(([name]) =>
  !/^a payload|with a|of 129|Date that is none|year/.test(name)
);

for (const [name, event, ...paths] of undispatchable) {
  test(`dispatch() rejects ${name}, by path, and calls no handler`, async () => {
    const hooks = quietHooks();
    let calls = 0;
    hooks.on("*", () => void calls++);
    await hooks.registry.dispatch(eventOf());
    const outcome = await hooks.registry.dispatch(event as never)
      .then(() => undefined, (error: unknown) => error);
    assert.ok(outcome instanceof EventValidationError, `${outcome}`);
    assert.deepEqual(pathsOf(outcome), paths);
    assert.equal(calls, 1);
  });
}
