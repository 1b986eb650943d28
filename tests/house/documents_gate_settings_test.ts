/**
 * The settings that `hooks gate settings` prints, and where its help and the docs say to put them.
 * @module
 */
import assert from "node:assert/strict";
import { root } from "../../tools/run.ts";
import { ask } from "../support/serving.ts";
import { test } from "../support/harness.ts";

test("hooks gate settings says where settings belong, and no example overwrites others", async () => {
  const { stdout: help } = await ask("https://hooks.test", ["gate", "settings", "--help"]);
  const docs = await Deno.readTextFile(`${root}/docs/other-agents.md`);
  const examples = `${help}\n${docs}`.split("\n").filter((line) => /^ *hooks gate set/.test(line));
  for (const agent of ["claude-code", "copilot", "codex", "gemini", "cursor"]) {
    const { stderr } = await ask("https://hooks.test", ["gate", "settings", agent]);
    const [, verb, file] = /^(Merge|Save|Add) this \w+ (\S+\.(?:json|toml))/.exec(stderr)!;
    const text = examples.filter((line) => line.includes(` ${agent}`)).join("\n");
    assert.ok(`${text}\n${docs}`.includes(file!), `${agent}: ${file}`);
    // Only a file that nothing else writes is saved.
    if (verb !== "Save") assert.doesNotMatch(text, /[^>]>[^>]/, agent);
    else assert.match(file!, /gate\.json$/);
    for (const [, target] of text.matchAll(/>+ ?(\S+)/g)) assert.equal(target, file, agent);
  }
});
