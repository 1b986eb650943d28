/**
 * What the programs of the documents print is what their comments say:
 * `console.log(status); // 200: explanation`.
 * @module
 */
import assert from "node:assert/strict";
import { output, testsConfig } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";
import { type Block, blocksOf, readDocuments } from "./documents.ts";

const programs = (await readDocuments()).flatMap(blocksOf)
  .filter(({ language, info }) => language === "ts" && info !== "ignore");

test("programs in the documents print what they say", async () => {
  await inFolder(async (folder) => {
    let claims = 0;
    for (const program of programs) {
      const said = outputsOf(program);
      if (said.length === 0) continue;
      claims += said.length;
      const { path, line, code } = program;
      await Deno.writeTextFile(`${folder}/program.ts`, code);
      const args = ["run", "-A", "--quiet", testsConfig, `${folder}/program.ts`];
      const { success, stdout, all } = await output("deno", args);
      assert.ok(success, `${path}:${line}\n${all}`);
      const printed = stdout.split("\n");
      for (const text of said) {
        assert.ok(printed.includes(text), `${path}:${line} does not print '${text}' but\n${all}`);
      }
    }
    assert.ok(claims > 20);
  });
});

/** What follows a `console.log` as a comment, without the explanation behind a colon. */
function outputsOf({ code }: Block): readonly string[] {
  const comments = code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm);
  return [...comments].map(([, comment]) => comment!.replace(/(?<=^\w+): [\w', ]+$/, ""));
}
