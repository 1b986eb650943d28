/**
 * Rewrites the results of the fixtures, to be reviewed: `deno run -A tests/config/write_cases.ts`.
 * @module
 */
import { writeFile } from "node:fs/promises";
import { readCases, resultOf, tables, writeCases } from "./_cases.ts";

for (const file of Object.values(tables)) {
  const cases = (await readCases(file)).map((one) => ({ ...one, result: resultOf(one) }));
  await writeFile(file, writeCases(cases));
}
