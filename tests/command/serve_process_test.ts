import assert from "node:assert/strict";
import { freePort } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { inFolder } from "../support/folder.ts";
import { CommandProcess, type Runtime, runtimes } from "./processes.ts";

const TOKEN = "a-token-of-this-test";
const EVENTS = 40;
/** A command that was asked to stop has ended after this, in milliseconds. */
const STOP_LIMIT = 5_000;

for (const runtime of await runtimes()) {
  const { name } = runtime;

  test(`on ${name} the curl line that serve prints delivers to listen, when it is pasted`, () =>
    inFolder(async (cwd) => {
      await using receiver = start(runtime, ["listen", "--port", "0"], cwd);
      const [, port] = await receiver.match(/listening on http:\/\/127\.0\.0\.1:(\d+)/);
      await writeConfig(cwd, Number(port));
      await using server = start(runtime, ["serve", "--port", "0"], cwd, { HOOKS_TOKEN: "" });
      const [, line] = await server.match(/Send an event:\n([^]+?\}'\n)/);
      const { success, stdout } = await new Deno.Command("sh", {
        args: ["-c", line!],
        cwd,
        stderr: "null",
      }).output();
      assert.ok(success);
      assert.match(new TextDecoder().decode(stdout), /"receipts":\[\{"id":"/);
      await receiver.match(/200 unverified \S+ message\.received \S+ \{"role":"user"/);
      for (const command of [server, receiver]) {
        command.signal("SIGTERM");
        const { code, took } = await command.ended;
        assert.equal(code, 0, command.stderr);
        assert.ok(took < STOP_LIMIT, `${took} ms`);
      }
    }));

  test(`on ${name} a server that is killed while its receiver is down loses nothing`, () =>
    inFolder(async (cwd) => {
      const port = freePort();
      await writeConfig(cwd, port);
      const input = Array.from(
        { length: EVENTS },
        (_, n) => JSON.stringify({ type: "a.b", session_id: `n-${n}`, data: n }),
      ).join("\n");
      {
        await using server = start(runtime, ["serve", "--port", "0"], cwd);
        const [, url] = await server.match(/serving (http:\S+\d)/);
        const options = { cwd, env: { HOOKS_URL: url!, HOOKS_TOKEN: TOKEN }, input };
        await using sender = new CommandProcess(runtime, ["send"], options);
        assert.equal((await sender.ended).code, 0, sender.stderr);
        await allWait(url!);
        server.signal("SIGKILL");
        await server.ended;
      }
      await using receiver = start(runtime, ["listen", "--port", String(port), "--json"], cwd);
      await receiver.match(/listening on/);
      await using server = start(runtime, ["serve", "--port", "0"], cwd);
      await receiver.times(EVENTS, '"outcome":"received"');
      const received = receiver.stdout.trim().split("\n").map((line) => JSON.parse(line));
      assert.equal(new Set(received.map(({ event }) => event.session_id)).size, EVENTS);
      server.signal("SIGINT");
      assert.equal((await server.ended).code, 0);
    }));

  test(`on ${name} serve exits in time even if a receiver hangs, and delivers when it recovers`, () =>
    inFolder(async (cwd) => {
      {
        await using receiver = start(runtime, ["listen", "--port", "0", "--delay", "1h"], cwd);
        const [, port] = await receiver.match(/listening on http:\/\/127\.0\.0\.1:(\d+)/);
        await writeConfig(cwd, Number(port), "10s");
        await using server = start(runtime, ["serve", "--port", "0"], cwd);
        const [, url] = await server.match(/serving (http:\S+\d)/);
        const env = { HOOKS_URL: url!, HOOKS_TOKEN: TOKEN };
        await using tail = new CommandProcess(runtime, ["tail"], { cwd, env });
        await tail.match(/following/);
        await using sender = new CommandProcess(runtime, ["send", "a.b"], { cwd, env });
        assert.equal((await sender.ended).code, 0, sender.stderr);
        await tail.match(/a\.b \S+ \{\}/);
        server.signal("SIGTERM");
        await server.match(/stopping/);
        server.signal("SIGTERM"); // as a Ctrl-C that comes from terminal and parent
        const { code, took } = await server.ended;
        assert.equal(code, 0, server.stderr);
        assert.ok(took < STOP_LIMIT, `${took} ms`);
      }
      await using receiver = start(runtime, ["listen", "--port", "0"], cwd);
      const [, port] = await receiver.match(/listening on http:\/\/127\.0\.0\.1:(\d+)/);
      await writeConfig(cwd, Number(port));
      await using _server = start(runtime, ["serve", "--port", "0"], cwd);
      await receiver.match(/200 unverified \S+ a\.b \S+ \{\}/);
    }));

  test(`on ${name} serve reloads its configuration on SIGHUP`, () =>
    inFolder(async (cwd) => {
      await writeConfig(cwd, 2);
      await using server = start(runtime, ["serve", "--port", "0"], cwd);
      await server.match(/serving http:\S+: 1 webhook/);
      await Deno.writeTextFile(`${cwd}/hooks.yaml`, "hooks: { webhook: [] }");
      server.signal("SIGHUP");
      await server.match(
        /kept the current configuration: Cannot .*hooks\.yaml[^]*did you mean webhooks\?/,
      );
      await Deno.writeTextFile(`${cwd}/hooks.yaml`, "{}");
      server.signal("SIGHUP");
      await server.match(/reloaded hooks\.yaml: 0 webhooks/);
    }));

  test(`on ${name} the exit code reports the outcome`, () =>
    inFolder(async (cwd) => {
      const url = `http://127.0.0.1:${freePort()}`;
      const cases: readonly (readonly [args: string[], code: number, message: RegExp])[] = [
        [["--help"], 0, /^Usage: hooks/],
        [["secret"], 0, /^whsec_/],
        [[], 2, /^Usage: hooks/],
        [["sned"], 2, /Did you mean send\?/],
        [["check", cwd], 1, /it is a directory/],
        [["check", "no.yaml"], 1, /no such file/],
        [["send", "a.b", "--url", url], 1, /connection refused/],
        [["tail", "--url", url], 1, /connection refused/],
        [["serve", "--host", "0.0.0.0"], 2, /without tokens/],
      ];
      for (const [args, code, message] of cases) {
        await using command = new CommandProcess(runtime, args, { cwd });
        assert.equal((await command.ended).code, code, args.join(" "));
        assert.match(command.stdout + command.stderr, message);
      }
    }));
}

function start(
  runtime: Runtime,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = { HOOKS_TOKEN: TOKEN },
): CommandProcess {
  return new CommandProcess(runtime, args, { cwd, env });
}

/** Writes a configuration with a webhook that is retried every two seconds. */
async function writeConfig(cwd: string, port: number, timeout = "2s"): Promise<void> {
  await Deno.writeTextFile(
    `${cwd}/hooks.yaml`,
    `hooks:
  webhooks:
    - name: audit
      events: ["*"]
      url: http://127.0.0.1:${port}/
      timeout: ${timeout}
      retry: { delay: 2s, factor: 1, retries: 100 }
`,
  );
}

/** Waits until every delivery has failed once and is unleased, so that no lease has to expire. */
async function allWait(url: string): Promise<void> {
  for (;;) {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${url}/deliveries?state=pending`, { headers });
    const { deliveries } = await response.json();
    const leased = deliveries.some(({ leased_until }: { leased_until?: string }) => leased_until);
    if (deliveries.length === EVENTS && !leased) return;
  }
}
