/**
 * Days of virtual time: a receiver that stays down, and what an operator does then.
 * @module
 */
import assert from "node:assert/strict";
import { DEFAULT_RETRY, type HookEvent } from "../../src/core/mod.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { test } from "../support/harness.ts";
import { idAt } from "../support/event_ids.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { SimProcess } from "./process.ts";
import { Simulation } from "./simulation.ts";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const EVENTS = 8;

/** Runs virtual time until a promise has settled. */
async function within<T>(simulation: Simulation, promise: Promise<T>): Promise<T> {
  let done = false;
  const value = promise.finally(() => done = true);
  await simulation.run(simulation.now + HOUR, () => done);
  return await value;
}

function eventAt(simulation: Simulation, n: number): HookEvent {
  const id = idAt(simulation.now + n, n);
  return { id, type: "tool.called", timestamp: new Date(simulation.now), data: n };
}

test("a delivery to a receiver that is down for days becomes a dead letter, and replay() delivers it", async () => {
  const simulation = new Simulation(1);
  const { clock } = new SimProcess("one", simulation, 0);
  const outbox = createOutboxIn(clock, memoryStore({ now: () => simulation.now }), {
    logger: silentLogger,
  });
  let down = true;
  const sends = new Map<unknown, number[]>();
  const started = simulation.now;
  outbox.register({
    name: "billing",
    timeout: 10_000,
    concurrency: 2,
    retry: DEFAULT_RETRY,
    attempt({ data }) {
      sends.set(data, [...sends.get(data) ?? [], simulation.now - started]);
      const error = { verdict: "retry", status: 503, error: "status 503" } as const;
      return Promise.resolve(
        down ? { ...error, duration: 1 } : { verdict: "delivered", duration: 1 },
      );
    },
  });
  outbox.start();
  const events = Array.from({ length: EVENTS }, (_, n) => eventAt(simulation, n));
  await within(
    simulation,
    outbox.publish(events.map((event) => ({ fresh: true, event, to: ["billing"] }))),
  );
  await simulation.run(simulation.now + 12 * HOUR);
  const [halfWay] = await within(simulation, outbox.stats());
  assert.deepEqual([halfWay!.pending, halfWay!.dead], [EVENTS, 0]);
  const waiting = await within(simulation, outbox.get("billing", events[0]!.id));
  assert.ok(waiting!.dueAt!.getTime() > simulation.now);

  await simulation.run(simulation.now + 2 * DAY);
  const [dead] = await within(simulation, outbox.stats());
  assert.deepEqual([dead!.pending, dead!.dead, dead!.failed], [0, EVENTS, EVENTS * 8]);
  for (const times of sends.values()) {
    // Capped, then jittered by a fifth: 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 10 h.
    const waits = times.slice(1).map((time, i) => (time - times[i]!) / 1000);
    const schedule = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];
    assert.equal(waits.length, schedule.length);
    // A poll finds a delivery up to a minute late.
    waits.forEach((wait, i) =>
      assert.ok(wait >= 0.8 * schedule[i]! && wait <= 1.2 * schedule[i]! + 75, `${waits}`)
    );
  }
  const log = (await within(simulation, outbox.get("billing", events[0]!.id)))!;
  assert.deepEqual([log.state, log.made, log.attempts.length], ["dead", 8, 8]);
  assert.deepEqual(log.attempts.map(({ at }) => at.getTime() - started), sends.get(0));
  const { items } = await within(simulation, outbox.listDeliveries({ state: "dead" }));
  assert.deepEqual(items.map(({ eventId }) => eventId), events.map(({ id }) => id));
  assert.ok(items.every(({ reason }) => reason === "status 503"));

  down = false;
  sends.clear();
  const result = await within(simulation, outbox.replay({ timeout: 60_000, target: "billing" }));
  assert.deepEqual(result, { replayed: EVENTS, refused: 0 });
  await simulation.run(simulation.now + 1_000);
  assert.deepEqual([...sends.keys()], events.map(({ data }) => data));
  const [well] = await within(simulation, outbox.stats());
  assert.deepEqual([well!.delivered, well!.dead, well!.pending], [EVENTS, 0, 0]);
  void outbox.stop();
  await simulation.run(simulation.now + 10_000);
});

test("a delivery that is not delivered within the retention expires, and replay() reports it", async () => {
  const simulation = new Simulation(1);
  const { clock } = new SimProcess("one", simulation, 0);
  const store = memoryStore({ now: () => simulation.now });
  const outbox = createOutboxIn(clock, store, { logger: silentLogger, retention: 3 * DAY });
  outbox.register({
    name: "billing",
    timeout: 10_000,
    concurrency: 2,
    retry: DEFAULT_RETRY,
    attempt: () => Promise.resolve({ verdict: "final", duration: 1, error: "no" }),
  });
  outbox.start();
  const event = eventAt(simulation, 1);
  await within(simulation, outbox.publish([{ event, to: ["billing"] }]));
  await simulation.run(simulation.now + 3 * DAY + HOUR);
  assert.equal(await within(simulation, outbox.retry("billing", event.id)), "gone");
  assert.deepEqual(await within(simulation, outbox.replay({ timeout: 1000 })), {
    replayed: 0,
    refused: 1,
  });
  assert.equal((await within(simulation, outbox.get("billing", event.id)))!.state, "dead");
  await simulation.run(simulation.now + DAY);
  assert.equal(await within(simulation, outbox.retry("billing", event.id)), "unknown");
  assert.equal(await within(simulation, outbox.get("billing", event.id)), undefined);
  assert.deepEqual((await within(simulation, outbox.listDeliveries({ state: "dead" }))).items, []);
  // Its counts go last.
  await simulation.run(simulation.now + 5 * DAY);
  for await (const { key } of store.list({ prefix: ["hooks"] })) {
    assert.ok(key[1] === "meta" || key[1] === "endpoint", key.join(" "));
  }
  const [stats] = await within(simulation, outbox.stats());
  assert.deepEqual([stats!.accepted, stats!.pending], [0, 0]);
  void outbox.stop();
  await simulation.run(simulation.now + 10_000);
});
