import assert from "node:assert/strict";
import { Log } from "../../../src/cli/serve/log.ts";
import { Terminal } from "../../support/terminal.ts";
import { test } from "../../support/harness.ts";

test("the log of hooks serve shows an error with its causes, each once", () => {
  const cause = new Error("the commit failed", { cause: new Error("database or disk is full") });
  const error = new Error("Cannot publish", { cause });
  const repeating = new Error("Cannot read: no such key", { cause: new Error("no such key") });
  const terminal = new Terminal({ now: () => 0 });
  const { logger } = new Log(terminal.io, false);
  logger.error("Request r-1 failed", error);
  logger.error("Request r-2 failed", repeating);
  const [first, second] = terminal.stderr.split("\n");
  const line = "error=Cannot publish: the commit failed: database or disk is full";
  assert.equal(first, `00:00:00.000 Request r-1 failed ${line}`);
  assert.equal(second, "00:00:00.000 Request r-2 failed error=Cannot read: no such key");
});
