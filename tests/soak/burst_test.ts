/**
 * Two processes on one file that both emit more than it takes.
 * @module
 */
import assert from "node:assert/strict";
import { root } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

const EVENTS = 400;
const WEBHOOKS = 8;

test("two processes that emit to 8 webhooks as fast as they can send every delivery once", async () => {
  await inFolder(async (folder) => {
    const outputs = await Promise.all(["a", "b"].map(() => run(`${folder}/hooks.db`)));
    const sent = outputs.flatMap((text) => text.trim().split("\n"));
    assert.equal(new Set(sent).size, 2 * EVENTS * WEBHOOKS);
    assert.equal(sent.length, 2 * EVENTS * WEBHOOKS);
  });
});

async function run(file: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "tests/soak/burst.ts", file, `${EVENTS}`],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout);
}
