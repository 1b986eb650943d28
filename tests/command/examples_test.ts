import assert from "node:assert/strict";
import { root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { inFolder } from "../support/folder.ts";
import { runtimes } from "./processes.ts";
import { commandsOf, Shell } from "./shell.ts";

const [, bun, node] = await runtimes();
const modules = node?.args[0]?.split("/@omniagent/")[0];

if (node) {
  test("the commands of examples/node/agent.mjs run as written, and its events are verified", () =>
    inExample("node", async (cwd) => {
      const program = await Deno.readTextFile(`${cwd}/agent.mjs`);
      const [install, secret, listen, start, ...others] = commandsOf(program);
      assert.deepEqual([install, others], ["npx jsr add @omniagent/hooks", []]);
      await using shell = new Shell({ cwd, words: { node: "node " } });
      await shell.run(secret!);
      const receiver = await shell.run(`${listen!.replace(" &", "")} --port 0 &`);
      const [, url] = await receiver.match(/listening on (\S+),/);
      shell.env["AUDIT_URL"] = url!;
      const agent = await shell.run(start!);
      assert.match(agent.stdout, /^user: What is due today\?\n$/);
      await receiver.times(3, "200 verified");
      assert.match(receiver.stdout, /tool\.called \S+ s-1 \{"name":"calendar"/);
    }));
}

if (bun) {
  test("the commands of examples/bun/server.ts run as written, and events are delivered", () =>
    inExample("bun", async (cwd) => {
      const program = await Deno.readTextFile(`${cwd}/server.ts`);
      const [add, addHono, token, listen, serve, send, ...others] = commandsOf(program);
      const installs = ["bunx jsr add @omniagent/hooks", "bun add hono"];
      assert.deepEqual([add, addHono, others], [...installs, []]);
      await using shell = new Shell({ cwd, words: { bun: `'${bun.program}' ` }, ports: [8787] });
      await shell.run(token!);
      const receiver = await shell.run(`${listen!.replace(" &", "")} --port 0 &`);
      const [, url] = await receiver.match(/listening on (\S+),/);
      Object.assign(shell.env, { AUDIT_URL: url, PORT: `${shell.port(8787)}` });
      const server = await shell.run(serve!);
      await shell.listens(8787, server);
      await shell.run(send!);
      await server.match(/bash was called/);
      await receiver.match(/tool\.called \S+ \{"name":"bash"\}/);
      server.signal("SIGTERM");
      assert.equal((await server.ended).code, 0, server.stderr);
    }));
}

/** A folder with the files of an example, in which the package is installed. */
function inExample(name: string, use: (cwd: string) => Promise<void>): Promise<void> {
  return inFolder(async (cwd) => {
    await Deno.symlink(modules!, `${cwd}/node_modules`);
    const folder = `${root}/examples/${name}`;
    for (const { name: file } of Deno.readDirSync(folder)) {
      await Deno.copyFile(`${folder}/${file}`, `${cwd}/${file}`);
    }
    await use(cwd);
  });
}
