import assert from "node:assert/strict";
import { build, exists, output, root, runtimeModules } from "../../tools/run.ts";
import { hasRuntimes, installPacked } from "../../tools/packed.ts";
import { test } from "../support/harness.ts";

const folder = `${build}/readme`;
const documents = ["README.md", "docs/delivery.md"];

if (await hasRuntimes("the programs of README on Bun and Node")) {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await installPacked(folder);
  for (const document of documents) {
    const programs = await programsOf(document);
    for (const [index, code] of programs.entries()) {
      const title = `program ${index + 1} of ${document}`;
      if (code.includes('"@omniagent/hooks/kv"')) {
        // Only there is Deno KV built in; a program for Node and Bun follows it.
        test(`${title} is followed by its form for Node and Bun`, () => {
          assert.equal(
            programs[index + 1],
            code.replace('"@omniagent/hooks/kv"', '"@omniagent/hooks/node"'),
          );
        });
        continue;
      }
      test(`${title} runs on Bun and on Node as printed, from the packed package`, async () => {
        const name = `${document.replaceAll(/\W/g, "_")}_${index + 1}`;
        await Deno.writeTextFile(`${folder}/${name}.ts`, code);
        const lowered = ["--format=esm", "--target=node20", `--outfile=${name}.mjs`];
        const esbuild = `${runtimeModules}/.bin/esbuild`;
        await ends(esbuild, [`${name}.ts`, "--log-level=warning", ...lowered]);
        assert.ok(await exists(`${folder}/${name}.mjs`));
        const onBun = await ends(`${runtimeModules}/.bin/bun`, [`${name}.ts`]);
        const onNode = await ends("node", [`${name}.mjs`]);
        assert.equal(onBun.split("\n").length, onNode.split("\n").length);
      });
    }
  }
}

/** What a program prints that has to end with 0. */
async function ends(program: string, args: readonly string[]): Promise<string> {
  const { success, all, stdout } = await output(program, args, { cwd: folder });
  assert.ok(success, all);
  return stdout;
}

/** The programs of a page that end by themselves. */
async function programsOf(document: string): Promise<readonly string[]> {
  const text = await Deno.readTextFile(`${root}/${document}`);
  const found = [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!);
  return document === "README.md" ? found : found.slice(0, 2);
}
