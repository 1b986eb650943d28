import assert from "node:assert/strict";
import { type Hook, HookInitError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, quietHooks, turn } from "./_fakes.ts";

const [broken, brokenToo] = [new Error("no disk"), new Error("no network")];

test("the first event opens every hook in the order of registration before any receives it", async () => {
  const log: string[] = [];
  const hooks = quietHooks({
    use: [fakeHook(log, "a", { init: turn }), fakeHook(log, "b")],
  });
  assert.deepEqual(log, []);
  await hooks.emit("tool.called", BASH);
  await hooks.emit("tool.completed", BASH);
  assert.deepEqual(log, [
    "a opens",
    "b opens",
    "a receives tool.called",
    "b receives tool.called",
    "a receives tool.completed",
    "b receives tool.completed",
  ]);
});

test("a hook is opened by an event that it does not receive, and by emitInBackground()", async () => {
  for (const form of ["emit", "emitInBackground"] as const) {
    const log: string[] = [];
    const hooks = quietHooks({ use: [fakeHook(log, "a", { events: ["agent.end"] })] });
    await hooks[form]("tool.called", BASH);
    await hooks.drain();
    assert.deepEqual(log, ["a opens"], form);
  }
});

test("simultaneous events and init() open the hooks once", async () => {
  const log: string[] = [];
  const gate = deferred();
  const hooks = quietHooks({ use: [fakeHook(log, "a", { init: () => gate.promise })] });
  const all = [hooks.emit("tool.called", BASH), hooks.init(), hooks.emit("tool.completed", BASH)];
  hooks.emitInBackground("agent.end", { success: true, aborted: false, duration_ms: 1 });
  await turn();
  assert.deepEqual(log, ["a opens"]);
  gate.resolve();
  await Promise.all(all);
  await hooks.drain();
  assert.deepEqual(log, [
    "a opens",
    "a receives tool.called",
    "a receives tool.completed",
    "a receives agent.end",
  ]);
});

test("init() opens the hooks ahead of the first event, and only once", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ use: [fakeHook(log, "a")] });
  await hooks.init();
  await hooks.init();
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["a opens", "a receives tool.called"]);
});

test("a hook without init() receives events and is closed", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  hooks.use({
    name: "a",
    events: ["*"],
    handle: () => void log.push("receives"),
    close: () => void log.push("closes"),
  });
  await hooks.emit("tool.called", BASH);
  await hooks.close();
  assert.deepEqual(log, ["receives", "closes"]);
});

test("init() receives the logger, the store, if any, and a signal that close() aborts first", async () => {
  const contexts: Parameters<NonNullable<Hook["init"]>>[0][] = [];
  const gate = deferred();
  const hooks = quietHooks({
    use: [
      fakeHook([], "a", {
        init: (context) => void contexts.push(context),
        handle: () => gate.promise,
      }),
    ],
  });
  const emitted = hooks.emit("tool.called", BASH);
  await turn();
  const { logger, signal, ...rest } = contexts[0]!;
  assert.equal(typeof logger.warn, "function");
  assert.deepEqual([signal.aborted, rest], [false, {}]);
  const closed = hooks.close();
  assert.equal(signal.aborted, true, "before what is under way has ended");
  assert.equal(signal.reason.code, "hooks_closed");
  gate.resolve();
  await Promise.all([emitted, closed]);
});

for (
  const [how, init, cause] of [
    ["throws", () => {
      throw broken;
    }, broken],
    ["rejects", () => Promise.reject(broken), broken],
    ["throws what is no Error", () => {
      throw "no disk";
    }, "no disk"],
  ] as const
) {
  test(`an init() that ${how} rejects the event with a HookInitError, and no handler runs`, async () => {
    const log: string[] = [];
    const hooks = quietHooks({
      use: [
        fakeHook(log, "a"),
        fakeHook(log, "b"),
        fakeHook(log, "c", { init }),
        fakeHook(log, "d"),
      ],
    });
    await assert.rejects(hooks.emit("tool.called", BASH), (error) => {
      assert(error instanceof HookInitError);
      assert.equal(error.message, "Cannot open hook 'c': no disk");
      assert.deepEqual([error.name, error.code, error.hook], [
        "HookInitError",
        "hook_init_failed",
        "c",
      ]);
      assert.equal(error.cause, cause);
      return true;
    });
    assert.deepEqual(log, ["a opens", "b opens", "c opens", "b closes", "a closes"]);
  });
}

test("hooks that were opened before a failed init() are closed, and errors of that are reported", async () => {
  const log: string[] = [];
  const hooks = quietHooks({
    use: [
      fakeHook(log, "a"),
      fakeHook(log, "b", { close: () => Promise.reject(brokenToo) }),
      fakeHook(log, "c", { init: () => Promise.reject(broken) }),
    ],
  });
  await assert.rejects(hooks.init(), { code: "hook_init_failed", hook: "c" });
  assert.deepEqual(log, ["a opens", "b opens", "c opens", "b closes", "a closes"]);
  assert.deepEqual(hooks.errors, [brokenToo]);
});

test("a failed init() rejects every waiting event, and emitInBackground() reports it", async () => {
  const gate = deferred();
  const hooks = quietHooks({ use: [fakeHook([], "a", { init: () => gate.promise })] });
  const emitted = [hooks.emit("tool.called", BASH), hooks.emit("tool.completed", BASH)];
  hooks.emitInBackground("tool.called", BASH);
  gate.reject(broken);
  for (const one of await Promise.allSettled(emitted)) assert.equal(one.status, "rejected");
  await hooks.drain();
  assert.deepEqual(hooks.errors.map((error) => (error as HookInitError).cause), [broken]);
});

test("the event after a failed init() opens all hooks again", async () => {
  const log: string[] = [];
  let failing = true;
  const init = (): void => {
    if (failing) throw broken;
  };
  const hooks = quietHooks({ use: [fakeHook(log, "a"), fakeHook(log, "b", { init })] });
  await assert.rejects(hooks.emit("tool.called", BASH), HookInitError);
  await assert.rejects(hooks.emit("tool.called", BASH), HookInitError);
  assert.deepEqual(log.splice(0), [
    "a opens",
    "b opens",
    "a closes",
    "a opens",
    "b opens",
    "a closes",
  ]);
  failing = false;
  await hooks.emit("tool.called", BASH);
  await hooks.close();
  assert.deepEqual(log, [
    "a opens",
    "b opens",
    "a receives tool.called",
    "b receives tool.called",
    "b closes",
    "a closes",
  ]);
});

test("a hook registered later is opened before its first event, and no other is opened again", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ use: [fakeHook(log, "a")] });
  await hooks.init();
  hooks.use(fakeHook(log, "b", { init: turn }));
  await Promise.all([hooks.emit("tool.called", BASH), hooks.emit("tool.completed", BASH)]);
  assert.deepEqual(log, [
    "a opens",
    "b opens",
    "a receives tool.called",
    "b receives tool.called",
    "a receives tool.completed",
    "b receives tool.completed",
  ]);
});

test("a hook registered while others open is opened with them", async () => {
  const log: string[] = [];
  const gate = deferred();
  const hooks = quietHooks({ use: [fakeHook(log, "a", { init: () => gate.promise })] });
  const opened = hooks.init();
  hooks.use(fakeHook(log, "b"));
  gate.resolve();
  await opened;
  assert.deepEqual(log, ["a opens", "b opens"]);
});

test("a hook registered by a handler is opened before the event that the handler emits next", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  hooks.on("tool.called", async (_event, context) => {
    hooks.use(fakeHook(log, "late"));
    await context.emit("tool.completed", BASH);
  });
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["late opens", "late receives tool.completed"]);
});

test("a later hook that can't be opened blocks events until it is unregistered, and others stay open", async () => {
  const log: string[] = [];
  const hooks = quietHooks({ use: [fakeHook(log, "a")] });
  await hooks.init();
  const [registration] = hooks.use(fakeHook(log, "b", { init: () => Promise.reject(broken) }));
  await assert.rejects(hooks.emit("tool.called", BASH), { hook: "b" });
  registration!.unregister();
  await hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["a opens", "b opens", "a receives tool.called"]);
});

test("a handler needs no opening, and receives events synchronously", async () => {
  const hooks = quietHooks();
  const log: string[] = [];
  await hooks.init();
  hooks.on("tool.called", () => void log.push("receives"));
  const emitted = hooks.emit("tool.called", BASH);
  assert.deepEqual(log, ["receives"]);
  await emitted;
});
