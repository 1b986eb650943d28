import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { readCases, resultOf, tables } from "./_cases.ts";

const invalid = await readCases(tables.invalid);
const valid = await readCases(tables.valid);

test("the tables have at least 60 files that are refused, and 25 that are not", () => {
  assert.ok(invalid.length >= 60, `${invalid.length}`);
  assert.ok(valid.length >= 25, `${valid.length}`);
});

for (const one of invalid) {
  test(`loadConfig() reports every fault, with its place, of ${one.title}`, () => {
    assert.match(one.result, /^Cannot use hooks\.yaml as it has /);
    assert.equal(resultOf(one), one.result);
  });
}

for (const one of valid) {
  test(`loadConfig() reads ${one.title}`, () => {
    assert.doesNotMatch(one.result, /^Cannot/);
    assert.equal(resultOf(one), one.result);
  });
}
