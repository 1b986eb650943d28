import assert from "node:assert/strict";
import { exportedNames, exportsFile } from "../../tools/exports.ts";
import { test } from "../support/harness.ts";

test("every entry exports the names that are listed (deno task exports writes the list)", async () => {
  const listed = JSON.parse(await Deno.readTextFile(exportsFile));
  assert.deepEqual(await exportedNames(), listed);
});
