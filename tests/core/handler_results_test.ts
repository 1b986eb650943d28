import assert from "node:assert/strict";
import { DispatchError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { quietHooks, testBothWays } from "./_helpers.ts";

/** What a handler may return without being awaited. */
const IGNORED: Readonly<Record<string, unknown>> = {
  "a number": 7,
  "zero": 0,
  "text": "then",
  "true": true,
  "false": false,
  "null": null,
  "a symbol": Symbol("skipped"),
  "a bigint": 1n,
  "a list": [1, 2],
  "an object": { ok: false, error: "no failure" },
  "an error that is not thrown": new Error("returned"),
  "a function": () => assert.fail("called"),
  "an object whose `then` is no function": { then: true },
  "an object without a prototype": Object.create(null),
};

for (const [what, value] of Object.entries(IGNORED)) {
  testBothWays(`a handler may return ${what}: it is ignored`, async (emit) => {
    const calls: string[] = [];
    const hooks = quietHooks();
    hooks.on("a", () => (calls.push("first"), value), { name: "first" });
    hooks.on("a", () => void calls.push("second"), { name: "second" });
    const { handlers } = await emit(hooks);
    assert.deepEqual(calls, ["first", "second"]);
    assert.deepEqual(handlers, [{ name: "first", ok: true }, { name: "second", ok: true }]);
  });
}

testBothWays("a thenable that is not a promise is awaited, and its value ignored", async (emit) => {
  const calls: string[] = [];
  const hooks = quietHooks();
  const thenable = {
    then(resolve: (value: unknown) => void) {
      setTimeout(() => (calls.push("thenable"), resolve(1)));
    },
  };
  hooks.on("a", () => thenable);
  hooks.on("a", () => void calls.push("next"));
  await emit(hooks);
  assert.deepEqual(calls, ["thenable", "next"]);
});

const fault = new Error("no");
const throwFault = (): never => {
  throw fault;
};
const BROKEN: Readonly<Record<string, unknown>> = {
  "whose `then` throws": { then: throwFault },
  "whose `then` can't be read": Object.defineProperty({}, "then", { get: throwFault }),
  "that rejects": { then: (_: unknown, reject: (error: unknown) => void) => reject(fault) },
};
for (const [what, thenable] of Object.entries(BROKEN)) {
  for (const timeout of [undefined, 60_000]) {
    const where = timeout ? "with a timeout" : "without one";
    testBothWays(`a thenable ${what} is a failure of its handler (${where})`, async (emit) => {
      const calls: string[] = [];
      const hooks = quietHooks();
      // The sanitizers find a timer that is left behind.
      hooks.on("a", () => thenable, { name: "broken", timeout });
      hooks.on("a", () => void calls.push("next"));
      const { failures } = await rejection(emit(hooks), DispatchError);
      assert.deepEqual(failures, [{ name: "broken", ok: false, error: fault }]);
      assert.deepEqual([calls, hooks.errors], [["next"], [fault]]);
    });
  }
}

test("hooks may return anything from init, handle, and close, and promises are awaited", async () => {
  const calls: string[] = [];
  const opened = deferred<number>();
  const hooks = quietHooks();
  hooks.use({
    name: "h",
    events: ["*"],
    init: () => opened.promise.then(() => calls.push("init")),
    handle: () => calls.push("handle"),
    close: () => Promise.resolve().then(() => calls.push("close")),
  });
  const emitted = hooks.emit("a", null);
  opened.resolve(1);
  await emitted;
  await hooks.close();
  assert.deepEqual(calls, ["init", "handle", "close"]);
});

test("handlers that return no promises have all run when emit() returns", async () => {
  const hooks = quietHooks();
  const calls: number[] = [];
  for (const n of [1, 2, 3]) hooks.on("a", () => calls.push(n));
  await hooks.init();
  const emitted = hooks.emit("a", null);
  assert.deepEqual(calls, [1, 2, 3]);
  await emitted;
});
