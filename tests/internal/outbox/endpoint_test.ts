/**
 * Targets that are off, paused or removed, over virtual days.
 * @module
 */
import assert from "node:assert/strict";
import { fixedRetry, scheduleRetry } from "../../../src/core/mod.ts";
import { test } from "../../harness.ts";
import { DAY, HOUR, MINUTE, Stage } from "./stage.ts";

const DOWN = { verdict: "retry", error: "connection refused" } as const;

test("a target that is off for a day gets what was held on enable, in order", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a", undefined, { concurrency: 1 }));
  outbox.start();
  await outbox.disable("a", "maintenance");
  const ids: string[] = [];
  for (let hour = 0; hour < 24; hour++) {
    ids.push(await stage.publish(outbox, ["a"]));
    await stage.pass(HOUR);
  }
  assert.deepEqual(stage.sent("a"), []);
  const { state, reason } = await outbox.endpoint("a");
  assert.deepEqual({ state, reason }, { state: "off", reason: "maintenance" });
  await outbox.enable("a");
  await stage.pass(5_000);
  assert.deepEqual(stage.sent("a"), ids);
  assert.equal((await outbox.endpoint("a")).state, "on");
});

test("a 410 turns a target off, and nothing of it is lost", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  let gone = true;
  const answer = () =>
    gone ? { verdict: "disable", status: 410, error: "410" } as const : undefined;
  outbox.register(stage.target("a", answer));
  outbox.register(stage.target("watcher"));
  stage.ownTargets = ["watcher"];
  outbox.start();
  const first = await stage.publish(outbox, ["a"]);
  await stage.pass(MINUTE);
  const second = await stage.publish(outbox, ["a"]);
  await stage.pass(DAY);
  assert.deepEqual(stage.sent("a"), [first]);
  assert.equal((await outbox.get("a", first))?.state, "pending");
  assert.deepEqual(stage.announced.map(({ type, data }) => [type, data]), [
    ["webhook.disabled", {
      target: "a",
      reason: "its receiver answered 410; what is accepted for it is held, and gone after 30 days",
    }],
  ]);
  assert.deepEqual(stage.sent("watcher"), [stage.announced[0]!.id]);
  gone = false;
  await outbox.enable("a");
  await stage.pass(5_000);
  assert.deepEqual(stage.sent("a"), [first, first, second]);
  assert.equal((await outbox.get("a", first))?.state, "delivered");
});

test("off for a 410 holds for the address that answered, not for another one", async () => {
  const stage = new Stage();
  const one = stage.open();
  const answer = () => ({ verdict: "disable", status: 410 }) as const;
  one.outbox.register(stage.target("a", answer, { address: () => Promise.resolve("1") }));
  one.outbox.start();
  const id = await stage.publish(one.outbox, ["a"]);
  await stage.pass(MINUTE);
  assert.equal((await one.outbox.endpoint("a")).state, "off");
  one.process.kill();

  const two = stage.open();
  two.outbox.register(stage.target("a", undefined, { address: () => Promise.resolve("2") }));
  two.outbox.start();
  await stage.pass(MINUTE);
  assert.deepEqual(stage.sent("a"), [id, id]);
  assert.equal((await two.outbox.endpoint("a")).state, "on");
});

test("nothing but failures for five days, twenty of them, turn a target off", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const retry = fixedRetry({ delay: HOUR, retries: 300, jitter: 0 });
  outbox.register(stage.target("a", () => DOWN, { retry }));
  outbox.register(
    stage.target("rare", () => DOWN, { retry: scheduleRetry([2 * DAY, 2 * DAY, 2 * DAY]) }),
  );
  outbox.start();
  const id = await stage.publish(outbox, ["a", "rare"]);
  await stage.pass(4.9 * DAY);
  const { state, failingSince, failures } = await outbox.endpoint("a");
  assert.deepEqual([state, failures > 100], ["on", true]);
  assert.ok(stage.world.now - Number(failingSince) > 4.8 * DAY);
  await stage.pass(0.3 * DAY);
  assert.equal((await outbox.endpoint("a")).state, "off");
  assert.match(
    (await outbox.endpoint("a")).reason!,
    /^nothing but failures for 5 days: 1\d\d of them$/,
  );
  const sent = stage.sent("a").length;
  await stage.pass(3 * DAY);
  assert.equal(stage.sent("a").length, sent);
  assert.equal((await outbox.get("a", id))?.state, "pending");
  assert.equal((await outbox.endpoint("rare")).state, "on");
  assert.equal((await outbox.get("rare", id))?.state, "dead");
});

test("one success, and the five days begin anew", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const retry = fixedRetry({ delay: HOUR, retries: 300, jitter: 0 });
  const down = await stage.publish(outbox, ["a"]);
  outbox.register(stage.target("a", ({ id }) => id === down ? DOWN : undefined, { retry }));
  outbox.start();
  await stage.pass(4 * DAY);
  await stage.publish(outbox, ["a"]);
  await stage.pass(MINUTE);
  assert.equal((await outbox.endpoint("a")).failingSince, undefined);
  await stage.pass(4 * DAY);
  assert.equal((await outbox.endpoint("a")).state, "on");
  await stage.pass(1.1 * DAY);
  assert.equal((await outbox.endpoint("a")).state, "off");
});

test("a receiver that answers 429 slows itself, and nobody else", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  let busy = true;
  const answer = () =>
    busy
      ? { verdict: "retry", status: 429, error: "429", retryAfter: 30 * MINUTE } as const
      : undefined;
  outbox.register(stage.target("busy", answer, { concurrency: 1 }));
  outbox.register(stage.target("other"));
  outbox.start();
  const ids: string[] = [];
  for (let i = 0; i < 10; i++) ids.push(await stage.publish(outbox, ["busy", "other"]));
  await stage.pass(MINUTE);
  assert.deepEqual(stage.sent("other"), ids);
  assert.equal(stage.sent("busy").length, 1);
  const { state, pausedUntil } = await outbox.endpoint("busy");
  assert.equal(state, "paused");
  assert.ok(Math.abs(Number(pausedUntil) - stage.world.now - 29 * MINUTE) < MINUTE);
  busy = false;
  await stage.pass(31 * MINUTE);
  assert.deepEqual([...new Set(stage.sent("busy"))].sort(), [...ids].sort());
  assert.equal((await outbox.endpoint("busy")).state, "on");
});

test("what is removed is gone, also when something comes for it again", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a", () => DOWN));
  outbox.register(stage.target("b"));
  outbox.register(stage.target("lanes", () => DOWN, { ordering: "session" }));
  outbox.start();
  for (let i = 0; i < 50; i++) {
    await stage.publish(outbox, ["a", "b", "lanes"], { sessionId: `s-${i % 3}` });
  }
  await outbox.remove("a");
  await outbox.remove("lanes");
  await stage.publish(outbox, ["a", "lanes"], { sessionId: "s-1" });
  await stage.pass(2 * MINUTE);
  for (const range of ["due", "lane", "dead", "delivery", "count"]) {
    assert.deepEqual(await stage.left(range, "a"), [], range);
    assert.deepEqual(await stage.left(range, "lanes"), [], range);
  }
  assert.equal((await stage.left("delivery", "b")).length, 50);
  assert.equal((await outbox.endpoint("a")).state, "deleted");
  await assert.rejects(outbox.enable("a"), {
    message: "Cannot enable 'a' as it was removed: that is for good, so use another name",
  });
  await outbox.remove("a");
});

test("a target that nobody knows is no target", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  await stage.publish(outbox, ["orphan"]);
  await outbox.disable("orphan");
  assert.equal((await outbox.endpoint("orphan")).registered, false);
  await assert.rejects(outbox.disable("biling"), {
    name: "TypeError",
    message: "Cannot disable a target as none is named 'biling'",
  });
});

test("a death is told once, in the process and to targets, and the end of that is not", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const answer = () => ({ verdict: "final", status: 400, error: "the response was 400" }) as const;
  outbox.register(stage.target("a", answer));
  outbox.register(stage.target("watcher", answer));
  stage.ownTargets = ["watcher"];
  outbox.start();
  const id = await stage.publish(outbox, ["a"]);
  await stage.pass(HOUR);
  const data = { target: "a", event_id: id, reason: "the response was 400" };
  assert.deepEqual(stage.announced.map(({ type, data }) => [type, data]), [[
    "delivery.dead",
    data,
  ]]);
  assert.deepEqual(stage.sent("watcher"), [stage.announced[0]!.id]);
  assert.equal((await stage.left("dead")).length, 2);
});

test("a failure that was never written is not the beginning of a long failing", async () => {
  const stage = new Stage();
  const [a, b] = [stage.open(), stage.open()];
  const retry = scheduleRetry([DAY]);
  a.outbox.register(stage.target("a", () => DOWN, { retry }));
  b.outbox.register(stage.target("a", undefined, { retry }));
  a.outbox.start();
  await stage.publish(a.outbox, ["a"]); // written
  await stage.publish(a.outbox, ["a"]); // not written, as it is a minute's second
  await stage.pass(MINUTE);
  await a.outbox.stop();
  b.outbox.start();
  for (let day = 0; day < 7; day++) {
    await stage.publish(b.outbox, ["a"]);
    await stage.pass(DAY);
  }
  assert.equal((await b.outbox.endpoint("a")).failingSince, undefined);
  const from = stage.world.now;
  await Promise.all([b.outbox.stop(), stage.pass(5_000)]);
  a.outbox.start();
  for (let i = 0; i < 30; i++) await stage.publish(a.outbox, ["a"]);
  await stage.pass(2 * MINUTE);
  const { state, failingSince } = await a.outbox.endpoint("a");
  assert.equal(state, "on");
  assert.ok(Number(failingSince) >= from);
});

test("an event of somebody's own that is named like the outbox's is one like any other", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("gone", () => ({ verdict: "disable", status: 410 })));
  outbox.register(stage.target("bad", () => ({ verdict: "final", error: "400" })));
  outbox.start();
  await stage.publish(outbox, ["gone"], { type: "webhook.called" });
  await stage.publish(outbox, ["bad"], { type: "delivery.shipped" });
  await stage.pass(MINUTE);
  const types = stage.announced.map(({ type }) => type);
  assert.deepEqual(types.sort(), ["delivery.dead", "webhook.disabled"]);
});

test("a target is told to be off, also because of what it answered to an event of the outbox", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("bad", () => ({ verdict: "final", error: "400" })));
  outbox.register(stage.target("watcher", () => ({ verdict: "disable", status: 410 })));
  stage.ownTargets = ["watcher"];
  outbox.start();
  await stage.publish(outbox, ["bad"]);
  await stage.pass(MINUTE);
  const types = stage.announced.map(({ type }) => type);
  assert.deepEqual(types, ["delivery.dead", "webhook.disabled"]);
});

test("an event of the outbox never goes to the target that it is about", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const sent: string[] = [];
  const target = (name: string, verdict: "disable" | "final") =>
    stage.target(name, ({ type, data }) => {
      sent.push(`${type} to ${name} about ${(data as { target?: string }).target}`);
      return { verdict, error: "no" };
    });
  outbox.register(target("gone", "disable"));
  outbox.register(target("bad", "final"));
  stage.ownTargets = ["gone", "bad"];
  outbox.start();
  await stage.publish(outbox, ["bad"]);
  await stage.pass(MINUTE);
  await outbox.enable("gone");
  await stage.publish(outbox, ["gone"]);
  await stage.pass(MINUTE);
  for (const line of sent) assert.doesNotMatch(line, /to (\w+) about \1/);
  const about = stage.announced.map(({ type, data }) =>
    `${type} ${(data as { target: string }).target}`
  );
  // `gone` is off because of the death of `bad`, which `bad` is told of and refuses: that is not told.
  assert.deepEqual(about, ["delivery.dead bad", "webhook.disabled gone", "webhook.disabled gone"]);
  const { items } = await outbox.listEvents();
  for (const { event: { data }, targets } of items) {
    assert.ok(!targets.includes(String((data as { target?: string } | null)?.target)));
  }
  const dead = await outbox.listDeliveries({ state: "dead", target: "bad" });
  assert.equal((await outbox.replay({ state: "dead", timeout: 100 })).replayed, dead.items.length);
  await stage.pass(MINUTE);
  for (const line of sent) assert.doesNotMatch(line, /to (\w+) about \1/);
});

test("two targets that refuse each other's news end each other once", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  for (const name of ["a", "b"]) {
    outbox.register(stage.target(name, () => ({ verdict: "disable", status: 410 })));
  }
  stage.ownTargets = ["a", "b"];
  outbox.start();
  await stage.publish(outbox, ["a"]);
  await stage.pass(MINUTE);
  for (let n = 0; n < 3; n++) {
    await outbox.enable("a");
    await outbox.enable("b");
    await stage.pass(MINUTE);
  }
  // What each refuses later on is what it was sent before.
  const news = stage.announced.filter(({ data }) => (data as { target: string }).target === "b");
  assert.equal(news.length, 0);
});
