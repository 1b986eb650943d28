/**
 * `ordering: "session"`: the deliveries of one session, one after the other.
 * @module
 */
import assert from "node:assert/strict";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import { fixedRetry } from "../../src/core/mod.ts";
import { test } from "../support/harness.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { SimProcess } from "./process.ts";
import { Fixture, HOUR, MINUTE } from "./fixture.ts";

const DOWN = { verdict: "retry", error: "connection refused" } as const;
const retry = fixedRetry({ delay: MINUTE, retries: 3, jitter: 0 });

/** The distinct ids, in the order of their first attempts. */
function firsts(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)];
}

test("a session keeps its order when deliveries fail or become dead letters", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const failing = new Map<string, number>();
  const respond = ({ id }: { id: string }, attempt: number) =>
    attempt <= (failing.get(id) ?? 0) ? DOWN : undefined;
  outbox.register(fixture.target("a", respond, { ordering: "session", retry }));
  outbox.start();
  const published: string[] = [];
  for (let i = 0; i < 12; i++) {
    const id = await fixture.publish(outbox, ["a"], { sessionId: "s" });
    failing.set(id, i % 3 === 1 ? 2 : i % 3 === 2 ? Infinity : 0);
    published.push(id);
  }
  await fixture.pass(HOUR);
  assert.deepEqual(firsts(fixture.sent("a")), published);
  // In order: each delivery was retried before the next was attempted.
  assert.deepEqual(
    fixture.sent("a"),
    published.flatMap((id, i) => Array([1, 3, 4][i % 3]).fill(id)),
  );
  const states = await Promise.all(published.map(async (id) => (await outbox.get("a", id))?.state));
  assert.deepEqual(states, published.map((_, i) => i % 3 === 2 ? "dead" : "delivered"));
  assert.deepEqual(await fixture.left("lane"), []);
  assert.deepEqual(await fixture.left("due"), []);
});

test("a batch of one session is delivered in its order", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { ordering: "session", retry }));
  outbox.start();
  const batch = Array.from({ length: 5 }, (_, i) => {
    const id = createEventIdAt(fixture.simulation.now + i);
    const timestamp = new Date(fixture.simulation.now);
    return { event: { id, type: "tool.called", timestamp, sessionId: "s", data: i }, to: ["a"] };
  });
  await Promise.all([outbox.publish(batch), fixture.pass(MINUTE)]);
  assert.deepEqual(fixture.sent("a"), batch.map(({ event }) => event.id));
  assert.deepEqual(await fixture.left("lane"), []);
});

test("a session keeps the order of calls that were not awaited, whatever the size of their events", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { ordering: "session", retry }));
  outbox.start();
  const ids: string[] = [];
  const calls = Array.from({ length: 12 }, (_, i) => {
    const id = createEventIdAt(fixture.simulation.now + i);
    ids.push(id);
    const data = i % 3 ? i : "x".repeat(150_000);
    const timestamp = new Date(fixture.simulation.now);
    const event = { id, type: "tool.called", timestamp, sessionId: "s", data };
    const key = i % 2 ? {} : { idempotencyKey: `k-${i}` };
    return outbox.publish([{ fresh: true, event, to: ["a"], ...key }]);
  });
  await Promise.all(calls); // their digests take real time, in which no virtual time passes
  await fixture.pass(MINUTE);
  assert.deepEqual(fixture.sent("a"), ids);
});

test("a replay of many long sessions takes several commits", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const name = "a-target-with-a-long-name";
  outbox.register(fixture.target(name, undefined, { ordering: "session", concurrency: 100 }));
  outbox.register(fixture.target("other"));
  outbox.start();
  const calls = Array.from({ length: 300 }, (_, i) => {
    const id = createEventIdAt(fixture.simulation.now);
    const timestamp = new Date(fixture.simulation.now);
    const sessionId = `${i}`.padEnd(256, "x");
    const event = {
      id,
      type: "tool.called",
      timestamp,
      sessionId: sessionId.slice(0, 190),
      data: i,
    };
    return outbox.publish([{ fresh: true, event, to: i % 2 ? [name, "other"] : ["other"] }]);
  });
  await Promise.all([...calls, fixture.pass(MINUTE)]);
  assert.equal(fixture.sent("other").length, 300);
  assert.equal(fixture.sent(name).length, 150);
});

test("sessions do not wait for one another", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const respond = ({ sessionId }: { sessionId?: string }) =>
    sessionId === "sick" ? DOWN : undefined;
  outbox.register(fixture.target("a", respond, { ordering: "session", retry }));
  outbox.start();
  const began = new Map<string, number>();
  for (let i = 0; i < 200; i++) {
    await fixture.publish(outbox, ["a"], { sessionId: "sick" });
    const id = await fixture.publish(outbox, ["a"], { sessionId: `s-${i % 20}` });
    began.set(id, fixture.simulation.now);
    await fixture.pass(20);
  }
  await fixture.pass(5_000);
  const waits = fixture.seen.filter(({ id }) => began.has(id)).map(({ id, at }) =>
    at - began.get(id)!
  )
    .sort((a, b) => a - b);
  assert.equal(waits.length, 200);
  const longest = waits.at(-1)!;
  console.log(`healthy sessions beside a sick one waited ${waits[100]} ms, ${longest} ms at most`);
  assert.ok(longest < 1_000, `${longest} ms`);
});

test("a session keeps its order when processes crash", async () => {
  const fixture = new Fixture();
  const published: string[] = [];
  for (let life = 0; life < 20; life++) {
    const { outbox, process } = fixture.open();
    outbox.register(fixture.target("a", undefined, { ordering: "session", retry }));
    outbox.start();
    for (let i = 0; i < 5; i++) {
      published.push(await fixture.publish(outbox, ["a"], { sessionId: "s" }));
    }
    await fixture.pass(fixture.simulation.random.between(0, 40));
    process.kill();
    await fixture.pass(5_000);
  }
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { ordering: "session", retry }));
  outbox.start();
  await fixture.pass(HOUR);
  assert.deepEqual(firsts(fixture.sent("a")), published);
  assert.deepEqual(await fixture.left("lane"), []);
});

test("an event without a session waits for no other", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { ordering: "session" }));
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(MINUTE);
  assert.equal(fixture.sent("a").length, 1);
});

test("sessions of the maximum length are ordered separately, in any script", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { ordering: "session" }));
  outbox.start();
  for (
    const session of ["é".repeat(256), "😀".repeat(256), `${"😀".repeat(255)}é`, "s".repeat(256)]
  ) {
    for (let i = 0; i < 2; i++) await fixture.publish(outbox, ["a"], { sessionId: session });
  }
  await fixture.pass(MINUTE);
  assert.equal(fixture.sent("a").length, 8);
});

test("an outbox has eight ordered targets at most", () => {
  const { outbox } = new Fixture().open();
  const fixture = new Fixture();
  for (let i = 0; i < 8; i++) {
    outbox.register(fixture.target(`t${i}`, undefined, { ordering: "session" }));
  }
  assert.throws(() => outbox.register(fixture.target("t8", undefined, { ordering: "session" })), {
    message:
      "Cannot register 't8' with the outbox: it has 8 targets with an 'ordering', the most that it can have",
  });
});

test("a replayed delivery goes to the end of its session queue, and retry() moves only the first", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  let down = true;
  const respond = () => down ? DOWN : undefined;
  outbox.register(
    fixture.target("a", respond, {
      ordering: "session",
      retry: fixedRetry({ delay: HOUR, retries: 1, jitter: 0 }),
    }),
  );
  outbox.start();
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.push(await fixture.publish(outbox, ["a"], { sessionId: "s" }));
  await fixture.pass(MINUTE);
  const call = async <T>(promise: Promise<T>): Promise<T> =>
    (await Promise.all([promise, fixture.pass(100)]))[0];
  assert.equal(await call(outbox.retry("a", ids[1]!)), "queued");
  assert.equal(await call(outbox.retry("a", ids[0]!)), "moved");
  await fixture.pass(1_000);
  assert.equal((await outbox.get("a", ids[0]!))?.state, "dead");
  down = false;
  assert.equal(await call(outbox.retry("a", ids[0]!)), "replayed");
  await fixture.pass(2 * HOUR);
  assert.deepEqual(fixture.sent("a").slice(-3), [ids[1], ids[2], ids[0]]);
  const again = await call(outbox.replay({ state: "delivered", timeout: 10_000 }));
  assert.deepEqual(again, { replayed: 3, refused: 0 });
  await fixture.pass(MINUTE);
  assert.deepEqual(fixture.sent("a").slice(-3).sort(), [...ids].sort());
  assert.deepEqual(await fixture.left("lane"), []);
  assert.deepEqual(await fixture.left("due"), []);
});

test("retry() returns 'leased' for the second delivery of a session once it is attempted", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const attempt = async () => {
    await fixture.simulation.sleep(5_000);
    return { verdict: "delivered", duration: 5_000 } as const;
  };
  outbox.register(fixture.target("a", undefined, { ordering: "session", attempt }));
  outbox.start();
  await fixture.publish(outbox, ["a"], { sessionId: "s" });
  const second = await fixture.publish(outbox, ["a"], { sessionId: "s" });
  const retried = async () =>
    (await Promise.all([outbox.retry("a", second), fixture.pass(100)]))[0];
  assert.equal(await retried(), "queued");
  await fixture.pass(6_000);
  assert.equal(await retried(), "leased");
});

test("sessions are served in turns, however many have deliveries", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { ordering: "session", retry }));
  const sessions = Array.from({ length: 200 }, (_, i) => `s-${i}`);
  const place = new Map<string, string>();
  for (let turn = 0; turn < 3; turn++) {
    for (const sessionId of sessions) {
      const id = await fixture.publish(outbox, ["a"], { sessionId });
      place.set(id, `${sessionId} ${turn}`);
    }
  }
  outbox.start();
  await fixture.pass(MINUTE);
  const sent = fixture.sent("a").map((id) => place.get(id)!);
  assert.equal(sent.length, 600);
  const lastFirst = sent.findLastIndex((name) => name.endsWith(" 0"));
  const firstThird = sent.findIndex((name) => name.endsWith(" 2"));
  assert.ok(lastFirst < firstThird, `${lastFirst} is before ${firstThird}`);
});

test("a session keeps its due time when a process with a slow clock continues it", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { ordering: "session", retry }));
  const ids: string[] = [];
  for (let i = 0; i < 2; i++) ids.push(await fixture.publish(outbox, ["a"], { sessionId: "s" }));
  const [first] = await fixture.left("due");
  const behind = new SimProcess("behind", fixture.simulation, 0);
  let now = fixture.simulation.now;
  const clock = { ...behind.clock, now: () => now };
  const other = createOutboxIn(clock, fixture.store, { logger: silentLogger });
  other.register(fixture.target("a", () => void (now -= HOUR), { ordering: "session", retry }));
  other.start();
  await fixture.pass(100);
  assert.deepEqual(fixture.sent("a"), [ids[0]]);
  assert.deepEqual(await fixture.left("due"), [first]);
});
