import assert from "node:assert/strict";
import { output } from "../../tools/run.ts";
import { test } from "../support/harness.ts";

test("docs/tail.svg shows what hooks tail and hooks deliveries print (deno task picture draws it)", async () => {
  const { success, all } = await output("deno", ["run", "-A", "tools/picture.ts", "--check"]);
  assert.ok(success, all);
});
