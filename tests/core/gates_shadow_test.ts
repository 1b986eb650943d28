/**
 * Gates in shadow mode: trying a gate changes no outcome, however slow the gate is.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HooksOptions, type ToolData } from "@omniagent/hooks";
import { ask, deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** Limit of a decision, in milliseconds: short, because some decisions use it up. */
const TIMEOUT = 50;

function start(options: HooksOptions = {}) {
  return createHooks({ logger: silentLogger, gates: { timeout: TIMEOUT }, ...options });
}

const never = (): Promise<undefined> => new Promise(() => {});

/** A gate in shadow mode that never returns. */
const trial = { name: "trial", mode: "shadow", timeout: Infinity, handle: never } as const;

test("a decision that is aborted is denied, even if only a gate in shadow mode still runs", async () => {
  for (const outbox of [undefined, createOutbox(memoryStore(), { logger: silentLogger })]) {
    for (const verdict of [undefined, ask("Pay?")]) {
      const hooks = start(outbox && { outbox });
      const judged: string[] = [];
      hooks.on("gate.decided", ({ data }) => judged.push(data.outcome));
      let calls = 0;
      hooks.gate("tool.called", { name: "policy", handle: () => (calls++, verdict) });
      const controller = new AbortController();
      const off = hooks.gate("tool.called", {
        ...trial,
        handle: () => (controller.abort(), never()),
      });
      const options = { sessionId: "s-1", signal: controller.signal };
      const call = { name: "pay", call_id: "c-1" };
      const { decision, reason } = await hooks.decide("tool.called", call, options);
      assert.deepEqual([decision, reason], ["deny", "The decision was aborted"]);
      assert.deepEqual(judged, ["error"]);
      assert.equal(calls, 1);
      // Another caller of the same call isn't denied by that.
      off.unregister();
      const again = await hooks.decide("tool.called", call, { sessionId: "s-1" });
      assert.notEqual(again.reason, reason);
      assert.equal(calls, 2);
      await hooks.close();
    }
  }
});

test("a denial by an aborted decision isn't kept for other callers; that of a policy is", async () => {
  for (const verdict of [undefined, deny("No")]) {
    const hooks = start({ outbox: createOutbox(memoryStore(), { logger: silentLogger }) });
    let calls = 0;
    hooks.gate("tool.called", { name: "policy", handle: () => (calls++, verdict) });
    const controller = new AbortController();
    hooks.gate("tool.called", {
      ...trial,
      handle: () => controller.signal.aborted ? undefined : (controller.abort(), never()),
    });
    const call = { name: "pay", call_id: "c-1" };
    const options = { sessionId: "s-1", signal: controller.signal };
    const first = await hooks.decide("tool.called", call, options);
    const again = await hooks.decide("tool.called", call, { sessionId: "s-1" });
    assert.deepEqual([first.decision, again.decision], ["deny", verdict ? "deny" : "allow"]);
    assert.equal(calls, verdict ? 1 : 2);
    assert.equal(again.id === first.id, verdict !== undefined);
    await hooks.close();
  }
});

test("if only a gate in shadow mode exceeds the decision's timeout, the other gates decide", async () => {
  for (const outbox of [undefined, createOutbox(memoryStore(), { logger: silentLogger })]) {
    const hooks = start(outbox && { outbox });
    hooks.gate("tool.called", trial);
    hooks.gate("tool.called", {
      name: "policy",
      handle: ({ data }) => Promise.resolve(data.name === "rm" ? deny("No") : undefined),
    });
    assert.equal(await hooks.call("pay", {}, () => "paid"), "paid");
    const { reason } = await hooks.call("rm", {}, () => "gone") as { readonly reason: string };
    assert.equal(reason, "No");
    await hooks.close();
  }
});

test("a rewrite in shadow mode that hangs takes no time from the gates after it", async () => {
  const hooks = start();
  const gates: unknown[] = [];
  hooks.on("gate.decided", ({ data }) => {
    gates.push(...data.gates.map(({ name, verdict, failure }) => [name, failure ?? verdict]));
  });
  hooks.gate("tool.called", { ...trial, kind: "rewrite" as const });
  const add = (name: string) =>
    ({
      name,
      kind: "rewrite",
      handle: ({ data }: { readonly data: ToolData }) =>
        Promise.resolve({ ...data, params: { ...data.params, [name]: true } }),
    }) as const;
  hooks.gate("tool.called", add("first"));
  hooks.gate("tool.called", { ...trial, name: "trial-2", kind: "rewrite" as const });
  hooks.gate("tool.called", add("second"));
  hooks.gate("tool.called", { name: "policy", handle: () => Promise.resolve(undefined) });
  const result = await hooks.call("pay", {}, (params) => params);
  assert.deepEqual(result, { first: true, second: true });
  assert.deepEqual(gates, [
    ["trial", "timeout"],
    ["first", "rewritten"],
    ["trial-2", "timeout"],
    ["second", "rewritten"],
    ["policy", "none"],
  ]);
  await hooks.close();
});

test("a check in shadow mode that hangs on the raw result takes no time from what follows", async () => {
  const hooks = start();
  hooks.gate("tool.completed", trial);
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: "***" }),
  });
  hooks.gate("tool.completed", { name: "policy", handle: () => Promise.resolve(undefined) });
  assert.equal(await hooks.call("env", {}, () => "KEY"), "***");
  await hooks.close();
});

test("a gate in shadow mode that close() ends denies nothing", async () => {
  const hooks = start({ gates: { timeout: Infinity }, closeTimeout: TIMEOUT });
  const judged = deferred();
  hooks.gate("tool.completed", {
    ...trial,
    handle: () => {
      judged.resolve();
      return never();
    },
  });
  const result = hooks.call("pay", {}, () => "paid");
  await judged.promise;
  await hooks.close();
  assert.equal(await result, "paid");
});
