import assert from "node:assert/strict";
import { createHooks, HooksClosedError } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";

// What decides is loaded with the first decision: each of these is the first of its hooks.

test("the first call() judges the parameters as they were at the call", async () => {
  const hooks = createHooks();
  hooks.gate("tool.called", {
    name: "no-rm",
    handle: ({ data }) => data.params?.command === "rm" ? deny("No deletions") : undefined,
  });
  const params = { command: "ls" };
  const called = hooks.call("bash", params, ({ command }) => `ran ${command}`);
  params.command = "rm";
  assert.equal(await called, "ran ls");
  await hooks.close();
});

test("close() waits for the first call(), also without gates", async () => {
  for (const isGuarded of [true, false]) {
    const hooks = createHooks();
    const types: string[] = [];
    hooks.on("*", ({ type }) => void types.push(type));
    if (isGuarded) hooks.gate("tool.called", { name: "pass", handle: () => undefined });
    const called = hooks.call("bash", {}, () => "ran");
    await hooks.close();
    assert.equal(await called, "ran");
    const record = isGuarded ? ["gate.decided"] : [];
    assert.deepEqual(types, ["tool.called", ...record, "tool.completed"]);
  }
});

test("close() waits for the first decide()", async () => {
  const hooks = createHooks();
  hooks.gate("tool.called", { name: "no", handle: () => deny("No") });
  const decided = hooks.decide("tool.called", { name: "bash" });
  await hooks.close();
  assert.equal((await decided).reason, "No");
});

test("decide() and call() after close() are rejected, and load nothing", async () => {
  const hooks = createHooks();
  hooks.gate("tool.called", { name: "pass", handle: () => undefined });
  await hooks.close();
  await assert.rejects(hooks.decide("tool.called", { name: "bash" }), HooksClosedError);
  await assert.rejects(hooks.call("bash", {}, () => assert.fail("it ran")), HooksClosedError);
});

test("a gate that is registered right after decide() may judge, too", async () => {
  const hooks = createHooks();
  hooks.gate("tool.called", { name: "no", handle: () => deny("No") });
  const decided = hooks.decide("tool.called", { name: "bash" });
  hooks.gate("tool.called", { name: "pass", handle: () => undefined });
  const { reason, gates } = await decided;
  assert.equal(reason, "No");
  assert.equal(gates[0]!.name, "no");
  await hooks.close();
});
