import assert from "node:assert/strict";
import { config, output } from "../../tools/run.ts";
import { test } from "../support/harness.ts";

/** The tasks that run a program of this repository. */
const tools = Object.entries(config.tasks).filter(([, { command }]) =>
  /^deno run -A (?:tools|tests)\//.test(command)
);

test("every task has a description", () => {
  for (const [name, { description }] of Object.entries(config.tasks)) {
    assert.ok(description.length > 20 && description.length < 120, name);
  }
});

test("every tool prints its usage for --help, and rejects an unknown option", async () => {
  assert.ok(tools.length > 10);
  await Promise.all(tools.map(async ([name, { command }]) => {
    const args = command.split(" ").slice(1);
    const help = await output("deno", [...args, "--help"]);
    assert.ok(help.success, name);
    assert.match(help.stdout, new RegExp(`usage: deno task ${name.split(":")[0]}`, "i"));
    const unknown = await output("deno", [...args, "--no-such-option"]);
    assert.equal(unknown.success, false, name);
    assert.match(unknown.all, /usage: deno task/i, name);
  }));
});
