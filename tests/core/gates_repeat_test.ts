/**
 * Calls that are repeated: which of them get the same decision again.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HooksOptions } from "@omniagent/hooks";
import type { DecideOptions } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** Hooks on a store, and how often their gate was called. */
function start(store: Store, options: HooksOptions = {}) {
  const outbox = createOutbox(store, { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, ...options, outbox });
  const calls = { count: 0 };
  hooks.gate("tool.called", { name: "policy", handle: () => void calls.count++ });
  const decide = (callId: string, options?: DecideOptions) =>
    hooks.decide("tool.called", { name: "pay", call_id: callId }, options);
  return { hooks, calls, decide };
}

test("only a call of the same session or run is recalled from the store, and no empty call id is", async () => {
  const cases: readonly [string, DecideOptions, DecideOptions, boolean][] = [
    ["c-1", { sessionId: "s-1", runId: "r-1" }, { sessionId: "s-1", runId: "r-2" }, true],
    ["c-1", { runId: "r-1" }, { runId: "r-1" }, true],
    ["c-1", { runId: "r-1" }, { runId: "r-2" }, false],
    ["c-1", { sessionId: "r-1" }, { runId: "r-1" }, false],
    ["c-1", {}, {}, false],
    ["", { sessionId: "s-1" }, { sessionId: "s-1" }, false],
  ];
  for (const [callId, before, after, isSame] of cases) {
    const store = memoryStore();
    const [first, second] = [start(store), start(store)];
    const { id } = await first.decide(callId, before);
    const again = await second.decide(callId, after);
    assert.equal(again.id === id, isSame, JSON.stringify([callId, before, after]));
    assert.equal(second.calls.count, isSame ? 0 : 1);
    const { hooks, decide } = first;
    if (callId === "") assert.notEqual((await decide(callId, before)).id, id, "in one process");
    await hooks.close();
    await second.hooks.close();
  }
});

test("a call that nobody can repeat leaves no record of its decision to be read", async () => {
  const store = memoryStore();
  const keys: string[] = [];
  const watched = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name);
      return typeof value !== "function" ? value : (...args: unknown[]) => {
        keys.push(JSON.stringify(args, (_, part) => typeof part === "bigint" ? `${part}` : part));
        return value.apply(target, args);
      };
    },
  });
  const { hooks } = start(watched);
  const decisions = () => keys.filter((key) => key.includes('"decision"')).length;
  await hooks.call("pay", {}, () => "paid", { sessionId: "s-1" });
  assert.equal(decisions(), 0);
  await hooks.call("pay", {}, () => "paid", { sessionId: "s-1", callId: "c-1" });
  assert.ok(decisions() > 0);
  await hooks.close();
});

test("a caller that aborts ends its own decision, not that of others who repeat the call", async () => {
  const { hooks } = start(memoryStore());
  const waiting: (() => void)[] = [];
  hooks.gate("tool.called", {
    name: "slow",
    handle: () => new Promise<undefined>((resolve) => waiting.push(() => resolve(undefined))),
  });
  const called = async (count: number): Promise<void> => {
    while (waiting.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const controller = new AbortController();
  const call = { name: "pay", call_id: "c-1" };
  const aborted = hooks.decide("tool.called", call, { signal: controller.signal });
  const other = hooks.decide("tool.called", call);
  await called(1);
  controller.abort();
  assert.equal((await aborted).decision, "deny");
  await called(2);
  for (const end of waiting) end();
  assert.equal((await other).decision, "allow");
  await hooks.close();
});
