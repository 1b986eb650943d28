/**
 * The tests of `./sqlite` on Bun and on Node 24, against the packed package: Node 20 has no SQLite. Needs
 * `npm ci` in tests/runtime.
 * @module
 */
import assert from "node:assert/strict";
import { openStore } from "@omniagent/hooks/sqlite";
import { hasRuntimes, installPacked } from "../../tools/packed.ts";
import { output, root, run, runtimeModules } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

const runtimes = {
  Bun: [`${runtimeModules}/.bin/bun`, "test", "./open_store.test.mjs"],
  "Bun without node:sqlite": [
    `${runtimeModules}/.bin/bun`,
    "test",
    "--preload",
    "./no_node_sqlite.mjs",
    "./open_store.test.mjs",
  ],
  "Node 24": [`${runtimeModules}/node/bin/node`, "--test", "open_store.test.mjs"],
} as const;

/** Reads and writes `hooks.sqlite`: what every runtime before it wrote, and its own name. */
const PROGRAM = `
import { openStore } from "@omniagent/hooks/sqlite";
const store = await openStore("hooks.sqlite");
const names = [];
for await (const { value } of store.list({ prefix: ["names"] })) names.push(value.name);
const [name] = process.argv.slice(2);
await store.atomic().set(["names", names.length], { name: name + " ü" }).sum(["sum"], 2n ** 60n).commit();
console.log(JSON.stringify([names, String((await store.get(["sum"])).value)]));
store.close();
`;

/** Hides `node:sqlite`, so that `bun:sqlite` is used, as by older versions of Bun. */
const PRELOAD = `
const find = process.getBuiltinModule.bind(process);
process.getBuiltinModule = (name) => name === "node:sqlite" ? undefined : find(name);
`;

if (await hasRuntimes("./sqlite on Bun and Node 24")) {
  test("./sqlite passes its tests on Bun and Node 24, and says on Node 20 what to use", () =>
    inPackedFolder(async (folder) => {
      await run(`${runtimeModules}/.bin/esbuild`, [
        "tests/sqlite/open_store_test.ts",
        ...["--bundle", "--packages=external", "--platform=node", "--format=esm"],
        ...["--log-level=warning", `--outfile=${folder}/open_store.test.mjs`],
      ], { cwd: root });
      for (const [runtime, [program, ...args]] of Object.entries(runtimes)) {
        const { success, all } = await output(program, args, { cwd: folder });
        assert.ok(success, `${runtime}: ${all}`);
        const passed = Number(/(?:^ℹ pass|^)\s*(\d+)(?: pass)?$/m.exec(all)?.[1]);
        assert.ok(passed > 100, `${runtime}: ${passed} tests: ${all.slice(-500)}`);
      }
      const { success, all } = await output("node", ["program.mjs", "node"], { cwd: folder });
      if (!success) assert.match(all, /this runtime has no SQLite. Use Node 22.13, Deno 2.2/);
    }));

  test("an SQLite file that one runtime wrote is read by the others", () =>
    inPackedFolder(async (folder) => {
      const programs = {
        bun: `${runtimeModules}/.bin/bun`,
        node: `${runtimeModules}/node/bin/node`,
      };
      const store = await openStore(`${folder}/hooks.sqlite`);
      await store.atomic().set(["names", 0], { name: "deno ü" }).sum(["sum"], 1n).commit();
      store.close();
      const expected = ["deno ü"];
      let sum = 1n;
      for (const [name, program] of Object.entries(programs)) {
        const { success, stdout, all } = await output(program, ["program.mjs", name], {
          cwd: folder,
        });
        assert.ok(success, all);
        sum += 2n ** 60n;
        assert.deepEqual(JSON.parse(stdout), [expected, String(sum)]);
        expected.push(`${name} ü`);
      }
      const again = await openStore(`${folder}/hooks.sqlite`);
      assert.equal((await again.get<{ name: string }>(["names", 2])).value!.name, "node ü");
      again.close();
    }));
}

async function inPackedFolder(body: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await installPacked(folder);
    await Deno.writeTextFile(`${folder}/program.mjs`, PROGRAM);
    await Deno.writeTextFile(`${folder}/no_node_sqlite.mjs`, PRELOAD);
    await body(folder);
  });
}
