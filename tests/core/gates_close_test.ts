/**
 * Decisions and tools that still run when `close` has no more time for them.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HookEvent, type HooksOptions } from "@omniagent/hooks";
import { allow, type DeniedCall } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { deferred } from "../support/deferred.ts";
import { hangingStore } from "../support/hanging_store.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";

function start(options: HooksOptions) {
  return createHooks({ logger: silentLogger, ...options });
}

test("close() ends gates in time to record the denial", async () => {
  await Promise.all([true, false].map(async (isStored) => {
    const store = memoryStore();
    const outbox = createOutbox(store, { logger: silentLogger });
    const hooks = start({ closeTimeout: 3_000, ...(isStored && { outbox }) });
    const seen: HookEvent[] = [];
    hooks.on(["tool.*", "gate.*"], (event) => void seen.push(event as HookEvent));
    let calls = 0;
    for (const name of ["slow", "slower"]) {
      const handle = () => (calls++, new Promise<never>(() => {}));
      hooks.gate("tool.called", { name, onFailure: "allow", timeout: 60_000, handle });
    }
    const options = { sessionId: "s-1", callId: "c-1" };
    const calling = hooks.call("pay", {}, () => assert.fail("it ran"), options);
    const deciding = hooks.decide("tool.called", { name: "pay" });
    await until(() => calls === 4, "the gates");
    await hooks.close();
    const { denied, reason } = await calling as DeniedCall;
    assert.deepEqual([denied, reason], [true, "Gate 'slow' failed (aborted)"]);
    assert.equal((await deciding).decision, "deny");
    if (isStored) {
      const again = createOutbox(store, { logger: silentLogger });
      const { items } = await again.listEvents();
      assert.deepEqual(
        items.map(({ event }) => event.type).sort(),
        ["gate.decided", "gate.decided", "tool.denied", "tool.denied"],
      );
    }
    const decided = seen.filter(({ type }) => type === "gate.decided");
    const failures = decided.flatMap(({ data }) =>
      (data as unknown as { gates: readonly { failure?: string }[] }).gates.map((gate) =>
        gate.failure
      )
    );
    assert.deepEqual(failures, ["aborted", "aborted", "aborted", "aborted"]);
  }));
});

test("a decision is a denial when close() gives up while the store hangs", async () => {
  const { store, hangAt, resume } = hangingStore(memoryStore());
  const outbox = createOutbox(store, { logger: silentLogger });
  const hooks = start({ closeTimeout: 100, outbox });
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const hung = deferred<void>();
  hangAt(({ what }) => what === "commit", () => hung.resolve());
  const deciding = hooks.decide("tool.called", { name: "pay" });
  await hung.promise;
  await assert.rejects(hooks.close(), { name: "HookCloseError" });
  assert.equal((await deciding).decision, "deny");
  resume();
});

test("a decision is a denial when close() gives up before its event could be emitted", async () => {
  for (const isSeen of [true, false]) {
    const hooks = start({ closeTimeout: 100 });
    hooks.gate("tool.called", { name: "policy", handle: () => allow() });
    const opening = deferred<void>();
    hooks.use({
      name: "never-open",
      events: isSeen ? ["tool.*", "gate.*"] : ["tool.called"],
      init: () => (opening.resolve(), new Promise<never>(() => {})),
      handle: () => {},
    });
    const deciding = hooks.decide("tool.called", { name: "pay" });
    await opening.promise;
    await assert.rejects(hooks.close(), { name: "HookCloseError" });
    const { decision, reason } = await deciding;
    assert.deepEqual([decision, reason], [
      "deny",
      "The hooks were closed before the decision could be recorded",
    ]);
  }
});

test("the result of a tool reaches its caller after close() gave up, unless gates judge results", async () => {
  for (const isStored of [true, false]) {
    for (const isJudged of [true, false]) {
      const outbox = createOutbox(memoryStore(), { logger: silentLogger });
      const hooks = start({ closeTimeout: 20, ...(isStored && { outbox }) });
      hooks.gate("tool.called", { name: "policy", handle: () => allow() });
      if (isJudged) hooks.gate("tool.completed", { name: "results", handle: () => undefined });
      const [started, ended] = [deferred<void>(), deferred<string>()];
      const run = () => (started.resolve(), ended.promise);
      const calling = hooks.call("pay", {}, run, { sessionId: "s-1", callId: "c-1" });
      await started.promise;
      await assert.rejects(hooks.close(), { name: "HookCloseError" });
      ended.resolve("paid");
      const result = await calling;
      if (!isJudged) assert.equal(result, "paid");
      else assert.match((result as DeniedCall).reason, /were closed|failed \(aborted\)/);
    }
  }
});

test("once close() has begun, decide() and call() throw, and nothing runs", async () => {
  const hooks = start({});
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const [started, ended] = [deferred<void>(), deferred<string>()];
  const running = hooks.call("pay", {}, () => (started.resolve(), ended.promise));
  await started.promise;
  const closing = hooks.close();
  await assert.rejects(hooks.decide("tool.called", { name: "pay" }), { name: "HooksClosedError" });
  const run = () => assert.fail("it ran");
  await assert.rejects(hooks.call("pay", {}, run), { name: "HooksClosedError" });
  ended.resolve("paid");
  assert.equal(await running, "paid");
  await closing;
});
