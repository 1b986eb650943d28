/**
 * Bugs that are planted in a copy of the outbox: the random schedules alone find each of them.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { loadMutant, mutants } from "./mutants.ts";
import { runSeed } from "./schedule.ts";

const SEEDS = 2_000;

for (const mutant of mutants) {
  test(`the schedules find a planted bug: ${mutant.bug} (${mutant.breaks})`, async () => {
    const make = await loadMutant(mutant);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { faults } = await runSeed(seed, make);
      if (faults.length === 0) continue;
      console.log(`${mutant.bug}: found by seed ${seed}: ${faults[0]}`);
      return;
    }
    assert.fail(`${SEEDS} schedules did not find it`);
  });
}
