/**
 * The command with readers that are slow or gone, and with a full disk.
 * @module
 */
import assert from "node:assert/strict";
import { exists } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { inFolder } from "../support/folder.ts";
import { CommandProcess, type Runtime, runtimes } from "./processes.ts";

const TOKEN = "a-token-of-this-test";
/** Writing to it fails as on a full disk; Linux has it. */
const FULL = "/dev/full";
const hasFull = await exists(FULL);
if (!hasFull) console.log(`a full disk: skipped, there is no ${FULL}`);

for (const runtime of await runtimes()) {
  const { name } = runtime;

  test(`on ${name} a reader that goes away ends the command silently`, () =>
    inFolder(async (cwd) => {
      const { stdout, stderr } = await shell(runtime, "schema | head -n 1", cwd);
      assert.deepEqual([stdout, stderr], ["{\n", ""]);
    }));

  test(`on ${name} a slow reader gets everything, even more than a pipe holds`, () =>
    inFolder(async (cwd) => {
      const faults = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`none${n}`, 1]));
      const webhooks = Array.from({ length: 250 }, () => faults);
      await Deno.writeTextFile(`${cwd}/hooks.yaml`, JSON.stringify({ hooks: { webhooks } }));
      const { stdout } = await shell(runtime, "check --json | { sleep 0.3; cat; }", cwd);
      assert.ok(stdout.length > 100_000, `${stdout.length} characters`);
      assert.ok(JSON.parse(stdout).issues.length > 100);
    }));

  if (hasFull) {
    test(`on ${name} output that can't be written is a failure, reported in one line`, () =>
      inFolder(async (cwd) => {
        const { code, stderr } = await shell(runtime, `schema >${FULL}`, cwd);
        assert.equal(code, 1);
        assert.match(stderr, /^error: Cannot write the output: .*no space left on device.*\n$/i);
        assert.equal((await shell(runtime, `sned 2>${FULL}`, cwd)).code, 2);
        const call = { session_id: "s", hook_event_name: "PostToolUse", tool_name: "Bash" };
        const rest = { tool_input: {}, tool_response: {}, tool_use_id: "toolu_1", cwd: "/" };
        await Deno.writeTextFile(`${cwd}/call.json`, JSON.stringify({ ...call, ...rest }));
        const gate = await shell(runtime, `gate --dialect claude-code <call.json >${FULL}`, cwd);
        assert.match(gate.stderr, /could not decide/);
        assert.equal(gate.code, 2, "a hook whose response is lost denies");
      }));
  }

  test(`on ${name} serve keeps running when its log has no reader, and exits cleanly`, () =>
    inFolder(async (cwd) => {
      const child = new Deno.Command(runtime.program, {
        args: [...runtime.args, "serve", "--port", "0", "--json"],
        cwd,
        env: { HOOKS_TOKEN: TOKEN },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      let over = false;
      const ended = child.status.finally(() => over = true);
      try {
        const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
        const { url } = JSON.parse((await reader.read()).value!);
        await reader.cancel();
        for (let n = 0; n < 3; n++) await post(url);
        child.kill("SIGTERM");
        assert.equal((await ended).code, 0);
      } finally {
        if (!over) child.kill("SIGKILL");
        await ended;
      }
    }));

  test(`on ${name} serve resumes its log when it can be written again`, () =>
    inFolder(async (cwd) => {
      assert.ok((await new Deno.Command("mkfifo", { args: ["log"], cwd }).output()).success);
      const line = `exec ${words(runtime)} serve --port 0 --json 2>log`;
      const sh: Runtime = { name, program: "sh", args: ["-c", line] };
      await using server = new CommandProcess(sh, [], { cwd, env: { HOOKS_TOKEN: TOKEN } });
      const log = `${cwd}/log`;
      const url = await servedUrl(log);
      for (let n = 0; n < 3; n++) await post(url); // its log has no reader
      using reader = await Deno.open(log);
      await post(url);
      await readUntil(reader, /"path":"\/events"[^]*"status":202/);
      server.signal("SIGTERM");
      assert.equal((await server.ended).code, 0);
    }));
}

async function post(url: string): Promise<void> {
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const body = '{"type":"a.b","data":1}';
  const response = await fetch(`${url}/events`, { method: "POST", headers, body });
  await response.body?.cancel();
  assert.equal(response.status, 202);
}

/** The address that a server logs. Nothing reads the log afterwards. */
async function servedUrl(log: string): Promise<string> {
  using reader = await Deno.open(log);
  const [, url] = await readUntil(reader, /"url":"(http:[^"]+)"/);
  return url!;
}

/** Reads until something was said. */
async function readUntil(file: Deno.FsFile, pattern: RegExp): Promise<RegExpExecArray> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(10_000);
  for (let text = "";;) {
    const length = await file.read(bytes);
    assert.ok(length !== null, `${pattern} is not in: ${text}`);
    text += decoder.decode(bytes.subarray(0, length), { stream: true });
    const found = pattern.exec(text);
    if (found) return found;
  }
}

/** What a line for the shell that begins with `hooks` prints. */
async function shell(runtime: Runtime, line: string, cwd: string) {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${words(runtime)} ${line}`],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out!, stderr: error! };
}

/** What starts the command, in words of a shell. */
function words({ program, args }: Runtime): string {
  return [program, ...args].map((word) => `'${word}'`).join(" ");
}
