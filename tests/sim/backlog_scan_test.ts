/**
 * How a backlog is read: what a target had before it isn't passed again for each free slot, and what
 * becomes due before it isn't missed. Over virtual time.
 * @module
 */
import assert from "node:assert/strict";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import type { StoreSelector } from "../../src/store/mod.ts";
import { bindStore } from "../support/bind_store.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { test } from "../support/harness.ts";
import { Fixture, HOUR } from "./fixture.ts";
import { SimProcess } from "./process.ts";

/** A process with 1,000 deliveries waiting for a target that takes four at once. */
async function withBacklog() {
  const fixture = new Fixture();
  const { outbox } = fixture.open();
  for (const name of ["a", "b", "c"]) outbox.register(fixture.target(name));
  for (let n = 0; n < 1_000; n++) await fixture.publish(outbox, ["b"]);
  return { fixture, outbox };
}

/** Whether a read starts before all keys that a target can have. */
function passesAllOf(target: string, selector: StoreSelector): boolean {
  const { start = [], end } = selector as { readonly start?: string[]; readonly end?: string[] };
  if (start[1] !== "due" || start.length > 3 || String(start[2] ?? "") > target) return false;
  return end === undefined || String(end[2]) > target;
}

test("a backlog is read from its start once per 128 deliveries, not for each free slot", async () => {
  const { fixture, outbox } = await withBacklog();
  let reads = 0;
  const list = fixture.store.list.bind(fixture.store);
  fixture.store.list = (selector, options) => {
    if (passesAllOf("b", selector)) reads++;
    return list(selector, options);
  };
  outbox.start();
  while (fixture.sent("b").length < 1_000) await fixture.pass(100);
  assert.ok(reads >= 8 && reads <= 16, `${reads} reads`);
});

test("a delivery that becomes due before a backlog is found while the backlog is being sent", async () => {
  const { fixture, outbox } = await withBacklog();
  outbox.start();
  await fixture.pass(500);
  const { clock } = new SimProcess("late", fixture.simulation, -HOUR);
  const late = createOutboxIn(clock, fixture.store, { logger: silentLogger });
  const id = await fixture.publish(late, ["b"]);
  while (!fixture.sent("b").includes(id)) await fixture.pass(10);
  const before = fixture.sent("b").length;
  assert.ok(before < 600, `after ${before} others`);
});

/** A process whose reads pass many deleted rows of a removed target, `a`, unless they begin after them. */
function withDeletedRows(fixture: Fixture, milliseconds: number) {
  const list = fixture.store.list.bind(fixture.store);
  const passed = { count: 0 };
  fixture.store.list = (selector, options) => {
    if (!passesAllOf("a", selector)) return list(selector, options);
    passed.count++;
    return (async function* () {
      await fixture.simulation.sleep(milliseconds);
      yield* list(selector, options);
    })();
  };
  const { outbox } = fixture.open();
  for (const name of ["a", "b"]) {
    outbox.register(fixture.target(name, undefined, { concurrency: 1 }));
  }
  return { outbox, passed };
}

test("deleted rows are not read again for each delivery of another target", async () => {
  const fixture = new Fixture();
  const { outbox, passed } = withDeletedRows(fixture, 4_000);
  const other = fixture.open().outbox;
  outbox.start();
  await fixture.pass(30_000);
  for (let n = 0; n < 20; n++) await fixture.publish(other, ["b"]);
  passed.count = 0;
  await fixture.pass(15_000);
  assert.equal(fixture.sent("b").length, 20);
  assert.ok(passed.count <= 2, `${passed.count} reads passed them`);
});

test("a delivery that becomes due before the last one read is found after slow reads", async () => {
  const fixture = new Fixture();
  const { outbox, passed } = withDeletedRows(fixture, 2_000);
  outbox.start();
  for (let n = 0; n < 5; n++) {
    await fixture.publish(outbox, ["b"]);
    await fixture.pass(1_000);
  }
  const { clock } = new SimProcess("late", fixture.simulation, -HOUR);
  const late = createOutboxIn(clock, fixture.store, { logger: silentLogger });
  const id = await fixture.publish(late, ["b"]);
  const before = passed.count;
  await fixture.pass(2 * 60_000);
  assert.ok(fixture.sent("b").includes(id));
  assert.ok(passed.count > before);
});

test("committed() delivers what a long transaction stored, even if reads are slow", async () => {
  const fixture = new Fixture();
  const { store } = fixture;
  const pending: (() => Promise<unknown>)[] = [];
  // What a transaction writes is seen once it is committed.
  store.within = () => ({
    ...bindStore(store),
    atomic() {
      const atomic = store.atomic();
      const commit = atomic.commit.bind(atomic);
      atomic.commit = () => {
        pending.push(commit);
        return Promise.resolve({ ok: true, versionstamp: "0".repeat(20) });
      };
      return atomic;
    },
  });
  const { outbox } = withDeletedRows(fixture, 4_000);
  outbox.start();
  await fixture.pass(30_000);
  const event = { id: "e-1", type: "t", timestamp: new Date(fixture.simulation.now), data: {} };
  const { committed } = await outbox.publishIn!({}, [{ event, fresh: true, to: ["b"] }]);
  await fixture.pass(30_000);
  for (const commit of pending) await commit();
  await committed();
  await fixture.pass(10_000);
  assert.deepEqual(fixture.sent("b"), ["e-1"]);
});

test("drainOnce() finds every due delivery, even if reads are slow", async () => {
  const fixture = new Fixture();
  const { outbox } = withDeletedRows(fixture, 2_000);
  const { clock } = new SimProcess("late", fixture.simulation, -HOUR);
  const late = createOutboxIn(clock, fixture.store, { logger: silentLogger });
  for (let n = 0; n < 2; n++) {
    await fixture.publish(late, ["b"]);
    const drained = outbox.drainOnce({ timeout: 15_000 });
    await fixture.pass(15_000);
    assert.equal((await drained).settled, 1);
  }
});
