import { fixedRetry, type HookEvent } from "@omniagent/hooks";
import type { Attempt } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { createOutbox, type Outbox, type ReplayOptions } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { eventAt, numberIn, START, upTo } from "../support/event_ids.ts";

const BUDGET = { timeout: 60_000 };

/** A drained outbox whose targets record their attempts, and whose verdict can be changed. */
async function setUp(
  targets: readonly string[],
  events: readonly HookEvent[],
  verdict: Attempt["verdict"],
  { delay = 0, store = memoryStore() }: { readonly delay?: number; readonly store?: Store } = {},
) {
  const state = { verdict, got: [] as string[] };
  const outbox = createOutbox(store, { logger: silentLogger });
  for (const name of targets) {
    outbox.register({
      name,
      timeout: 1000,
      concurrency: 4,
      retry: fixedRetry({ delay, retries: 1, jitter: 0 }),
      attempt({ id }, { attempt }) {
        state.got.push(`${name} ${numberIn(id)} ${attempt}`);
        const { verdict } = state;
        const error = verdict === "delivered" ? {} : { error: "no" };
        return Promise.resolve({ verdict, duration: 1, ...error });
      },
    });
  }
  if (events.length > 0) {
    await outbox.publish(events.map((event) => ({ fresh: true, event, to: targets })));
  }
  await drain(outbox);
  return { outbox, store, state };
}

async function drain(outbox: Outbox): Promise<void> {
  while ((await outbox.drainOnce(BUDGET)).settled > 0);
}

/** What is counted of a target on its one day. */
async function countsOf(store: Store, target: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { key, value } of store.list({ prefix: ["hooks", "count", target] })) {
    if (value !== 0n) counts[String(key[4])] = Number(value);
  }
  return counts;
}

test("retry() delivers a dead letter with a new schedule, and continues its log", async () => {
  const event = eventAt(1);
  const { outbox, store, state } = await setUp(["a"], [event], "retry");
  assert.deepEqual(state.got, ["a 1 1", "a 1 2"]);
  assert.equal((await outbox.get("a", event.id))!.state, "dead");
  assert.deepEqual(await countsOf(store, "a"), { accepted: 1, dead: 1, failed: 2 });

  assert.equal(await outbox.retry("a", event.id), "replayed");
  const pending = (await outbox.get("a", event.id))!;
  assert.deepEqual([pending.state, pending.made], ["pending", 2]);
  assert.deepEqual((await outbox.listDeliveries({ state: "dead" })).items, []);
  assert.deepEqual(await countsOf(store, "a"), { accepted: 1, failed: 2 });
  await drain(outbox);
  assert.deepEqual(state.got.slice(2), ["a 1 3", "a 1 4"]);
  assert.deepEqual(await countsOf(store, "a"), { accepted: 1, dead: 1, failed: 4 });

  state.verdict = "delivered";
  assert.equal(await outbox.retry("a", event.id), "replayed");
  await drain(outbox);
  const { state: last, made } = (await outbox.get("a", event.id))!;
  assert.deepEqual([last, made], ["delivered", 5]);
  assert.deepEqual(await countsOf(store, "a"), { accepted: 1, delivered: 1, failed: 4 });
});

test("retry() makes a waiting delivery due now, and sends a delivered one again", async () => {
  const event = eventAt(1);
  const { outbox, store, state } = await setUp(["a"], [event], "retry", { delay: 1e6 });
  const before = (await outbox.get("a", event.id))!;
  assert.ok(before.dueAt!.getTime() > Date.now() + 9e5);
  assert.equal(await outbox.retry("a", event.id), "moved");
  const moved = (await outbox.get("a", event.id))!;
  assert.ok(moved.dueAt!.getTime() <= Date.now());
  assert.deepEqual([moved.made, moved.attempts], [before.made, before.attempts]);
  assert.equal(await outbox.retry("a", event.id), "moved");
  const { items } = await outbox.listDeliveries({ state: "pending" });
  assert.deepEqual(items.map(({ dueAt }) => dueAt), [moved.dueAt]);
  state.verdict = "delivered";
  await drain(outbox);
  assert.equal(await outbox.retry("a", event.id), "replayed");
  assert.deepEqual(await countsOf(store, "a"), { accepted: 1, failed: 1 });
  await drain(outbox);
  assert.deepEqual(state.got, ["a 1 1", "a 1 2", "a 1 3"]);
  assert.deepEqual(await countsOf(store, "a"), { accepted: 1, delivered: 1, failed: 1 });
});

test("retry() returns why it can't move a delivery", async () => {
  const [dead, leased, pending] = [eventAt(1), eventAt(2), eventAt(3)];
  const { outbox, store } = await setUp(["a"], [dead], "final");
  await outbox.publish([leased, pending].map((event) => ({ fresh: true, event, to: ["a"] })));
  const { items } = await outbox.listDeliveries({ state: "pending" });
  const at = items[0]!.dueAt!.getTime();
  const lease = { v: 1, until: Date.now() + 60_000, by: "another", claims: 1 };
  await store.set(["hooks", "due", "a", at, leased.id], lease);
  assert.equal(await outbox.retry("a", leased.id), "leased");
  assert.equal(await outbox.retry("a", pending.id), "moved");
  for (
    const [w, id] of [["b", pending.id], ["a", eventAt(9).id], ["a", "a b"], ["b".repeat(5e3), "x"]]
  ) {
    assert.equal(await outbox.retry(w!, id!), "unknown");
  }
  await store.delete(["hooks", "event", dead.id]);
  assert.equal(await outbox.retry("a", dead.id), "gone");
  assert.deepEqual((await outbox.listDeliveries({ state: "dead" })).items.length, 1);
});

test("replay() delivers dead letters again, filtered by target, type, and time", async () => {
  const events = upTo(30).map((n) => eventAt(n, n % 3 ? "tool.called" : "job.executed"));
  const { outbox, store, state } = await setUp(["a", "b"], events, "final");
  const replay = async (options: Partial<ReplayOptions>) => {
    state.got = [];
    const result = await outbox.replay({ ...BUDGET, ...options });
    await drain(outbox);
    return [result, state.got.map((line) => line.split(" ").slice(0, 2).join(" ")).sort()];
  };
  const time = (n: number): Date => new Date(START + n * 1000);
  assert.deepEqual(await replay({ target: "a", type: "job.*", since: time(3), until: time(9) }), [
    { replayed: 2, refused: 0 },
    ["a 3", "a 6"],
  ]);
  assert.deepEqual(await replay({ type: "job.executed", until: time(1) }), [
    { replayed: 2, refused: 0 },
    ["a 0", "b 0"],
  ]);
  assert.deepEqual(await replay({ type: "message.*" }), [{ replayed: 0, refused: 0 }, []]);
  assert.deepEqual(await replay({ since: time(9), until: time(3) }), [
    { replayed: 0, refused: 0 },
    [],
  ]);
  assert.deepEqual(await replay({ target: "c" }), [{ replayed: 0, refused: 0 }, []]);
  await store.delete(["hooks", "event", eventAt(5).id]);
  state.verdict = "delivered";
  assert.deepEqual((await replay({}))[0], { replayed: 58, refused: 2 });
  assert.deepEqual((await outbox.listDeliveries({ state: "dead" })).items.length, 2);
  assert.deepEqual(await countsOf(store, "b"), {
    accepted: 30,
    delivered: 29,
    dead: 1,
    failed: 30 + 1,
  });
});

test("replay() of delivered events sends no pending or dead ones", async () => {
  const { outbox, store, state } = await setUp(["a"], upTo(12).map((n) => eventAt(n)), "delivered");
  state.verdict = "final";
  await outbox.publish([{ event: eventAt(50), to: ["a"] }]);
  await drain(outbox);
  state.verdict = "delivered";
  state.got = [];
  assert.deepEqual(await outbox.replay({ ...BUDGET, state: "delivered" }), {
    replayed: 12,
    refused: 0,
  });
  assert.deepEqual(await outbox.replay({ ...BUDGET, state: "delivered" }), {
    replayed: 0,
    refused: 0,
  });
  await drain(outbox);
  assert.deepEqual(state.got.map((line) => line.split(" ")[1]), upTo(12).map(String));
  assert.deepEqual(await countsOf(store, "a"), { accepted: 13, delivered: 12, dead: 1, failed: 1 });
});

test("replay() stops at its timeout, and continues from its cursor", async () => {
  const { outbox, state } = await setUp(["a", "b"], upTo(35).map((n) => eventAt(n)), "final");
  const counts: number[] = [];
  let cursor: string | undefined;
  do {
    const result = await outbox.replay({ timeout: Number.MIN_VALUE, cursor });
    counts.push(result.replayed);
    cursor = result.cursor;
    assert.ok(counts.length < 200);
  } while (cursor !== undefined);
  assert.equal(counts.reduce((a, b) => a + b), 70);
  assert.ok(counts.length > 1);
  state.verdict = "delivered";
  state.got = [];
  await drain(outbox);
  assert.deepEqual(state.got.length, 70);
});

test("two concurrent replays replay each delivery once", async () => {
  const { outbox, store, state } = await setUp(["a"], upTo(40).map((n) => eventAt(n)), "final");
  const other = createOutbox(store, { logger: silentLogger });
  state.verdict = "delivered";
  state.got = [];
  const replays = [outbox.replay(BUDGET), other.replay(BUDGET), outbox.replay(BUDGET)];
  const replayed = (await Promise.all(replays)).map(({ replayed }) => replayed);
  assert.ok(replayed.reduce((a, b) => a + b) >= 40, `${replayed}`);
  assert.deepEqual(await countsOf(store, "a"), { accepted: 40, failed: 40 });
  await drain(outbox);
  assert.equal(state.got.length, 40);
});

test("a delivery that another process replays does not block the rest of the same commit", async () => {
  const { store } = await setUp(["a"], upTo(8).map((n) => eventAt(n)), "final");
  const other = createOutbox(store, { logger: silentLogger });
  await other.retry("a", "none"); // its first call writes the format
  const outbox = createOutbox(
    interrupted(store, async () => {
      const now = Date.now(); // by the millisecond replays tell their own from another's
      while (Date.now() === now) await new Promise((resolve) => setTimeout(resolve));
      await other.retry("a", eventAt(3).id);
    }),
    { logger: silentLogger },
  );
  assert.deepEqual(await outbox.replay(BUDGET), { replayed: 7, refused: 1 });
  assert.deepEqual(await countsOf(store, "a"), { accepted: 8, failed: 8 });
  assert.equal((await outbox.listDeliveries({ state: "pending" })).items.length, 8);
});

test("retry() does not resend a delivery that succeeded while retry() was reading", async () => {
  const event = eventAt(1);
  const { outbox, store, state } = await setUp(["a"], [event], "retry", { delay: 1e6 });
  state.verdict = "delivered";
  const slow = createOutbox(
    interrupted(store, async () => {
      assert.equal(await outbox.retry("a", event.id), "moved");
      await drain(outbox);
    }),
    { logger: silentLogger },
  );
  assert.equal(await slow.retry("a", event.id), "leased");
  assert.deepEqual(state.got, ["a 1 1", "a 1 2"]);
  assert.equal((await outbox.get("a", event.id))!.state, "delivered");
});

test("a replay wakes the worker", async () => {
  const { outbox, state } = await setUp(["a"], [eventAt(1)], "final");
  outbox.start();
  await settled(outbox);
  state.verdict = "delivered";
  await outbox.replay(BUDGET);
  for (;;) {
    const { state } = (await outbox.get("a", eventAt(1).id))!;
    if (state === "delivered") break;
    await new Promise((resolve) => setTimeout(resolve));
  }
  await outbox.stop();
});

/** A store that lets something happen before its first commit. */
function interrupted(store: Store, before: () => Promise<void>): Store {
  let first = true;
  return {
    ...bindStore(store),
    atomic() {
      const atomic = store.atomic();
      const commit = atomic.commit.bind(atomic);
      atomic.commit = async () => {
        if (first) {
          first = false;
          await before();
        }
        return await commit();
      };
      return atomic;
    },
  };
}

/** A moment, so that a worker that was started has looked and sleeps. */
async function settled(outbox: Outbox): Promise<void> {
  for (let i = 0; i < 20; i++) await outbox.getEvent("x");
}

test("replay() rejects unknown options and cursors of other lists", async () => {
  const { outbox } = await setUp(["a"], upTo(3).map((n) => eventAt(n)), "final");
  const { cursor } = await outbox.replay({ timeout: Number.MIN_VALUE });
  assert.ok(cursor);
  const list = await outbox.listDeliveries({ state: "dead", limit: 1 });
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /'timeout' is missing/],
    [{ timeout: 0 }, /'timeout' must be at least 1 ms, got 0/],
    [{ ...BUDGET, state: "pending" }, /'state' must be "dead" or "delivered"/],
    [{ ...BUDGET, target: 5 }, /'target' must be a non-empty string/],
    [{ ...BUDGET, type: "A" }, /'type' must be a type/],
    [{ ...BUDGET, since: 5 }, /'since' must be a valid Date/],
    [{ ...BUDGET, cursor: "x" }, /'cursor' must come from this list/],
    [{ ...BUDGET, cursor: list.cursor }, /other options/],
    [{ ...BUDGET, cursor, target: "a" }, /other options/],
  ];
  for (const [options, message] of refused) {
    await assert.rejects(outbox.replay(options as ReplayOptions), { message });
  }
});
