import assert from "node:assert/strict";
import { DispatchError, HookTimeoutError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection, thrown } from "../support/failures.ts";
import { mock, test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { quietHooks, settleMicrotasks, unhandledDuring } from "./_helpers.ts";

/** Calls a function while only `mock.timers.tick` moves time. */
async function withFakeTime(action: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await action();
  } finally {
    mock.timers.reset();
  }
}

/** Hooks with a handler that never ends by itself, and the signal that it was given. */
async function withStuckHandler(timeout: number) {
  const reported: unknown[] = [];
  const hooks = quietHooks({ onError: (error) => void reported.push(error) });
  const end = deferred();
  const signals: AbortSignal[] = [];
  hooks.on("a", (_, { signal }) => {
    signals.push(signal);
    return end.promise;
  }, { name: "stuck", timeout });
  await hooks.init();
  return { hooks, end, signals, reported };
}

test("a handler past its timeout fails with a HookTimeoutError, and its signal aborts with it", () =>
  withFakeTime(async () => {
    const { hooks, signals, reported } = await withStuckHandler(50);
    let next = 0;
    hooks.on("a", () => void next++);
    const emitted = hooks.emit("a", null);
    mock.timers.tick(49);
    await settleMicrotasks();
    assert.deepEqual({ aborted: signals[0]!.aborted, next }, { aborted: false, next: 0 });
    mock.timers.tick(1);
    const { failures, receipt } = await rejection(emitted, DispatchError);
    const { error } = failures[0]!;
    assert.ok(error instanceof HookTimeoutError);
    assert.deepEqual(
      { code: error.code, timeout: error.timeout, message: error.message },
      { code: "hook_timeout", timeout: 50, message: "Handler 'stuck' timed out after 50 ms" },
    );
    assert.equal(signals[0]!.reason, error);
    assert.deepEqual(reported, [error]);
    assert.deepEqual(receipt.handlers.map(({ ok }) => ok), [false, true]);
    assert.equal(next, 1);
  }));

test("a hook can have a timeout, too", () =>
  withFakeTime(async () => {
    const handle = () => new Promise<void>(() => {});
    const hooks = quietHooks({ use: [{ name: "stuck", events: ["a"], timeout: 5, handle }] });
    await hooks.init();
    const emitted = hooks.emit("a", null);
    mock.timers.tick(5);
    const { failures } = await rejection(emitted, DispatchError);
    assert.ok(failures[0]!.error instanceof HookTimeoutError);
  }));

test("a handler that rejects after its timeout is ignored, and causes no unhandled rejection", async () => {
  const reported: unknown[] = [];
  const unhandled = await unhandledDuring(() =>
    withFakeTime(async () => {
      const { hooks, end, reported: errors } = await withStuckHandler(1);
      const emitted = hooks.emit("a", null);
      mock.timers.tick(1);
      await rejection(emitted, DispatchError);
      end.reject(new Error("late"));
      await settleMicrotasks();
      reported.push(...errors);
    })
  );
  assert.deepEqual(unhandled, []);
  assert.deepEqual(reported.map((error) => error instanceof HookTimeoutError), [true]);
});

test("a handler that ends after its timeout stays a failure", () =>
  withFakeTime(async () => {
    const { hooks, end, reported } = await withStuckHandler(1);
    const emitted = hooks.emit("a", null);
    mock.timers.tick(1);
    end.resolve();
    const { receipt } = await rejection(emitted, DispatchError);
    await settleMicrotasks();
    assert.equal(receipt.handlers.length, 1);
    assert.equal(reported.length, 1);
  }));

test("each call has a time and a signal of its own", () =>
  withFakeTime(async () => {
    const { hooks, end, signals } = await withStuckHandler(10);
    const first = hooks.emit("a", null);
    mock.timers.tick(6);
    const second = hooks.emit("a", null);
    mock.timers.tick(6);
    await rejection(first, DispatchError);
    end.resolve();
    await second;
    assert.deepEqual(signals.map(({ aborted }) => aborted), [true, false]);
  }));

test("a handler that ends in time leaves no timer and no aborted signal behind", async () => {
  const pending = new Set<unknown>();
  const { setTimeout, clearTimeout } = globalThis;
  const signals: AbortSignal[] = [];
  const hooks = quietHooks();
  await hooks.init();
  const endings = [
    () => {},
    () => Promise.resolve(),
    () => Promise.reject(new Error("no")),
    () => assert.fail("no"),
  ];
  for (const end of endings) {
    hooks.on("a", (_, { signal }) => (signals.push(signal), end()), { timeout: 60_000 });
  }
  const started = (timer: unknown) => (pending.add(timer), timer);
  const patched = {
    setTimeout: (...args: Parameters<typeof setTimeout>) => started(setTimeout(...args)),
    clearTimeout: (timer: number) => (pending.delete(timer), clearTimeout(timer)),
  };
  Object.assign(globalThis, patched);
  try {
    const { failures } = await rejection(hooks.emit("a", null), DispatchError);
    assert.equal(failures.length, 2);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  assert.equal(pending.size, 0);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false, false, false, false]);
});

test("the signal of a handler with a timeout also aborts with the caller's, and for its reason", async () => {
  const { hooks, signals } = await withStuckHandler(60_000);
  const controller = new AbortController();
  const emitted = hooks.emit("a", null, { signal: controller.signal });
  await settleMicrotasks();
  const reason = new Error("the caller has left");
  controller.abort(reason);
  const { failures } = await rejection(emitted, DispatchError);
  assert.equal(failures[0]!.error, reason);
  assert.equal(signals[0]!.reason, reason);
});

test("a handler with a timeout keeps what else its context has", async () => {
  const hooks = quietHooks();
  const received: unknown[] = [];
  hooks.on("b", ({ data }) => void received.push(data));
  hooks.on("a", async (_, { emit, logger, attempt }) => {
    received.push(logger, attempt);
    await emit("b", "emitted");
  }, { timeout: 60_000 });
  await hooks.emit("a", null);
  assert.deepEqual(received, [silentLogger, 1, "emitted"]);
});

test("a timeout longer than the maximum of a timer does not fire immediately", async () => {
  for (const timeout of [2 ** 31, 10 * 365 * 86_400_000, Infinity]) {
    const { hooks, end } = await withStuckHandler(timeout);
    const emitted = hooks.emit("a", null);
    // A timer that overflows fires after a millisecond.
    setTimeout(() => end.resolve(), 20);
    await emitted;
  }
});

test("a timeout that is not a positive number is rejected at the call", () => {
  const hooks = quietHooks();
  const refused = { RangeError: [0, -1, NaN, -Infinity], TypeError: ["5", null, 5n, {}] };
  for (const [name, timeouts] of Object.entries(refused)) {
    for (const timeout of timeouts as number[]) {
      const hook = { name: "hook", events: ["a"], timeout, handle: () => {} };
      const errors = [
        thrown(() => hooks.on("a", () => {}, { timeout }), Error),
        thrown(() => hooks.use(hook), Error),
      ];
      for (const error of errors) {
        assert.equal(error.name, name);
        assert.match(error.message, /^Cannot register .*: 'timeout' must be .*, got /);
      }
    }
  }
  assert.deepEqual(hooks.registry.list(), []);
});
