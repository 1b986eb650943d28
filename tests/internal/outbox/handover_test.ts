/**
 * One outbox that goes from hooks which are closed to others.
 * @module
 */
import assert from "node:assert/strict";
import type { Attempt } from "../../../src/core/mod.ts";
import { createEventIdAt } from "../../../src/internal/uuid.ts";
import { test } from "../../harness.ts";
import { MINUTE, Stage } from "./stage.ts";

const DELIVERED: Attempt = { verdict: "delivered", duration: 10 };
const BUDGET = { timeout: 20_000 };

test("what the hooks before still attempt when they give up is no end to what comes after", async () => {
  const stage = new Stage();
  const { outbox, connection } = stage.open();
  const attempt = async (): Promise<Attempt> => (await stage.world.sleep(60_000), DELIVERED);
  const slow = outbox.register(stage.target("slow", undefined, { attempt }));
  outbox.start();
  await stage.publish(outbox, ["slow"]);
  void outbox.stop();
  await stage.pass(1_000);
  slow.unregister();
  connection.unregister();

  stage.connect(outbox);
  outbox.register(stage.target("a"));
  outbox.start();
  await stage.pass(5_000);
  await stage.publish(outbox, ["a"]);
  await stage.pass(100);
  assert.equal(stage.sent("a").length, 1);
});

test("hooks that are never opened drain the outbox that others stopped", async () => {
  const stage = new Stage();
  const { outbox, connection } = stage.open();
  // It outlasts `stop`, whatever is aborted.
  const attempt = async (): Promise<Attempt> => (await stage.world.sleep(9_000), DELIVERED);
  const slow = outbox.register(stage.target("a", undefined, { attempt }));
  outbox.start();
  await stage.publish(outbox, ["a"]);
  await Promise.all([outbox.stop(), stage.pass(MINUTE)]);
  slow.unregister();
  connection.unregister();

  stage.connect(outbox);
  outbox.register(stage.target("a"));
  await stage.publish(outbox, ["a"]);
  const [result] = await Promise.all([outbox.drainOnce(BUDGET), stage.pass(MINUTE)]);
  assert.deepEqual(result, { settled: 1, remaining: false });
});

test("what was leased for a target that is gone by then is attempted by the one that took its name", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  const old = outbox.register(stage.target("a", () => ({ verdict: "retry", error: "closed" })));
  outbox.start();
  await stage.publish(outbox, []); // it wrote what it writes at first
  const atomic = stage.store.atomic.bind(stage.store);
  stage.store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => (await stage.world.sleep(100), await commit());
    return operation;
  };
  const id = createEventIdAt(stage.world.now);
  const event = { id, type: "tool.called", timestamp: new Date(stage.world.now), data: {} };
  const published = outbox.publish([{ event, to: ["a"], fresh: true }]);
  await stage.pass(50);
  old.unregister();
  outbox.register(stage.target("a"));
  await stage.pass(5_000);
  await published;
  const delivery = await outbox.get("a", id);
  assert.deepEqual([delivery?.state, delivery?.attempts.length], ["delivered", 1]);
});

test("what is held for a target goes out as soon as that is registered", async () => {
  const stage = new Stage();
  const { outbox } = stage.open();
  outbox.start();
  const id = await stage.publish(outbox, ["a"]);
  await stage.pass(10 * MINUTE); // by now it looks once a minute
  outbox.register(stage.target("a"));
  await stage.pass(100);
  assert.deepEqual(stage.sent("a"), [id]);
});
