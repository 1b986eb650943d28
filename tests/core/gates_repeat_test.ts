/**
 * Calls that are repeated: which of them get the same decision again.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HooksOptions } from "@omniagent/hooks";
import { ask, type DecideOptions, deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import type { Store, StoreKey } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { bindStore } from "../support/bind_store.ts";
import { mock, test } from "../support/harness.ts";
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

const SESSION = { sessionId: "s-1" };

test("only a call of the same session or run is recalled, in one process or another", async () => {
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
    assert.equal((await decide(callId, after)).id === id, isSame, "in one process");
    await hooks.close();
    await second.hooks.close();
  }
});

test("a call that has run is judged again: a model may write the same id twice", async () => {
  for (const options of [{ sessionId: "s-1" }, { runId: "r-1" }, {}]) {
    const store = memoryStore();
    const { hooks, calls } = start(store);
    const call = (run: () => unknown) =>
      hooks.call("pay", {}, run, { ...options, callId: "call_0" });
    await call(() => "paid");
    await assert.rejects(call(() => assert.fail("no money")));
    await call(() => "paid");
    assert.equal(calls.count, 3, JSON.stringify(options));
    await hooks.close();
  }
});

for (const count of [1, 2]) {
  const where = count === 1 ? "in one process" : "in two processes on one store";
  test(`calls with the same id that run at once are each judged, ${where}`, async () => {
    const store = memoryStore();
    const processes = Array.from({ length: count }, () => start(store));
    const calls = processes.flatMap(({ hooks }) =>
      Array.from(
        { length: 3 },
        () => hooks.call("pay", {}, () => "paid", { ...SESSION, callId: "c" }),
      )
    );
    assert.deepEqual(await Promise.all(calls), calls.map(() => "paid"));
    const { items } = await processes[0]!.hooks.outbox.listDecisions();
    assert.equal(items.length, calls.length);
    assert.equal(new Set(items.map(({ event }) => event.id)).size, calls.length);
    for (const { hooks } of processes) await hooks.close();
  });
}

test("a call without an id stores no record of its decision", async () => {
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

/** Returns a store that counts its reads and commits. */
function counting(store: Store) {
  const counts = { reads: 0, commits: 0 };
  const counted = {
    ...bindStore(store),
    getMany: (keys: readonly StoreKey[]) => (counts.reads++, store.getMany(keys)),
    atomic: () => (counts.commits++, store.atomic()),
  };
  return { store: counted, counts };
}

test("a call reads and writes the store once before its tool runs", async () => {
  const { store, counts } = counting(memoryStore());
  const { hooks } = start(store);
  const call = (callId: string) =>
    hooks.call("pay", {}, () => ({ ...counts }), { ...SESSION, callId });
  await call("c-1");
  const before = { ...counts };
  const { reads, commits } = await call("c-2") as typeof counts;
  assert.deepEqual([reads - before.reads, commits - before.commits], [1, 1]);
  await hooks.close();
});

test("concurrent calls with one id cost no more than calls with different ids", async () => {
  for (const isStored of [true, false]) {
    const { store, counts } = counting(memoryStore());
    const outbox = createOutbox(store, { logger: silentLogger });
    const hooks = createHooks({ logger: silentLogger, ...(isStored && { outbox }) });
    const data: unknown[] = [];
    hooks.gate("tool.called", { name: "policy", handle: (event) => void data.push(event.data) });
    const calls = Array.from(
      { length: 100 },
      () => hooks.call("pay", {}, () => "paid", { ...SESSION, callId: "c" }),
    );
    assert.deepEqual(await Promise.all(calls), calls.map(() => "paid"));
    assert.equal(data.length, calls.length, "each is judged once");
    assert.ok(counts.reads <= 2 * calls.length, `${counts.reads} reads`);
    assert.ok(counts.commits <= 2 * calls.length, `${counts.commits} commits`);
    await hooks.close();
  }
});

test("a caller that aborts ends its own decision, not those of others that repeat the call", async () => {
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
  const { signal } = controller;
  const aborted = hooks.decide("tool.called", call, { sessionId: "s-1", signal });
  const other = hooks.decide("tool.called", call, { sessionId: "s-1" });
  await called(1);
  controller.abort();
  assert.equal((await aborted).decision, "deny");
  await called(2);
  for (const end of waiting) end();
  assert.equal((await other).decision, "allow");
  await hooks.close();
});

test("cached decisions about large data evict each other, and are made again", async () => {
  const hooks = createHooks({ logger: silentLogger });
  let calls = 0;
  hooks.gate("tool.called", { name: "policy", handle: () => void calls++ });
  const content = "x".repeat(6 * 1024 * 1024);
  const decide = (call_id: string) =>
    hooks.decide("tool.called", { name: "write", call_id, params: { content } }, SESSION);
  const { id } = await decide("c-1");
  assert.equal((await decide("c-1")).id, id);
  await decide("c-2");
  assert.equal((await decide("c-1")).id, id, "both fit");
  await decide("c-3");
  assert.equal(calls, 3);
  assert.notEqual((await decide("c-1")).id, id, "three don't");
  assert.equal(calls, 4);
  await hooks.close();
});

test("data that a rewrite made large counts towards the size of the cache", async () => {
  const hooks = createHooks({ logger: silentLogger });
  let calls = 0;
  const result = "x".repeat(9 * 1024 * 1024);
  hooks.gate("tool.called", {
    name: "fill",
    kind: "rewrite",
    handle: ({ data }) => {
      calls++;
      return { ...data, params: { result } };
    },
  });
  const decide = (call_id: string) =>
    hooks.decide("tool.called", { name: "write", call_id, params: {} }, SESSION);
  await decide("c-1");
  await decide("c-2");
  await decide("c-1");
  assert.equal(calls, 3);
  await hooks.close();
});

test("an ask and its decision are kept until it expires, for longer than other decisions", async () => {
  const DAY = 24 * 60 * 60 * 1000;
  const store = memoryStore();
  const lifetimes: (readonly [kind: string, days: number])[] = [];
  const watched = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (name !== "atomic") return typeof value === "function" ? value.bind(target) : value;
      return () => {
        const operation = target.atomic() as unknown as { set: (...args: unknown[]) => unknown };
        const set = operation.set.bind(operation);
        operation.set = (key, stored, options) => {
          const { expireIn = Infinity } = (options ?? {}) as { readonly expireIn?: number };
          const kind = (key as readonly string[])[2];
          if (kind === "decision" || kind === "ask") lifetimes.push([kind, expireIn / DAY]);
          return set(key, stored, options);
        };
        return operation;
      };
    },
  });
  const outbox = createOutbox(watched, { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, outbox });
  hooks.gate("tool.called", {
    name: "approve",
    filter: ({ data }) => data.name === "pay",
    handle: () => ask("Pay?", { expiresIn: 3 * DAY }),
  });
  const options = { sessionId: "s-1" };
  await hooks.decide("tool.called", { name: "read", call_id: "c-1" }, options);
  await hooks.decide("tool.called", { name: "pay", call_id: "c-2" }, options);
  const longest = (kind: string) =>
    Math.max(...lifetimes.filter(([one]) => one === kind).map(([, days]) => days));
  assert.deepEqual(lifetimes[0], ["decision", 1]);
  assert.ok(longest("decision") > 2.99 && longest("decision") <= 3, String(longest("decision")));
  assert.ok(longest("ask") >= 3, String(longest("ask")));
  await hooks.close();
});

test("a decision with a failed gate is made again, whatever its onFailure", async () => {
  for (const isStored of [true, false]) {
    for (const onFailure of ["deny", "allow"] as const) {
      const outbox = createOutbox(memoryStore(), { logger: silentLogger });
      const hooks = createHooks({ logger: silentLogger, ...(isStored && { outbox }) });
      let isDown = true;
      hooks.gate("tool.called", {
        name: "policy",
        onFailure,
        handle: () => {
          if (isDown) throw new Error("down");
          return onFailure === "deny" ? undefined : deny("never");
        },
      });
      const decide = () => hooks.decide("tool.called", { name: "pay", call_id: "c-1" }, SESSION);
      assert.equal((await decide()).decision, onFailure);
      isDown = false;
      assert.equal((await decide()).decision, onFailure === "deny" ? "allow" : "deny");
      await hooks.close();
    }
  }
});

test("a failed gate in shadow mode doesn't cause the same call to be judged again", async () => {
  const { hooks, calls, decide } = start(memoryStore());
  hooks.gate("tool.called", {
    name: "trial",
    mode: "shadow",
    handle: () => {
      throw new Error("down");
    },
  });
  const first = await decide("c-1", SESSION);
  assert.equal((await decide("c-1", SESSION)).id, first.id);
  assert.equal(calls.count, 1);
  await hooks.close();
});

test("a call is judged twice at most when the clock is set back after a gate was removed", async () => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  try {
    const { hooks, calls } = start(memoryStore());
    hooks.gate("tool.called", { name: "other", handle: () => undefined }).unregister();
    mock.timers.setTime(900_000);
    const call = () => hooks.call("pay", {}, () => "paid", { ...SESSION, callId: "c-1" });
    assert.equal(await call(), "paid");
    assert.equal(calls.count, 1);
    await hooks.close();
  } finally {
    mock.timers.reset();
  }
});

test("an approval isn't used up by a call that was aborted before its tool could start", async () => {
  const store = memoryStore();
  const { hooks } = start(store);
  let asked = 0;
  hooks.gate("tool.called", { name: "approval", handle: () => (asked++, ask("Pay?")) });
  const controller = new AbortController();
  hooks.on("gate.resolved", () => controller.abort());
  const options = { ...SESSION, callId: "c-1" };
  const pay = (signal?: AbortSignal) => hooks.call("pay", {}, () => "paid", { ...options, signal });
  const first = pay(controller.signal).catch(() => "aborted");
  for (;;) {
    const { items: [pending] } = await hooks.asks.list();
    if (pending !== undefined) {
      await hooks.asks.resolve(pending.id, { decision: "allow", by: "ada" });
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.notEqual(await first, "paid");
  assert.equal(await pay(), "paid");
  assert.equal(asked, 1);
  await hooks.close();
});
