import { fixedRetry } from "@omniagent/hooks";
import type { Attempt } from "@omniagent/hooks/outbox";
import { createOutbox, type DeliveryListOptions, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { eventAt, numberIn, START, upTo } from "../support/event_ids.ts";

/** An outbox whose targets return what `judge` does, and which has published events to them. */
async function setUp(
  targets: readonly string[],
  events: number,
  judge: (n: number, target: string) => Attempt["verdict"] = () => "delivered",
) {
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger });
  for (const name of targets) {
    outbox.register({
      name,
      timeout: 1000,
      concurrency: 64,
      retry: fixedRetry({ delay: 1_000_000, retries: 3, jitter: 0 }),
      attempt: ({ data }) => {
        const verdict = judge((data as { readonly n: number }).n, name);
        return Promise.resolve({
          verdict,
          duration: 1,
          ...verdict !== "delivered" && { error: "no" },
        });
      },
    });
  }
  for (let i = 0; i < events; i += 100) {
    const numbers = upTo(Math.min(100, events - i)).map((n) => i + n);
    await outbox.publish(numbers.map((n) => ({ fresh: true, event: eventAt(n), to: targets })));
  }
  return { outbox, store };
}

/** All of a list, page by page; `between` is called after each. */
async function all(
  outbox: Outbox,
  options: DeliveryListOptions,
  between: () => Promise<unknown> = () => Promise.resolve(),
) {
  const items = [];
  let cursor: string | undefined;
  do {
    const page = await outbox.listDeliveries({ ...options, cursor });
    items.push(...page.items);
    cursor = page.cursor;
    await between();
  } while (cursor !== undefined);
  return items;
}

test("listDeliveries() lists pending, attempted, and dead deliveries", async () => {
  const before = Date.now();
  const verdicts = ["delivered", "retry", "final"] as const;
  const { outbox } = await setUp(["a", "b"], 3, (n) => verdicts[n]!);
  const stored = await all(outbox, { state: "pending" });
  assert.deepEqual(stored.map(({ target, eventId }) => [target, numberIn(eventId)]), [
    ...[0, 1, 2].map((n) => ["a", n]),
    ...[0, 1, 2].map((n) => ["b", n]),
  ]);
  assert.ok(stored.every(({ state, dueAt }) => state === "pending" && dueAt! >= new Date(before)));
  await outbox.drainOnce({ timeout: 60_000 });

  const pending = await all(outbox, { state: "pending", target: "b" });
  const soon = before + 1_000_000;
  assert.deepEqual(pending.map(({ eventId }) => numberIn(eventId)), [1]);
  assert.ok(pending[0]!.dueAt!.getTime() >= soon && pending[0]!.leasedUntil === undefined);
  const attempted = await all(outbox, { state: "attempted", target: "a", limit: 2 });
  assert.deepEqual(
    attempted.map(({ eventId, state, made, lastAttempt }) => {
      return [numberIn(eventId), state, made, lastAttempt!.verdict];
    }),
    [[0, "delivered", 1, "delivered"], [1, "pending", 1, "retry"], [2, "dead", 1, "final"]],
  );
  const dead = await all(outbox, { state: "dead", limit: 1 });
  assert.deepEqual(
    dead.map(({ target, eventId, state, reason }) => [target, numberIn(eventId), state, reason]),
    [["a", 2, "dead", "no"], ["b", 2, "dead", "no"]],
  );
  assert.ok(dead.every(({ diedAt }) => diedAt! >= new Date(before) && diedAt! <= new Date()));
});

test("'since' and 'until' list the same as a filtered full list, in any order and page size", async () => {
  const verdicts = ["delivered", "retry", "final"] as const;
  const targets = ["a", "ab", "b", "c"];
  const { outbox } = await setUp(targets, 30, (n, target) => verdicts[(n + target.length) % 3]!);
  // In some times, only one target has events.
  await outbox.publish([100, 101, 102].map((n) => ({ event: eventAt(n), to: ["b"] })));
  await outbox.publish([{ event: eventAt(50), to: ["c"] }]);
  await outbox.drainOnce({ timeout: 60_000 });
  const at = (n: number) => new Date(START + n * 1000);
  const times = [
    { since: at(10), until: at(20) },
    { since: at(29) },
    { until: at(1) },
    { since: at(-5), until: at(500) },
    { since: at(20), until: at(10) },
    { since: at(10), until: at(10) },
    { since: at(40), until: at(60) },
    { since: at(101) },
  ];
  for (const state of ["attempted", "dead", "pending"] as const) {
    for (const order of ["oldest", "newest"] as const) {
      for (const target of [undefined, "ab", "c"]) {
        const whole = await all(outbox, { state, order, target });
        for (const { since, until } of times) {
          const expected = whole.filter(({ eventId }) => {
            const time = at(numberIn(eventId)).getTime();
            return time >= (since?.getTime() ?? 0) && time < (until?.getTime() ?? Infinity);
          });
          for (const limit of [1, 3, 100]) {
            const found = await all(outbox, { state, order, target, since, until, limit });
            const what = JSON.stringify({ state, order, target, since, until, limit });
            assert.deepEqual(found, expected, what);
          }
        }
      }
    }
  }
});

test("a list limited to a time range reads little outside that range", async () => {
  const { outbox, store } = await setUp(["a", "b"], 3_000);
  await outbox.drainOnce({ timeout: 60_000 });
  let read = 0;
  const list = store.list;
  store.list = async function* (...args: Parameters<typeof list>) {
    for await (const entry of list.apply(store, args)) {
      read++;
      yield entry as never;
    }
  } as typeof list;
  const since = new Date(START + 1_500_000);
  const until = new Date(START + 1_505_000);
  const options = { state: "attempted", since, until } as const;
  assert.deepEqual((await outbox.listDeliveries(options)).items.length, 10);
  assert.ok(read <= 20, `${read}`);
});

test("get() returns when each attempt ended, and when the next one is due", async () => {
  const { outbox, store } = await setUp(["a"], 2, (n) => n === 0 ? "retry" : "delivered");
  const [first, second] = [eventAt(0).id, eventAt(1).id];
  const pending = await outbox.get("a", first);
  const { acceptedAt } = (await outbox.getEvent(first))!;
  assert.deepEqual(pending, {
    target: "a",
    eventId: first,
    state: "pending",
    made: 0,
    attempts: [],
    dueAt: acceptedAt,
  });
  await outbox.drainOnce({ timeout: 60_000 });
  const { state, attempts: [attempt], dueAt } = (await outbox.get("a", first))!;
  assert.equal(state, "pending");
  assert.ok(attempt!.at >= acceptedAt && attempt!.at <= new Date());
  const wait = dueAt!.getTime() - attempt!.at.getTime();
  assert.ok(Math.abs(wait - 1_000_000) < 1_000, `${wait}`);
  assert.equal((await outbox.get("a", second))!.dueAt, undefined);
  for (const [target, id] of [["b", first], ["a", "e"], ["a", "a b"], ["x".repeat(5000), first]]) {
    assert.equal(await outbox.get(target!, id!), undefined);
  }
  // Its event is no longer kept: it will not be delivered.
  await store.delete(["hooks", "event", first]);
  assert.deepEqual(
    [(await outbox.get("a", first))!.state, (await outbox.get("a", first))!.dueAt],
    ["expired", undefined],
  );
});

test("a log without times, or an invalid one, is listed anyway", async () => {
  const { outbox, store } = await setUp(["a"], 2);
  const attempts = [{ verdict: "retry", duration: 1 }];
  const key = (n: number) => ["hooks", "delivery", "a", eventAt(n).id];
  await store.set(key(0), { v: 1, state: "dead", made: 1, attempts });
  await store.set(key(1), "nonsense");
  const [first, second] = await all(outbox, { state: "attempted" });
  assert.deepEqual([first!.lastAttempt!.verdict, first!.lastAttempt!.at], ["retry", new Date(0)]);
  assert.deepEqual([second!.state, second!.made], ["pending", 0]);
  assert.equal((await outbox.get("a", eventAt(1).id))!.state, "pending");
});

test("deliveries that wait for others of their session are listed with the pending ones", async () => {
  const { outbox, store } = await setUp(["b"], 1);
  const [one, two] = [eventAt(7).id, eventAt(8).id];
  await store.set(["hooks", "lane", "a", "s-1"], { v: 1, next: 12 });
  await store.set(["hooks", "lane", "a", "s-1", 10], { v: 1, id: one });
  await store.set(["hooks", "lane", "a", "s-1", 11], { v: 1, id: two });
  await store.set(["hooks", "due", "a", START, "lane", "s-1"], {
    v: 1,
    until: 0,
    by: "",
    claims: 0,
  });
  for (const limit of [1, 2, 3, 100]) {
    const names = (await all(outbox, { state: "pending", limit }))
      .map(({ target, eventId, state }) => [target, numberIn(eventId), state]);
    assert.deepEqual(names, [["b", 0, "pending"], ["a", 7, "pending"], ["a", 8, "pending"]]);
    const ofOne = await all(outbox, { state: "pending", target: "a", limit });
    assert.deepEqual(ofOne.map(({ eventId }) => eventId), [one, two]);
  }
});

test("listDeliveries() repeats and misses none while others are settled and stored", async () => {
  const { outbox } = await setUp(["a", "b", "c"], 400, (n) => n % 2 ? "retry" : "delivered");
  // Half of them are settled while they are listed, from either end, and others come.
  let n = 1000;
  const busy = async (): Promise<void> => {
    await outbox.drainOnce({ timeout: 1100 });
    await outbox.publish([{ event: eventAt(n++), to: ["a", "b", "c"] }]);
  };
  await outbox.publish([{ event: eventAt(500), to: ["d"] }, { event: eventAt(501), to: ["d"] }]);
  const pending = await all(outbox, { state: "pending", limit: 100 }, busy);
  const stayed = pending.filter(({ target }) => target === "d").map(({ eventId }) => eventId);
  assert.deepEqual(stayed, [eventAt(500).id, eventAt(501).id]);
  const attempted = await all(outbox, { state: "attempted", limit: 50 }, busy);
  const names = attempted.map(({ target, eventId }) => `${target} ${eventId}`);
  assert.equal(new Set(names).size, names.length);
  assert.equal(attempted.filter(({ eventId }) => numberIn(eventId) < 400).length, 1200);
});

test("listDeliveries() rejects unknown options and cursors of other lists", async () => {
  const { outbox } = await setUp(["a", "b"], 3);
  const { cursor } = await outbox.listDeliveries({ state: "pending", limit: 1 });
  const place = (list: unknown, ...place: unknown[]): string =>
    btoa(JSON.stringify([1, list, place])).replace(/=+$/, "");
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /'state' must be "pending", "attempted" or "dead"/],
    [{ state: "waiting" }, /'state' must be .* "waiting"/],
    [{ state: "dead", target: "" }, /'target' must be a non-empty string/],
    [{
      state: "dead",
      cursor: place(["deliveries", "dead", ""], "dead", "a", "x".repeat(3000)),
    }, /'cursor'/],
    [{ state: "dead", cursor: "%" }, /'cursor' must come from this list/],
    [{ state: "pending", since: new Date(0), cursor }, /other options/],
    [{ state: "dead", since: "2026" }, /'since' must be a valid Date/],
    [{ state: "dead", after: new Date() }, /since/],
    [{ state: "dead", cursor }, /other options/],
    [{ state: "pending", target: "a", cursor }, /other options/],
    [{ state: "dead", cursor: place(["deliveries", "dead", ""], "due", "a", 1, "x") }, /'cursor'/],
    [
      { state: "dead", target: "a", cursor: place(["deliveries", "dead", "a"], "dead", "b", "x") },
      /'cursor'/,
    ],
    [
      { state: "dead", cursor: place(["deliveries", "dead", ""], "dead", "a", { x: 1 }) },
      /'cursor'/,
    ],
  ];
  for (const [options, message] of refused) {
    const list = outbox.listDeliveries(options as DeliveryListOptions);
    await assert.rejects(list, { name: "TypeError", message });
  }
  await assert.rejects(outbox.listDeliveries({ state: "dead", limit: -1 }), RangeError);
  assert.equal((await outbox.listDeliveries({ state: "pending", cursor })).items.length, 5);
});
