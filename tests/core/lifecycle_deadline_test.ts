import assert from "node:assert/strict";
import { type DispatchError, HookCloseError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, FakeQueue, quietHooks, turn, withClock } from "./_fakes.ts";

// Of a `closeTimeout` of 10 s, the last second is kept for closing the hooks.
const closeTimeout = 10_000;
const DRAIN = 9_000;

/** Who failed to close, by name and by message. */
async function failuresOf(ended: Promise<void>): Promise<readonly string[]> {
  const error = await ended.then(() => undefined, (error) => error);
  if (error === undefined) return [];
  assert(error instanceof HookCloseError, String(error));
  return error.failures.map(({ name, error }) => `${name}: ${(error as Error).message}`);
}

test("at its timeout, close() aborts the signals of running handlers, closes hooks, and reports it", async () => {
  await withClock(async (pass) => {
    const log: string[] = [];
    const signals: AbortSignal[] = [];
    const gate = deferred();
    const hooks = quietHooks({
      closeTimeout,
      use: [fakeHook(log, "a", {
        handle(_event, { signal }) {
          signals.push(signal);
          return gate.promise;
        },
      })],
    });
    const emitted = [
      hooks.emit("tool.called", BASH),
      hooks.emit("tool.called", BASH, { signal: new AbortController().signal }),
    ];
    hooks.emitInBackground("tool.called", BASH);
    for (const one of emitted) one.catch(() => {}); // whether they fail is not the matter here
    await turn();
    const failures = failuresOf(hooks.close());
    await pass(DRAIN - 1);
    assert.deepEqual(signals.map(({ aborted }) => aborted), [false, false, false]);
    assert.equal(log.includes("a closes"), false);
    await pass(1);
    for (const { aborted, reason } of signals) {
      assert.deepEqual([aborted, reason.code], [true, "hooks_closed"]);
    }
    assert.deepEqual(await failures, ["events: still ran after 9000 ms"]);
    assert.equal(log.at(-1), "a closes");
    gate.resolve();
    await turn();
  });
});

test("an event with options fails at the timeout of close(), even if its handler ignores the signal", async () => {
  await withClock(async (pass) => {
    const { signal } = new AbortController();
    const cases = [[{}, { signal }], [{ outbox: new FakeQueue() }, {}]] as const;
    for (const [options, emitOptions] of cases) {
      const gate = deferred();
      const hooks = quietHooks({ closeTimeout, ...options });
      hooks.on("tool.called", () => {}, { name: "done" });
      hooks.on("tool.called", () => gate.promise, { name: "deaf" });
      hooks.on("tool.called", () => assert.fail("called"), { name: "next" });
      await hooks.init();
      const emitted = hooks.emit("tool.called", BASH, emitOptions).then(
        () => assert.fail("the event succeeded"),
        (error: DispatchError) => error,
      );
      await turn();
      const failures = failuresOf(hooks.close());
      await pass(DRAIN);
      const { receipt } = await emitted;
      const codes = receipt.handlers.map(({ name, error }) => [name, Object(error).code]);
      assert.deepEqual(codes, [
        ["done", undefined],
        ["deaf", "hooks_closed"],
        ["next", "hooks_closed"],
      ]);
      assert.deepEqual(await failures, ["events: still ran after 9000 ms"]);
      gate.reject(new Error("too late to be noticed"));
      await turn();
    }
  });
});

test("a handler that ends in time leaves close() no timer", async () => {
  await withClock(async (pass) => {
    const gate = deferred();
    const hooks = quietHooks({
      closeTimeout,
      use: [fakeHook([], "a", { handle: () => gate.promise })],
    });
    const emitted = hooks.emit("tool.called", BASH);
    await turn();
    const failures = failuresOf(hooks.close());
    await pass(DRAIN - 1);
    gate.resolve();
    assert.deepEqual(await failures, []);
    await emitted;
  });
});

test("a closed hook receives no event, even if a handler before it ends late", async () => {
  await withClock(async (pass) => {
    const { signal } = new AbortController();
    for (const [isOpen, options] of [[false, {}], [true, {}], [true, { signal }]] as const) {
      const log: string[] = [];
      const gate = deferred();
      const hooks = quietHooks({ closeTimeout });
      hooks.on("tool.called", () => gate.promise);
      hooks.use(fakeHook(log, "a"));
      if (isOpen) await hooks.init();
      const emitted = hooks.emit("tool.called", BASH, options).catch(() => {});
      await turn();
      const failures = failuresOf(hooks.close());
      await pass(DRAIN);
      await failures;
      gate.resolve();
      await emitted;
      assert.deepEqual(log, ["a opens", "a closes"]);
    }
  });
});

test("async events that still wait at the timeout of close() are reported, and not dispatched", async () => {
  await withClock(async (pass) => {
    const log: string[] = [];
    const gate = deferred();
    const hooks = quietHooks({ closeTimeout, maxConcurrent: 1 });
    hooks.use(fakeHook(log, "a", { handle: () => gate.promise }));
    hooks.emitInBackground("tool.called", BASH);
    await turn();
    hooks.emitInBackground("tool.completed", BASH);
    const failures = failuresOf(hooks.close());
    await pass(DRAIN);
    await failures;
    gate.resolve();
    await turn();
    assert.deepEqual(log, ["a opens", "a receives tool.called", "a closes"]);
    assert.equal((hooks.errors.at(-1) as { code?: string }).code, "hooks_closed");
  });
});

test("a hook whose close() never ends is reported by name, and the others are closed", async () => {
  await withClock(async (pass) => {
    const log: string[] = [];
    const broken = () => Promise.reject(new Error("disk full"));
    const hooks = quietHooks({
      closeTimeout,
      use: [
        { name: "plain", events: ["*"], handle() {} },
        fakeHook(log, "quick"),
        fakeHook(log, "broken", { close: broken }),
        fakeHook(log, "stuck", { close: () => deferred().promise }),
        fakeHook(log, "last"),
      ],
    });
    await hooks.init();
    log.length = 0;
    const failures = failuresOf(hooks.close());
    await pass(closeTimeout - 1);
    assert.deepEqual(log, ["last closes", "stuck closes"]);
    await pass(1);
    const messages = await failures;
    assert.deepEqual(log, ["last closes", "stuck closes", "broken closes", "quick closes"]);
    assert.deepEqual(messages, ["stuck: was still closing after 10000 ms", "broken: disk full"]);
  });
});

test("hooks have time to close even if handlers never end", async () => {
  await withClock(async (pass) => {
    const gate = deferred();
    const hooks = quietHooks({ closeTimeout });
    hooks.on("tool.called", () => deferred().promise);
    hooks.use(fakeHook([], "a", { close: () => gate.promise }));
    hooks.emit("tool.called", BASH).catch(() => {});
    await turn();
    const failures = failuresOf(hooks.close());
    await pass(DRAIN);
    await pass(999);
    gate.resolve();
    assert.deepEqual(await failures, ["events: still ran after 9000 ms"]);
  });
});

test("an unregistered hook is closed once, even if its last event ends at the timeout of close()", async () => {
  await withClock(async (pass) => {
    const log: string[] = [];
    const gate = deferred();
    const hooks = quietHooks({ closeTimeout });
    const [registration] = hooks.use(
      fakeHook(log, "a", {
        handle: (_event, { signal }) =>
          new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
      }),
      fakeHook(log, "b", { events: ["agent.end"], close: () => gate.promise }),
    );
    const emitted = hooks.emit("tool.called", BASH).catch(() => {});
    await turn();
    registration!.unregister();
    const failures = failuresOf(hooks.close());
    await pass(DRAIN);
    gate.resolve();
    await failures;
    await emitted;
    await turn();
    assert.deepEqual(log.filter((line) => line === "a closes"), ["a closes"]);
  });
});

test("close() closes hooks that are still opening, and they receive no event", async () => {
  await withClock(async (pass) => {
    const log: string[] = [];
    const gate = deferred();
    const hooks = quietHooks({
      closeTimeout,
      use: [fakeHook(log, "a"), fakeHook(log, "b", { init: () => gate.promise })],
    });
    const emitted = hooks.emit("tool.called", BASH).then(() => "received", () => "refused");
    await turn();
    const failures = failuresOf(hooks.close());
    await pass(DRAIN);
    assert.equal((await failures).length, 1);
    gate.resolve();
    assert.equal(await emitted, "refused");
    await assert.rejects(hooks.emit("tool.called", BASH), { code: "hooks_closed" });
    await turn();
    assert.deepEqual(log.slice(0, 2), ["a opens", "b opens"]);
    assert.deepEqual(log.slice(2).sort(), ["a closes", "b closes"]);
  });
});

for (
  const [what, stop, failure] of [
    ["never stops", () => deferred().promise, "outbox: still ran after 9000 ms"],
    ["fails to stop", () => Promise.reject(new Error("no disk")), "outbox: no disk"],
    ["throws when it is stopped", () => {
      throw new Error("no disk");
    }, "outbox: no disk"],
  ] as const
) {
  test(`a queue that ${what} is reported, and the hooks are closed`, async () => {
    await withClock(async (pass) => {
      const log: string[] = [];
      const queue = new FakeQueue(log);
      queue.stop = stop;
      const hooks = quietHooks({ closeTimeout, outbox: queue, use: [fakeHook(log, "a")] });
      await hooks.init();
      const failures = failuresOf(hooks.close());
      await pass(DRAIN);
      assert.deepEqual(await failures, [failure]);
      assert.deepEqual(log, ["a opens", "start", "a closes"]);
    });
  });
}
