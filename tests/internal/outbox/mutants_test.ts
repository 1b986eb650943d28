/**
 * Bugs that are planted in a copy of the outbox: the random schedules alone find each of them.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { FOUND_BY } from "./found_by.ts";
import { loadMutant, mutants } from "./mutants.ts";
import { runSeed } from "./schedule.ts";

const SEEDS = 2_000;

for (const mutant of mutants) {
  test(`the schedules find a planted bug: ${mutant.bug} (${mutant.breaks})`, async () => {
    const make = await loadMutant(mutant);
    const first = FOUND_BY[mutant.bug] ?? 1;
    for (let seed = first; seed < first + SEEDS; seed++) {
      const { faults } = await runSeed((seed - 1) % SEEDS + 1, make);
      if (faults.length === 0) continue;
      console.log(`${mutant.bug}: found by seed ${(seed - 1) % SEEDS + 1}: ${faults[0]}`);
      return;
    }
    assert.fail(`${SEEDS} schedules did not find it`);
  });
}

test("every seed that is tried first is of a planted bug", () => {
  const bugs = mutants.map(({ bug }) => bug);
  assert.deepEqual(Object.keys(FOUND_BY).filter((bug) => !bugs.includes(bug)), []);
  assert.equal(new Set(bugs).size, bugs.length);
});
