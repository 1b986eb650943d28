import assert from "node:assert/strict";
import runtime from "../runtime/package.json" with { type: "json" };
import { config } from "../../tools/run.ts";
import { test } from "../harness.ts";

test("tests import the same versions on Deno as on Bun and Node", () => {
  const onDeno = Object.entries(config.imports).map((
    [name, target],
  ) => [name, target.replace(`npm:${name}@`, "")]);
  assert.deepEqual(Object.fromEntries(onDeno), runtime.dependencies);
});
