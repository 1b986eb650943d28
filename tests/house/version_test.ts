import assert from "node:assert/strict";
import { VERSION } from "../../src/cli/run.ts";
import { config } from "../../tools/run.ts";
import { test } from "../support/harness.ts";

test("hooks --version is the version of the package", () => {
  assert.equal(VERSION, config.version);
});
