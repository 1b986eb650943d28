/**
 * What may stand in a record, and what of it is believed.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { DAY, HOUR, MINUTE, Stage } from "./stage.ts";

test("a pause that a wrong clock wrote is ignored, and the next one is written", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  let busy = false;
  const answer = () =>
    busy ? { verdict: "retry", status: 503, retryAfter: 10 * MINUTE } as const : undefined;
  outbox.register(stage.target("a", answer));
  const pausedUntil = stage.world.now + 300 * DAY;
  const record = { v: 1, state: "on", address: "", failures: 0, pausedUntil };
  await stage.store.set(["hooks", "endpoint", "a"], record);
  outbox.start();
  await stage.publish(outbox, ["a"]);
  await stage.pass(MINUTE);
  assert.equal(stage.sent("a").length, 1);
  busy = true;
  await stage.publish(outbox, ["a"]);
  await stage.pass(1_000);
  const endpoint = await outbox.endpoint("a");
  assert.equal(endpoint.state, "paused");
  assert.ok(Number(endpoint.pausedUntil) < stage.world.now + HOUR);
});

test("a reason that is given by hand has 500 characters at most", async () => {
  const { outbox } = new Stage().open();
  await assert.rejects(outbox.disable("a", "x".repeat(501)), {
    name: "RangeError",
    message: "Cannot disable as 'reason' must have at most 500 characters: current value has 501",
  });
});

test("what is held for less than a day is said to be", async () => {
  const stage = new Stage();
  const { outbox } = stage.open({ retention: HOUR });
  outbox.register(stage.target("a", () => ({ verdict: "disable", status: 410 })));
  outbox.start();
  await stage.publish(outbox, ["a"]);
  await stage.pass(MINUTE);
  const [{ data }] = stage.announced as unknown as [{ data: { reason: string } }];
  assert.match(data.reason, /gone after less than a day$/);
});

test("what is left behind of a removed target is neither listed, replayed nor retried", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.register(stage.target("a", () => ({ verdict: "final", error: "400" })));
  outbox.start();
  const id = await stage.publish(outbox, ["a"]);
  await stage.pass(MINUTE);
  const dead = await stage.store.get(["hooks", "dead", "a", id]);
  await Promise.all([outbox.remove("a"), stage.pass(MINUTE)]);
  await stage.store.set(dead.key, dead.value); // by a process that was slow
  await stage.store.set(["hooks", "delivery", "a", id], { v: 1, state: "dead", attempts: [] });
  assert.deepEqual(await outbox.listDeliveries({ state: "dead" }), { items: [] });
  assert.deepEqual(await outbox.listDeliveries({ state: "attempted", target: "a" }), { items: [] });
  const [result] = await Promise.all([outbox.replay({ timeout: 1_000 }), stage.pass(MINUTE)]);
  assert.deepEqual(result, { replayed: 0, refused: 0 });
  const [outcome] = await Promise.all([outbox.retry("a", id), stage.pass(MINUTE)]);
  assert.equal(outcome, "unknown");
});

test("retry() of a target that is off makes it due, and enable() has it sent", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  let down = true;
  const answer = () => down ? { verdict: "retry", error: "refused" } as const : undefined;
  outbox.register(stage.target("a", answer));
  outbox.start();
  const id = await stage.publish(outbox, ["a"]);
  await stage.pass(1_000);
  down = false;
  await Promise.all([outbox.disable("a"), stage.pass(1_000)]);
  const [outcome] = await Promise.all([outbox.retry("a", id), stage.pass(1_000)]);
  assert.equal(outcome, "moved");
  assert.equal(stage.seen.length, 1);
  await Promise.all([outbox.enable("a"), stage.pass(1_000)]);
  assert.equal(stage.seen.length, 2);
});
