/**
 * examples/deploy-cloudflare/ unchanged: bundled from the packed package by the commands of its page,
 * on the real workerd, with the KV Connect server of tests/support/kv_connect/ in the place of denokv.
 * @module
 */
import assert from "node:assert/strict";
import { WebhookReceiver } from "@omniagent/hooks/testing";
import { verifyWebhook } from "@omniagent/hooks/webhook";
import { root, runtimeModules } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { type KvConnectServer, startKvConnect } from "../support/kv_connect/server.ts";
import { inFolder } from "../support/folder.ts";
import { type CommandProcess, runtimes } from "./processes.ts";
import { commandsBelow, Shell } from "./shell.ts";

const [, , node] = await runtimes();
const folder = `${root}/examples/deploy-cloudflare`;
const page = await Deno.readTextFile(`${folder}/README.md`);
/** Between two runs of cron, in milliseconds. */
const CRON_EVERY = 250;

if (node) {
  test("the commands of examples/deploy-cloudflare run both Workers as written", () =>
    withShell(async (shell) => {
      let receiver: CommandProcess | undefined;
      let cron: CommandProcess | undefined;
      await using kv = await eachLine(shell, async (line) => {
        const command = await shell.run(line);
        if (line.includes("listen")) await command.match(/listening on/);
        if (line.includes("listen")) receiver = command;
        if (line.includes("workerd")) await shell.listens(8789, command);
        cron = command;
      });
      await receiver!.times(3, "200 verified");
      assert.match(receiver!.stdout, /message\.received .*"content":"What is due today\?"/);
      assert.equal(receiver!.stdout.match(/tool\.called .*\{"name":"bash"\}/g)?.length, 2);
      assert.equal(JSON.parse(cron!.stdout).outcome, "ok"); // of cron
      assert.ok(
        kv.server.requests.write >= 2,
        "the durable Worker stored its event, and settled it",
      );
    }));

  test("a delivery that a receiver rejects once is delivered from the store by cron", () =>
    withShell(async (shell) => {
      const receiver = await WebhookReceiver.start({ status: 503 }, {});
      try {
        await using _kv = await eachLine(shell, async (line) => {
          if (/listen|:8787|:8789/.test(line)) return;
          const command = await shell.run(line);
          if (line.includes("AUDIT_URL")) shell.env["AUDIT_URL"] = receiver.url;
          if (line.includes("workerd")) await shell.listens(8789, command);
        });
        await receiver.waitFor(1);
        const cron = `http://127.0.0.1:${shell.port(8789)}/`;
        while (receiver.requests.length < 2) {
          assert.equal((await (await fetch(cron)).json()).outcome, "ok");
          await new Promise((resolve) => setTimeout(resolve, CRON_EVERY));
        }
        const [first, second] = receiver.requests;
        const secrets = shell.env["HOOKS_SECRET"]!;
        const { id } = await verifyWebhook(second!.body, second!.headers, { secrets });
        assert.equal(id, first!.headers.get("webhook-id"));
      } finally {
        await receiver.close();
      }
    }));
}

/** Runs what the page says below "Run locally"; where it starts denokv, another server is started. */
async function eachLine(
  shell: Shell,
  run: (line: string) => Promise<void>,
): Promise<AsyncDisposable & { readonly server: KvConnectServer }> {
  let server: KvConnectServer | undefined;
  for (const line of commandsBelow(page, "Run locally")) {
    if (!line.startsWith("denokv ")) await run(line);
    else server = startKvConnect({ token: shell.env["KV_TOKEN"]!, port: shell.port(4512) });
  }
  assert.ok(server);
  return { server, [Symbol.asyncDispose]: () => server.close() };
}

/** A folder with the example, built by the commands of the page. */
function withShell(use: (shell: Shell) => Promise<void>): Promise<void> {
  return inFolder(async (cwd) => {
    await Deno.symlink(node!.args[0]!.split("/@omniagent/")[0]!, `${cwd}/node_modules`);
    // `npx workerd` is the program of that name, without npx in between, which would outlive a test.
    const words = { node: "node ", npx: `'${runtimeModules}/.bin'/` };
    await using shell = new Shell({ cwd, words, ports: [9000, 4512, 8787, 8788, 8789] });
    for (const { name } of Deno.readDirSync(folder)) {
      await Deno.writeTextFile(
        `${cwd}/${name}`,
        shell.here(await Deno.readTextFile(`${folder}/${name}`)),
      );
    }
    const [jsr, npm, ...builds] = commandsBelow(page, "Build");
    const installs = ["npx jsr add @omniagent/hooks", "npm install hono esbuild workerd wrangler"];
    assert.deepEqual([jsr, npm], installs);
    for (const line of builds) await shell.run(line);
    await use(shell);
  });
}
