import assert from "node:assert/strict";
import { HookCloseError, type HookEvent } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, FakeQueue, fakeWebhook, quietHooks, turn } from "./_fakes.ts";

const closed = { name: "HooksClosedError", code: "hooks_closed" };

for (const when of ["before the first event", "after init()", "after an event that caused one"]) {
  test(`closed ${when}, hooks reject events: emit rejects, emitInBackground reports`, async () => {
    const log: string[] = [];
    const hooks = quietHooks({ use: [fakeHook(log, "a", { events: ["agent.end"] })] });
    hooks.on("tool.called", async (_event, context) => {
      await turn(); // by now, close() has begun
      await context.emit("tool.completed", BASH);
    });
    if (when === "after init()") await hooks.init();
    const emitted = when.includes("event that") && hooks.emit("tool.called", BASH);
    await hooks.close();
    await emitted;
    log.length = 0;
    const message = "Cannot dispatch 'agent.end': the hooks are closed";
    const data = { success: true, aborted: false, duration_ms: 1 };
    await assert.rejects(hooks.emit("agent.end", data), { ...closed, message });
    hooks.emitInBackground("agent.end", data);
    await hooks.drain();
    assert.deepEqual(hooks.errors.map(String), [`HooksClosedError: ${message}`]);
    await assert.rejects(hooks.init(), {
      ...closed,
      message: "Cannot open hooks: the hooks are closed",
    });
    assert.deepEqual(log, []);
  });
}

test("close() rejects new events as soon as it is called, and running ones continue", async () => {
  const log: string[] = [];
  const gate = deferred();
  const hooks = quietHooks({ use: [fakeHook(log, "a", { handle: () => gate.promise })] });
  const emitted = hooks.emit("tool.called", BASH);
  await turn();
  const ended = hooks.close().then(() => log.push("all is closed"));
  await assert.rejects(hooks.emit("tool.completed", BASH), closed);
  await assert.rejects(hooks.init(), closed);
  hooks.emitInBackground("tool.completed", BASH);
  assert.equal((hooks.errors[0] as { code: string }).code, "hooks_closed");
  await turn();
  assert.deepEqual(log, ["a opens", "a receives tool.called"]);
  gate.resolve();
  assert.equal((await emitted).handlers[0]!.ok, true);
  await ended;
  assert.deepEqual(log.slice(2), ["a closes", "all is closed"]);
});

for (const opened of [true, false]) {
  test(`close() waits for running and queued async events (${opened ? "opened" : "not opened yet"})`, async () => {
    const received: string[] = [];
    const hooks = quietHooks({ maxConcurrent: 1 });
    hooks.on("tool.*", async (event: HookEvent) => {
      await turn();
      received.push(event.type);
    });
    hooks.use(fakeHook([], "a"));
    if (opened) await hooks.init();
    hooks.emitInBackground("tool.called", BASH);
    hooks.emitInBackground("tool.completed", BASH);
    await hooks.close();
    assert.deepEqual([received, hooks.errors], [["tool.called", "tool.completed"], []]);
  });
}

test("close() accepts and awaits events that handlers emit through their context", async () => {
  const log: string[] = [];
  const gate = deferred();
  const hooks = quietHooks({ use: [fakeHook(log, "a")] });
  hooks.on("tool.called", async (_event, context) => {
    await gate.promise;
    await context.emit("tool.completed", BASH);
    context.emitInBackground("session.created", { session_id: "s-1", action: "created" });
  });
  hooks.on("session.created", async (_event, context) => {
    await turn();
    await context.emit("session.updated", { session_id: "s-1", action: "updated" });
  });
  const emitted = hooks.emit("tool.called", BASH);
  await turn();
  const ended = hooks.close();
  gate.resolve();
  await Promise.all([emitted, ended]);
  assert.deepEqual(log, [
    "a opens",
    "a receives tool.called",
    "a receives tool.completed",
    "a receives session.created",
    "a receives session.updated",
    "a closes",
  ]);
  assert.deepEqual(hooks.errors, []);
});

test("while close() waits, events are accepted only from the context of a handler", async () => {
  const gate = deferred();
  const hooks = quietHooks();
  hooks.on("tool.called", async (_event, context) => {
    await turn();
    await context.emit("tool.completed", BASH);
    await gate.promise;
  });
  const emitted = hooks.emit("tool.called", BASH);
  const ended = hooks.close();
  await turn();
  await turn();
  await assert.rejects(hooks.emit("tool.completed", BASH), closed);
  gate.resolve();
  await Promise.all([emitted, ended]);
});

test("a context that outlives its event cannot emit once the hooks are closed", async () => {
  const hooks = quietHooks();
  let emitLater = (): Promise<unknown> => Promise.resolve();
  hooks.on("tool.called", (_event, context) => {
    emitLater = () => context.emit("tool.completed", BASH);
  });
  await hooks.emit("tool.called", BASH);
  await hooks.close();
  await assert.rejects(emitLater(), closed);
  await assert.rejects(hooks.emit("tool.called", BASH), closed);
});

test("hooks are closed one after the other, the last one first", async () => {
  const log: string[] = [];
  const close = (name: string) => () => turn().then(() => void log.push(`${name} is closed`));
  const hooks = quietHooks({
    use: ["a", "b", "c"].map((name) => fakeHook(log, name, { close: close(name) })),
  });
  await hooks.init();
  log.length = 0;
  await hooks.close();
  const expected = ["c", "b", "a"].flatMap((name) => [`${name} closes`, `${name} is closed`]);
  assert.deepEqual(log, expected);
});

test("hooks and webhooks registered before and after init() are closed in reverse order", async () => {
  const log: string[] = [];
  const webhook = (name: string) =>
    fakeWebhook(log, name, { close: () => void log.push(`${name} closes`) });
  const hooks = quietHooks({ use: [fakeHook(log, "a"), webhook("b")] });
  await hooks.init();
  hooks.use(fakeHook(log, "c"), webhook("d"));
  await hooks.init();
  log.length = 0;
  await hooks.close();
  assert.deepEqual(log, ["d closes", "c closes", "b closes", "a closes"]);
});

test("hooks that were never opened are not closed, and a queue that was never started is not stopped", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ use: [fakeHook(log, "a")], outbox: new FakeQueue(log) });
  await hooks.close();
  assert.deepEqual(log, []);
});

test("close() rejects with one HookCloseError that has all errors in order", async () => {
  const log: string[] = [];
  const [first, second] = [new Error("disk full"), "no network"];
  const hooks = quietHooks({
    use: [
      fakeHook(log, "a", { close: () => Promise.reject(second) }),
      fakeHook(log, "b"),
      fakeHook(log, "c", {
        close() {
          throw first;
        },
      }),
    ],
  });
  await hooks.init();
  log.length = 0;
  await assert.rejects(hooks.close(), (error) => {
    assert(error instanceof HookCloseError && error instanceof AggregateError);
    assert.deepEqual([error.name, error.code], ["HookCloseError", "hook_close_failed"]);
    assert.deepEqual(error.failures, [
      { name: "c", ok: false, error: first },
      { name: "a", ok: false, error: second },
    ]);
    assert.deepEqual(error.errors, [first, second]);
    assert.equal(error.cause, first);
    assert.equal(error.message, "Cannot close hooks: 'c' (disk full), 'a' (no network)");
    return true;
  });
  assert.deepEqual(log, ["c closes", "b closes", "a closes"]);
});

test("a second close() has the same outcome and closes nothing twice, also while the first runs", async () => {
  for (const failure of [undefined, new Error("disk full")]) {
    const log: string[] = [];
    const close = (): Promise<void> => failure ? Promise.reject(failure) : Promise.resolve();
    const hooks = quietHooks({ use: [fakeHook(log, "a", { close })] });
    await hooks.init();
    const together = await Promise.allSettled([hooks.close(), hooks.close()]);
    const later = await Promise.allSettled([hooks.close()]);
    assert.deepEqual(log, ["a opens", "a closes"]);
    const status = failure ? "rejected" : "fulfilled";
    for (const outcome of [...together, ...later]) assert.equal(outcome.status, status);
  }
});

test("nothing can be registered after close()", async () => {
  const hooks = quietHooks();
  const ended = hooks.close();
  const attempts: readonly (readonly [subject: string, register: () => unknown])[] = [
    ["handler 'tool.*'", () => hooks.on("tool.*", () => {})],
    ["hook 'a'", () => hooks.use(fakeHook([], "a"))],
    ["webhook 'b'", () => hooks.registry.registerWebhook(fakeWebhook([], "b"))],
  ];
  const refused = (): void => {
    for (const [subject, register] of attempts) {
      const message = `Cannot register ${subject}: the hooks are closed`;
      assert.throws(register, { ...closed, message });
    }
  };
  refused();
  await ended;
  refused();
  assert.deepEqual(hooks.registry.list(), []);
});

/** A hook that opens when `opened` says so, unless its signal aborts before. */
function slowHook(log: string[], opened: Promise<void>) {
  return fakeHook(log, "slow", {
    init: ({ signal }) =>
      new Promise((resolve, reject) => {
        opened.then(resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
}

test("close() aborts the signal of a hook that is still opening", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ use: [fakeHook(log, "a"), slowHook(log, deferred().promise)] });
  const opened = hooks.init();
  await turn();
  const ended = hooks.close();
  await assert.rejects(opened, { code: "hook_init_failed", hook: "slow" });
  await ended;
  assert.deepEqual(log, ["a opens", "slow opens", "a closes"]);
});

test("close() lets hooks open for events that were accepted before", async () => {
  for (const form of ["emit", "emitInBackground"] as const) {
    const log: string[] = [];
    const gate = deferred();
    const hooks = quietHooks({ use: [slowHook(log, gate.promise)] });
    const emitted = hooks[form]("tool.called", BASH);
    await turn();
    const ended = hooks.close();
    await turn();
    gate.resolve();
    await emitted;
    await ended;
    assert.deepEqual(log, ["slow opens", "slow receives tool.called", "slow closes"], form);
  }
});
