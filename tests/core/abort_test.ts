import assert from "node:assert/strict";
import process from "node:process";
import { DispatchError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { eventOf, quietHooks, settleMicrotasks, unhandledDuring } from "./_helpers.ts";

const reason = new Error("the caller has left");

/** Counts the listeners that a signal has, from now on. */
function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(type: "abort", listener: () => void, options?: AddEventListenerOptions) {
      listeners.add(listener);
      addEventListener.call(signal, type, listener, options);
    },
    removeEventListener(type: "abort", listener: () => void) {
      listeners.delete(listener);
      removeEventListener.call(signal, type, listener);
    },
  });
  return () => listeners.size;
}

test("emit() with a signal that has aborted rejects with its reason, and calls no handler", async () => {
  const reported: unknown[] = [];
  const hooks = quietHooks({ onError: (error) => void reported.push(error) });
  hooks.on("a", () => assert.fail("called"));
  for (const value of [reason, "text", null, 0]) {
    const signal = AbortSignal.abort(value);
    const outcomes = await Promise.allSettled([
      hooks.emit("a", null, { signal }),
      hooks.registry.dispatch(eventOf({ type: "a" }), { signal }),
    ]);
    assert.deepEqual(outcomes, Array(2).fill({ status: "rejected", reason: value }));
  }
  assert.deepEqual(reported, []);
});

test("emit() with a signal that aborts while hooks are opened rejects with its reason", async () => {
  const gate = deferred();
  const hooks = quietHooks();
  hooks.use({ name: "slow", events: ["b"], handle: () => {}, init: () => gate.promise });
  hooks.on("a", () => assert.fail("called"));
  const controller = new AbortController();
  const emitted = rejection(hooks.emit("a", null, { signal: controller.signal }), Error);
  await settleMicrotasks();
  controller.abort(reason);
  gate.resolve();
  assert.equal(await emitted, reason);
});

test("a signal that aborts during a handler aborts context.signal, and nothing more is called", async () => {
  const hooks = quietHooks();
  const controller = new AbortController();
  const started = deferred<AbortSignal>();
  hooks.on("a", () => {}, { name: "done" });
  hooks.on("a", (_, { signal }) => {
    started.resolve(signal);
    return new Promise<void>(() => {});
  }, { name: "waits" });
  hooks.on("a", () => assert.fail("called"), { name: "never" });
  const emitted = hooks.emit("a", null, { signal: controller.signal });
  const signal = await started.promise;
  assert.equal(signal.aborted, false);
  controller.abort(reason);
  const { receipt } = await rejection(emitted, DispatchError);
  assert.equal(signal.reason, reason);
  assert.deepEqual(receipt.handlers, [
    { name: "done", ok: true },
    { name: "waits", ok: false, error: reason },
    { name: "never", ok: false, error: reason },
  ]);
});

test("a sync handler that aborts the signal stops the handlers after it", async () => {
  const hooks = quietHooks();
  const controller = new AbortController();
  hooks.on("a", () => controller.abort(reason), { name: "aborts" });
  hooks.on("a", () => assert.fail("called"), { name: "never" });
  const { failures } = await rejection(
    hooks.emit("a", null, { signal: controller.signal }),
    DispatchError,
  );
  assert.deepEqual(failures, [{ name: "never", ok: false, error: reason }]);
});

test("a signal that aborts in the last handler does not fail the event", async () => {
  const hooks = quietHooks();
  const controller = new AbortController();
  hooks.on("a", () => controller.abort(reason));
  const { handlers } = await hooks.emit("a", null, { signal: controller.signal });
  assert.deepEqual(handlers.map(({ ok }) => ok), [true]);
});

test("emit() accepts a signal that a request also uses", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const request = new Request("http://localhost/", { signal }); // Node 20 then hides whose event it is
  const hooks = quietHooks();
  hooks.on("a", () => new Promise(() => {}));
  const emitted = rejection(hooks.emit("a", null, { signal }), DispatchError);
  await settleMicrotasks();
  controller.abort(reason);
  await emitted;
  assert.equal(request.signal.aborted, true);
});

test("a signal that aborts after emit() has no effect", async () => {
  const hooks = quietHooks();
  const controller = new AbortController();
  const signals: AbortSignal[] = [];
  hooks.on("a", (_, { signal }) => void signals.push(signal));
  await hooks.emit("a", null, { signal: controller.signal });
  controller.abort(reason);
  assert.equal(signals[0]!.aborted, false);
});

test("a handler that rejects after an abort causes no unhandled rejection", async () => {
  const unhandled = await unhandledDuring(async () => {
    const hooks = quietHooks();
    const controller = new AbortController();
    const end = deferred();
    hooks.on("a", () => end.promise);
    const emitted = rejection(hooks.emit("a", null, { signal: controller.signal }), DispatchError);
    await settleMicrotasks();
    controller.abort(reason);
    const { failures } = await emitted;
    end.reject(new Error("late"));
    assert.deepEqual(failures.map(({ error }) => error), [reason]);
  });
  assert.deepEqual(unhandled, []);
});

test("a signal affects only the dispatch of its caller", async () => {
  const hooks = quietHooks();
  const controller = new AbortController();
  const gate = deferred();
  const signals: AbortSignal[] = [];
  hooks.on("a", (_, { signal }) => (signals.push(signal), gate.promise));
  await hooks.init();
  const aborted = rejection(hooks.emit("a", 1, { signal: controller.signal }), DispatchError);
  const other = hooks.emit("a", 2, { signal: new AbortController().signal });
  await settleMicrotasks();
  controller.abort(reason);
  gate.resolve();
  await Promise.all([aborted, other]);
  assert.deepEqual(signals.map((signal) => signal.aborted), [true, false]);
});

test("emit() removes its listener from the caller's signal, however it ends", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = countListeners(signal);
  const during: number[] = [];
  const hooks = quietHooks();
  const endings = {
    "sync.ends": () => {},
    "sync.throws": () => assert.fail("no"),
    "async.ends": () => Promise.resolve(),
    "async.rejects": () => Promise.reject(new Error("no")),
  };
  for (const [type, end] of Object.entries(endings)) {
    hooks.on(type, () => (during.push(listeners()), end()), { timeout: 60_000 });
    hooks.on(type, () => Promise.resolve());
  }
  for (const type of Object.keys(endings)) {
    await hooks.emit(type, null, { signal }).catch(() => {});
    assert.equal(listeners(), 0, type);
  }
  assert.deepEqual(during.map((count) => count > 0), [true, true, true, true]);
  hooks.on("stuck", () => new Promise<void>(() => {}));
  const stuck = rejection(hooks.emit("stuck", null, { signal }), DispatchError);
  await settleMicrotasks();
  controller.abort(reason);
  await stuck;
  await hooks.emit("sync.ends", null, { signal }).catch(() => {});
  assert.equal(listeners(), 0, "aborted");
});

test("a handler with a timeout leaves no listener on the shared signal", async () => {
  const hooks = quietHooks();
  const shared: AbortSignal[] = [];
  hooks.on("a", (_, { signal }) => void shared.push(signal));
  await hooks.emit("a", null);
  const listeners = countListeners(shared[0]!);
  const during: number[] = [];
  const note = () => void during.push(listeners());
  hooks.on("a", note, { timeout: 60_000 });
  hooks.on("a", () => Promise.resolve().then(note), { timeout: 60_000 });
  hooks.on("a", () => Promise.reject(new Error("no")), { timeout: 60_000 });
  for (let n = 0; n < 3; n++) await rejection(hooks.emit("a", null), DispatchError);
  assert.ok(during.every((count) => count > 0));
  assert.equal(shared[0], shared[1]);
  assert.equal(listeners(), 0);
});

test("any number of handlers and hooks listen to shared signals without a warning of the runtime", async () => {
  const warnings: unknown[] = [];
  const note = (warning: unknown) => void warnings.push(warning);
  process.on("warning", note);
  const listen = ({ signal }: { readonly signal: AbortSignal }) =>
    signal.addEventListener("abort", () => {});
  const hooks = quietHooks();
  hooks.on("a", (_, context) => listen(context));
  for (let n = 0; n < 20; n++) {
    hooks.use({ name: `hook-${n}`, events: ["b"], handle: () => {}, init: listen });
    await hooks.emit("a", null);
  }
  await new Promise((resolve) => setTimeout(resolve)); // warnings come a turn later
  process.off("warning", note);
  assert.deepEqual(warnings, []);
});
