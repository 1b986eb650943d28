import assert from "node:assert/strict";
import { createHooks, type HookEvent, type HooksOptions, type ToolData } from "@omniagent/hooks";
import {
  ask,
  type AskAnswer,
  AskError,
  type AskRequest,
  type DeniedCall,
  deny,
  type FinalDecision,
  type GateDecidedData,
} from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { type Store, StoreError } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { bindStore } from "../support/bind_store.ts";
import { deferred } from "../support/deferred.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

type Params = { readonly amount: number };
type Options = HooksOptions & { readonly question?: Parameters<typeof ask> };

/** A process of an agent: payments need an approval. */
function start(store: Store, { question = ["Pay?"], ...options }: Options = {}) {
  const outbox = createOutbox(store, { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, ...options, outbox });
  const paid: Params[] = [];
  hooks.gate("tool.called", {
    name: "approve",
    filter: ({ data }) => data.name === "pay",
    handle: () => ask(...question),
  });
  const pay = (callId: string, params: Params = { amount: 5 }, signal?: AbortSignal) =>
    hooks.call("pay", params, (params) => `paid ${paid.push(params) && params.amount}`, {
      sessionId: "s-1",
      callId,
      signal,
    });
  const decide = async (callId: string, params: Params = { amount: 5 }) => {
    const decision = await hooks.decide("tool.called", { name: "pay", call_id: callId, params }, {
      sessionId: "s-1",
    });
    assert.equal(decision.decision, "ask");
    return decision as Extract<typeof decision, { decision: "ask" }>;
  };
  /** What is stored, oldest first: types, and the whole events. */
  const stored = async (): Promise<readonly HookEvent[]> =>
    (await outbox.listEvents({ order: "oldest" })).items.map(({ event }) => event);
  const types = async () => (await stored()).map(({ type }) => type);
  return { hooks, outbox, paid, pay, decide, stored, types };
}

/** Waits until an ask is stored. */
async function pendingAsk({ hooks }: ReturnType<typeof start>): Promise<string> {
  for (;;) {
    const { items } = await hooks.asks.list();
    if (items.length > 0) return items[0]!.id;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const code = (expected: string) => (error: unknown) =>
  error instanceof AskError && error.failure === expected;

const ALLOW = { decision: "allow", by: "ada" } as const;
const DENY = { decision: "deny", by: "ada" } as const;

test("decide() stores what a gate asks in one commit with the decision, and returns it", async () => {
  const agent = start(memoryStore(), { question: ["Pay?", { expiresIn: 60_000 }] });
  const decision = await agent.decide("c-1");
  const { items } = await agent.outbox.listEvents({ order: "oldest" });
  assert.deepEqual(items.map(({ event }) => event.type), ["gate.decided", "gate.asked"]);
  assert.equal(new Set(items.map(({ versionstamp }) => versionstamp)).size, 1);
  const [decided, asked] = items.map(({ event }) => event.data as Record<string, unknown>);
  assert.equal(decided!.outcome, "asked");
  assert.equal(decided!.ask_id, decision.askId);
  const { expires_at, ...rest } = asked!;
  assert.equal(expires_at, decision.expiresAt.toISOString());
  assert.deepEqual(rest, {
    ask_id: decision.askId,
    decision_id: decision.id,
    event_type: "tool.called",
    name: "pay",
    call_id: "c-1",
    gate: "approve",
    digest: decision.digest,
    data: { name: "pay", call_id: "c-1", params: { amount: 5 } },
    question: "Pay?",
    allow: ["allow", "deny"],
  });
  await agent.hooks.close();
});

test("call() waits for an approval, and its events are stored before the tool runs", async () => {
  const agent = start(memoryStore());
  const result = agent.pay("c-1");
  const askId = await pendingAsk(agent);
  assert.deepEqual(agent.paid, []);
  const resolved = await agent.hooks.asks.resolve(askId, { ...ALLOW, note: "fine" });
  assert.equal(resolved.state, "allowed");
  assert.equal(resolved.by, "ada");
  assert.equal(await result, "paid 5");
  assert.deepEqual(await agent.types(), [
    "gate.decided",
    "gate.asked",
    "gate.resolved",
    "tool.called",
    "gate.decided",
    "tool.completed",
  ]);
  const events = await agent.stored();
  const ids = events.map(({ data }) => (data as { decision_id?: string }).decision_id);
  assert.equal(new Set(ids).size, 1, "one decision");
  assert.deepEqual(await agent.hooks.asks.list(), { items: [] });
  await agent.hooks.close();
});

test("a denied call returns the note of the person who denied it", async () => {
  const agent = start(memoryStore());
  const result = agent.pay("c-1");
  await agent.hooks.asks.resolve(await pendingAsk(agent), { ...DENY, note: "Too much" });
  const { denied, reason } = await result as { denied: true; reason: string };
  assert.deepEqual([denied, reason], [true, "Too much"]);
  assert.deepEqual(agent.paid, []);
  const last = (await agent.stored()).find(({ type }) => type === "tool.denied");
  assert.equal((last!.data as { gate: string }).gate, "approve");
  await agent.hooks.close();
});

test("the first of several responses wins, from whichever process", async () => {
  const store = memoryStore();
  const [agent, ...others] = [start(store), start(store), start(store)];
  const { askId, wait } = await agent.decide("c-1");
  const choices = [ALLOW, DENY, ALLOW, DENY];
  const ends = await Promise.allSettled(
    choices.map((choice, i) => others[i % 2]!.hooks.asks.resolve(askId, choice)),
  );
  const won = ends.flatMap((end, i) => end.status === "fulfilled" ? [choices[i]!.decision] : []);
  assert.equal(won.length, 1);
  for (const end of ends) {
    if (end.status === "rejected") assert.ok(code("resolved")(end.reason));
  }
  assert.equal((await wait()).decision, won[0]);
  await assert.rejects(agent.hooks.asks.resolve(askId, ALLOW), code("resolved"));
  for (const { hooks } of [agent, ...others]) await hooks.close();
});

test("calls that wait for the same ask get one decision, and tool.called is stored once", async () => {
  const store = memoryStore();
  const [one, two] = [start(store), start(store)];
  const decisions = [await one.decide("c-1"), await one.decide("c-1"), await two.decide("c-1")];
  assert.equal(new Set(decisions.map(({ askId }) => askId)).size, 1);
  await two.hooks.asks.resolve(decisions[0]!.askId, ALLOW);
  const ends: FinalDecision[] = await Promise.all(decisions.map(({ wait }) => wait()));
  assert.deepEqual(ends.map(({ decision }) => decision), ["allow", "allow", "allow"]);
  assert.equal((await one.types()).filter((type) => type === "tool.called").length, 1);
  for (const { hooks } of [one, two]) await hooks.close();
});

test("edited data passes the checks again, and is exactly what runs", async () => {
  const store = memoryStore();
  const agent = start(store, { question: ["Pay?", { allow: ["allow", "edit"] }] });
  agent.hooks.gate("tool.called", {
    name: "limit",
    handle: ({ data }) => Number(data.params?.amount) > 100 ? deny("Too much") : undefined,
  });
  const edit = (amount: number, name = "pay") => ({
    decision: "edit" as const,
    by: "ada",
    data: { name, call_id: "c-1", params: { amount } },
  });
  const result = agent.pay("c-1");
  const askId = await pendingAsk(agent);
  const { asks } = agent.hooks;
  await assert.rejects(asks.resolve(askId, edit(3, "bash")), code("refused"));
  await assert.rejects(asks.resolve(askId, { ...edit(3), data: 3 }), code("refused"));
  assert.equal((await asks.resolve(askId, edit(3))).state, "edited");
  assert.equal(await result, "paid 3");
  const decided = (await agent.stored()).filter(({ type }) => type === "gate.decided");
  const [first, second] = decided.map(({ data }) => data as Record<string, unknown>);
  assert.equal(second!.digest_in, first!.digest_out);
  assert.notEqual(second!.digest_out, first!.digest_out);
  assert.deepEqual([second!.outcome, second!.ask_id], ["allowed", askId]);

  const refused = agent.pay("c-1", { amount: 7 });
  await asks.resolve(await pendingAsk(agent), edit(101));
  assert.equal((await refused as { reason: string }).reason, "Too much");
  assert.deepEqual(agent.paid, [{ amount: 3 }]);
  await agent.hooks.close();
});

test("an edit is checked by the gates that decided, not by a process that has others", async () => {
  const store = memoryStore();
  const agent = start(store, { question: ["Pay?", { allow: ["allow", "edit"] }] });
  agent.hooks.gate("tool.called", {
    name: "limit",
    handle: ({ data }) => Number(data.params?.amount) > 100 ? deny("Too much") : undefined,
  });
  const page = createHooks({
    logger: silentLogger,
    outbox: createOutbox(store, { logger: silentLogger }),
  });
  const { askId, wait } = await agent.decide("c-1");
  const data = { name: "pay", call_id: "c-1", params: { amount: 10_000 } };
  await page.asks.resolve(askId, { decision: "edit", by: "ada", data });
  const controller = new AbortController();
  const seen = (await page.asks.get(askId))!.wait({ signal: controller.signal });
  // Longer than the store needs to record an edit.
  const settled = await Promise.race([seen, new Promise((resolve) => setTimeout(resolve, 50))]);
  assert.equal(settled, undefined, "left to the process with the gates");
  const final = await wait();
  assert.deepEqual([final.decision, final.reason], ["deny", "Too much"]);
  assert.deepEqual((await seen).decision, "deny");
  await page.close();
  await agent.hooks.close();
});

test("an approval is not enough in a process where a required gate is missing", async () => {
  const store = memoryStore();
  const agent = start(store);
  const { askId, wait } = await agent.decide("c-1");
  const page = createHooks({
    logger: silentLogger,
    outbox: createOutbox(store, { logger: silentLogger }),
    gates: { required: ["policy"] },
  });
  await page.asks.resolve(askId, ALLOW);
  /** What the page knows of the ask once the store had the time to record it. */
  const seen = async (): Promise<string | undefined> => {
    const controller = new AbortController();
    const waiting = (await page.asks.get(askId))!.wait({ signal: controller.signal })
      .then(({ decision }) => decision, () => undefined);
    setTimeout(() => controller.abort(), 50);
    return await waiting;
  };
  assert.equal(await seen(), undefined, "left to a process that has the gate");
  assert.deepEqual((await agent.types()).filter((type) => type === "tool.called"), []);
  assert.equal((await wait()).decision, "allow");
  assert.equal(await seen(), undefined, "also once it is recorded");
  await page.close();
  await agent.hooks.close();
});

test("an approved call runs once, and a person is asked again for the next", async () => {
  const agent = start(memoryStore());
  const approve = async (result: Promise<unknown>): Promise<unknown> => {
    await agent.hooks.asks.resolve(await pendingAsk(agent), ALLOW);
    return await result;
  };
  for (const _ of [1, 2]) assert.equal(await approve(agent.pay("c-1")), "paid 5");
  const fails = (): never => {
    throw new Error("no money");
  };
  const call = { sessionId: "s-1", callId: "c-2" };
  await assert.rejects(approve(agent.hooks.call("pay", {}, fails, call)), /no money/);
  await approve(agent.hooks.call("pay", {}, () => "paid", call));
  assert.equal((await agent.hooks.asks.list({ state: "all" })).items.length, 4);
  await agent.hooks.close();

  let asked = 0;
  const onAsk = (): AskAnswer => (asked++, { decision: "allow" });
  const alone = createHooks({ logger: silentLogger, gates: { onAsk } });
  alone.gate("tool.called", { name: "approve", handle: () => ask("Pay?") });
  for (const _ of [1, 2]) await alone.call("pay", {}, () => "paid", { callId: "call_0" });
  assert.equal(asked, 2);
  await alone.close();

  const failing = createHooks({ logger: silentLogger, gates: { onAsk } });
  const handle = () => assert.fail("down");
  failing.gate("tool.called", { name: "policy", onFailure: "ask", handle });
  for (const _ of [1, 2]) await failing.call("pay", {}, () => "paid", call);
  assert.equal(asked, 4, "a gate that failed, and therefore asked");
  await failing.close();
});

test("of calls that share an approval one runs, and a person is asked again for the others", async () => {
  const store = memoryStore();
  const agents = [start(store), start(store)];
  const [here, there] = agents as [typeof agents[0], typeof agents[0]];
  const calls = [here.pay("call_0"), here.pay("call_0"), there.pay("call_0")];
  await here.hooks.asks.resolve(await pendingAsk(here), ALLOW);
  let isOver = false;
  const ended = Promise.all(calls).finally(() => isOver = true);
  const denying = (async () => {
    while (!isOver) {
      for (const { id } of (await here.hooks.asks.list()).items) {
        await here.hooks.asks.resolve(id, DENY).catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  const results = await ended;
  await denying;
  assert.equal(results.filter((result) => result === "paid 5").length, 1, JSON.stringify(results));
  assert.equal(here.paid.length + there.paid.length, 1);
  const types = await here.types();
  const count = (type: string): number => types.filter((one) => one === type).length;
  assert.deepEqual([count("tool.called"), count("tool.completed")], [1, 1]);
  assert.deepEqual([count("gate.asked"), count("tool.denied")], [2, 1], "the others share one");
  for (const { hooks } of agents) await hooks.close();
});

test("only one of the calls that share an approval runs, even without an outbox", async () => {
  let asked = 0;
  const onAsk = async (): Promise<AskAnswer> => {
    const decision = asked++ === 0 ? "allow" : "deny";
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { decision };
  };
  const hooks = createHooks({ logger: silentLogger, gates: { onAsk } });
  hooks.gate("tool.called", { name: "approve", handle: () => ask("Pay?") });
  let paid = 0;
  const pay = () => hooks.call("pay", {}, () => void paid++, { sessionId: "s-1", callId: "c-1" });
  await Promise.all([pay(), pay(), pay()]);
  assert.equal(paid, 1);
  assert.equal(asked, 2, "the others share a denial");
  await hooks.close();
});

/** A store in which no approval can be used up until it has space again. */
function withoutSpace(store: ReturnType<typeof memoryStore>) {
  let isFull = true;
  const faulty = {
    ...bindStore(store),
    atomic() {
      const atomic = store.atomic();
      const set = atomic.set.bind(atomic);
      atomic.set = (key, value, options) => {
        const isUse = Boolean((value as { readonly used?: string } | null)?.used);
        if (isUse && isFull) throw new StoreError("disk full", "full");
        return set(key, value, options);
      };
      return atomic;
    },
  };
  return { faulty, makeSpace: () => void (isFull = false) };
}

test("a call whose approval can't be used up is denied, and can be repeated under it", async () => {
  const { faulty, makeSpace } = withoutSpace(memoryStore());
  const agent = start(faulty);
  const result = agent.pay("c-1");
  await agent.hooks.asks.resolve(await pendingAsk(agent), ALLOW);
  const { reason, failure } = await result as DeniedCall;
  assert.equal(reason, "The decision could not be marked as used (store)");
  assert.equal(failure, "store");
  assert.deepEqual(agent.paid, []);
  const tools = async () => (await agent.types()).filter((type) => type.startsWith("tool."));
  assert.deepEqual(await tools(), ["tool.called"], "the call has not ended: it may be repeated");
  makeSpace();
  assert.equal(await agent.pay("c-1"), "paid 5");
  assert.deepEqual(await tools(), ["tool.called", "tool.completed"]);
  await agent.hooks.close();
});

test("a call that can't be repeated ends if its approval can't be used up", async () => {
  const agent = start(withoutSpace(memoryStore()).faulty);
  const result = agent.hooks.call("pay", { amount: 5 }, () => assert.fail("paid"));
  await agent.hooks.asks.resolve(await pendingAsk(agent), ALLOW);
  const { failure, reason, decisionId } = await result as unknown as DeniedCall;
  assert.equal(failure, "store");
  const [ended, ...others] = (await agent.stored()).filter(({ type }) => type === "tool.completed");
  const { error, decision_id } = ended!.data as ToolData;
  assert.deepEqual([error, decision_id, others], [reason, decisionId, []]);
  await agent.hooks.close();
});

test("an ask that expires is denied, and rejects later responses", async () => {
  const agent = start(memoryStore(), { question: ["Pay?", { expiresIn: 5 }] });
  const result = await agent.pay("c-1") as { reason: string };
  assert.match(result.reason, /expired/);
  const { items: [expired] } = await agent.hooks.asks.list({ state: "all" });
  assert.equal(expired!.state, "expired");
  await assert.rejects(agent.hooks.asks.resolve(expired!.id, ALLOW), code("expired"));
  const resolved = (await agent.stored()).find(({ type }) => type === "gate.resolved");
  assert.equal((resolved!.data as { outcome: string }).outcome, "expired");
  assert.deepEqual(agent.paid, []);
  await agent.hooks.close();
});

/** How an ask ends: what a person responds, if anyone does, and the outcome in the record. */
const ENDS = [
  ["is approved", { ...ALLOW, note: "fine" }, "allowed", "fine"],
  ["is denied", { ...DENY, note: "Too much" }, "denied", "Too much"],
  ["expires", undefined, "denied", "The request expired before anyone responded"],
  [
    "is edited",
    {
      decision: "edit",
      by: "ada",
      data: { name: "pay", call_id: "c-1", params: { amount: 3 } },
    },
    "allowed",
    "Pay?",
  ],
] as const;

for (const [how, resolution, outcome, reason] of ENDS) {
  test(`an ask that ${how} has a second record, in one commit with the event of its call`, async () => {
    for (const isById of [false, true]) {
      const expiresIn = resolution ? 60_000 : 20;
      const store = memoryStore();
      const agent = start(store, { question: ["Pay?", { allow: ["allow", "edit"], expiresIn }] });
      const waiting = isById ? start(store) : agent;
      const asked = await agent.decide("c-1");
      if (resolution) await agent.hooks.asks.resolve(asked.askId, resolution);
      const ask = await waiting.hooks.asks.get(asked.askId);
      const final = await (isById ? ask! : asked).wait();
      const { items } = await agent.outbox.listEvents({ order: "oldest" });
      const ends = items.filter(({ event: { type } }) => /^tool\.|decided$/.test(type)).slice(1);
      const type = outcome === "allowed" ? "tool.called" : "tool.denied";
      assert.deepEqual(ends.map(({ event }) => event.type).sort(), ["gate.decided", type]);
      assert.equal(new Set(ends.map(({ versionstamp }) => versionstamp)).size, 1);
      const record = ends.find(({ event }) => event.type === "gate.decided")!.event.data;
      const { gates, took_ms, ...rest } = record as GateDecidedData;
      assert.deepEqual(rest, {
        decision_id: final.id,
        event_type: "tool.called",
        name: "pay",
        call_id: "c-1",
        outcome,
        reason,
        digest_in: asked.digest,
        digest_out: final.digest,
        ask_id: asked.askId,
      });
      assert.equal(final.id === asked.id, how !== "is edited");
      assert.deepEqual(gates.map(({ name, verdict }) => [name, verdict]), [["approve", "ask"]]);
      assert.ok(took_ms >= (resolution ? 0 : 20), `${took_ms}`);
      const decisions = await agent.outbox.listDecisions({ gate: "approve" });
      assert.deepEqual(
        decisions.items.map(({ event: { data } }) => (data as GateDecidedData).outcome),
        [outcome, "asked"],
      );
      for (const { hooks } of new Set([agent, waiting])) await hooks.close();
    }
  });
}

test("an edit that a gate fails to judge is recorded as an error", async () => {
  const agent = start(memoryStore(), { question: ["Pay?", { allow: ["edit"] }] });
  agent.hooks.gate("tool.called", {
    name: "broken",
    handle: ({ data }) => {
      if (Number(data.params?.amount) === 3) throw new Error("it broke");
    },
  });
  const asked = await agent.decide("c-1");
  const data = { name: "pay", call_id: "c-1", params: { amount: 3 } };
  await agent.hooks.asks.resolve(asked.askId, { decision: "edit", by: "ada", data });
  assert.equal((await asked.wait()).decision, "deny");
  const { items } = await agent.outbox.listDecisions();
  const outcomes = items.map(({ event: { data } }) => (data as GateDecidedData).outcome);
  assert.deepEqual(outcomes, ["error", "asked"]);
  await agent.hooks.close();
});

test("close() denies a call that waits; after a restart the same call waits for the same ask", async () => {
  const store = memoryStore();
  const first = start(store);
  const result = first.pay("c-1");
  const askId = await pendingAsk(first);
  await first.hooks.close();
  assert.match((await result as { reason: string }).reason, /closed/);

  const second = start(store);
  const resumed = second.pay("c-1");
  const other = second.pay("c-1", { amount: 6 }); // other data: another ask
  while ((await second.hooks.asks.list()).items.length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await second.hooks.asks.resolve(askId, ALLOW);
  assert.equal(await resumed, "paid 5");
  assert.deepEqual(second.paid, [{ amount: 5 }], "an approval is valid for nothing else");
  await second.hooks.close();
  assert.equal((await other as { denied: boolean }).denied, true);
});

test("asks.get() resumes an ask of a process that has ended", async () => {
  const store = memoryStore();
  const gone = start(store);
  const { askId } = await gone.decide("c-1");
  const agent = start(store);
  const pending = (await agent.hooks.asks.get(askId))!;
  assert.equal(pending.state, "pending");
  assert.deepEqual(pending.data, { name: "pay", call_id: "c-1", params: { amount: 5 } });
  const waiting = pending.wait();
  await agent.hooks.asks.resolve(askId, ALLOW);
  const { decision, data, digest } = await waiting;
  assert.deepEqual([decision, data, digest], ["allow", pending.data, pending.digest]);
  assert.equal(await agent.pay("c-1"), "paid 5", "the recorded decision");
  assert.equal((await agent.types()).filter((type) => type === "tool.called").length, 1);
  for (const { hooks } of [agent, gone]) await hooks.close();
});

test("asks.get() returns an ask that is denied once another execution has used its approval", async () => {
  const agent = start(memoryStore());
  const result = agent.pay("c-1");
  const askId = await pendingAsk(agent);
  await agent.hooks.asks.resolve(askId, ALLOW);
  assert.equal(await result, "paid 5");
  const final = await (await agent.hooks.asks.get(askId))!.wait();
  assert.equal(final.decision, "deny");
  assert.equal(final.reason, "The approval was used by another execution");
  await agent.hooks.close();
});

test("a call that waits notices a response that another process stored", async () => {
  const store = memoryStore();
  const [agent, console] = [start(store), start(store)];
  const result = agent.pay("c-1");
  await console.hooks.asks.resolve(await pendingAsk(console), ALLOW);
  assert.equal(await result, "paid 5");
  for (const { hooks } of [agent, console]) await hooks.close();
});

test("with redact, an ask has redacted data and a salted digest, and is resumed only by its call", async () => {
  const store = memoryStore();
  const redact = (event: HookEvent): HookEvent =>
    event.type === "tool.called"
      ? { ...event, data: { ...event.data as object, params: { amount: "***" } } }
      : event;
  const first = start(store, { redact, question: ["Pay?", { allow: ["allow", "edit"] }] });
  const { askId, digest } = await first.decide("c-1");
  const plain = start(memoryStore());
  assert.notEqual(digest, (await plain.decide("c-1")).digest, "salted");
  const text = JSON.stringify(await first.stored());
  assert.match(text, /\*\*\*/);

  const second = start(store, { redact });
  const stored = (await second.hooks.asks.get(askId))!;
  assert.deepEqual((stored.data as { params: unknown }).params, { amount: "***" });
  await assert.rejects(stored.wait(), code("refused"));
  const edit = { decision: "edit", by: "ada", data: stored.data } as const;
  await assert.rejects(second.hooks.asks.resolve(askId, edit), code("refused"));
  const resumed = second.pay("c-1");
  await second.hooks.asks.resolve(askId, ALLOW);
  assert.equal(await resumed, "paid 5");
  for (const { hooks } of [plain, first, second]) await hooks.close();
});

test("onAsk is also called with an outbox, and the first response wins", async () => {
  const requests: AskRequest[] = [];
  let answer: Promise<AskAnswer> = Promise.resolve({ decision: "allow", by: "terminal" });
  const store = memoryStore();
  const agent = start(store, {
    gates: { onAsk: (request) => (requests.push(request), answer) },
  });
  assert.equal(await agent.pay("c-1"), "paid 5");
  assert.equal((await agent.hooks.asks.get(requests[0]!.askId!))!.by, "terminal");

  answer = new Promise(() => {});
  const second = agent.pay("c-2");
  const aborted = new Promise((resolve) => {
    void pendingAsk(agent).then((id) => {
      requests[1]!.signal.addEventListener("abort", resolve);
      return agent.hooks.asks.resolve(id, DENY);
    });
  });
  assert.equal((await second as { denied: boolean }).denied, true);
  await aborted;
  await agent.hooks.close();
});

test("an onAsk that fails is reported, and the ask stays open for others", async () => {
  const errors: unknown[] = [];
  const agent = start(memoryStore(), {
    onError: (error) => void errors.push(error),
    gates: { onAsk: () => Promise.reject(new Error("no terminal")) },
  });
  const result = agent.pay("c-1");
  await agent.hooks.asks.resolve(await pendingAsk(agent), ALLOW);
  assert.equal(await result, "paid 5");
  assert.match(String(errors[0]), /no terminal/);
  await agent.hooks.close();
});

test("asks.list() lists pending asks or all, page by page", async () => {
  const agent = start(memoryStore());
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.unshift((await agent.decide(`c-${n}`)).askId);
  const { asks } = agent.hooks;
  await asks.resolve(ids[2]!, DENY);
  const read = async (state: "pending" | "all"): Promise<string[]> => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await asks.list({ state, limit: 2, cursor });
      found.push(...page.items.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found;
  };
  assert.deepEqual(await read("all"), ids);
  assert.deepEqual(await read("pending"), ids.filter((id) => id !== ids[2]));
  assert.equal(await asks.get("nothing"), undefined);
  await assert.rejects(asks.list({ cursor: "?" }), /Cannot list asks: 'cursor'/);
  await assert.rejects(asks.list({ state: "old" as never }), /'state' must be "pending" or "all"/);
  await agent.hooks.close();
});

test("asks.list() keeps an ask for others when its own clock is ahead", async () => {
  const { now } = Date;
  const store = memoryStore({ now });
  const [agent, other] = [start(store), start(store)];
  const { askId } = await agent.decide("c-1");
  const listed = async (process: typeof agent) =>
    (await process.hooks.asks.list()).items.map(({ id }) => id);
  const isIndexed = async () => {
    const keys: string[] = [];
    for await (const { key } of store.list({ prefix: [] })) keys.push(key.join(" "));
    return keys.some((key) => key.includes(`asking ${askId}`));
  };
  try {
    Date.now = () => now() + 30 * 60_000;
    assert.deepEqual(await listed(other), []);
    Date.now = now;
    assert.deepEqual(await listed(agent), [askId]);
    assert.equal(await isIndexed(), true);
    Date.now = () => now() + 2 * 60 * 60_000;
    assert.deepEqual(await listed(other), []);
    assert.equal(await isIndexed(), false, "the list doesn't grow forever");
  } finally {
    Date.now = now;
  }
  for (const { hooks } of [agent, other]) await hooks.close();
});

test("asks.resolve() rejects an invalid response, and changes nothing", async () => {
  const agent = start(memoryStore());
  const { askId, data } = await agent.decide("c-1");
  const { asks } = agent.hooks;
  const bad = [
    [{ decision: "maybe", by: "ada" }, /'decision' must be/],
    [{ decision: "allow" }, /'by' must be/],
    [{ decision: "allow", by: "" }, /'by' must be/],
    [{ decision: "allow", by: "ada", note: 5 }, /'note' must be/],
    [{ decision: "allow", by: "ada", data }, /'data' must be set/],
    [{ decision: "edit", by: "ada" }, /'data' must be set/],
    [{ decision: "edit", by: "ada", data }, /does not offer "edit"/],
    [{ decision: "allow", by: "ada", reason: "?" }, /Did you mean 'note'/],
  ] as const;
  for (const [response, message] of bad) {
    await assert.rejects(asks.resolve(askId, response as never), message);
  }
  await assert.rejects(asks.resolve(crypto.randomUUID(), ALLOW), code("unknown"));
  assert.equal((await asks.get(askId))!.state, "pending");
  await agent.hooks.close();
});

test("call() denies when its caller aborts, and the ask stays pending", async () => {
  const agent = start(memoryStore());
  const controller = new AbortController();
  const result = agent.pay("c-1", { amount: 5 }, controller.signal);
  const askId = await pendingAsk(agent);
  controller.abort();
  assert.match((await result as { reason: string }).reason, /aborted/);
  const { wait } = await agent.decide("c-1");
  const reason = new Error("enough");
  await assert.rejects(wait({ signal: AbortSignal.abort(reason) }), reason);
  await agent.hooks.asks.resolve(askId, ALLOW);
  assert.equal(await agent.pay("c-1"), "paid 5");
  await agent.hooks.close();
});

test("without an outbox, asks.list() throws, and a gate that asks fails with 'store'", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", { name: "approve", handle: () => ask("Pay?") });
  const { decision, gates } = await hooks.decide("tool.called", { name: "pay" });
  assert.equal(decision, "deny");
  assert.equal(gates[0]!.failure, "store");
  await assert.rejects(hooks.asks.list(), /Pass createHooks\(\{ outbox \}\)/);
  await assert.rejects(hooks.asks.get("x"), TypeError);
  await assert.rejects(hooks.asks.resolve("x", ALLOW), TypeError);
  await hooks.close();
});

test("a decision is the same after a restart: of the same session, call and data", async () => {
  const store = memoryStore();
  let judged = 0;
  const open = (verdict: "allow" | "deny") => {
    const agent = start(store);
    agent.hooks.gate("tool.called", {
      name: "round",
      kind: "rewrite",
      handle: ({ data }) => ({
        ...data,
        params: { amount: Math.round(Number(data.params?.amount)) },
      }),
    });
    agent.hooks.gate("tool.called", {
      name: "policy",
      handle: () => (judged++, verdict === "deny" ? deny("No", { context: "Ask ada" }) : undefined),
    });
    const decide = (callId: string, amount: number, sessionId = "s-1") =>
      agent.hooks.decide("tool.called", { name: "buy", call_id: callId, params: { amount } }, {
        sessionId,
      });
    return { ...agent, decide };
  };
  const first = open("deny");
  const no = await first.decide("c-1", 1.5);
  await first.hooks.close();
  const second = open("allow");
  const { data: _, digest: __, ...same } = await second.decide("c-1", 1.5);
  const { data: ___, digest: ____, ...expected } = no;
  assert.deepEqual(same, expected);
  assert.equal(judged, 1);
  const yes = await second.decide("c-2", 1.5);
  assert.equal(yes.decision, "allow");
  await second.hooks.close();
  const third = open("deny");
  assert.deepEqual(await third.decide("c-2", 1.5), yes, "with the rewritten data");
  assert.equal(judged, 2);
  for (const [callId, amount, session] of [["c-2", 2.5, "s-1"], ["c-2", 1.5, "s-2"]] as const) {
    assert.equal((await third.decide(callId, amount, session)).decision, "deny", "other data");
  }
  assert.equal(judged, 4);
  await third.hooks.close();
});

/** Two processes decide about one call at once, with gates that may differ. */
async function decideTwice(verdicts: readonly ("allow" | "deny")[]) {
  const store = memoryStore();
  const both = deferred();
  let judging = 0;
  const agents = verdicts.map((verdict) => {
    const agent = start(store);
    agent.hooks.gate("tool.called", {
      name: "policy",
      handle: async () => {
        if (++judging === verdicts.length) both.resolve();
        await both.promise;
        return verdict === "deny" ? deny("No") : undefined;
      },
    });
    return agent;
  });
  const decisions = await Promise.all(
    agents.map(({ hooks }) =>
      hooks.decide("tool.called", { name: "buy", call_id: "c-1" }, { sessionId: "s-1" })
    ),
  );
  const stored = (await agents[0]!.stored()).filter(({ type }) => type === "gate.decided");
  for (const { hooks } of agents) await hooks.close();
  const outcomes = stored.map(({ data }) => (data as { outcome: string }).outcome);
  return { decisions, outcomes };
}

for (const verdict of ["allow", "deny"] as const) {
  test(`two processes that judge the same call at once reach one decision: ${verdict}`, async () => {
    const { decisions: [first, second], outcomes } = await decideTwice([verdict, verdict]);
    assert.equal(first!.id, second!.id);
    assert.deepEqual([first!.decision, outcomes.length], [verdict, 1]);
  });
}

test("a denial isn't overruled by another process that allows the call at the same time", async () => {
  for (const verdicts of [["allow", "deny"], ["deny", "allow"]] as const) {
    const { decisions, outcomes } = await decideTwice(verdicts);
    assert.equal(decisions[verdicts.indexOf("deny")]!.decision, "deny");
    assert.ok(outcomes.includes("denied"));
  }
});

test("an approval whose use was stored, although the response was lost, is used once", async () => {
  const inner = memoryStore();
  let lost = 0;
  const store: Store = {
    ...bindStore(inner),
    atomic() {
      const operation = inner.atomic();
      const { set, commit } = operation;
      let isUse = false;
      operation.set = (key, value, options) => {
        isUse ||= typeof (value as { readonly used?: unknown } | null)?.used === "string";
        set.call(operation, key, value, options);
        return operation;
      };
      operation.commit = async () => {
        const result = await commit.call(operation);
        if (isUse && lost++ === 0) throw new Error("connection reset");
        return result;
      };
      return operation;
    },
  };
  let asked = 0;
  const onAsk = (): AskAnswer => ({ decision: asked++ === 0 ? "allow" : "deny" });
  const { hooks, paid, pay, types } = start(store, { gates: { onAsk } });
  assert.equal(await pay("c-1"), "paid 5");
  assert.deepEqual([asked, paid.length, lost > 0], [1, 1, true]);
  await hooks.close();
  const happened = (await types()).filter((type) => type.startsWith("tool."));
  assert.deepEqual(happened, ["tool.called", "tool.completed"]);
});

test("a person is asked again about a call whose caller aborted, also for other callers", async () => {
  let asked = 0;
  const onAsk = ({ signal }: AskRequest): AskAnswer | Promise<AskAnswer> =>
    asked++ > 0 ? { decision: "allow" } : new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const hooks = createHooks({ logger: silentLogger, gates: { onAsk } });
  hooks.gate("tool.called", { name: "approve", handle: () => ask("Pay?") });
  const given = new AbortController();
  const call = (signal?: AbortSignal) =>
    hooks.call("pay", {}, () => "paid", { callId: "c-1", sessionId: "s-1", signal });
  const first = call(given.signal);
  const second = call();
  await new Promise((resolve) => setTimeout(resolve, 0));
  given.abort();
  assert.equal((await first as { readonly denied: true }).denied, true);
  assert.equal(await second, "paid");
  assert.deepEqual([await call(), asked], ["paid", 3]);
  await hooks.close();
});

test("close() waits for the last read of the store for a response", async () => {
  const inner = memoryStore();
  let isSlow = false;
  let release: (() => void) | undefined;
  const store: Store = {
    ...bindStore(inner),
    async getMany(keys) {
      const isPoll = isSlow && keys.every((key) => key.includes("ask"));
      if (isPoll) await new Promise<void>((resolve) => release = resolve);
      return inner.getMany(keys);
    },
  };
  const { hooks, pay, decide } = start(store);
  await decide("c-1");
  const paying = pay("c-1");
  await new Promise((resolve) => setTimeout(resolve, 100));
  isSlow = true;
  const end = Date.now() + 30_000;
  while (release === undefined) {
    assert.ok(Date.now() < end, "the store is asked again");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  let isClosed = false;
  const closed = hooks.close().finally(() => isClosed = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(!isClosed);
  isSlow = false;
  release();
  await closed;
  assert.equal((await paying as { readonly denied: true }).denied, true);
});

test("gates that ask share one request: all questions, common choices, the earliest expiry", async () => {
  const agent = start(memoryStore(), {
    question: ["Pay?\n5\n5", { allow: ["edit", "allow"], expiresIn: 60_000 }],
  });
  const { hooks } = agent;
  const legal = hooks.gate("tool.called", {
    name: "legal",
    handle: () => ask("Is it legal?", { allow: ["deny"], expiresIn: 30_000 }),
  });
  hooks.gate("tool.called", { name: "again", handle: () => ask("Pay?\n5\n5") });
  const asked = agent.pay("c-1");
  const { items: [one] } = await pendingAsk(agent).then(() => hooks.asks.list());
  assert.deepEqual([one!.question, one!.gate, one!.allow], ["Pay?\n5\n5\nIs it legal?", "approve", [
    "deny",
  ]]);
  assert.ok(one!.expiresAt.getTime() - Date.now() <= 30_000);
  await assert.rejects(hooks.asks.resolve(one!.id, ALLOW), code("refused"));
  await hooks.asks.resolve(one!.id, DENY);
  await asked;
  legal();
  const allowed = agent.pay("c-2");
  await hooks.asks.resolve(await pendingAsk(agent), ALLOW);
  assert.equal(await allowed, "paid 5");
  await hooks.close();
});

test("gates that ask but share no choice that approves deny immediately, and the reason names them", async () => {
  const agent = start(memoryStore(), { question: ["Pay?", { allow: ["allow", "deny"] }] });
  const { hooks } = agent;
  const gate = { name: "amount", handle: () => ask("How much?", { allow: ["edit", "deny"] }) };
  hooks.gate("tool.called", gate);
  const { reason } = await agent.pay("c-1") as unknown as { readonly reason: string };
  assert.equal(
    reason,
    "The gates 'approve', 'amount' ask, but offer no common choice that approves",
  );
  assert.deepEqual((await hooks.asks.list({ state: "all" })).items, []);
  const { items: [decided] } = await agent.outbox.listDecisions();
  assert.equal((decided!.event.data as { readonly reason: string }).reason, reason);
  await hooks.close();
});

for (const isStored of [true, false]) {
  const where = isStored ? "with an outbox" : "in this process";
  test(`an edit is denied if a gate asks for the first time (${where})`, async () => {
    let amount = 500;
    const onAsk = ({ event }: AskRequest): AskAnswer => ({
      decision: "edit",
      data: { ...event.data as object, params: { amount } },
    });
    const gates = { onAsk };
    const store = memoryStore();
    const hooks = isStored
      ? start(store, { question: ["Pay?", { allow: ["edit"] }], gates }).hooks
      : createHooks({ logger: silentLogger, gates });
    if (!isStored) {
      hooks.gate("tool.called", {
        name: "approve",
        handle: () => ask("Pay?", { allow: ["edit"] }),
      });
    }
    hooks.gate("tool.called", {
      name: "cfo",
      handle: ({ data }) => Number(data.params?.amount) > 100 ? ask("More than 100?") : undefined,
    });
    const pay = (callId: string) =>
      hooks.call("pay", { amount: 5 }, ({ amount }) => amount, { sessionId: "s-1", callId });
    const { reason } = await pay("c-1") as unknown as { readonly reason: string };
    assert.equal(reason, "Gate 'cfo' asks about the edited data: More than 100?");
    amount = 50;
    assert.equal(await pay("c-2"), 50);
    await hooks.close();
  });
}
