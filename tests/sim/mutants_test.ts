/**
 * Bugs that are planted in the outbox: the random schedules alone find each of them. `OUTBOX_MUTANT` runs
 * those whose names contain it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { MUTANT_SEEDS } from "./mutant_seeds.ts";
import { editBelow, loadMarked } from "./mutants/markers.ts";
import { mutants } from "./mutants/mod.ts";
import { loadMutant } from "./mutants/mutant.ts";
import { runSeed } from "./schedule.ts";

const SEEDS = 2_000;
const only = Deno.env.get("OUTBOX_MUTANT") ?? "";

for (const mutant of mutants.filter(({ bug }) => bug.includes(only))) {
  test(`the schedules find a planted bug: ${mutant.bug} (${mutant.breaks})`, async () => {
    const make = await loadMutant(mutant);
    const first = MUTANT_SEEDS[mutant.bug] ?? 1;
    for (let seed = first; seed < first + SEEDS; seed++) {
      const { faults } = await runSeed((seed - 1) % SEEDS + 1, make);
      if (faults.length === 0) continue;
      console.log(`${mutant.bug}: found by seed ${(seed - 1) % SEEDS + 1}: ${faults[0]}`);
      return;
    }
    assert.fail(`${SEEDS} schedules did not find it`);
  });
}

test("every seed that is tried first belongs to a planted bug", () => {
  const bugs = mutants.map(({ bug }) => bug);
  assert.deepEqual(Object.keys(MUTANT_SEEDS).filter((bug) => !bugs.includes(bug)), []);
  assert.equal(new Set(bugs).size, bugs.length);
});

test("a bug is planted in the statement below its marker, or not at all", async () => {
  const text = 'a();\n// mutant: m\nif (b(")") && c) {\n  d(); // }\n}\ne();\n';
  assert.equal(editBelow(text, "m", "skip"), "a();\n\ne();\n");
  assert.match(editBelow(text, "m", "false"), /\nif \(false\) \{\n/);
  assert.equal(editBelow("// mutant: m\nconst A = 20;\n", "m", "1"), "const A = 1;\n");
  assert.equal(editBelow("// mutant: m\n  return a ||\n    b;\n", "m", "true"), "  return true;\n");
  assert.throws(() => editBelow("// mutant: m\nrun();\n", "m", "true"), /nothing to replace/);
  assert.throws(() => editBelow(text, "n", "skip"), /Cannot plant at 'mutant: n'/);
  await assert.rejects(loadMarked({ "no such marker": "skip" }), /0 files have that marker/);
});
