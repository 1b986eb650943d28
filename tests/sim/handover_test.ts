/**
 * One outbox that goes from hooks which are closed to others.
 * @module
 */
import assert from "node:assert/strict";
import type { Attempt } from "../../src/core/mod.ts";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import { test } from "../support/harness.ts";
import { Fixture, MINUTE } from "./fixture.ts";

const DELIVERED: Attempt = { verdict: "delivered", duration: 10 };
const BUDGET = { timeout: 20_000 };

test("attempts that outlive close() don't affect the next hooks of the outbox", async () => {
  const fixture = new Fixture();
  const { outbox, connection } = fixture.open();
  const attempt = async (): Promise<Attempt> => (await fixture.simulation.sleep(60_000), DELIVERED);
  const slow = outbox.register(fixture.target("slow", undefined, { attempt }));
  outbox.start();
  await fixture.publish(outbox, ["slow"]);
  void outbox.stop();
  await fixture.pass(1_000);
  slow.unregister();
  connection.unregister();

  fixture.connect(outbox);
  outbox.register(fixture.target("a"));
  outbox.start();
  await fixture.pass(5_000);
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(100);
  assert.equal(fixture.sent("a").length, 1);
});

test("drainOnce() works for hooks that are never opened, after others stopped the outbox", async () => {
  const fixture = new Fixture();
  const { outbox, connection } = fixture.open();
  // It outlasts `stop`, whatever is aborted.
  const attempt = async (): Promise<Attempt> => (await fixture.simulation.sleep(9_000), DELIVERED);
  const slow = outbox.register(fixture.target("a", undefined, { attempt }));
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await Promise.all([outbox.stop(), fixture.pass(MINUTE)]);
  slow.unregister();
  connection.unregister();

  fixture.connect(outbox);
  outbox.register(fixture.target("a"));
  await fixture.publish(outbox, ["a"]);
  const [result] = await Promise.all([outbox.drainOnce(BUDGET), fixture.pass(MINUTE)]);
  assert.deepEqual(result, { settled: 1, remaining: false, next: undefined });
});

test("a delivery leased for a removed target is attempted by the target that took its name", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const old = outbox.register(fixture.target("a", () => ({ verdict: "retry", error: "closed" })));
  outbox.start();
  await fixture.publish(outbox, []); // it wrote what it writes at first
  const atomic = fixture.store.atomic.bind(fixture.store);
  fixture.store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => (await fixture.simulation.sleep(100), await commit());
    return operation;
  };
  const id = createEventIdAt(fixture.simulation.now);
  const event = { id, type: "tool.called", timestamp: new Date(fixture.simulation.now), data: {} };
  const published = outbox.publish([{ event, to: ["a"], fresh: true }]);
  await fixture.pass(50);
  old.unregister();
  outbox.register(fixture.target("a"));
  await fixture.pass(5_000);
  await published;
  const delivery = await outbox.get("a", id);
  assert.deepEqual([delivery?.state, delivery?.attempts.length], ["delivered", 1]);
});

test("deliveries held for an unregistered target are sent as soon as it is registered", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.start();
  const id = await fixture.publish(outbox, ["a"]);
  await fixture.pass(10 * MINUTE); // by now it looks once a minute
  outbox.register(fixture.target("a"));
  await fixture.pass(100);
  assert.deepEqual(fixture.sent("a"), [id]);
});
