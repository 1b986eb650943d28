import assert from "node:assert/strict";
import { DispatchError, EmitDepthError, type HookEvent, OverflowError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { quietHooks, unhandledDuring } from "./_helpers.ts";

const fault = new Error("handler");
const reporterFault = new Error("reporter");

/** How a callback of the user can fail. */
const failing: Readonly<Record<string, () => never>> = {
  "throws": () => {
    throw reporterFault;
  },
  "rejects": () => Promise.reject(reporterFault) as never,
  "returns a thenable that throws": () => ({ then: () => assert.fail("then") }) as never,
  "returns a thenable that cannot be read": () =>
    Object.defineProperty({}, "then", { get: () => assert.fail("then") }) as never,
};

for (const [how, fail] of Object.entries(failing)) {
  test(`a logger that ${how} does not affect events`, async () => {
    let calls = 0;
    const method = (): never => (calls++, fail());
    const logger = { debug: method, info: method, warn: method, error: method };
    const received: unknown[] = [];
    const unhandled = await unhandledDuring(async () => {
      const hooks = quietHooks({ logger, onError: (error) => void received.push(error) });
      hooks.on("a", () => Promise.reject(fault));
      hooks.on("a", () => void received.push("next"));
      const { failures } = await rejection(hooks.emit("a", null), DispatchError);
      assert.deepEqual(failures.map(({ error }) => error), [fault]);
    });
    assert.deepEqual({ received, unhandled, calls }, {
      received: [fault, "next"],
      unhandled: [],
      calls: 1,
    });
  });

  test(`an onError that ${how} is logged, and is not called with its own error`, async () => {
    let calls = 0;
    const logged: unknown[] = [];
    const logger = { ...silentLogger, error: (...data: unknown[]) => void logged.push(data[0]) };
    const onError = () => (calls++, fail());
    const unhandled = await unhandledDuring(async () => {
      const hooks = quietHooks({ logger, onError });
      hooks.on("a", () => Promise.reject(fault), { name: "audit" });
      const { failures } = await rejection(hooks.emit("a", null), DispatchError);
      assert.equal(failures.length, 1);
      hooks.emitInBackground("a", null);
      await hooks.drain();
    });
    assert.deepEqual(unhandled, []);
    assert.equal(calls, 2);
    assert.equal(logged.filter((message) => message === "'onError' failed").length, 2);
    assert.equal(logged.length, 4);
  });

  test(`an onDrop that ${how} affects no event, and does not call onError`, async () => {
    const dropped: HookEvent[] = [];
    const reported: unknown[] = [];
    const unhandled = await unhandledDuring(async () => {
      const gate = deferred();
      const hooks = quietHooks({
        maxConcurrent: 1,
        maxPending: 0,
        overflow: "drop",
        onDrop: (event) => (dropped.push(event), fail()),
        onError: (error) => void reported.push(error),
      });
      hooks.on("a", () => gate.promise);
      for (let n = 0; n < 3; n++) hooks.emitInBackground("a", n);
      gate.resolve();
      await hooks.drain();
    });
    assert.deepEqual(dropped.map(({ data }) => data), [1, 2]);
    assert.deepEqual({ reported, unhandled }, { reported: [], unhandled: [] });
  });
}

test("events are handled even if logger, onError, and onDrop all fail", async () => {
  const unhandled = await unhandledDuring(async () => {
    for (const fail of Object.values(failing)) {
      const logger = { debug: fail, info: fail, warn: fail, error: fail };
      const callbacks = { onError: fail, onDrop: fail, waitUntil: fail };
      const hooks = quietHooks({ logger, ...callbacks, maxConcurrent: 1, maxPending: 0 });
      hooks.on("a", () => Promise.reject(fault));
      await rejection(hooks.emit("a", null), DispatchError);
      for (let n = 0; n < 3; n++) hooks.emitInBackground("a", n);
      await hooks.drain();
      await hooks.close();
    }
  });
  assert.deepEqual(unhandled, []);
});

test("the default logger writes failures to the console, and survives one that throws", async () => {
  const { error } = console;
  const logged: unknown[][] = [];
  const hooks = quietHooks({ logger: undefined });
  hooks.on("a", () => Promise.reject(fault), { name: "audit" });
  try {
    console.error = (...data) => void logged.push(data);
    await rejection(hooks.emit("a", null), DispatchError);
    console.error = () => assert.fail("console");
    await rejection(hooks.emit("a", null), DispatchError);
  } finally {
    console.error = error;
  }
  assert.equal(logged.length, 1);
  assert.equal(logged[0]!.at(-1), fault);
});

/** What no type lets through, but JavaScript does. */
const notTypes: Readonly<Record<string, unknown>> = {
  "a symbol": Symbol("type"),
  "an object without a prototype": Object.create(null),
  "undefined": undefined,
};

for (const [name, type] of Object.entries(notTypes)) {
  test(`emitInBackground() reports a type that is ${name}, and does not throw`, () => {
    const reported: unknown[] = [];
    const hooks = quietHooks({ onError: (error) => void reported.push(error) });
    hooks.emitInBackground(type as string, null);
    hooks.registry.dispatchAsync({ id: "1", type: type as string, timestamp: new Date(), data: 1 });
    hooks.registry.dispatchAsync(type as never);
    const names = reported.map((error) => (error as Error).name);
    assert.deepEqual(names, Array(3).fill("EventValidationError"));
  });
}

test("onError gets the error of an event that emitInBackground() rejected", async () => {
  const reported: unknown[] = [];
  const hooks = quietHooks({
    maxConcurrent: 1,
    maxPending: 0,
    onError: (error) => void reported.push(error),
  });
  hooks.on("a", (_, context) => context.emitInBackground("a", null));
  hooks.emitInBackground("a", null);
  hooks.emitInBackground("a", null);
  assert.ok(reported[0] instanceof OverflowError);
  assert.equal(reported[0].code, "overflow");
  await hooks.drain();
  assert.ok(!reported.some((error) => error instanceof EmitDepthError), "no room, so no chain");
});
