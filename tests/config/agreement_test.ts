import assert from "node:assert/strict";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { configJsonSchema } from "@omniagent/hooks/config";
import { test } from "../support/harness.ts";
import { compareWith } from "./_agreement.ts";
import { readCases, tables } from "./_cases.ts";

test("parseConfig() reports of another parser's values what loadConfig() reports of the text", async () => {
  const { compared, differences } = await compareWith((text) => parse(text) ?? null, "1.2");
  assert.deepEqual(differences, []);
  assert.ok(compared > 80, `${compared}`);
});

test("a JSON Schema validator agrees with loadConfig() where a schema can express the rule", async () => {
  // `not: { required }` names fields that its parent has.
  const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true });
  const validate = ajv.compile(configJsonSchema());
  const verdict = (text: string) => validate(parse(text) ?? null);
  const invalid = (await readCases(tables.invalid)).filter(({ flags }) => !flags.includes("text"));
  const valid = await readCases(tables.valid);
  const wrong = [
    ...invalid.filter(({ text, flags }) => verdict(text) !== flags.includes("beyond")),
    ...valid.filter(({ text }) => !verdict(text)),
  ];
  assert.deepEqual(wrong.map(({ title }) => title), []);
});
