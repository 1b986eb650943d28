/**
 * Prints the tests that failed in the last test runs, those that passed only the second time, the counts of
 * each run, and their sum as the last line: `N passed, N failed`. The arguments are other steps of the gate that failed.
 * @module
 */
import { checkArguments } from "./run.ts";
import { counts, denoOnlyFolders, readRun } from "./test.ts";

/** How much of an error is printed: its message and the first lines of its stack. */
const LINES = 15;

checkArguments("deno task report [FAILED-STEP...]", !Deno.args.some((arg) => arg.startsWith("-")));
const expected = [
  "deno",
  ...(await denoOnlyFolders()).map((folder) => `deno-${folder}`),
  "docs",
  "bun",
  "node",
  "workerd",
];
const runs = new Map(
  await Promise.all(
    [...expected, "adapters-node", "adapters-deno"].map(async (name) =>
      [name, await readRun(name)] as const
    ),
  ),
);
for (const [name, run] of runs) {
  for (const kind of ["flaky", "failures"] as const) {
    for (const { name: test, reason } of run?.[kind] ?? []) {
      const what = kind === "flaky" ? "FLAKY, failed once" : "failed";
      const lines = reason.split("\n").slice(0, LINES);
      console.log([`${what} on ${name}: ${test}`, ...lines].join("\n    ") + "\n");
    }
  }
}
for (const [name, run] of runs) {
  const isMissing = run === undefined && expected.includes(name);
  if (run || isMissing) console.log(`${name.padEnd(14)} ${run ? counts(run) : "did not run"}`);
}

const broken = [...Deno.args, ...expected.filter((name) => runs.get(name) === undefined)];
if (broken.length > 0) console.log(`failed: ${broken.join("; ")}`);

const sum = (field: "passed" | "failed") =>
  [...runs.values()].reduce((total, run) => total + (run?.[field] ?? 0), 0);
// A step that fails without a failing test counts as a failure.
const failed = Math.max(sum("failed"), broken.length);
console.log(`${sum("passed")} passed, ${failed} failed`);
if (failed > 0) Deno.exit(1);
