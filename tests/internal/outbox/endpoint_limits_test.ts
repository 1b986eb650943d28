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
