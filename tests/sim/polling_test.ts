/**
 * When the worker looks for what is due, over virtual time.
 * @module
 */
import assert from "node:assert/strict";
import type { Outbox } from "../../src/outbox/types.ts";
import { mock, test } from "../support/harness.ts";
import { Fixture, MINUTE } from "./fixture.ts";

test("a delivery that is attempted when it is stored causes no reads of the queue", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a"));
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(5 * MINUTE);
  const list = mock.method(fixture.store, "list");
  for (let n = 0; n < 10; n++) {
    await fixture.publish(outbox, ["a"]);
    await fixture.pass(20);
  }
  assert.equal(fixture.seen.length, 11);
  assert.equal(list.mock.callCount(), 0);
});

test("a retry starts on time even if other deliveries keep failing", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const down = ({ type }: { readonly type: string }) =>
    type === "tool.called" ? { verdict: "retry", error: "down" } as const : undefined;
  outbox.register(fixture.target("a", down));
  outbox.start();
  const start = fixture.simulation.now;
  const first = await fixture.publish(outbox, ["a"]);
  while (fixture.simulation.now < start + 2 * MINUTE) {
    await fixture.pass(200);
    await fixture.publish(outbox, ["a"]);
    await fixture.publish(outbox, ["a"], { type: "tool.completed" });
  }
  const [, again] = fixture.seen.filter(({ id }) => id === first);
  const late = again!.at - start - MINUTE;
  assert.ok(Math.abs(late) < 0.25 * MINUTE, `${late} ms late`);
});

test("a target that always fails is tried once a second, and without pauses after a success", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  let down = true;
  const failed = { verdict: "retry", error: "refused" } as const;
  outbox.register(fixture.target("a", () => down ? failed : undefined));
  for (let n = 0; n < 1000; n++) await fixture.publish(outbox, ["a"]);
  outbox.start();
  await fixture.pass(10_000);
  const asked = fixture.seen.length;
  // Five rounds of four until it is noticed; then four a second, and the second is jittered.
  assert.ok(asked >= 20 + 8 * 4 && asked <= 24 + 10 * 4, `${asked} attempts`);
  down = false;
  await fixture.pass(15_000);
  assert.equal(fixture.seen.length, 1000);
});

test("a delivery stored while all slots are taken is claimed when a slot becomes free", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a", undefined, { concurrency: 1 }));
  outbox.start();
  await fixture.pass(10 * MINUTE);
  const start = fixture.simulation.now;
  for (let n = 0; n < 20; n++) {
    await fixture.publish(outbox, ["a"]);
    await fixture.pass(3);
  }
  await fixture.pass(2_000);
  assert.equal(fixture.seen.length, 20);
  assert.ok(fixture.seen.at(-1)!.at - start < 500, `${fixture.seen.at(-1)!.at - start} ms`);
});

test("a read that never returns times out, and the next one finds the delivery", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  outbox.register(fixture.target("a"));
  await fixture.publish(outbox, ["a"]);
  const list = fixture.store.list.bind(fixture.store);
  const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  let isFirst = true;
  fixture.store.list = (selector, options) => {
    const isLook = isFirst && "prefix" in selector && selector.prefix[1] === "due";
    if (isLook) isFirst = false;
    return isLook ? silent : list(selector, options);
  };
  outbox.start();
  await fixture.pass(MINUTE);
  assert.equal(fixture.seen.length, 1);
});

/** A target whose attempts take 10 ms, unless one is held up, and the most that ran at once. */
function oneAtATime(fixture: Fixture) {
  const running = { now: 0, most: 0, takes: 10 };
  const target = fixture.target("a", undefined, {
    concurrency: 1,
    attempt: async (event) => {
      running.most = Math.max(running.most, ++running.now);
      const { takes } = running;
      await fixture.simulation.sleep(takes);
      running.now--;
      fixture.seen.push({ at: fixture.simulation.now, id: event.id, target: "a" });
      return { verdict: "delivered", duration: takes };
    },
  });
  return { running, target };
}

/** Publishes many events in one turn. */
function publishMany(fixture: Fixture, outbox: Outbox, count: number) {
  return Promise.all(Array.from({ length: count }, () => fixture.publish(outbox, ["a"])));
}

test("deliveries without a free slot are leased at once, in order, if attempts are fast", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const { running, target } = oneAtATime(fixture);
  outbox.register(target);
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(2_000);
  await fixture.publish(outbox, ["a"]); // tells that the receiver is fast
  await fixture.pass(100);
  const list = mock.method(fixture.store, "list");
  const ids = await publishMany(fixture, outbox, 20);
  await fixture.pass(500);
  assert.deepEqual(fixture.sent("a").slice(2), ids);
  assert.equal(running.most, 1);
  assert.equal(list.mock.callCount(), 0);
});

test("a delivery that waits for a slot for over a second goes to another process", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const { running, target } = oneAtATime(fixture);
  outbox.register(target);
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(100);
  running.takes = 8_000;
  const held = await publishMany(fixture, outbox, 5);
  running.takes = 10;
  const other = fixture.open().outbox;
  other.register(fixture.target("a"));
  other.start();
  await fixture.pass(5_000);
  assert.deepEqual(fixture.sent("a").slice(2).toSorted(), held.slice(1).toSorted());
  await fixture.pass(MINUTE);
  assert.equal(fixture.seen.length, 7);
});

test("a delivery that waits for a slot is given back when the outbox stops", async () => {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  const { running, target } = oneAtATime(fixture);
  outbox.register(target);
  outbox.start();
  await fixture.publish(outbox, ["a"]);
  await fixture.publish(outbox, ["a"]);
  await fixture.pass(100);
  running.takes = 500;
  await publishMany(fixture, outbox, 5);
  assert.equal((await outbox.stats())[0]!.inFlight, 1);
  await Promise.all([outbox.stop(), fixture.pass(1_000)]);
  assert.equal(fixture.seen.length, 3);
  const { items } = await outbox.listDeliveries({ state: "pending" });
  assert.equal(items.length, 4);
  assert.ok(items.every(({ leasedUntil }) => leasedUntil === undefined));
});
