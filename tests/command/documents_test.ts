import assert from "node:assert/strict";
import { freePort, root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { inFolder } from "../support/folder.ts";
import { source } from "./processes.ts";
import { Shell } from "./shell.ts";

/** Commands that go on until they are stopped, and what they print when they are ready. */
const ready: Readonly<Record<string, RegExp>> = {
  listen: /listening on/,
  serve: /serving http/,
  tail: /following/,
};

test("the commands of docs/command.md run in their order", () =>
  inFolder(async (cwd) => {
    const { commands, config } = await section("Try it out");
    const [receiver, server] = [freePort(), freePort()];
    await Deno.writeTextFile(`${cwd}/hooks.yaml`, config.replace(":9000", `:${receiver}`));
    await Deno.writeTextFile(`${cwd}/events.ndjson`, '{"type":"a.b","data":1}\n'.repeat(3));
    const hooks = [source.program, ...source.args].map((word) => `'${word}' `).join("");
    await using shell = new Shell({ cwd, words: { hooks } });
    shell.env["HOOKS_URL"] = `http://127.0.0.1:${server}`;
    let printed = ""; // what `serve` said
    for (const line of commands) {
      if (line.startsWith("export HOOKS_TOKEN=")) {
        shell.env["HOOKS_TOKEN"] = /^ {2}export HOOKS_TOKEN=(hk_\w+)$/m.exec(printed)![1]!;
        continue;
      }
      const [, name] = /hooks ([a-z]+)/.exec(line)!;
      // Ports that are free here, instead of those that everyone may use.
      const port = { listen: ` --port ${receiver}`, serve: ` --port ${server}` }[name!] ?? "";
      const whenReady = ready[name!];
      const command = await shell.run(`${line}${port}${whenReady ? " &" : ""}`);
      if (whenReady) await command.match(whenReady);
      if (name === "serve") printed = command.stderr;
    }
  }));

/** The commands and the configuration of a section, without comments. */
async function section(
  title: string,
): Promise<{ readonly commands: readonly string[]; readonly config: string }> {
  const page = await Deno.readTextFile(`${root}/docs/command.md`);
  const text = page.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!;
  const [, block] = /```sh\n([^]*?)```/.exec(text)!;
  const [, config] = /```yaml\n([^]*?)```/.exec(text)!;
  const commands = block!.trim().split("\n").map((line) => line.replace(/\s+# .*$/, ""));
  assert.ok(commands.length >= 9);
  return { commands, config: config! };
}
