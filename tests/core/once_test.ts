import assert from "node:assert/strict";
import { DispatchError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { quietHooks } from "./_helpers.ts";

test("a handler with `once` is called for one event, and is unregistered before the call", async () => {
  let calls = 0;
  const hooks = quietHooks();
  const counts: number[] = [];
  hooks.on("a", () => {
    calls++;
    counts.push(hooks.registry.handlerCount("a"));
  }, { once: true });
  assert.equal(hooks.registry.handlerCount("a"), 1);
  assert.equal((await hooks.emit("a", 1)).handlers.length, 1);
  assert.equal((await hooks.emit("a", 2)).handlers.length, 0);
  assert.deepEqual({ calls, counts }, { calls: 1, counts: [0] });
});

test("a handler with `once` is called once even if dispatches overlap", async () => {
  const gates = { sync: undefined, async: deferred() };
  for (const [name, gate] of Object.entries(gates)) {
    const received: unknown[] = [];
    const hooks = quietHooks();
    hooks.on("a", () => gate?.promise);
    hooks.on("a", ({ data }) => void received.push(data), { once: true });
    await hooks.init();
    const emitted = [1, 2, 3].map((n) => hooks.emit("a", n));
    gate?.resolve();
    const receipts = await Promise.all(emitted);
    assert.deepEqual(received, [1], name);
    assert.deepEqual(receipts.map(({ handlers }) => handlers.length), [2, 1, 1], name);
  }
});

test("a handler with `once` is called once even if it emits the same type", async () => {
  let calls = 0;
  const hooks = quietHooks();
  hooks.on("a", async (_, context) => {
    calls++;
    await context.emit("a", null);
  }, { once: true });
  await hooks.emit("a", null);
  assert.equal(calls, 1);
});

test("`once` with a filter waits for the first event that the filter lets pass", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks();
  hooks.on("a", ({ data }) => void received.push(data), {
    once: true,
    filter: ({ data }) => Number(data) > 2,
  });
  await hooks.init();
  await Promise.all([1, 2, 3, 4].map((n) => hooks.emit("a", n)));
  assert.deepEqual(received, [3]);
  assert.equal(hooks.registry.handlerCount("a"), 0);
});

test("a handler with `once` whose filter throws still waits for its event", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks();
  hooks.on("a", ({ data }) => void received.push(data), {
    once: true,
    filter: ({ data }) => (data as { readonly ok: boolean }).ok,
  });
  await rejection(hooks.emit("a", null), DispatchError);
  await hooks.emit("a", { ok: true });
  assert.deepEqual(received, [{ ok: true }]);
});

test("a handler with `once` that throws is not called again", async () => {
  let calls = 0;
  const hooks = quietHooks();
  hooks.on("a", () => {
    calls++;
    throw new Error("no");
  }, { once: true });
  await rejection(hooks.emit("a", null), DispatchError);
  await hooks.emit("a", null);
  assert.equal(calls, 1);
});

test("a handler with `once` that times out is not called again", async () => {
  let calls = 0;
  const hooks = quietHooks();
  const started = deferred();
  hooks.on("a", (_, { signal }) => {
    calls++;
    started.resolve();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  }, { once: true, timeout: 1000 });
  const controller = new AbortController();
  const event = { id: "1", type: "a", timestamp: new Date(), data: null };
  const dispatched = hooks.registry.dispatch(event, { signal: controller.signal });
  await started.promise;
  controller.abort(new Error("enough"));
  await rejection(dispatched, DispatchError);
  await hooks.registry.dispatch(event);
  assert.equal(calls, 1);
});

test("a handler with `once` and several patterns is called once in total", async () => {
  const received: string[] = [];
  const hooks = quietHooks();
  hooks.on(["a", "b", "*"], ({ type }) => void received.push(type), { once: true });
  await hooks.init();
  await Promise.all([hooks.emit("b", null), hooks.emit("a", null), hooks.emit("c", null)]);
  assert.deepEqual(received, ["b"]);
});

test("a handler with `once` can be unregistered before its event", async () => {
  const hooks = quietHooks();
  hooks.on("a", () => assert.fail("called"), { once: true }).unregister();
  await hooks.emit("a", null);
});
