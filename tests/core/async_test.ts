import assert from "node:assert/strict";
import type { AgentEvents, HookEvent, HooksOptions, Logger } from "@omniagent/hooks";
import { type Deferred, deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { BASH, quietHooks, turn } from "./_fakes.ts";

const broken = new Error("no disk");

/** Hooks of which one handler waits at a gate of its own per event; `received` has the ids of those that began. */
function gated(options: HooksOptions) {
  const gates: Deferred[] = [];
  const hooks = quietHooks(options);
  hooks.on("tool.called", () => {
    gates.push(deferred());
    return gates.at(-1)!.promise;
  });
  const emit = (count: number): void => {
    for (let i = 0; i < count; i++) hooks.emitInBackground("tool.called", BASH);
  };
  return { hooks, gates, emit };
}

test("emitInBackground() returns nothing, and its handlers start later, in the order of emission", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  hooks.on("tool.*", (event) => void log.push(event.type));
  await hooks.init();
  assert.equal(hooks.emitInBackground("tool.called", BASH), undefined);
  hooks.emitInBackground("tool.completed", BASH);
  log.push("the caller goes on");
  await hooks.drain();
  assert.deepEqual(log, ["the caller goes on", "tool.called", "tool.completed"]);
});

test("at most maxConcurrent events run, and the next one starts in order when one ends", async () => {
  const { hooks, gates, emit } = gated({ maxConcurrent: 2 });
  emit(4);
  await turn();
  assert.equal(gates.length, 2);
  gates[1]!.resolve();
  await turn();
  assert.equal(gates.length, 3);
  gates[0]!.resolve();
  gates[2]!.reject(broken);
  await turn();
  assert.equal(gates.length, 4);
  gates[3]!.resolve();
  await hooks.drain();
  assert.deepEqual(hooks.errors, [broken]);
});

test("events that wait start in the order in which they were emitted", async () => {
  const received: unknown[] = [];
  const hooks = quietHooks<AgentEvents>({ maxConcurrent: 1 });
  hooks.on("tool.called", async (event) => {
    received.push(event.data.name);
    await turn();
  });
  const names = Array.from("abcdefgh");
  for (const name of names) hooks.emitInBackground("tool.called", { name });
  await hooks.drain();
  assert.deepEqual(received, names);
});

test('beyond maxPending, overflow "reject" reports the event with an OverflowError', async () => {
  const events: (HookEvent | undefined)[] = [];
  const { hooks, gates, emit } = gated({
    maxConcurrent: 1,
    maxPending: 1,
    onError: (error, event) => {
      const { name, code, message } = error as Error & { code: string };
      assert.deepEqual([name, code], ["OverflowError", "overflow"]);
      assert.equal(
        message,
        "Cannot accept event 'tool.called': 1 events are running and 1 are waiting",
      );
      events.push(event);
    },
    onDrop: () => assert.fail("nothing is dropped"),
  });
  emit(4);
  assert.deepEqual(events.map((event) => event?.type), ["tool.called", "tool.called"]);
  await turn();
  gates[0]!.resolve();
  await turn();
  gates[1]!.resolve();
  await hooks.drain();
  assert.equal(gates.length, 2);
  emit(1);
  await turn();
  assert.equal(gates.length, 3, "there is room again");
  gates[2]!.resolve();
  await hooks.drain();
});

test('beyond maxPending, overflow "drop" calls onDrop and logs no error', async () => {
  const dropped: string[] = [];
  const logger: Logger = { ...silentLogger, error: (...data) => assert.fail(String(data)) };
  const onDrop = (event: HookEvent): void => void dropped.push(event.type);
  const { hooks, gates, emit } = gated({
    maxConcurrent: 1,
    maxPending: 0,
    overflow: "drop",
    onDrop,
    logger,
  });
  emit(3);
  assert.deepEqual([dropped, hooks.errors], [["tool.called", "tool.called"], []]);
  await turn();
  gates[0]!.resolve();
  await hooks.drain();
});

test("drain() waits for queued events, and for events that handlers emit meanwhile", async () => {
  const received: string[] = [];
  const hooks = quietHooks({ maxConcurrent: 1 });
  hooks.on("tool.called", async (_event, context) => {
    await turn();
    context.emitInBackground("tool.completed", BASH);
  });
  hooks.on("tool.completed", async () => {
    await turn();
    hooks.emitInBackground("session.created", { session_id: "s-1", action: "created" });
  });
  hooks.on("*", (event) => void received.push(event.type));
  await hooks.drain();
  hooks.emitInBackground("tool.called", BASH);
  await Promise.all([hooks.drain(), hooks.drain()]);
  assert.deepEqual(received, ["tool.called", "tool.completed", "session.created"]);
  await hooks.drain();
});

test("drain() waits for all running events, not only the first", async () => {
  const { hooks, gates, emit } = gated({});
  emit(2);
  await turn();
  let drained = false;
  const done = hooks.drain().then(() => drained = true);
  for (const gate of gates) {
    await turn();
    assert.equal(drained, false);
    gate.resolve();
  }
  await done;
});

test("emitInBackground() ignores the caller's signal", async () => {
  for (const when of ["before", "while waiting", "running"]) {
    const caller = new AbortController();
    const { hooks, gates } = gated({});
    const signals: AbortSignal[] = [];
    hooks.on("tool.called", (_event, context) => void signals.push(context.signal), {
      priority: 1,
    });
    if (when === "before") caller.abort();
    hooks.emitInBackground("tool.called", BASH, { signal: caller.signal });
    if (when === "while waiting") caller.abort();
    await turn();
    if (when === "running") caller.abort();
    gates[0]!.resolve();
    await hooks.drain();
    assert.deepEqual([signals[0]!.aborted, hooks.errors], [false, []], when);
  }
});

test("waitUntil is given a promise that resolves when the event is done, even if a handler fails", async () => {
  const promises: Record<string, Promise<unknown>[]> = { instance: [], call: [] };
  const waitUntil = (whose: string) => (promise: Promise<unknown>) =>
    void promises[whose]!.push(promise);
  const { hooks, gates, emit } = gated({
    waitUntil: waitUntil("instance"),
    maxConcurrent: 1,
    maxPending: 1,
  });
  emit(1);
  hooks.emitInBackground("tool.called", BASH, { waitUntil: waitUntil("call") });
  emit(1); // overflows
  assert.deepEqual(
    [promises.instance!.length, promises.call!.length],
    [2, 1],
    "the call's replaces the instance's",
  );
  assert.equal(await promises.instance![1], undefined, "nothing to wait for");
  let done = 0;
  for (const promise of [promises.instance![0]!, promises.call![0]!]) {
    void promise.then(() => done++);
  }
  await turn();
  assert.equal(done, 0);
  gates[0]!.reject(broken);
  await turn();
  assert.equal(done, 1);
  gates[1]!.resolve();
  await promises.call![0];
});
