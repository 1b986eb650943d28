/**
 * More load than the store takes: what is in flight is bounded, nothing comes twice, and only the store
 * slows callers down.
 * @module
 */
import assert from "node:assert/strict";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { test } from "../support/harness.ts";
import type { MakeOutbox } from "./cluster.ts";
import { Load } from "./load.ts";
import { loadMutant } from "./mutants/mutant.ts";
import { inAdmission } from "./mutants/admission.ts";

const make = createOutboxIn;
const FAST = { takes: 1, concurrency: 64 };

/** What is wrong after some seconds of more load than the store takes. */
async function overload(make: MakeOutbox): Promise<readonly string[]> {
  const targets = { a: FAST, b: FAST };
  const load = new Load({ make, targets, commitTakes: 2, milliseconds: 4_000 });
  const { unsettled, mostWaiting, emitted, failed, sent, repeated } = await load.run(10_000);
  const faults: string[] = [];
  if (unsettled.most > 700) faults.push(`${unsettled.most} outcomes waited at once`);
  if (mostWaiting > 2_000) faults.push(`${mostWaiting} events waited`);
  for (const [name, { size }] of sent) {
    if (size !== emitted) faults.push(`${name} got ${size} of ${emitted}`);
  }
  if (repeated > 0) faults.push(`${repeated} were sent twice`);
  if (failed > 0) faults.push(`${failed} events were not accepted`);
  if (emitted < 2_000) faults.push(`${emitted} events were accepted`);
  return faults;
}

test("when the store is overloaded, events in flight are bounded and deliveries keep up", async () => {
  assert.deepEqual(await overload(make), []);
});

for (const mutant of inAdmission) {
  test(`the overload finds a planted bug: ${mutant.bug} (${mutant.breaks})`, async () => {
    const faults = await overload(await loadMutant(mutant));
    console.log(`${mutant.bug}: ${faults[0]}`);
    assert.notDeepEqual(faults, []);
  });
}

test("a slow receiver slows neither callers nor other targets", async () => {
  const options = { make, commitTakes: 2, milliseconds: 2_000 };
  const alone = await new Load({ ...options, targets: { a: FAST } }).run(2_000);
  const slow = { takes: 200, concurrency: 4 };
  const both = await new Load({ ...options, targets: { a: FAST, slow } }).run(2_000);
  assert.equal(both.sent.get("a")!.size, both.emitted);
  assert.ok(both.sent.get("slow")!.size < both.emitted / 4, "it can't keep up");
  // Its 20 deliveries a second are claimed and settled too.
  assert.ok(both.emitted > 0.8 * alone.emitted, `${both.emitted} instead of ${alone.emitted}`);
  assert.ok(both.mostWaiting < 2_000, `${both.mostWaiting} events of the fast one waited`);
});

test("two processes over a slow store send nothing twice", async () => {
  const names = Array.from({ length: 8 }, (_, n) => `w${n}`);
  const targets = Object.fromEntries(names.map((name) => [name, { takes: 1, concurrency: 16 }]));
  const options = { make, targets, processes: 2, callers: 32, commitTakes: 25 };
  const load = await new Load({ ...options, milliseconds: 60_000 }).run(120_000);
  for (const [name, { size }] of load.sent) assert.equal(size, load.emitted, name);
  assert.deepEqual([load.failed, load.repeated], [0, 0]);
});

test("stop() under load ends in time, settles or gives back every delivery, and logs no error", async () => {
  const options = { make, targets: { a: FAST, slow: { takes: 200, concurrency: 64 } } };
  const load = new Load({ ...options, commitTakes: 2, milliseconds: 3_000 });
  const running = load.run(30_000);
  let took = Infinity;
  const { simulation, outboxes: [outbox] } = load;
  simulation.after(2_500, () => {
    const start = simulation.now;
    void outbox!.stop().then(() => took = simulation.now - start);
  });
  await running;
  assert.ok(took <= 4_500, `${took} ms`);
  const { items } = await outbox!.listDeliveries({ state: "pending", limit: 1_000 });
  assert.deepEqual(items.filter(({ leasedUntil }) => leasedUntil !== undefined), []);
  assert.deepEqual(load.warnings, []);
});

test("stop() logs unsettled deliveries once, without the errors of a closed store", async () => {
  const load = new Load({ make, targets: { a: FAST }, commitTakes: 1_500, milliseconds: 10_000 });
  const running = load.run(60_000);
  const { simulation, outboxes: [outbox] } = load;
  simulation.after(9_000, () => void outbox!.stop().then(() => load.close()));
  await running;
  assert.equal(load.warnings.length, 1, JSON.stringify(load.warnings));
  assert.match(String(load.warnings[0]), /^The outbox stopped before \d+ deliveries were settled/);
});
