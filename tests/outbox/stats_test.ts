import { fixedRetry, type HookEvent } from "@omniagent/hooks";
import type { Attempt } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { createOutbox, type Outbox, type TargetStats } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { idAt } from "../support/event_ids.ts";

const DAY = 24 * 60 * 60 * 1000;
const TODAY = Math.floor(Date.now() / DAY);

let made = 0;

/** An id of some days ago. */
function idOf(daysAgo: number): string {
  return idAt(Date.now() - daysAgo * DAY, made++);
}

function eventOf(id: string, data: unknown): HookEvent {
  return { id, type: "tool.called", timestamp: new Date(), data };
}

/** A target whose attempts end as an event says. */
function register(outbox: Outbox, name: string): void {
  outbox.register({
    name,
    timeout: 1000,
    concurrency: 4,
    retry: fixedRetry({ delay: 1e6, retries: 3, jitter: 0 }),
    attempt: ({ data }) =>
      Promise.resolve({ verdict: data as Attempt["verdict"], duration: 1, error: "no" }),
  });
}

/** What is there, counted one by one. */
async function recount(outbox: Outbox, target: string): Promise<Partial<TargetStats>> {
  const counted = { delivered: 0, dead: 0, expired: 0, pending: 0, failed: 0 };
  let accepted = 0;
  for (const state of ["pending", "attempted"] as const) {
    for (const item of (await outbox.listDeliveries({ state, target, limit: 1000 })).items) {
      if (state === "attempted") {
        const { attempts } = (await outbox.get(target, item.eventId))!;
        counted.failed += attempts.filter(({ verdict }) => verdict !== "delivered").length;
        if (item.state === "pending") continue;
      }
      counted[item.state]++;
      accepted++;
    }
  }
  return { accepted, ...counted };
}

function countsOf(stats: readonly TargetStats[], target: string): Partial<TargetStats> {
  const { accepted, delivered, dead, expired, pending, failed } = stats.find((one) =>
    one.target === target
  )!;
  return { accepted, delivered, dead, expired, pending, failed };
}

test("stats() match a full recount after settles, expiry, and replays", async () => {
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger });
  ["a", "b", "idle"].forEach((name) => register(outbox, name));
  const verdicts = ["delivered", "retry", "final", "delivered", "delivered"];
  const ids = Array.from({ length: 50 }, (_, n) => n % 10 === 9 ? idOf(1) : idOf(0));
  await outbox.publish(ids.map((id, n) => ({
    fresh: true,
    event: eventOf(id, verdicts[n % verdicts.length]),
    to: n % 2 ? ["a", "b"] : ["a"],
  })));
  const hold = async (): Promise<void> => {
    const stats = await outbox.stats();
    assert.deepEqual(stats.map(({ target }) => target), ["a", "b", "idle"]);
    for (const target of ["a", "b", "idle"]) {
      assert.deepEqual(countsOf(stats, target), await recount(outbox, target));
    }
  };
  await hold();
  await store.delete(["hooks", "event", ids[4]!]);
  await outbox.drainOnce({ timeout: 60_000 });
  await hold();
  assert.deepEqual(countsOf(await outbox.stats(), "a"), {
    accepted: 50,
    delivered: 29,
    dead: 10,
    expired: 1,
    pending: 10,
    failed: 20,
  });
  await outbox.replay({ timeout: 60_000, target: "a" });
  await outbox.retry("b", ids[1]!);
  await outbox.retry("a", ids[0]!);
  await hold();
  await outbox.drainOnce({ timeout: 60_000 });
  await hold();
});

test("stats() include targets that are no longer registered, and running attempts", async () => {
  const store = memoryStore();
  const gone = createOutbox(store, { logger: silentLogger });
  await gone.publish([{ event: eventOf(idOf(0), "delivered"), to: ["orphan", "slow"] }]);

  const outbox = createOutbox(store, { logger: silentLogger });
  let end!: () => void;
  const begun = new Promise<void>((began) => {
    outbox.register({
      name: "slow",
      timeout: 1000,
      concurrency: 4,
      retry: fixedRetry({ delay: 0, retries: 3 }),
      attempt() {
        began();
        return new Promise((resolve) => end = () => resolve({ verdict: "delivered", duration: 1 }));
      },
    });
  });
  outbox.start();
  await begun;
  const [orphan, slow] = await outbox.stats();
  const common = { accepted: 1, delivered: 0, dead: 0, expired: 0, pending: 1, failed: 0 };
  const on = { state: "on", failures: 0 };
  const idle = { inFlight: 0, leased: 0 };
  const { oldestDue, ...unregistered } = orphan!;
  const expected = { ...on, ...common, target: "orphan", registered: false, ...idle };
  assert.deepEqual(unregistered, expected);
  const [held] = (await outbox.listDeliveries({ state: "pending", target: "orphan" })).items;
  assert.deepEqual(oldestDue, held!.dueAt);
  const { leasedUntil, oldestDue: since, ...rest } = slow!;
  const busy = { inFlight: 1, leased: 1 };
  assert.deepEqual(rest, { ...on, ...common, target: "slow", registered: true, ...busy });
  const left = leasedUntil!.getTime() - Date.now();
  assert.ok(left > 10_000 && left <= 21_000, `${left} ms`);
  const [listed] = (await outbox.listDeliveries({ state: "pending", target: "slow" })).items;
  assert.deepEqual(listed!.leasedUntil, leasedUntil);
  assert.deepEqual(listed!.dueAt, since);
  const delivery = await outbox.get("slow", listed!.eventId);
  assert.deepEqual(delivery?.leasedUntil, leasedUntil);
  end();
  await outbox.stop();
  const [, after] = await outbox.stats();
  assert.deepEqual([after!.delivered, after!.pending, after!.inFlight], [1, 0, 0]);
  assert.deepEqual([after!.leased, after!.leasedUntil, after!.oldestDue], [
    0,
    undefined,
    undefined,
  ]);
});

test("stats() counts the leases among the first 500 due deliveries", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const ends: (() => void)[] = [];
  const leased = 40;
  const begun = new Promise<void>((resolve) => {
    outbox.register({
      name: "slow",
      timeout: 60_000,
      concurrency: leased,
      retry: fixedRetry({ delay: 0, retries: 3 }),
      attempt: () =>
        new Promise((end) => {
          if (ends.push(() => end({ verdict: "delivered", duration: 1 })) === leased) resolve();
        }),
    });
  });
  const events = Array.from({ length: 50 }, () => eventOf(idOf(0), "delivered"));
  outbox.start();
  for (const event of events) await outbox.publish([{ event, to: ["slow"] }]);
  await begun;
  const [slow] = await outbox.stats();
  assert.deepEqual([slow!.pending, slow!.inFlight, slow!.leased], [50, leased, leased]);
  while (ends.length > 0) {
    ends.splice(0).forEach((end) => end());
    await new Promise((resolve) => setTimeout(resolve));
  }
  await outbox.stop();
});

test("stats() never go below zero, even if records were deleted too early", async () => {
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger });
  await countAt(store, "a", [0]);
  const sum = store.atomic().sum(["hooks", "count", "a", TODAY, "dead"], 2n ** 64n - 1n);
  await sum.sum(["hooks", "count", "a", TODAY, "delivered"], 5n).commit();
  const counts = { accepted: 1, delivered: 5, dead: 0, expired: 0, pending: 0, failed: 0 };
  assert.deepEqual(countsOf(await outbox.stats(), "a"), counts);
});

/** Counts of some days ago. */
async function countAt(store: Store, target: string, days: readonly number[]): Promise<void> {
  const atomic = store.atomic();
  for (const day of days) atomic.sum(["hooks", "count", target, TODAY - day, "accepted"], 1n);
  await atomic.commit();
}

async function countKeys(store: Store): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list({ prefix: ["hooks", "count"] })) {
    const day = Number(key[3]);
    found.push(`${key[2]} ${day === 0 ? "none" : TODAY - day}`);
  }
  return found;
}

test("stats() count the days within the retention, and ids without a time", async () => {
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger, retention: 30 * DAY });
  await countAt(store, "a", [0, 29, 30, 31, 32, 400]);
  await countAt(store, "old", [31]);
  assert.deepEqual((await outbox.stats()).map(({ target, accepted }) => [target, accepted]), [
    ["a", 3],
  ]);
  await outbox.publish([{ event: eventOf("e-1", "delivered"), to: ["a"] }]);
  await outbox.publish([{ event: eventOf("ffffffff-1", "delivered"), to: ["a"] }]);
  const [a] = await outbox.stats();
  assert.deepEqual([a!.accepted, a!.pending], [5, 5]);
});

test("old counts are deleted once a day, by drainOnce() and at the start of a process", async () => {
  const kept = ["a none", "a 32", "a 0", "b 31"];
  for (const start of [false, true]) {
    const store = memoryStore();
    const outbox = createOutbox(store, { logger: silentLogger, retention: 30 * DAY });
    await outbox.publish([{ event: eventOf("e-1", "delivered"), to: ["a"] }]);
    const many = Array.from({ length: 1200 }, (_, n) => 100 + n);
    await countAt(store, "a", [0, 32, 33, 34, ...many.slice(0, 600)]);
    await countAt(store, "a", many.slice(600));
    await countAt(store, "b", [31, 40]);
    await countAt(store, "c", [400]);
    if (start) {
      outbox.start();
      await until(async () => (await countKeys(store)).length <= kept.length);
      await outbox.stop();
    } else await outbox.drainOnce({ timeout: 60_000 });
    assert.deepEqual(await countKeys(store), kept);
    await countAt(store, "c", [400]);
    await outbox.drainOnce({ timeout: 60_000 });
    assert.deepEqual(await countKeys(store), [...kept, "c 400"]);
  }
});
