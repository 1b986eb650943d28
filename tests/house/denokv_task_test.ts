/**
 * The task that starts a real denokv, with other programs in its place: building denokv takes ten minutes.
 * @module
 */
import assert from "node:assert/strict";
import { root } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

async function run(...args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tools/denokv.ts", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, all: `${out}${error}` };
}

test("deno task denokv passes URL and token to a command, and returns its exit code", async () => {
  await inFolder(async (folder) => {
    const binary = `${folder}/denokv`;
    const server = `import { startKvConnect } from "${root}/tests/support/kv_connect/server.ts";
      startKvConnect({ port: Number(Deno.args.at(-1).split(":")[1]) });`;
    await Deno.writeTextFile(`${folder}/server.ts`, server);
    const deno = `exec "${Deno.execPath()}" run -A --no-check "${folder}/server.ts" "$@"`;
    await Deno.writeTextFile(binary, `#!/bin/sh\n${deno}\n`, { mode: 0o755 });
    const program = `
      const kv = await Deno.openKv(Deno.env.get("DENOKV_URL"));
      await kv.set(["a"], "stored");
      console.log((await kv.get(["a"])).value);
      kv.close();
      Deno.exit(7);`;
    await Deno.writeTextFile(`${folder}/program.ts`, program);
    const command = ["deno", "run", "-A", "--no-check", "--unstable-kv", `${folder}/program.ts`];
    assert.deepEqual(await run("--binary", binary, ...command), { code: 7, all: "stored\n" });
  });
});

test("deno task denokv reports why denokv could not start", async () => {
  const absent = await run("--binary", "/there/is/none", "true");
  assert.equal(absent.code, 1);
  assert.match(absent.all, /^Cannot start denokv: .*\/there\/is\/none/);
  const silent = await run("--binary", "/bin/false", "true");
  assert.deepEqual(silent, { code: 1, all: "Cannot start denokv: it does not respond\n" });
});

test("deno task denokv --help names the variables and the commands", async () => {
  const { code, all } = await run("--help");
  assert.equal(code, 0);
  assert.match(all, /DENOKV_URL and DENO_KV_ACCESS_TOKEN/);
  assert.match(all, /deno task denokv deno task test/);
});
