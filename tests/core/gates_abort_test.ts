/**
 * Callers that give up while the store doesn't respond: they don't wait, nothing runs, and what the store did
 * apply stays true.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HookEvent, type ToolData } from "@omniagent/hooks";
import { ask, type DeniedCall, type Verdict } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { hangingStore } from "../support/hanging_store.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";

/** The longest wait after an abort, in milliseconds: a store that hangs is given up after five seconds. */
const SOON = 3_000;

const CALL = { name: "pay", call_id: "c-1", params: {} };

/** Hooks on a store that can hang, with one gate. */
function start(verdict: () => Verdict | undefined = () => undefined) {
  const inner = memoryStore();
  const { store, ...hanging } = hangingStore(inner);
  const outbox = createOutbox(store, { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, outbox });
  const calls = { count: 0 };
  hooks.gate("tool.called", { name: "policy", handle: () => (calls.count++, verdict()) });
  const controller = new AbortController();
  const stored = async (): Promise<readonly HookEvent[]> => {
    const { items } = await hooks.outbox.listEvents();
    return items.map(({ event }) => event as HookEvent).reverse();
  };
  const options = { sessionId: "s-1", signal: controller.signal };
  return {
    hooks,
    calls,
    hanging,
    options,
    stored,
    abort: () => controller.abort(new Error("gone")),
  };
}

/** Resolves to what a promise does, if that is soon. */
async function soon<Result>(work: Promise<Result>): Promise<Result> {
  const begin = performance.now();
  try {
    return await work;
  } finally {
    const took = performance.now() - begin;
    assert.ok(took < SOON, `took ${took} ms`);
  }
}

/** Returns the id of the ask that waits for a response. */
async function pendingIn({ asks }: ReturnType<typeof start>["hooks"]): Promise<string> {
  let id: string | undefined;
  await until(async () => (id = (await asks.list()).items[0]?.id) !== undefined, "an ask");
  return id!;
}

/** Returns the events of a decision. */
function of(events: readonly HookEvent[], id: string): readonly string[] {
  const own = events.filter(({ data }) => (data as ToolData).decision_id === id);
  return own.map(({ type }) => type).sort();
}

test("decide() denies as soon as its signal aborts, while the store hangs", async () => {
  for (const what of ["read", "commit"] as const) {
    const { hooks, hanging, options, stored, abort } = start();
    hanging.hangAt((operation) => operation.what === what, abort);
    const { decision, id } = await soon(hooks.decide("tool.called", CALL, options));
    assert.equal(decision, "deny");
    hanging.resume();
    await until(async () => (await stored()).length === 2, "the decision");
    // A decision that was being stored was made before the abort.
    const happened = what === "commit" ? "tool.called" : "tool.denied";
    assert.deepEqual(of(await stored(), id), ["gate.decided", happened]);
    await hooks.close();
  }
});

test("a caller that waits for another one's decision is denied when it aborts", async () => {
  const { hooks, hanging, options, abort } = start();
  hanging.hangAt(({ what }) => what === "commit", () => setTimeout(abort, 10));
  const first = hooks.decide("tool.called", CALL, { sessionId: "s-1" });
  const second = hooks.decide("tool.called", CALL, options);
  assert.equal((await soon(second)).decision, "deny");
  hanging.resume();
  assert.equal((await first).decision, "allow");
  await hooks.close();
});

test("without gates, decide() throws the reason of its signal while the store hangs", async () => {
  const { hooks, hanging, options, abort } = start();
  hanging.hangAt(({ what }) => what === "commit", abort);
  const message = { role: "user", content: "hi" };
  await assert.rejects(soon(hooks.decide("message.received", message, options)), /gone/);
  hanging.resume();
  await hooks.close();
});

test("an allow that its caller didn't wait for is used by one call, once", async () => {
  const { hooks, calls, hanging, options, abort } = start();
  hanging.hangAt(({ what }) => what === "commit", abort);
  const { decision, id } = await soon(hooks.decide("tool.called", CALL, options));
  assert.equal(decision, "deny");
  hanging.resume();
  const ran: string[] = [];
  const call = () =>
    hooks.call("pay", {}, (_, { decisionId }) => void ran.push(decisionId), {
      sessionId: "s-1",
      callId: "c-1",
    });
  await call();
  await call();
  assert.equal(calls.count, 2);
  assert.equal(ran[0], id);
  assert.notEqual(ran[1], id);
  await hooks.close();
});

/** Where the store begins to hang, and what the gate says. */
const PHASES: readonly (readonly [string, Verdict | undefined, (used: boolean) => boolean])[] = [
  ["its decision is stored", undefined, () => true],
  ["its approval is recorded", ask("Pay?"), () => true],
  ["its approval is used up", ask("Pay?"), (used) => used],
];

for (const [phase, verdict, isMeant] of PHASES) {
  test(`a call that aborts while the store hangs as ${phase} never runs, and has an end`, async () => {
    const { hooks, hanging, options, stored, abort } = start(() => verdict);
    const hang = () =>
      hanging.hangAt((operation) =>
        operation.what === "commit" &&
        isMeant(operation.values.some((value) => Object(value).used !== undefined)), abort);
    if (verdict === undefined) hang();
    const run = () => assert.fail("it ran");
    const calling = hooks.call("pay", {}, run, { ...options, callId: "c-1" });
    if (verdict !== undefined) {
      const id = await pendingIn(hooks);
      await hooks.asks.resolve(id, { decision: "allow", by: "ada" });
      hang();
    }
    const { decisionId } = await soon(calling) as DeniedCall;
    hanging.resume();
    const isOver = async () => (await stored()).some(({ type }) => type === "tool.completed");
    await until(isOver, "the end of the call");
    const [called] = (await stored()).filter(({ type }) => type === "tool.called");
    const { decision_id } = called!.data as ToolData;
    assert.equal(decision_id, decisionId);
    const types = of(await stored(), decision_id!).filter((type) => type.startsWith("tool."));
    assert.deepEqual(types, ["tool.called", "tool.completed"]);
    await hooks.close();
  });
}

test("a wait for an ask ends when its signal aborts, while the store hangs", async () => {
  const { hooks, hanging, options, stored, abort } = start(() => ask("Pay?"));
  const decision = await hooks.decide("tool.called", CALL, { sessionId: "s-1" });
  assert.ok(decision.decision === "ask");
  const { signal } = options;
  const waits = [
    decision.wait({ signal }),
    (await hooks.asks.get(decision.askId))!.wait({ signal }),
  ];
  await hooks.asks.resolve(decision.askId, { decision: "allow", by: "ada" });
  hanging.hangAt(() => true, abort);
  for (const wait of waits) await assert.rejects(soon(wait), /gone/);
  hanging.resume();
  const isOver = async () => (await stored()).some(({ type }) => type === "tool.completed");
  await until(isOver, "the end of the call");
  assert.equal((await decision.wait()).decision, "allow", "it is stored");
  await hooks.close();
});
