import assert from "node:assert/strict";
import { decodeEvent, encodeEvent, EventValidationError, type HookEvent } from "@omniagent/hooks";
import { rejection, thrown } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { eventOf, nested, pathsOf, quietHooks } from "./_helpers.ts";

/** Emits a payload to a handler that receives everything: the event, or the error. */
async function emit(data: unknown): Promise<HookEvent | EventValidationError> {
  const hooks = quietHooks();
  const received: HookEvent[] = [];
  hooks.on("a", (event) => void received.push(event));
  try {
    await hooks.emit("a", data);
    return received[0]!;
  } catch (error) {
    assert.deepEqual(received, [], "refused, but received");
    assert.ok(error instanceof EventValidationError, `no EventValidationError: ${error}`);
    return error;
  }
}

const cycle: { self?: unknown; list?: unknown[] } = {};
cycle.self = cycle;
cycle.list = [{ deep: cycle }];
class Point {
  constructor(readonly x: number, readonly y: number) {}
}
class Itself {
  readonly n = 1;
  toJSON(): this {
    return this;
  }
}
const throws = (): never => {
  throw new Error("locked");
};
const date = new Date("2026-04-22T10:30:00.125Z");

/** Payloads that are refused, with the paths of all their faults. */
const refused: readonly (readonly [name: string, data: unknown, ...paths: string[]])[] = [
  ["undefined", undefined, "data"],
  ["a bigint", 1n, "data"],
  ["a function", () => {}, "data"],
  ["a symbol", Symbol("s"), "data"],
  ["NaN and infinities", { a: NaN, b: [Infinity, 1, -Infinity] }, "data.a", "data.b.0", "data.b.2"],
  ["bigints in fields and lists", { a: 1n, b: [0, 1n] }, "data.a", "data.b.1"],
  ["functions and symbols in fields", { f: () => {}, s: Symbol.iterator }, "data.f", "data.s"],
  ["undefined in a list", [undefined, 1, undefined], "data.0", "data.2"],
  // deno-lint-ignore no-sparse-arrays
  ["a hole in a list", [1, , 3], "data.1"],
  ["a cycle", cycle, "data.self", "data.list.0.deep"],
  [
    "a Map, a Set and their weak kin",
    [new Map(), new Set(), new WeakMap(), new WeakSet()],
    "data.0",
    "data.1",
    "data.2",
    "data.3",
  ],
  ["an Error", { error: new RangeError("no") }, "data.error"],
  [
    "a DOMException, as an abort gives",
    { error: new DOMException("no", "AbortError") },
    "data.error",
  ],
  ["a promise and a regular expression", [Promise.resolve(), /x/], "data.0", "data.1"],
  [
    "bytes",
    { a: new Uint8Array(2), b: new ArrayBuffer(2), c: new DataView(new ArrayBuffer(2)) },
    "data.a",
    "data.b",
    "data.c",
  ],
  ["a boxed bigint", { boxed: Object(1n) }, "data.boxed"],
  ["a boxed NaN", { boxed: Object(NaN) }, "data.boxed"],
  ["an invalid Date", { at: new Date(NaN) }, "data.at"],
  ["toJSON that throws", { a: { toJSON: throws } }, "data.a"],
  ["toJSON that gives a bigint", { a: { toJSON: () => 1n } }, "data.a"],
  ["toJSON that gives undefined, in a list", [{ toJSON: () => undefined }], "data.0"],
  ["toJSON that gives what has faults", { a: { toJSON: () => ({ b: [1n] }) } }, "data.a.b.0"],
  ["a getter that throws", {
    get a() {
      return throws();
    },
  }, "data.a"],
  ["a getter that throws what can't be shown", {
    get a() {
      throw Object.create(null);
    },
  }, "data.a"],
  ["a proxy that throws", { a: new Proxy({}, { ownKeys: throws }) }, "data.a"],
  ["a revoked proxy", { a: revoked() }, "data.a"],
  ["a list 201 levels deep", nested(201), ["data", ...Array(200).fill("0")].join(".")],
  [
    "an issue under __proto__",
    JSON.parse('{"__proto__":{"a":[0]}}', (_, v) => v === 0 ? NaN : v),
    "data.__proto__.a.0",
  ],
];

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

for (const [name, data, ...paths] of refused) {
  test(`emit() rejects a payload with the path of every issue: ${name}`, async () => {
    const error = await emit(data);
    assert.ok(error instanceof EventValidationError, "accepted");
    assert.deepEqual(pathsOf(error), paths);
    assert.match(error.message, /^Cannot emit 'a': data/);
    const encoding = thrown(() => encodeEvent(eventOf({ data })), EventValidationError);
    assert.deepEqual(encoding.issues, error.issues);
  });
}

const shared = { n: 1 };
const own = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}');

/** Payloads that are taken, with what JSON makes of them. */
const accepted: readonly (readonly [name: string, data: unknown, json: unknown])[] = [
  ["null", null, null],
  ["a string", "text", "text"],
  ["false and zero", [false, 0, -0, ""], [false, 0, 0, ""]],
  ["a field that is undefined, which is left out", { a: undefined, b: 1 }, { b: 1 }],
  ["a Date", { at: date }, { at: date.toISOString() }],
  ["an instance of a class", new Point(1, 2), { x: 1, y: 2 }],
  ["toJSON that gives a value", { a: { toJSON: () => [1] } }, { a: [1] }],
  [
    "toJSON that gives its object",
    new Itself(),
    { n: 1 },
  ],
  ["toJSON that is no function", { toJSON: "text" }, { toJSON: "text" }],
  ["toJSON that asks for its key", { k: { toJSON: (key: string) => key } }, { k: "k" }],
  ["an own key __proto__", own, own],
  ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ["one object in several places", [shared, { a: shared }, shared], [{ n: 1 }, { a: { n: 1 } }, {
    n: 1,
  }]],
  ["a list 200 levels deep", nested(200), nested(200)],
  ["lone surrogates", { "\ud800": "a\udc00b" }, { "\ud800": "a\udc00b" }],
  ["line separators, nulls and emoji", "\u2028\u2029\0\u{1f600}", "\u2028\u2029\0\u{1f600}"],
  [
    "symbol keys and hidden fields, which are left out",
    Object.defineProperty({ [Symbol()]: 1, a: 1 }, "b", { value: 1n }),
    { a: 1 },
  ],
  ["boxed values", [Object("s"), Object(1), Object(true)], ["s", 1, true]],
  ["a URL", [new URL("http://localhost/")], ["http://localhost/"]],
];

for (const [name, data, json] of accepted) {
  test(`emit() accepts a payload: ${name}`, async () => {
    const event = await emit(data);
    if (event instanceof EventValidationError) throw event;
    const { data: decoded } = decodeEvent(encodeEvent(event));
    const view = JSON.parse(JSON.stringify({ data })).data;
    assert.deepEqual(event.data, view, "handlers get the JSON form");
    assert.equal(JSON.stringify(decoded), JSON.stringify(view));
    if (json !== undefined) assert.equal(JSON.stringify(decoded), JSON.stringify(json));
    assert.equal(Object.getOwnPropertyNames(Object.prototype).includes("polluted"), false);
  });
}

test("toJSON() is called once, and not on its result, as JSON.stringify() does", async () => {
  const data = { a: { toJSON: () => ({ b: 1, toJSON: () => ({ c: 1n }) }) } };
  const event = await emit(data);
  // JSON leaves the inner function out; an error about the function is also correct.
  if (event instanceof EventValidationError) assert.deepEqual(pathsOf(event), ["data.a.toJSON"]);
  else assert.deepEqual(decodeEvent(encodeEvent(event)).data, { a: { b: 1 } });
});

test("toJSON() that returns new objects forever does not overflow the stack", async () => {
  const endless = (): unknown => ({ toJSON: endless });
  const event = await emit(endless());
  if (event instanceof EventValidationError) assert.ok(!/call stack/i.test(event.message));
});

test("the depth limit of a payload applies to shared parts, too", async () => {
  // Each list is 150 levels deep and ends in the one before, which was seen first.
  let list = nested(150);
  const lists = [list];
  for (let n = 0; n < 10; n++) {
    for (let level = 0; level < 150; level++) list = [list];
    lists.push(list);
  }
  const error = await emit(lists);
  assert.ok(error instanceof EventValidationError, "1,650 levels were taken");
});

test("a payload whose parts are shared 2^40 times is validated quickly", async () => {
  let data: unknown = { leaf: true };
  for (let level = 0; level < 40; level++) data = [data, data];
  await emit(data);
});

test("a sparse array of 200,000 holes gives at most 1,000 issues", async () => {
  const error = await emit({ list: new Array(200_000) });
  assert.ok(error instanceof EventValidationError);
  assert.ok(error.issues.length <= 1000, `${error.issues.length} faults`);
});

test("an issue in a shared part is reported at least once", async () => {
  const part = { n: NaN };
  const error = await emit([part, part]);
  assert.ok(error instanceof EventValidationError);
  assert.equal(pathsOf(error)[0], "data.0.n");
});

test("a payload whose getter changes its value gives an EventValidationError, not a TypeError", () => {
  let reads = 0;
  const data = {
    get n() {
      return reads++ ? 1n : 1;
    },
  };
  try {
    assert.deepEqual(decodeEvent(encodeEvent(eventOf({ data }))).data, { n: 1 });
  } catch (error) {
    assert.ok(error instanceof EventValidationError, `${error}`);
  }
});

for (const sessionId of ["\ud800", "s-\udc00", "\udc00\ud800", "a\ud83d"]) {
  test(`a session with a lone surrogate is rejected, by path: ${JSON.stringify(sessionId)}`, async () => {
    const path = ["sessionId"];
    const message =
      "must be at most 256 characters, without control characters and lone surrogates";
    const issues = [{ message, path }];
    const wireIssue = { message: "must have no lone surrogates", path };
    const hooks = quietHooks();
    hooks.on("a", () => assert.fail("called"));
    const event = eventOf({ type: "a", sessionId });
    const errors = [
      await rejection(hooks.emit("a", null, { sessionId }), EventValidationError),
      await rejection(hooks.dispatcher.emitWithSession("a", sessionId, null), EventValidationError),
    ];
    for (const error of errors) assert.deepEqual(error.issues, issues);
    const dispatch = await rejection(hooks.registry.dispatch(event), EventValidationError);
    const encoding = thrown(() => encodeEvent(event), EventValidationError);
    assert.deepEqual(dispatch.issues, [wireIssue]);
    assert.deepEqual(encoding.issues, [wireIssue]);
    hooks.emitInBackground("a", null, { sessionId });
    hooks.dispatcher.emitAsyncWithSession("a", sessionId, null);
    hooks.registry.dispatchAsync(event);
    await hooks.drain();
    assert.equal(hooks.errors.length, 3);
    for (const error of hooks.errors) {
      assert.deepEqual((error as EventValidationError).issues?.[0]?.path, path);
    }
    const wire = JSON.stringify({
      ...{ id: "e-1", type: "a", timestamp: "2026-04-22T10:30:00Z" },
      session_id: sessionId,
      data: null,
    });
    const decoding = thrown(() => decodeEvent(wire), EventValidationError);
    assert.deepEqual(decoding.issues, [{ ...wireIssue, path: ["session_id"] }]);
  });
}

test("a session may be any text that UTF-8 can hold", async () => {
  const hooks = quietHooks();
  const sessions: unknown[] = [];
  hooks.on("a", (event) => sessions.push(event.sessionId));
  const texts = ["\u{1f600}", "zürich/7", "\ufffd", " "];
  for (const sessionId of texts) await hooks.emit("a", null, { sessionId });
  assert.deepEqual(sessions, texts);
});

test("lone surrogates in payloads arrive as they were emitted, in keys too", async () => {
  const data = { "\udc00": ["\ud800", { "a\ud83d": "\udc00b" }] };
  const event = await emit(data);
  assert.ok(!(event instanceof EventValidationError));
  assert.deepEqual(decodeEvent(encodeEvent(event)).data, data);
});

test("emit() reports issues of type, session, and payload together", async () => {
  const hooks = quietHooks();
  const emitted = hooks.emit("No Type", { n: 1n }, { sessionId: 5 as never });
  const error = await rejection(emitted, EventValidationError);
  assert.deepEqual(pathsOf(error), ["type", "sessionId", "data.n"]);
});
