import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { readCases, resultOf, tables } from "./_cases.ts";

const invalid = await readCases(tables.invalid);
const valid = await readCases(tables.valid);

test("the tables have at least 60 invalid and 25 valid files", () => {
  assert.ok(invalid.length >= 60, `${invalid.length}`);
  assert.ok(valid.length >= 25, `${valid.length}`);
});

for (const one of invalid) {
  test(`loadConfig() reports every issue and its place: ${one.title}`, () => {
    assert.match(one.result, /^Cannot use hooks\.yaml: /);
    assert.equal(resultOf(one), one.result);
  });
}

for (const one of valid) {
  test(`loadConfig() reads a valid file: ${one.title}`, () => {
    assert.doesNotMatch(one.result, /^Cannot/);
    assert.equal(resultOf(one), one.result);
  });
}
