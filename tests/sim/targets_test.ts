/**
 * Targets that are off, paused or removed, over virtual days.
 * @module
 */
import assert from "node:assert/strict";
import { fixedRetry, scheduleRetry } from "../../src/core/mod.ts";
import { test } from "../support/harness.ts";
import { DAY, Fixture, HOUR, MINUTE } from "./fixture.ts";

const DOWN = { verdict: "retry", error: "connection refused" } as const;

test("a target that was disabled for a day gets the held deliveries in order when it is enabled", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { concurrency: 1 }));
  outbox.start();
  await outbox.disable("a", "maintenance");
  const ids: string[] = [];
  for (let hour = 0; hour < 24; hour++) {
    ids.push(await fixture.publish(outbox, ["a"]));
    await fixture.pass(HOUR);
  }
  assert.deepEqual(fixture.sent("a"), []);
  const { state, reason } = await outbox.endpoint("a");
  assert.deepEqual({ state, reason }, { state: "off", reason: "maintenance" });
  await outbox.enable("a");
  await fixture.pass(5_000);
  assert.deepEqual(fixture.sent("a"), ids);
  assert.equal((await outbox.endpoint("a")).state, "on");
});

test("a 410 disables a target, and its deliveries are held", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  let gone = true;
  const respond = () =>
    gone ? { verdict: "disable", status: 410, error: "410" } as const : undefined;
  outbox.register(fixture.target("a", respond));
  outbox.register(fixture.target("watcher"));
  fixture.ownTargets = ["watcher"];
  outbox.start();
  const first = await fixture.publish(outbox, ["a"]);
  await fixture.pass(MINUTE);
  const second = await fixture.publish(outbox, ["a"]);
  await fixture.pass(DAY);
  assert.deepEqual(fixture.sent("a"), [first]);
  assert.equal((await outbox.get("a", first))?.state, "pending");
  assert.deepEqual(fixture.announced.map(({ type, data }) => [type, data]), [
    ["webhook.disabled", {
      target: "a",
      reason: "the receiver responded 410; what is accepted for it is held, and gone after 30 days",
    }],
  ]);
  assert.deepEqual(fixture.sent("watcher"), [fixture.announced[0]!.id]);
  gone = false;
  await outbox.enable("a");
  await fixture.pass(5_000);
  assert.deepEqual(fixture.sent("a"), [first, first, second]);
  assert.equal((await outbox.get("a", first))?.state, "delivered");
});

test("a 410 disables a target for the URL that responded, not for a new one", async () => {
  const fixture = new Fixture();
  const one = fixture.open();
  const respond = () => ({ verdict: "disable", status: 410 }) as const;
  one.outbox.register(fixture.target("a", respond, { address: () => Promise.resolve("1") }));
  one.outbox.start();
  const id = await fixture.publish(one.outbox, ["a"]);
  await fixture.pass(MINUTE);
  assert.equal((await one.outbox.endpoint("a")).state, "off");
  one.process.kill();

  const two = fixture.open();
  two.outbox.register(fixture.target("a", undefined, { address: () => Promise.resolve("2") }));
  two.outbox.start();
  await fixture.pass(MINUTE);
  assert.deepEqual(fixture.sent("a"), [id, id]);
  assert.equal((await two.outbox.endpoint("a")).state, "on");
});

test("a target is disabled after 20 attempts that all failed over five days", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const retry = fixedRetry({ delay: HOUR, retries: 300, jitter: 0 });
  outbox.register(fixture.target("a", () => DOWN, { retry }));
  outbox.register(
    fixture.target("rare", () => DOWN, { retry: scheduleRetry([2 * DAY, 2 * DAY, 2 * DAY]) }),
  );
  outbox.start();
  const id = await fixture.publish(outbox, ["a", "rare"]);
  await fixture.pass(4.9 * DAY);
  const { state, failingSince, failures } = await outbox.endpoint("a");
  assert.deepEqual([state, failures > 100], ["on", true]);
  assert.ok(fixture.simulation.now - Number(failingSince) > 4.8 * DAY);
  await fixture.pass(0.3 * DAY);
  assert.equal((await outbox.endpoint("a")).state, "off");
  assert.match(
    (await outbox.endpoint("a")).reason!,
    /^nothing but failures for 5 days: 1\d\d of them$/,
  );
  const sent = fixture.sent("a").length;
  await fixture.pass(3 * DAY);
  assert.equal(fixture.sent("a").length, sent);
  assert.equal((await outbox.get("a", id))?.state, "pending");
  assert.equal((await outbox.endpoint("rare")).state, "on");
  assert.equal((await outbox.get("rare", id))?.state, "dead");
});

test("a success resets the five days after which a target is disabled", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const retry = fixedRetry({ delay: HOUR, retries: 300, jitter: 0 });
  const down = await fixture.publish(outbox, ["a"]);
  outbox.register(fixture.target("a", ({ id }) => id === down ? DOWN : undefined, { retry }));
  outbox.start();
  await fixture.pass(4 * DAY);
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(MINUTE);
  assert.equal((await outbox.endpoint("a")).failingSince, undefined);
  await fixture.pass(4 * DAY);
  assert.equal((await outbox.endpoint("a")).state, "on");
  await fixture.pass(1.1 * DAY);
  assert.equal((await outbox.endpoint("a")).state, "off");
});

test("a 429 pauses only the target that responded with it", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  let busy = true;
  const respond = () =>
    busy
      ? { verdict: "retry", status: 429, error: "429", retryAfter: 30 * MINUTE } as const
      : undefined;
  outbox.register(fixture.target("busy", respond, { concurrency: 1 }));
  outbox.register(fixture.target("other"));
  outbox.start();
  const ids: string[] = [];
  for (let i = 0; i < 10; i++) ids.push(await fixture.publish(outbox, ["busy", "other"]));
  await fixture.pass(MINUTE);
  assert.deepEqual(fixture.sent("other"), ids);
  assert.equal(fixture.sent("busy").length, 1);
  const { state, pausedUntil } = await outbox.endpoint("busy");
  assert.equal(state, "paused");
  assert.ok(Math.abs(Number(pausedUntil) - fixture.simulation.now - 29 * MINUTE) < MINUTE);
  busy = false;
  await fixture.pass(31 * MINUTE);
  assert.deepEqual([...new Set(fixture.sent("busy"))].sort(), [...ids].sort());
  assert.equal((await outbox.endpoint("busy")).state, "on");
});

test("remove() deletes a target's records, including those of later events", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", () => DOWN));
  outbox.register(fixture.target("b"));
  outbox.register(fixture.target("ordered", () => DOWN, { ordering: "session" }));
  outbox.start();
  for (let i = 0; i < 50; i++) {
    await fixture.publish(outbox, ["a", "b", "ordered"], { sessionId: `s-${i % 3}` });
  }
  await outbox.remove("a");
  await outbox.remove("ordered");
  await fixture.publish(outbox, ["a", "ordered"], { sessionId: "s-1" });
  await fixture.pass(2 * MINUTE);
  for (const range of ["due", "lane", "dead", "delivery", "count"]) {
    assert.deepEqual(await fixture.left(range, "a"), [], range);
    assert.deepEqual(await fixture.left(range, "ordered"), [], range);
  }
  assert.equal((await fixture.left("delivery", "b")).length, 50);
  assert.equal((await outbox.endpoint("a")).state, "deleted");
  await assert.rejects(outbox.enable("a"), {
    message: "Cannot enable target 'a': it was removed for good. Use another name",
  });
  await outbox.remove("a");
});

test("disable() accepts a target that has deliveries, and rejects an unknown one", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  await fixture.publish(outbox, ["orphan"]);
  await outbox.disable("orphan");
  assert.equal((await outbox.endpoint("orphan")).registered, false);
  await assert.rejects(outbox.disable("biling"), {
    name: "TypeError",
    message: "Cannot disable target: there is no target 'biling'",
  });
});

test("a dead letter emits 'delivery.dead' once, and a dead 'delivery.dead' emits nothing", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const respond = () => ({ verdict: "final", status: 400, error: "the response was 400" }) as const;
  outbox.register(fixture.target("a", respond));
  outbox.register(fixture.target("watcher", respond));
  fixture.ownTargets = ["watcher"];
  outbox.start();
  const id = await fixture.publish(outbox, ["a"]);
  await fixture.pass(HOUR);
  const data = { target: "a", event_id: id, reason: "the response was 400" };
  assert.deepEqual(fixture.announced.map(({ type, data }) => [type, data]), [[
    "delivery.dead",
    data,
  ]]);
  assert.deepEqual(fixture.sent("watcher"), [fixture.announced[0]!.id]);
  assert.equal((await fixture.left("dead")).length, 2);
});

test("the time since which a target fails is that of a stored failure", async () => {
  const fixture = new Fixture();
  const [a, b] = [fixture.open(), fixture.open()];
  const retry = scheduleRetry([DAY]);
  a.outbox.register(fixture.target("a", () => DOWN, { retry }));
  b.outbox.register(fixture.target("a", undefined, { retry }));
  a.outbox.start();
  await fixture.publish(a.outbox, ["a"]); // written
  await fixture.publish(a.outbox, ["a"]); // not written, as it is a minute's second
  await fixture.pass(MINUTE);
  await a.outbox.stop();
  b.outbox.start();
  for (let day = 0; day < 7; day++) {
    await fixture.publish(b.outbox, ["a"]);
    await fixture.pass(DAY);
  }
  assert.equal((await b.outbox.endpoint("a")).failingSince, undefined);
  const from = fixture.simulation.now;
  await Promise.all([b.outbox.stop(), fixture.pass(5_000)]);
  a.outbox.start();
  for (let i = 0; i < 30; i++) await fixture.publish(a.outbox, ["a"]);
  await fixture.pass(2 * MINUTE);
  const { state, failingSince } = await a.outbox.endpoint("a");
  assert.equal(state, "on");
  assert.ok(Number(failingSince) >= from);
});

test("an event whose type only resembles the outbox's own is handled as any other", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("gone", () => ({ verdict: "disable", status: 410 })));
  outbox.register(fixture.target("bad", () => ({ verdict: "final", error: "400" })));
  outbox.start();
  await fixture.publish(outbox, ["gone"], { type: "webhook.called" });
  await fixture.publish(outbox, ["bad"], { type: "delivery.shipped" });
  await fixture.pass(MINUTE);
  const types = fixture.announced.map(({ type }) => type);
  assert.deepEqual(types.sort(), ["delivery.dead", "webhook.disabled"]);
});

test("a target that responds 410 to an event of the outbox is disabled, and this is announced", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("bad", () => ({ verdict: "final", error: "400" })));
  outbox.register(fixture.target("watcher", () => ({ verdict: "disable", status: 410 })));
  fixture.ownTargets = ["watcher"];
  outbox.start();
  await fixture.publish(outbox, ["bad"]);
  await fixture.pass(MINUTE);
  const types = fixture.announced.map(({ type }) => type);
  assert.deepEqual(types, ["delivery.dead", "webhook.disabled"]);
});

test("an event of the outbox is never sent to the target that it is about", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const sent: string[] = [];
  const target = (name: string, verdict: "disable" | "final") =>
    fixture.target(name, ({ type, data }) => {
      sent.push(`${type} to ${name} about ${(data as { target?: string }).target}`);
      return { verdict, error: "no" };
    });
  outbox.register(target("gone", "disable"));
  outbox.register(target("bad", "final"));
  fixture.ownTargets = ["gone", "bad"];
  outbox.start();
  await fixture.publish(outbox, ["bad"]);
  await fixture.pass(MINUTE);
  await outbox.enable("gone");
  await fixture.publish(outbox, ["gone"]);
  await fixture.pass(MINUTE);
  for (const line of sent) assert.doesNotMatch(line, /to (\w+) about \1/);
  const about = fixture.announced.map(({ type, data }) =>
    `${type} ${(data as { target: string }).target}`
  );
  // `gone` is disabled because it rejects the event about `bad`. An event about such an event is never emitted.
  assert.deepEqual(about, ["delivery.dead bad", "webhook.disabled gone", "webhook.disabled gone"]);
  const { items } = await outbox.listEvents();
  for (const { event: { data }, targets } of items) {
    assert.ok(!targets.includes(String((data as { target?: string } | null)?.target)));
  }
  const dead = await outbox.listDeliveries({ state: "dead", target: "bad" });
  assert.equal((await outbox.replay({ state: "dead", timeout: 100 })).replayed, dead.items.length);
  await fixture.pass(MINUTE);
  for (const line of sent) assert.doesNotMatch(line, /to (\w+) about \1/);
});

test("two targets that respond 410 to events about each other are disabled without a loop", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  for (const name of ["a", "b"]) {
    outbox.register(fixture.target(name, () => ({ verdict: "disable", status: 410 })));
  }
  fixture.ownTargets = ["a", "b"];
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(MINUTE);
  for (let n = 0; n < 3; n++) {
    await outbox.enable("a");
    await outbox.enable("b");
    await fixture.pass(MINUTE);
  }
  // What each refuses later on is what it was sent before.
  const news = fixture.announced.filter(({ data }) => (data as { target: string }).target === "b");
  assert.equal(news.length, 0);
});
