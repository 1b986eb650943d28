import assert from "node:assert/strict";
import { createHooks, DeadlockError, type Hooks, type HooksOptions } from "@omniagent/hooks";
import { ask, deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

// Without an outbox and without handlers, the record of a decision has no observers. The decision is the same.

/** Hooks that have decided before, so that nothing has to be loaded or opened any more. */
async function warm(options: HooksOptions = {}): Promise<Hooks> {
  const hooks = createHooks({ logger: silentLogger, ...options });
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data: { name, params } }) => {
      if (name === "ask") return ask("May it?", { allow: ["allow", "edit"] });
      if (name === "throw") throw new Error("broken");
      return params?.command === "rm" ? deny("No deletions", { internal: "rule 7" }) : undefined;
    },
  });
  await hooks.decide("tool.called", { name: "bash" });
  return hooks;
}

/** What matters of a decision: all but ids and times. */
async function decided(hooks: Hooks, name: string, command: string): Promise<unknown> {
  const { id, gates, ...rest } = await hooks.decide("tool.called", { name, params: { command } });
  assert.match(id, /^[0-9a-f-]{36}$/);
  return { ...rest, gates: gates.map((gate) => ({ ...gate, duration_ms: 0 })) };
}

test("a decision is the same whether or not anything handles its record", async () => {
  const onAsk = () => ({
    decision: "edit" as const,
    data: { name: "ask", params: { command: "ls" } },
  });
  const [unseen, seen] = [await warm({ gates: { onAsk } }), await warm({ gates: { onAsk } })];
  let records = 0;
  seen.on("gate.decided", () => void records++);
  const calls = [["bash", "ls"], ["bash", "rm"], ["throw", ""], ["ask", "x"]];
  for (const [name, command] of calls as [string, string][]) {
    const [here, there] = [
      await decided(unseen, name, command),
      await decided(seen, name, command),
    ];
    assert.deepEqual(here, there);
    assert.match((here as { digest: string }).digest, /^[0-9a-f]{64}$/);
  }
  assert.equal(records, calls.length);
  await Promise.all([unseen.close(), seen.close()]);
});

test("handlers receive the events of a decision even if its record has no handlers", async () => {
  const hooks = await warm();
  const seen: unknown[] = [];
  hooks.on("tool.called", ({ data }) => void seen.push(data.decision_id));
  hooks.on("tool.denied", ({ data }) => void seen.push([data.reason, data.params, data.gate]));
  const { id } = await hooks.decide("tool.called", { name: "bash" });
  await hooks.decide("tool.called", { name: "bash", params: { command: "rm" } });
  assert.deepEqual(seen, [id, ["No deletions", { command: "rm" }, "policy"]]);
  await hooks.close();
});

test("close() waits for an async gate whose decision has no observers", async () => {
  const hooks = await warm();
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  hooks.gate("tool.called", { name: "slow", handle: () => opened });
  const decision = hooks.decide("tool.called", { name: "bash" });
  let isClosed = false;
  const closed = hooks.close().then(() => isClosed = true);
  await Promise.resolve();
  assert.equal(isClosed, false);
  open();
  assert.equal((await decision).decision, "allow");
  await closed;
});

test("close() in a gate is an error, and the hooks close", async () => {
  const hooks = await warm();
  let error: unknown;
  hooks.gate("tool.called", {
    name: "closing",
    handle: () => hooks.close().catch((caught) => void (error = caught)),
  });
  await hooks.decide("tool.called", { name: "bash" });
  assert.ok(error instanceof DeadlockError);
  await hooks.close();
});

test("a handler that decides about its own type fails with an error, not a stack overflow", async () => {
  const failures: unknown[] = [];
  const hooks = await warm({ onError: (error) => void failures.push(error) });
  let calls = 0;
  hooks.on("tool.called", async () => {
    calls++;
    await hooks.decide("tool.called", { name: "bash" });
  });
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "allow");
  await hooks.close();
  assert.ok(calls <= 64, `${calls} calls`);
  const names = failures.map((error) => (error as Error).name);
  assert.ok(names.includes("EmitDepthError"), `${calls} calls: ${names}`);
});
