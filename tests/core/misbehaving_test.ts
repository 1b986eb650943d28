import { createHooks, type HookEvent } from "@omniagent/hooks";
import type { Store, StoreEntry } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const BASH = { name: "bash" };

test("an async filter is an error, and its rejection is handled", async () => {
  let calls = 0;
  const hooks = createHooks({ logger: silentLogger });
  const filter = (() => Promise.reject(new Error("late"))) as unknown as () => boolean;
  hooks.on("tool.called", () => void calls++, { filter });
  await assert.rejects(hooks.emit("tool.called", BASH), /'filter': it must be synchronous/);
  assert.equal(calls, 0);
});

test("an async setStorage() is an error", () => {
  const hooks = createHooks({ store: memoryStore() });
  const hook = {
    name: "a",
    events: ["*"],
    handle: () => {},
    setStorage: () => Promise.reject(new Error("late")),
  };
  assert.throws(() => hooks.use(hook), /'setStorage': it must be synchronous/);
});

test("an event that a schema drops because of another registry's failure is reported", async () => {
  const inner = createHooks({ logger: silentLogger });
  inner.on("tool.called", () => {
    throw new Error("inner");
  });
  const reported: (HookEvent | undefined)[] = [];
  const validate = async () => {
    await inner.emit("tool.called", BASH);
    return { value: BASH };
  };
  const hooks = createHooks({
    logger: silentLogger,
    schemas: { "tool.called": { "~standard": { version: 1, vendor: "test", validate } } },
    onError: (_error, event) => void reported.push(event),
  });
  hooks.emitInBackground("tool.called", BASH);
  await hooks.drain();
  assert.deepEqual(reported.map((event) => event?.type), ["tool.called"]);
});

test("a setStorage() that emits leaves no hook with the previous store", async () => {
  const seen: (Store | undefined)[] = [];
  const hooks = createHooks({ logger: silentLogger });
  const emits = {
    name: "emits",
    events: ["job.executed"],
    handle: () => {},
    setStorage: () => void hooks.emit("tool.called", BASH),
  };
  hooks.use(emits, {
    name: "sees",
    events: ["tool.called"],
    handle: (_event, { store }) => void seen.push(store),
  });
  await hooks.init();
  hooks.registry.setStorage(memoryStore());
  await hooks.emit("tool.called", BASH);
  const entry: StoreEntry = await seen.at(-1)!.get(["a"]);
  assert.equal(entry.value, null);
});

test("an event is not stored if the queue returns no receipt", async () => {
  const register = () => ({ unregister() {}, [Symbol.dispose]() {} });
  const outbox = {
    publish: () => Promise.resolve([]),
    register,
    start() {},
    stop: () => Promise.resolve(),
  };
  const hooks = createHooks({ logger: silentLogger, outbox });
  await assert.rejects(
    hooks.emit("tool.called", BASH),
    /the outbox must return one receipt per event/,
  );
});

test("an outbox that is started while the hooks close is stopped", async () => {
  const log: string[] = [];
  const outbox = {
    publish: (batch: readonly { readonly event: HookEvent }[]) => {
      log.push("publish");
      return Promise.resolve(
        batch.map(({ event: { id } }) => ({ id, deliveries: 0, duplicate: false, handlers: [] })),
      );
    },
    register: () => ({ unregister() {}, [Symbol.dispose]() {} }),
    start: () => void log.push("start"),
    stop: () => Promise.resolve(void log.push("stop")),
  };
  const hooks = createHooks({ logger: silentLogger, outbox });
  hooks.emitInBackground("tool.called", BASH);
  await hooks.close();
  // Whether it is also stopped before the event is stored, depends on the runtime's turns.
  assert.deepEqual([log[0], log.at(-1)], ["start", "stop"]);
  assert.equal(log.filter((what) => what === "publish").length, 1);
});

test("an event that waits for a hook that never opens is rejected at the timeout of close()", async () => {
  const hooks = createHooks({ logger: silentLogger, closeTimeout: 20 });
  hooks.use({ name: "stuck", events: ["*"], init: () => new Promise(() => {}), handle: () => {} });
  const emitted = assert.rejects(hooks.emit("tool.called", BASH), { code: "hooks_closed" });
  await assert.rejects(hooks.close(), { code: "hook_close_failed" });
  await emitted;
});
