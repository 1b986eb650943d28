/**
 * What a record may contain, and which parts of it are used.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { DAY, Fixture, HOUR, MINUTE } from "./fixture.ts";

test("a pause written with a wrong clock is ignored, and the next one is stored", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  let busy = false;
  const respond = () =>
    busy ? { verdict: "retry", status: 503, retryAfter: 10 * MINUTE } as const : undefined;
  outbox.register(fixture.target("a", respond));
  const pausedUntil = fixture.simulation.now + 300 * DAY;
  const record = { v: 1, state: "on", address: "", failures: 0, pausedUntil };
  await fixture.store.set(["hooks", "endpoint", "a"], record);
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(MINUTE);
  assert.equal(fixture.sent("a").length, 1);
  busy = true;
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(1_000);
  const endpoint = await outbox.endpoint("a");
  assert.equal(endpoint.state, "paused");
  assert.ok(Number(endpoint.pausedUntil) < fixture.simulation.now + HOUR);
});

test("disable() accepts a reason of at most 500 characters", async () => {
  const { outbox } = new Fixture().open();
  await assert.rejects(outbox.disable("a", "x".repeat(501)), {
    name: "RangeError",
    message: "Cannot disable target: 'reason' must be at most 500 characters, got 501",
  });
});

test("the reason of a disabled target says when its deliveries are held for less than a day", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open({ retention: HOUR });
  outbox.register(fixture.target("a", () => ({ verdict: "disable", status: 410 })));
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(MINUTE);
  const [{ data }] = fixture.announced as unknown as [{ data: { reason: string } }];
  assert.match(data.reason, /gone after less than a day$/);
});

test("records that remain of a removed target are not listed, replayed, or retried", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", () => ({ verdict: "final", error: "400" })));
  outbox.start();
  const id = await fixture.publish(outbox, ["a"]);
  await fixture.pass(MINUTE);
  const dead = await fixture.store.get(["hooks", "dead", "a", id]);
  await Promise.all([outbox.remove("a"), fixture.pass(MINUTE)]);
  await fixture.store.set(dead.key, dead.value); // by a process that was slow
  await fixture.store.set(["hooks", "delivery", "a", id], { v: 1, state: "dead", attempts: [] });
  assert.deepEqual(await outbox.listDeliveries({ state: "dead" }), { items: [] });
  assert.deepEqual(await outbox.listDeliveries({ state: "attempted", target: "a" }), { items: [] });
  const [result] = await Promise.all([outbox.replay({ timeout: 1_000 }), fixture.pass(MINUTE)]);
  assert.deepEqual(result, { replayed: 0, refused: 0 });
  const [outcome] = await Promise.all([outbox.retry("a", id), fixture.pass(MINUTE)]);
  assert.equal(outcome, "unknown");
});

test("retry() for a disabled target makes the delivery due, and enable() sends it", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  let down = true;
  const respond = () => down ? { verdict: "retry", error: "refused" } as const : undefined;
  outbox.register(fixture.target("a", respond));
  outbox.start();
  const id = await fixture.publish(outbox, ["a"]);
  await fixture.pass(1_000);
  down = false;
  await Promise.all([outbox.disable("a"), fixture.pass(1_000)]);
  const [outcome] = await Promise.all([outbox.retry("a", id), fixture.pass(1_000)]);
  assert.equal(outcome, "moved");
  assert.equal(fixture.seen.length, 1);
  await Promise.all([outbox.enable("a"), fixture.pass(1_000)]);
  assert.equal(fixture.seen.length, 2);
});

test("a target that changes while attempts run keeps to its concurrency", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const running = { now: 0, most: 0 };
  const target = () =>
    fixture.target("a", () => undefined, {
      concurrency: 2,
      attempt: async () => {
        running.most = Math.max(running.most, ++running.now);
        await fixture.simulation.sleep(5_000);
        running.now--;
        return { verdict: "delivered", duration: 5_000 };
      },
    });
  let registration = outbox.register(target());
  outbox.start();
  for (let changes = 0; changes < 4; changes++) {
    for (let n = 0; n < 3; n++) await fixture.publish(outbox, ["a"]);
    await fixture.pass(1_000);
    registration.unregister();
    registration = outbox.register(target());
    await fixture.pass(500);
  }
  assert.equal(running.most, 2);
  await fixture.pass(10 * MINUTE);
  assert.equal(running.most, 2);
  assert.deepEqual(await fixture.left("due"), []);
});
