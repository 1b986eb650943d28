/**
 * How a backlog is read: what a target had before it isn't passed again for each free slot, and what
 * becomes due before it isn't missed. Over virtual time.
 * @module
 */
import assert from "node:assert/strict";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import type { StoreSelector } from "../../src/store/mod.ts";
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
