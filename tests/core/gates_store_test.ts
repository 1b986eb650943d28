/**
 * Decisions while the store fails or hangs: they end in time as denials of kind `store`, nothing runs, and handlers
 * in the process see them.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HooksOptions, type ToolData } from "@omniagent/hooks";
import {
  ask,
  type DeniedCall,
  type FinalDecision,
  GateDeniedError,
  type GateRecord,
  type Verdict,
} from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { hangingStore } from "../support/hanging_store.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";

/** The timeout of decisions here, in milliseconds. */
const TIMEOUT = 100;

/** The longest that one may take, in milliseconds: a second more, and a busy machine. */
const SOON = TIMEOUT + 3_000;

const CALL = { name: "pay", call_id: "c-1", params: {} };
const SESSION = { sessionId: "s-1" };
const TOO_LATE = "tool.completed: The decision could not be recorded in time";

type Decided = {
  readonly decision_id: string;
  readonly outcome: string;
  readonly ask_id?: string;
  readonly failure?: string;
  readonly gates: readonly GateRecord[];
  readonly digest_in: string;
  readonly digest_out: string;
};

/** Hooks on a store that can hang, with one gate. */
function start(verdict: () => Verdict | undefined = () => undefined, options: HooksOptions = {}) {
  const { store, ...hanging } = hangingStore(memoryStore());
  const outbox = createOutbox(store, { logger: silentLogger });
  const errors: string[] = [];
  const hooks = createHooks({
    logger: silentLogger,
    ...options,
    outbox,
    gates: { timeout: TIMEOUT, ...options.gates },
    onError: (error) => void errors.push(String(error)),
  });
  const judged = { count: 0 };
  hooks.gate("tool.called", { name: "policy", handle: () => (judged.count++, verdict()) });
  const decided: Decided[] = [];
  hooks.on("gate.decided", ({ data }) => void decided.push(data as unknown as Decided));
  const hang = (meant: "read" | "commit") => hanging.hangAt(({ what }) => what === meant, () => {});
  /** The tool events in the store, oldest first. */
  const stored = async (): Promise<readonly string[]> => {
    const { items } = await outbox.listEvents({ order: "oldest" });
    return items.flatMap(({ event: { type, data } }) => {
      if (!type.startsWith("tool.")) return [];
      const { error } = data as ToolData;
      return [error === undefined ? type : `${type}: ${error}`];
    });
  };
  /** Waits until these are the tool events in the store. */
  const untilStored = async (expected: readonly string[]): Promise<void> => {
    await until(async () => (await stored()).length >= expected.length, "the events");
    await new Promise((resolve) => setTimeout(resolve, 20)); // in case there are more
    assert.deepEqual(await stored(), expected);
  };
  return {
    hooks,
    outbox,
    hang,
    resume: hanging.resume,
    judged,
    decided,
    errors,
    untilStored,
  };
}

/** Makes the store fail, until the returned function is called. */
function breakStore({ outbox }: ReturnType<typeof start>): () => void {
  const { publish } = outbox;
  outbox.publish = () => Promise.reject(new Error("the disk is full"));
  return () => void (outbox.publish = publish);
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

const neverRuns = () => assert.fail("it ran");

async function pendingAsk({ hooks }: ReturnType<typeof start>): Promise<string> {
  let id: string | undefined;
  await until(async () => (id = (await hooks.asks.list()).items[0]?.id) !== undefined, "an ask");
  return id!;
}

test("decide() denies with 'store' shortly after its timeout while the store hangs, and no call gets a late allow", async () => {
  for (const what of ["read", "commit"] as const) {
    const agent = start();
    const { hooks, judged } = agent;
    agent.hang(what);
    const decision = await soon(hooks.decide("tool.called", CALL, SESSION)) as FinalDecision;
    assert.deepEqual([decision.decision, decision.failure], ["deny", "store"]);
    agent.resume();
    // A gate that the store kept from being called was out of time.
    const ended = what === "commit" ? ["tool.called", TOO_LATE] : ["tool.denied"];
    await agent.untilStored(ended);
    assert.equal(judged.count, what === "commit" ? 1 : 0);
    const calls = judged.count;
    const again = await hooks.decide("tool.called", CALL, SESSION);
    assert.deepEqual([again.decision, judged.count], ["allow", calls + 1]);
    assert.notEqual(again.id, decision.id);
    await agent.untilStored([...ended, "tool.called"]);
    await hooks.close();
  }
});

test("each of two identical calls that share a decision says that the store failed", async () => {
  const agent = start();
  const { hooks, decided, errors } = agent;
  agent.hang("commit");
  const decide = () => soon(hooks.decide("tool.called", CALL, SESSION));
  const [one, other] = await Promise.all([decide(), decide()]) as FinalDecision[];
  assert.deepEqual([one!.failure, other!.failure], ["store", "store"]);
  assert.ok(
    decided.some(({ decision_id, failure }) => decision_id === other!.id && failure === "store"),
  );
  assert.ok(errors.length >= 1);
  agent.resume();
  await hooks.close();
});

test("call() denies with 'store' shortly after its timeout while the store hangs, and its tool never runs", async () => {
  for (const what of ["read", "commit"] as const) {
    const agent = start();
    const { hooks, judged } = agent;
    agent.hang(what);
    const options = { ...SESSION, callId: "c-1" };
    const calls = [
      hooks.call("pay", {}, neverRuns, options),
      hooks.call("pay", {}, neverRuns, options),
    ];
    for (const denied of await soon(Promise.all(calls)) as unknown as DeniedCall[]) {
      assert.deepEqual([denied.denied, denied.failure], [true, "store"]);
    }
    agent.resume();
    const ended = what === "commit" ? ["tool.called", TOO_LATE] : ["tool.denied"];
    await agent.untilStored(ended);
    const count = judged.count;
    assert.equal(await hooks.call("pay", {}, () => "paid", options), "paid");
    assert.equal(judged.count, count + 1);
    await agent.untilStored([...ended, "tool.called", "tool.completed"]);
    await hooks.close();
  }
});

test("a decision that another call waits for doesn't outlast the time of either", async () => {
  const agent = start();
  const { hooks } = agent;
  agent.hang("commit");
  const decisions = [1, 2, 3].map(() => hooks.decide("tool.called", CALL, SESSION));
  for (const { decision } of await soon(Promise.all(decisions))) assert.equal(decision, "deny");
  agent.resume();
  await agent.untilStored(["tool.called", TOO_LATE]);
  await hooks.close();
});

test("a call is denied in time when the store hangs as an earlier allow is used up", async () => {
  const agent = start();
  const { hooks } = agent;
  await hooks.decide("tool.called", CALL, SESSION);
  agent.hang("read");
  const call = hooks.call("pay", {}, neverRuns, { ...SESSION, callId: "c-1" });
  assert.equal((await soon(call) as unknown as DeniedCall).failure, "store");
  agent.resume();
  await agent.untilStored(["tool.called", TOO_LATE]);
  await hooks.close();
});

test("a call is denied in time when the store hangs as its approval is used up", async () => {
  const agent = start(() => ask("Pay?"));
  const { hooks } = agent;
  const decision = await hooks.decide("tool.called", CALL, SESSION);
  assert.ok(decision.decision === "ask");
  await hooks.asks.resolve(decision.askId, { decision: "allow", by: "ada" });
  await decision.wait();
  agent.hang("commit"); // its first one: what it decides is stored
  const call = hooks.call("pay", {}, neverRuns, { ...SESSION, callId: "c-1" });
  assert.equal((await soon(call) as unknown as DeniedCall).failure, "store");
  agent.resume();
  await agent.untilStored(["tool.called", TOO_LATE]);
  await hooks.close();
});

test("the wait for a person takes none of a decision's time", async () => {
  const onAsk = async () => {
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT + 1_500));
    return { decision: "allow" as const };
  };
  const run = () => "paid";
  const here = start(() => ask("Pay?"), { gates: { onAsk } });
  const elsewhere = start(() => ask("Pay?"));
  const calls = [here, elsewhere].map(({ hooks }) => hooks.call("pay", {}, run, SESSION));
  const id = await pendingAsk(elsewhere);
  await new Promise((resolve) => setTimeout(resolve, TIMEOUT + 1_500));
  await elsewhere.hooks.asks.resolve(id, { decision: "allow", by: "ada" });
  assert.deepEqual(await Promise.all(calls), ["paid", "paid"]);
  for (const { hooks } of [here, elsewhere]) await hooks.close();
});

test("a result is withheld with 'store' in time while the store hangs, and tool.completed is stored once", async () => {
  const agent = start();
  const { hooks } = agent;
  hooks.gate("tool.completed", { name: "results", handle: () => undefined });
  const run = () => (agent.hang("commit"), "paid");
  const denied = await soon(hooks.call("pay", {}, run, SESSION)) as unknown as DeniedCall;
  assert.deepEqual([denied.denied, denied.failure], [true, "store"]);
  agent.resume();
  await agent.untilStored(["tool.called", "tool.completed"]);
  await hooks.close();
});

test("handlers in the process see a decision that the store can't record once, with the kind of failure", async () => {
  const agent = start();
  const { hooks, decided, judged } = agent;
  const repair = breakStore(agent);
  const decisions = [1, 2].map(() => hooks.decide("tool.called", CALL, SESSION));
  const [first, second] = await Promise.all(decisions) as FinalDecision[];
  assert.deepEqual([first!.decision, first!.failure, first!.id], ["deny", "store", second!.id]);
  assert.equal(judged.count, 1);
  await until(() => decided.length > 0);
  const { outcome, failure, decision_id, gates, digest_in, digest_out } = decided[0]!;
  assert.deepEqual([outcome, failure, decision_id], ["error", "store", first!.id]);
  assert.deepEqual(gates.map(({ name, verdict }) => [name, verdict]), [["policy", "none"]]);
  assert.deepEqual([digest_in, digest_out], [first!.digest, first!.digest]);

  repair();
  assert.equal((await hooks.decide("tool.called", CALL, SESSION)).decision, "allow");
  await until(() => decided.length > 1);
  assert.deepEqual(decided.map(({ outcome }) => outcome), ["error", "allowed"]);
  assert.equal("failure" in decided[1]!, false);
  const { items } = await agent.outbox.listDecisions();
  assert.equal(items.length, 1, "the store has no record of the first");
  await hooks.close();
});

test("a call says that the store failed, as a value, an error, a record, and a metric", async () => {
  const agent = start();
  const { hooks, decided } = agent;
  breakStore(agent);
  const denied = await hooks.call("pay", {}, neverRuns, SESSION) as unknown as DeniedCall;
  assert.equal(denied.failure, "store");
  const thrown = hooks.call("pay", {}, neverRuns, { ...SESSION, throwOnDeny: true });
  await assert.rejects(
    thrown,
    (error) => error instanceof GateDeniedError && error.failure === "store",
  );
  await until(() => decided.length === 2);
  const metrics = await hooks.registry.metrics();
  const points = metrics.find(({ name }) => name === "omniagent.hooks.gate.decisions")!.points;
  const failed = points.filter(({ attributes }) => attributes["failure"] !== undefined);
  assert.deepEqual(
    failed.map(({ attributes, value }) => [attributes, value]),
    [[{ verdict: "failed", failure: "store" }, 2]],
  );
  await hooks.close();
});

test("a denial by a gate is no failure of the store", async () => {
  const agent = start(() => ({ decision: "deny", reason: "No" }));
  const denied = await agent.hooks.call("pay", {}, neverRuns) as unknown as DeniedCall;
  assert.deepEqual([denied.reason, denied.failure], ["No", undefined]);
  await agent.hooks.close();
});

test("handlers see once that the end of an ask can't be recorded, even if several callers wait", async () => {
  const agent = start(() => ask("Pay?"));
  const { hooks, decided } = agent;
  const decision = await hooks.decide("tool.called", CALL, SESSION);
  assert.ok(decision.decision === "ask");
  await hooks.asks.resolve(decision.askId, { decision: "allow", by: "ada" });
  breakStore(agent);
  const waits = [decision.wait(), decision.wait()];
  for (const final of await Promise.all(waits)) {
    assert.deepEqual([final.decision, final.failure], ["deny", "store"]);
  }
  await until(() => decided.length > 1);
  await new Promise((resolve) => setTimeout(resolve, 20)); // in case there are more
  assert.deepEqual(
    decided.map(({ outcome, failure, ask_id, decision_id }) => [
      outcome,
      failure,
      ask_id,
      decision_id,
    ]),
    [
      ["asked", undefined, decision.askId, decision.id],
      ["error", "store", decision.askId, decision.id],
    ],
  );
  await hooks.close();
});

test("a handler that never ends delays no denial of a decision that can't be recorded", async () => {
  const agent = start();
  agent.hooks.on("gate.decided", () => new Promise<never>(() => {}), { timeout: 500 });
  breakStore(agent);
  const decision = await soon(agent.hooks.decide("tool.called", CALL)) as FinalDecision;
  assert.equal(decision.failure, "store");
  await agent.hooks.close();
});
