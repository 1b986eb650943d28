import assert from "node:assert/strict";
import { EventValidationError, type StandardIssue, type StandardSchemaV1 } from "@omniagent/hooks";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { eventOf, pathsOf, quietHooks } from "./_helpers.ts";

/** A validator such as any library's, made by hand. */
function schema(
  validate: StandardSchemaV1["~standard"]["validate"],
): StandardSchemaV1 {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

const positive = schema((value) =>
  Number((value as { readonly total?: unknown })?.total) > 0
    ? { value }
    : { issues: [{ message: "must be positive", path: ["total"] }] }
);

const kinds: Readonly<Record<string, StandardSchemaV1>> = {
  sync: positive,
  async: schema((value) => Promise.resolve(positive["~standard"].validate(value))),
};

for (const [kind, paid] of Object.entries(kinds)) {
  test(`a payload that fails its schema is rejected before any handler runs (${kind})`, async () => {
    const received: unknown[] = [];
    const reported: unknown[] = [];
    const hooks = quietHooks({ schemas: { paid }, onError: (error) => void reported.push(error) });
    hooks.on("*", ({ data }) => void received.push(data));
    for (const total of [0, "x"]) {
      const emitted = hooks.emit("paid", { total });
      const dispatched = hooks.registry.dispatch(eventOf({ type: "paid", data: { total } }));
      for (const refused of [emitted, dispatched]) {
        const error = await rejection(refused, EventValidationError);
        assert.ok(error instanceof TypeError);
        assert.equal(error.code, "event_invalid");
        assert.deepEqual(error.issues, [{ message: "must be positive", path: ["data", "total"] }]);
        assert.match(error.message, /^Cannot .*'paid': data\.total: must be positive$/);
      }
    }
    // The caller knows: onError gets errors of handlers, and of what is not awaited.
    assert.deepEqual({ received, reported }, { received: [], reported: [] });
    await hooks.emit("paid", { total: 5 });
    await hooks.emit("other", { total: -1 });
    assert.deepEqual(received, [{ total: 5 }, { total: -1 }]);
  });
}

test("emitInBackground() reports a payload that fails its schema, and does not throw", async () => {
  const reported: unknown[] = [];
  const hooks = quietHooks({
    schemas: { paid: positive },
    onError: (error, event) => void reported.push(error, event?.type),
  });
  hooks.on("paid", () => assert.fail("called"));
  hooks.emitInBackground("paid", {});
  await hooks.drain();
  assert.ok(reported[0] instanceof EventValidationError);
  assert.deepEqual(reported.slice(1), ["paid"]);
});

const symbol = Symbol("hidden");
const paths: readonly (readonly [string, StandardIssue["path"], string])[] = [
  ["no path", undefined, "data"],
  ["an empty path", [], "data"],
  ["keys", ["a", "b"], "data.a.b"],
  ["indices", ["items", 2, "id"], "data.items[2].id"],
  ["segments", [{ key: "items" }, { key: 0 }], "data.items[0]"],
  ["keys that are no words", ["a b", "", "x.y"], 'data["a b"][""]["x.y"]'],
  ["a symbol", [symbol], "data[Symbol(hidden)]"],
  ["a segment with a symbol", [{ key: symbol }], "data[Symbol(hidden)]"],
];

test("an issue of a schema has a path, whatever form the schema gives it in", async () => {
  for (const [name, path, expected] of paths) {
    const issue = path ? { message: "no", path } : { message: "no" };
    const hooks = quietHooks({ schemas: { a: schema(() => ({ issues: [issue] })) } });
    const { message } = await rejection(hooks.emit("a", null), EventValidationError);
    assert.ok(message.endsWith(`Cannot dispatch 'a': ${expected}: no`), `${name}: ${message}`);
  }
});

test("the error has every issue, and its message has the first ten", async () => {
  const issues = Array.from({ length: 25 }, (_, n) => ({ message: "no", path: [n] }));
  const hooks = quietHooks({ schemas: { a: schema(() => ({ issues })) } });
  const error = await rejection(hooks.emit("a", null), EventValidationError);
  assert.deepEqual(pathsOf(error), issues.map((_, n) => `data.${n}`));
  assert.match(error.message, /data\[9\]: no; and 15 more$/);
});

test("the value that a schema returns, and changes that it makes to the payload, are ignored", async () => {
  const received: unknown[] = [];
  let validated: { total?: number; currency?: string } = {};
  const a = schema((value) => {
    validated = value as typeof validated;
    validated.currency = "EUR"; // as validators do that set defaults
    return Promise.resolve({ value: "changed" });
  });
  const hooks = quietHooks({ schemas: { a } });
  hooks.on("a", ({ data }) => {
    validated.total = 0;
    received.push(data);
  });
  const data = { total: 5 };
  await hooks.emit("a", data);
  assert.deepEqual([received, data], [[{ total: 5 }], { total: 5 }]);
});

test("a schema validates what handlers get: the JSON form of the payload", async () => {
  const validated: unknown[] = [];
  const a = schema((value) => {
    validated.push(value);
    return { value };
  });
  const hooks = quietHooks({ schemas: { a } });
  await hooks.emit("a", { at: new Date(0), none: undefined });
  assert.deepEqual(validated, [{ at: "1970-01-01T00:00:00.000Z" }]);
});

test("emit() rejects with the error of a schema that throws or rejects", async () => {
  const fault = new Error("the validator is broken");
  const broken = [
    schema(() => {
      throw fault;
    }),
    schema(() => Promise.reject(fault)),
  ];
  for (const a of broken) {
    const hooks = quietHooks({ schemas: { a } });
    hooks.on("a", () => assert.fail("called"));
    assert.equal(await rejection(hooks.emit("a", null), Error), fault);
  }
});

test("emit() rejects if a schema returns no result", async () => {
  for (const result of [undefined, null, true, "ok"]) {
    let calls = 0;
    const hooks = quietHooks({ schemas: { a: schema(() => result as never) } });
    hooks.on("a", () => void calls++);
    await hooks.emit("a", null).catch(() => {});
    assert.equal(calls, 0, String(result));
  }
});

test("a schema is called once for each event, as a method, with the payload", async () => {
  const calls: unknown[] = [];
  const counting = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate(this: unknown, value: unknown) {
        calls.push(this, value);
        return { value };
      },
    },
  } as const;
  const hooks = quietHooks({ schemas: { a: counting } });
  const data = {};
  await hooks.emit("a", data);
  assert.deepEqual(calls, [counting["~standard"], data]);
});

test("a schema is not called for a payload that JSON can't represent, nor when decoding", async () => {
  const hooks = quietHooks({ schemas: { a: schema(() => assert.fail("asked")) } });
  const error = await rejection(hooks.emit("a", { n: 1n }), EventValidationError);
  assert.deepEqual(pathsOf(error), ["data.n"]);
});

test("types that are names of Object.prototype have no schema by accident", async () => {
  const hooks = quietHooks({ schemas: { a: undefined } });
  let calls = 0;
  hooks.on("*", () => void calls++);
  for (const type of ["constructor", "__proto__", "a"]) await hooks.emit(type, null);
  assert.equal(calls, 3);
});

test("schemas do not change the order of events and of handlers", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks({ schemas: { a: kinds.async } });
  hooks.on("a", ({ data }) => void received.push((data as { readonly total: number }).total));
  await hooks.init();
  await Promise.all([1, 2, 3].map((total) => hooks.emit("a", { total })));
  assert.deepEqual(received, [1, 2, 3]);
});
