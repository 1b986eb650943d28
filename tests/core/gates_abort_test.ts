/**
 * Callers that give up while the store doesn't respond: they don't wait, nothing runs, and what the store did
 * apply stays true.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HookEvent, HooksClosedError, type ToolData } from "@omniagent/hooks";
import { ask, type DeniedCall, type FinalDecision, type Verdict } from "@omniagent/hooks/gates";
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
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const hooks = createHooks({ logger: silentLogger, outbox, onError });
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
    errors,
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

/** Returns the events of calls by their decision: how each call began, and how it ended. */
function callsIn(events: readonly HookEvent[]): Readonly<Record<string, readonly string[]>> {
  const calls: Record<string, string[]> = {};
  for (const { type, data } of events) {
    const { decision_id, error } = data as ToolData;
    const text = error === undefined ? type : `${type}: ${error}`;
    if (type.startsWith("tool.")) (calls[decision_id!] ??= []).push(text);
  }
  return calls;
}

/** Waits until the calls in the store began and ended like this. */
async function untilStored(
  stored: () => Promise<readonly HookEvent[]>,
  expected: ReturnType<typeof callsIn>,
): Promise<void> {
  const count = Object.values(expected).flat().length;
  const isAll = async () => Object.values(callsIn(await stored())).flat().length >= count;
  await until(isAll, "the events of the calls");
  await new Promise((resolve) => setTimeout(resolve, 20)); // in case there are more
  assert.deepEqual(callsIn(await stored()), expected);
}

test("decide() denies as soon as its signal aborts, while the store hangs", async () => {
  for (const what of ["read", "commit"] as const) {
    const { hooks, hanging, options, stored, abort } = start();
    hanging.hangAt((operation) => operation.what === what, abort);
    const { decision, id } = await soon(hooks.decide("tool.called", CALL, options));
    assert.equal(decision, "deny");
    hanging.resume();
    // A decision that was being stored was made before the abort.
    const happened = what === "commit"
      ? ["tool.called", "tool.completed: The call was aborted"]
      : ["tool.denied"];
    await untilStored(stored, { [id]: happened });
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

test("a call whose caller didn't wait for an allow has ended: the same call is judged again", async () => {
  const { hooks, calls, hanging, options, stored, abort } = start();
  hanging.hangAt(({ what }) => what === "commit", abort);
  const { decision, id } = await soon(hooks.decide("tool.called", CALL, options));
  assert.equal(decision, "deny");
  hanging.resume();
  const ended = ["tool.called", "tool.completed: The call was aborted"];
  await untilStored(stored, { [id]: ended });
  const again = await hooks.decide("tool.called", CALL, { sessionId: "s-1" });
  assert.equal(again.decision, "allow");
  assert.equal(calls.count, 2);
  await untilStored(stored, { [id]: ended, [again.id]: ["tool.called"] });
  await hooks.close();
});

test("an allow that another caller shares stays when its first caller aborts", async () => {
  const { hooks, calls, hanging, options, stored, abort } = start();
  let second: Promise<unknown> | undefined;
  hanging.hangAt(({ what }) => what === "commit", () => {
    second = hooks.decide("tool.called", CALL, { sessionId: "s-1" });
    setTimeout(abort, 10);
  });
  const { decision, id } = await soon(hooks.decide("tool.called", CALL, options));
  assert.equal(decision, "deny");
  hanging.resume();
  assert.equal((await second as FinalDecision).id, id);
  await untilStored(stored, { [id]: ["tool.called"] });
  assert.equal(calls.count, 1);
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
    const { hooks, calls, errors, hanging, options, stored, abort } = start(() => verdict);
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
    const ended = phase === "its approval is recorded" ? "The call was aborted" : "gone";
    const first = { [decisionId]: ["tool.called", `tool.completed: ${ended}`] };
    await untilStored(stored, first);

    const again = hooks.call("pay", {}, (_, { decisionId }) => decisionId, {
      sessionId: "s-1",
      callId: "c-1",
    });
    if (verdict !== undefined) {
      await hooks.asks.resolve(await pendingIn(hooks), { decision: "allow", by: "ada" });
    }
    const id = await again as string;
    await untilStored(stored, { ...first, [id]: ["tool.called", "tool.completed"] });
    assert.equal(calls.count, 2);
    assert.deepEqual(errors, []);
    await hooks.close();
  });
}

test("waits for an ask end when their signal aborts, while the store hangs: the call ends once", async () => {
  const { hooks, calls, hanging, options, stored, abort } = start(() => ask("Pay?"));
  const decision = await hooks.decide("tool.called", CALL, { sessionId: "s-1" });
  assert.ok(decision.decision === "ask");
  const { signal } = options;
  const waits = [
    decision.wait({ signal }),
    decision.wait({ signal }),
    decision.wait({ signal }),
    (await hooks.asks.get(decision.askId))!.wait({ signal }),
  ];
  await hooks.asks.resolve(decision.askId, { decision: "allow", by: "ada" });
  hanging.hangAt(() => true, abort);
  for (const wait of waits) await assert.rejects(soon(wait), /gone/);
  hanging.resume();
  await untilStored(stored, {
    [decision.id]: ["tool.called", "tool.completed: The call was aborted"],
  });
  const again = await hooks.decide("tool.called", CALL, { sessionId: "s-1" });
  assert.equal(again.decision, "ask");
  assert.equal(calls.count, 2);
  await hooks.close();
});

test("an approval stays for those who still wait for it", async () => {
  const { hooks, calls, hanging, options, stored, abort } = start(() => ask("Pay?"));
  const call = (signal?: AbortSignal) =>
    hooks.call("pay", {}, (_, { decisionId }) => decisionId, {
      sessionId: "s-1",
      callId: "c-1",
      signal,
    });
  const aborted = call(options.signal);
  const other = call();
  const askId = await pendingIn(hooks);
  await new Promise((resolve) => setTimeout(resolve, 50)); // until both wait
  await hooks.asks.resolve(askId, { decision: "allow", by: "ada" });
  hanging.hangAt(({ what }) => what === "commit", abort);
  assert.equal((await soon(aborted) as unknown as DeniedCall).denied, true);
  hanging.resume();
  const id = await other as string;
  await untilStored(stored, { [id]: ["tool.called", "tool.completed"] });
  assert.equal(calls.count, 1);
  await hooks.close();
});

test("an approval stays for someone who waits for the ask by its id", async () => {
  let judged = 0;
  const { hooks, options, abort } = start(() => {
    if (++judged === 2) abort(); // while the edit is judged
    return ask("Pay?", { allow: ["edit", "deny"] });
  });
  const aborted = hooks.call("pay", { amount: 1 }, () => "paid", { ...options, callId: "c-1" });
  const askId = await pendingIn(hooks);
  const viewed = (await hooks.asks.get(askId))!.wait();
  await new Promise((resolve) => setTimeout(resolve, 50)); // until both wait
  const data = { ...CALL, params: { amount: 2 } };
  await hooks.asks.resolve(askId, { decision: "edit", data, by: "ada" });
  assert.equal((await soon(aborted) as unknown as DeniedCall).denied, true);
  assert.equal((await viewed).decision, "allow");
  await hooks.close();
});

test("a call that aborts while its allow is stored ends, and is judged again", async () => {
  const { hooks, calls, hanging, options, stored, abort } = start();
  hanging.hangAt(({ what }) => what === "commit", () => (abort(), setTimeout(hanging.resume, 20)));
  const call = (signal?: AbortSignal) =>
    hooks.call("pay", {}, (_, { decisionId }) => decisionId, {
      sessionId: "s-1",
      callId: "c-1",
      signal,
    });
  await assert.rejects(call(options.signal), /gone/);
  const id = await call() as string;
  const [first] = Object.keys(callsIn(await stored()));
  await untilStored(stored, {
    [first!]: ["tool.called", "tool.completed: gone"],
    [id]: ["tool.called", "tool.completed"],
  });
  assert.equal(calls.count, 2);
  await hooks.close();
});

test("no tool starts once close() has given up, and its caller doesn't wait for the store", async () => {
  for (const isGated of [true, false]) {
    const { store, ...hanging } = hangingStore(memoryStore());
    const outbox = createOutbox(store, { logger: silentLogger });
    const hooks = createHooks({ logger: silentLogger, outbox, closeTimeout: 200 });
    if (isGated) hooks.gate("tool.called", { name: "policy", handle: () => undefined });
    await hooks.call("warm-up", {}, () => undefined); // loads the code
    hanging.hangAt(({ what }) => what === "commit", () => {});
    const calling = hooks.call("pay", {}, () => assert.fail("it ran"), { sessionId: "s-1" });
    const ended = calling.then(
      (result) => (result as unknown as DeniedCall).denied,
      (error) => error instanceof HooksClosedError,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    await assert.rejects(hooks.close());
    assert.equal(await soon(ended), true);
    hanging.resume();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await ended, true);
  }
});

test("call() reads options of a class, like decide()", async () => {
  class Turn {
    readonly #abort = new AbortController();
    get signal(): AbortSignal {
      return this.#abort.signal;
    }
    get callId(): string {
      return "call-1";
    }
    end(): void {
      this.#abort.abort(new Error("the turn is over"));
    }
  }
  const hooks = createHooks();
  const turn = new Turn();
  const ids: (string | undefined)[] = [];
  hooks.gate("tool.called", {
    name: "slow",
    async handle({ data }) {
      ids.push(data.call_id);
      turn.end();
      await Promise.resolve();
    },
  });
  const result = await hooks.call("pay", {}, () => "ran", turn);
  assert.equal((result as unknown as DeniedCall).denied, true);
  assert.deepEqual(ids, ["call-1"]);
  await hooks.close();
});
