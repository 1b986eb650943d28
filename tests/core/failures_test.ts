import assert from "node:assert/strict";
import { DispatchError, type HookEvent } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { eventOf, quietHooks, ways } from "./_helpers.ts";

/** What people throw, and what one can. */
const values: Readonly<Record<string, unknown>> = {
  "an Error": new Error("no"),
  "a frozen Error": Object.freeze(new Error("no")),
  "a string": "no",
  "an empty string": "",
  "undefined": undefined,
  "null": null,
  "false": false,
  "NaN": NaN,
  "a bigint": 10n,
  "a symbol": Symbol("no"),
  "a function": () => {},
  "an object": { status: 500 },
  "a frozen object": Object.freeze({}),
  "a promise-like object": { then: "not a function" },
  "an object without a prototype": Object.create(null),
  "an object whose toString throws": { toString: () => assert.fail("toString") },
  "an Error without a message": Object.assign(Object.create(Error.prototype), {
    message: undefined,
  }),
  "an Error whose message throws": Object.defineProperty(new Error(), "message", {
    get: () => assert.fail("message"),
  }),
  "a revoked proxy": revokedProxy(),
};

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

for (const [name, value] of Object.entries(values)) {
  test(`a handler that throws ${name} fails with exactly that value, and stops no other handler`, async () => {
    for (const emit of Object.values(ways)) {
      const reported: (readonly [unknown, HookEvent | undefined])[] = [];
      const hooks = quietHooks({ onError: (error, event) => void reported.push([error, event]) });
      let next = 0;
      hooks.on("a", () => {
        throw value;
      }, { name: "sync" });
      hooks.on("a", () => Promise.reject(value), { name: "async" });
      hooks.on("a", () => void next++, { name: "next" });
      const error = await rejection(emit(hooks), DispatchError);
      assert.equal(next, 1);
      assert.deepEqual(error.failures.map((failure) => failure.name), ["sync", "async"]);
      const all = [...error.failures.map((failure) => failure.error), ...error.errors, error.cause];
      all.push(...reported.map(([reason]) => reason));
      assert.ok(all.every((reason) => Object.is(reason, value)), `${all.length} times ${name}`);
      assert.deepEqual(reported.map(([, event]) => event?.type), ["a", "a"]);
    }
  });
}

test("a DispatchError has all failures in order, the first as its cause, and the receipt", async () => {
  const hooks = quietHooks();
  const [first, second] = [new TypeError("not a number"), "plain text"];
  hooks.on("a", () => {}, { name: "good" });
  hooks.on("a", () => Promise.reject(first), { name: "first" });
  hooks.on("a", function named() {
    throw second;
  });
  const error = await rejection(hooks.emit("a", null), DispatchError);
  assert.ok(error instanceof AggregateError);
  assert.equal(error.name, "DispatchError");
  assert.equal(error.code, "dispatch_failed");
  assert.equal(error.cause, first);
  assert.deepEqual(error.errors, [first, second]);
  assert.deepEqual(error.failures, [
    { name: "first", ok: false, error: first },
    { name: "named", ok: false, error: second },
  ]);
  assert.deepEqual(error.receipt.handlers, [{ name: "good", ok: true }, ...error.failures]);
  assert.equal(
    error.message,
    "Cannot complete event 'a': 2 handlers failed: 'first' (not a number), 'named' (plain text)",
  );
});

test("a failure names its handler: by option, by the function's name, else by its patterns", async () => {
  const hooks = quietHooks();
  const fail = () => assert.fail("no");
  hooks.on("a", function own() {
    fail();
  });
  hooks.on("a", fail, { name: "option" });
  hooks.on(["a", "b.*"], (() => () => fail())());
  hooks.use({ name: "hook", events: ["a"], handle: fail });
  hooks.registry.registerHandler("a", "registered", fail);
  const { failures } = await rejection(hooks.emit("a", null), DispatchError);
  assert.deepEqual(
    failures.map(({ name }) => name),
    ["own", "option", "a, b.*", "hook", "registered"],
  );
});

test("dispatch() keeps calling handlers after each of many throws", async () => {
  const hooks = quietHooks();
  for (let n = 0; n < 100; n++) {
    hooks.on("a", () => n % 2 ? Promise.reject(n) : assert.fail(`${n}`));
  }
  const { failures, message } = await rejection(
    hooks.registry.dispatch(eventOf({ type: "a" })),
    DispatchError,
  );
  assert.equal(failures.length, 100);
  assert.match(message, /: 100 handlers failed/);
});

test("failures of overlapping dispatches are kept apart", async () => {
  const hooks = quietHooks();
  const gates = [deferred(), deferred()];
  hooks.on("a", async ({ data }) => {
    await gates[Number(data)]!.promise;
    throw data;
  });
  const emitted = [0, 1].map((n) => rejection(hooks.emit("a", n), DispatchError));
  gates[1]!.resolve();
  gates[0]!.resolve();
  const errors = await Promise.all(emitted);
  assert.deepEqual(errors.map((error) => error.errors), [[0], [1]]);
});

test("each failure is logged with the handler, the type and the id of the event", async () => {
  const logged: unknown[][] = [];
  const logger = { ...console, error: (...data: unknown[]) => void logged.push(data) };
  const hooks = quietHooks({ logger });
  const fault = new Error("no");
  hooks.on("a", () => Promise.reject(fault), { name: "audit" });
  const { receipt } = await rejection(hooks.emit("a", null), DispatchError);
  assert.deepEqual(logged, [[`Handler 'audit' failed on event 'a' (${receipt.id})`, fault]]);
});
