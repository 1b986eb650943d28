import assert from "node:assert/strict";
import { root } from "../../tools/run.ts";
import { CommandProcess, freePort, inFolder, type Runtime, runtimes } from "./processes.ts";

const [, bun, node] = await runtimes();

if (node) {
  Deno.test("examples/node/agent.mjs runs as it stands, and what it emits is verified", () =>
    inExample("node/agent.mjs", async (cwd) => {
      const made = new CommandProcess(node, ["secret"], { cwd });
      assert.equal((await made.ended).code, 0);
      const env = { HOOKS_SECRET: made.stdout.trim() };
      await using receiver = new CommandProcess(node, ["listen", "--port", "0"], { cwd, env });
      const [, url] = await receiver.match(/listening on (\S+),/);
      const options = { cwd, env: { ...env, AUDIT_URL: url! } };
      await using agent = new CommandProcess({ ...node, args: [] }, ["agent.mjs"], options);
      assert.equal((await agent.ended).code, 0, agent.stderr);
      assert.match(agent.stdout, /^user: What is due today\?\n$/);
      await receiver.times(3, "200 verified");
      assert.match(receiver.stdout, /tool\.called s-1 \{"name":"calendar"/);
    }));
}

if (bun) {
  Deno.test("examples/bun/server.ts runs as it stands, and takes what hooks send gives it", () =>
    inExample("bun/server.ts", async (cwd) => {
      await using receiver = new CommandProcess(bun, ["listen", "--port", "0"], { cwd });
      const [, audit] = await receiver.match(/listening on (\S+),/);
      const port = freePort();
      const env = { HOOKS_TOKEN: "a-token-of-16-or-more", AUDIT_URL: audit!, PORT: String(port) };
      await using server = new CommandProcess({ ...bun, args: [] }, ["server.ts"], { cwd, env });
      await server.match(/Started development server|Listening|http:\/\//);
      const args = ["send", "tool.called", `{"name":"bash"}`];
      const options = { cwd, env: { ...env, HOOKS_URL: `http://127.0.0.1:${port}/hooks` } };
      await using sender = new CommandProcess(bun, args, options);
      assert.equal((await sender.ended).code, 0, sender.stderr);
      await server.match(/bash was called/);
      await receiver.match(/tool\.called \{"name":"bash"\}/);
      server.signal("SIGTERM");
      assert.equal((await server.ended).code, 0, server.stderr);
    }));
}

/** A folder with the example, in which the package is installed. */
function inExample(path: string, use: (cwd: string) => Promise<void>): Promise<void> {
  return inFolder(async (cwd) => {
    const modules = (node as Runtime).args[0]!.split("/@omniagent/")[0]!;
    await Deno.symlink(modules, `${cwd}/node_modules`);
    await Deno.copyFile(`${root}/examples/${path}`, `${cwd}/${path.split("/")[1]}`);
    await use(cwd);
  });
}
