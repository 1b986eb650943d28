import assert from "node:assert/strict";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, quietHooks, turn } from "./_fakes.ts";

const broken = new Error("no disk");

test("an opened hook is closed once when it is unregistered, also after repeated calls", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  const [registration] = hooks.use(fakeHook(log, "a"));
  await hooks.init();
  registration!.unregister();
  registration![Symbol.dispose]();
  assert.deepEqual(log, ["a opens"], "not within the call");
  await turn();
  await hooks.emit("tool.called", BASH);
  await hooks.close();
  assert.deepEqual(log, ["a opens", "a closes"]);
});

test("an unregistered hook is closed when no running dispatch can still reach it", async () => {
  const log: string[] = [];
  const gate = deferred();
  const hooks = quietHooks();
  hooks.on("tool.called", () => gate.promise, { priority: 1 });
  const [registration] = hooks.use(fakeHook(log, "a"));
  await hooks.init();
  const emitted = hooks.emit("tool.called", BASH);
  registration!.unregister();
  await turn();
  assert.deepEqual(log, ["a opens"]);
  gate.resolve();
  await emitted;
  await turn();
  assert.deepEqual(log, ["a opens", "a receives tool.called", "a closes"]);
});

test("an event emitted after unregister() does not delay the close of the hook", async () => {
  const log: string[] = [];
  const gates = [deferred(), deferred()];
  const hooks = quietHooks();
  hooks.on("tool.*", (event) => gates[event.type === "tool.called" ? 0 : 1]!.promise);
  const [registration] = hooks.use(fakeHook(log, "a", { events: ["agent.end"] }));
  await hooks.init();
  const earlier = hooks.emit("tool.called", BASH);
  registration!.unregister();
  await turn();
  const later = hooks.emit("tool.completed", BASH);
  await turn();
  gates[0]!.resolve();
  await earlier;
  await turn();
  assert.deepEqual(log, ["a opens", "a closes"]);
  gates[1]!.resolve();
  await later;
});

for (const where of ["before its first await", "after it"]) {
  test(`a hook may unregister itself in handle(), ${where}, and is closed after it`, async () => {
    const log: string[] = [];
    const hooks = quietHooks();
    const [registration] = hooks.use(fakeHook(log, "a", {
      async handle() {
        if (where === "after it") await turn();
        registration!.unregister();
        await turn();
        log.push("a ends");
      },
    }));
    await hooks.emit("tool.called", BASH);
    await turn();
    assert.deepEqual(log, ["a opens", "a receives tool.called", "a ends", "a closes"]);
  });
}

test("a hook unregistered by a quick handler ahead of it receives that event, then is closed", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  hooks.on("tool.called", () => registration!.unregister());
  const [registration] = hooks.use(fakeHook(log, "a", { handle: turn }));
  await hooks.init();
  await hooks.emit("tool.called", BASH);
  await turn();
  assert.deepEqual(log, ["a opens", "a receives tool.called", "a closes"]);
});

test("a hook that is unregistered before the first event is neither opened nor closed", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  const [registration] = hooks.use(fakeHook(log, "a"), fakeHook(log, "b"));
  registration!.unregister();
  await hooks.emit("tool.called", BASH);
  await hooks.close();
  assert.deepEqual(log, ["b opens", "b receives tool.called", "b closes"]);
});

test("a hook that is unregistered before its turn to be opened is not opened", async () => {
  const log: string[] = [];
  const gate = deferred();
  const hooks = quietHooks({ use: [fakeHook(log, "a", { init: () => gate.promise })] });
  const [registration] = hooks.use(fakeHook(log, "b"));
  const opened = hooks.init();
  registration!.unregister();
  gate.resolve();
  await opened;
  await hooks.close();
  assert.deepEqual(log, ["a opens", "a closes"]);
});

test("a hook that is unregistered while it opens is closed when it has opened, and receives nothing", async () => {
  const log: string[] = [];
  const gate = deferred();
  const hooks = quietHooks();
  const [registration] = hooks.use(fakeHook(log, "a", { init: () => gate.promise }));
  const emitted = hooks.emit("tool.called", BASH);
  await turn();
  registration!.unregister();
  gate.resolve();
  await emitted;
  await turn();
  assert.deepEqual(log, ["a opens", "a closes"]);
  await hooks.close();
});

for (
  const [how, close] of [
    ["throws", () => {
      throw broken;
    }],
    ["rejects", () => Promise.reject(broken)],
  ] as const
) {
  test(`a close() that ${how} after unregister() is logged with the hook's name and passed to onError`, async () => {
    const logged: unknown[][] = [];
    const errors: unknown[] = [];
    const hooks = quietHooks({
      logger: { debug() {}, info() {}, warn() {}, error: (...data) => void logged.push(data) },
      onError: (error) => void errors.push(error),
    });
    const [registration] = hooks.use(fakeHook([], "a", { close }));
    await hooks.init();
    registration!.unregister();
    await turn();
    assert.deepEqual(errors, [broken]);
    assert.deepEqual(logged, [["Hook 'a' failed to close", broken]]);
    await hooks.close();
  });
}

test("close() waits for a hook that was just unregistered, and closes it once", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  const [registration] = hooks.use(
    fakeHook(log, "a", { close: () => turn().then(() => void log.push("a is closed")) }),
  );
  await hooks.init();
  registration!.unregister();
  await hooks.close();
  assert.deepEqual(log, ["a opens", "a closes", "a is closed"]);
});

test("a name can be reused immediately, by a hook that is opened before it receives events", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  const [registration] = hooks.use(
    fakeHook(log, "a", { close: () => void log.push("the first one") }),
  );
  await hooks.init();
  registration!.unregister();
  hooks.use(fakeHook(log, "a", { close: () => void log.push("the second one") }));
  await turn();
  await hooks.emit("tool.called", BASH);
  await hooks.close();
  assert.deepEqual(log, [
    "a opens",
    "a closes",
    "the first one",
    "a opens",
    "a receives tool.called",
    "a closes",
    "the second one",
  ]);
});

test("unregistering a hook twice does not free its name for a third hook", async () => {
  const hooks = quietHooks();
  const [first] = hooks.use(fakeHook([], "a"));
  first!.unregister();
  hooks.use(fakeHook([], "a"));
  first!.unregister();
  assert.equal(hooks.registry.hookCount(), 1);
  assert.throws(() => hooks.use(fakeHook([], "a")), TypeError);
  await hooks.close();
});

test("a handler that is unregistered is not called by the next event, nor counted or listed", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  const registration = hooks.on("tool.*", (event) => void log.push(event.type));
  await hooks.emit("tool.called", BASH);
  assert.equal(hooks.registry.handlerCount("tool.called"), 1);
  registration.unregister();
  registration.unregister();
  await hooks.emit("tool.completed", BASH);
  assert.deepEqual(log, ["tool.called"]);
  assert.equal(hooks.registry.handlerCount("tool.called"), 0);
  assert.deepEqual(hooks.registry.list(), []);
});
