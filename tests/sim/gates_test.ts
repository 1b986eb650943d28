/**
 * Decisions and asks: every fault at every operation of one scenario. No tool runs without a stored decision
 * about the very data, a call is decided once, and an ask is resolved at most once.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { COMMIT_FAULTS, FaultAt, isRead, RandomFaults, READ_FAULTS } from "./faults.ts";
import { runGateScenario } from "./gate_scenario.ts";
import { Random } from "./random.ts";

/** Reads that follow one another: when a caller polls, later ones are alike. */
const ALIKE = 3;

test("without faults, every call of the scenario has the expected result", async () => {
  const { violations, outcomes } = await runGateScenario(new FaultAt());
  assert.deepEqual(violations, []);
  assert.deepEqual(Object.fromEntries(outcomes), {
    "c-allowed": "ran",
    "c-denied": "too much",
    "c-approved": "ran",
    "c-refused": "The request was not approved",
    "c-edited": "ran",
    "c-edited-badly": "too much",
    "c-expired": "The request expired before anyone responded",
  });
});

for (const fault of COMMIT_FAULTS) {
  test(`a fault at any one operation of a decision or an ask breaks nothing: ${fault}`, async () => {
    const baseline = new FaultAt();
    await runGateScenario(baseline);
    const totals = { runs: 0, crashes: 0, ran: 0 };
    let reads = 0;
    for (const [n, purpose] of baseline.seen.entries()) {
      reads = purpose === "read" ? reads + 1 : 0;
      if (reads > ALIKE) continue;
      const kinds: readonly string[] = isRead(purpose) ? READ_FAULTS : COMMIT_FAULTS;
      if (!kinds.includes(fault)) continue;
      const { violations, outcomes, crashes } = await runGateScenario(new FaultAt(n, fault));
      assert.deepEqual(violations, [], `${fault} at operation ${n}, a ${purpose}`);
      totals.runs++;
      totals.crashes += crashes;
      totals.ran += [...outcomes.values()].filter((outcome) => outcome === "ran").length;
    }
    if (fault.startsWith("die")) assert.ok(totals.crashes > 0);
    console.log(`${fault}:`, JSON.stringify(totals));
  });
}

test("random faults lose no decision, and let no tool run that was denied", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const rates = { read: 0.03, publish: 0.15, meta: 0.1 };
    const faults = new RandomFaults(new Random(seed), rates);
    const { violations } = await runGateScenario(faults, seed);
    assert.deepEqual(violations, [], `seed ${seed}`);
  }
});
