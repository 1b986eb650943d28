import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { createHooksApp } from "@omniagent/hooks/hono";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { ask, deadUrl, serving, TOKEN } from "../support/serving.ts";
import { Terminal, type TerminalOptions } from "../support/terminal.ts";

const call = {
  session_id: "s-1",
  cwd: "/w",
  hook_event_name: "PreToolUse",
  tool_name: "Bash",
  tool_input: { command: "rm -rf /" },
  tool_use_id: "toolu_1",
};
const input = JSON.stringify(call);

/** Runs `hooks gate` against a server that is a function. */
function gate(
  args: readonly string[],
  respond: (request: Request) => Response | Promise<Response>,
  options: TerminalOptions = {},
) {
  const fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> =>
    await respond(new Request(url, init));
  return ask("http://127.0.0.1:8787", ["gate", ...args], { input, fetch, ...options });
}

test("hooks gate prints the response of a server, and records the event", async () => {
  await serving({}, async (_, url) => {
    const allowed = await ask(url, ["gate", "--dialect", "claude-code"], { input });
    assert.deepEqual(allowed, { code: 0, stdout: "{}\n", stderr: "" });
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { events } = await (await fetch(`${url}/events?order=oldest`, { headers })).json();
    const types = events.map(({ type }: { readonly type: string }) => type);
    assert.deepEqual(types, ["session.created", "tool.called"]);
  });
});

test("hooks gate prints a denial in the agent's language", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", { name: "no-rm", handle: () => deny("Files are kept") });
  const tokens = [{ name: "agent", token: TOKEN, scopes: ["decide"] as const }];
  const app = createHooksApp(hooks, { tokens, logger: silentLogger });
  const deny_ = {
    hookEventName: "PreToolUse",
    permissionDecision: "deny",
    permissionDecisionReason: "Files are kept",
  };
  const outputs = {
    "claude-code": { hookSpecificOutput: deny_ },
    codex: { hookSpecificOutput: deny_ },
    copilot: { permissionDecision: "deny", permissionDecisionReason: "Files are kept" },
  };
  for (const [dialect, expected] of Object.entries(outputs)) {
    const denied = await gate(["--dialect", dialect], (request) => app.request(request));
    assert.deepEqual([denied.code, denied.stderr], [0, ""]);
    assert.deepEqual(JSON.parse(denied.stdout), expected);
  }
  await hooks.close();
});

test("hooks gate sends numbers as they are, so that the server can reject them", async () => {
  let sent = "";
  const number = input.replace('"rm -rf /"', "9007199254740993");
  await gate(["--dialect", "codex"], async (request) => {
    sent = await request.text();
    return new Response("{}", { headers: { "hooks-gate": "codex" } });
  }, { input: number });
  assert.equal(sent, number);
});

test("hooks gate exits with 2 and says why when no server decides", async () => {
  const url = await deadUrl();
  const dead = await ask(url, ["gate", "--dialect", "codex"], { input });
  assert.deepEqual([dead.code, dead.stdout], [2, ""]);
  assert.match(dead.stderr, /^error: The gates could not decide: Cannot reach .*refused\n$/);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`hooks gate denies when ${signal} stops it before there is a decision`, async () => {
    for (const dialect of ["claude-code", "codex", "copilot"]) {
      let isSent!: () => void;
      const sent = new Promise<void>((resolve) => isSent = resolve);
      const fetch = (): Promise<Response> => {
        isSent();
        return new Promise(() => {});
      };
      const environment = { HOOKS_URL: "http://127.0.0.1:8787", HOOKS_TOKEN: TOKEN };
      const terminal = new Terminal({ input, fetch, environment });
      const ended = terminal.run("gate", "--dialect", dialect);
      await sent;
      assert.ok(terminal.signal(signal));
      const code = await ended;
      assert.match(
        terminal.stderr,
        new RegExp(`could not decide: the command was stopped by ${signal}`),
      );
      assert.ok(!terminal.signal(signal), "it listens no longer");
      assert.equal(code, 2);
    }
  });
}

const wrong: Readonly<Record<string, () => Response>> = {
  "an empty object of another server": () => Response.json({}),
  "the response of another dialect": () =>
    Response.json({}, { headers: { "hooks-gate": "claude-code" } }),
  "a page": () => new Response("<html>", { headers: { "content-type": "text/html" } }),
  "a body that is no JSON": () => new Response("{", { headers: { "hooks-gate": "codex" } }),
  "a list": () => Response.json([], { headers: { "hooks-gate": "codex" } }),
  "null": () => new Response("null", { headers: { "hooks-gate": "codex" } }),
  "status 500": () => new Response(null, { status: 500, headers: { "hooks-gate": "codex" } }),
  "status 404": () => new Response(null, { status: 404 }),
  "a redirect": () => new Response(null, { status: 302, headers: { location: "/" } }),
};
for (const [name, respond] of Object.entries(wrong)) {
  test(`hooks gate denies when it receives ${name}`, async () => {
    const { code, stdout, stderr } = await gate(["--dialect", "codex"], respond);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^error: The gates could not decide: /);
  });
}

test("hooks gate denies when a decision takes longer than its timeout", async () => {
  const never = (): Promise<Response> => new Promise(() => {});
  const args = ["--dialect", "codex", "--timeout", "0.02"];
  const hanging = await gate(args, never);
  assert.deepEqual([hanging.code, hanging.stdout], [2, ""]);
  assert.match(hanging.stderr, /No decision within 0\.02 s/);
  const read = async function* (): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode("{");
    await never();
  };
  const silent = await gate(args, never, { stdin: { isTerminal: false, read } });
  assert.deepEqual([silent.code, silent.stdout], [2, ""]);
});

test("hooks gate denies input that it can't read", async () => {
  const ok = (): Response => Response.json({}, { headers: { "hooks-gate": "codex" } });
  const dead = (): Response => Response.error();
  const twice = `{ "hook_event_name": "PreToolUse", "hook_event_name": "Notification" }`;
  const unknown = `{ "hook_event_name": "PreFuture", "tool_name": "Bash" }`;
  for (const garbage of ["", "{", "[]", "\0", twice, unknown]) {
    assert.equal((await gate(["--dialect", "codex"], dead, { input: garbage })).code, 2);
  }
  const parts = Array.from({ length: 17 }, () => new Uint8Array(1024 * 1024));
  const large = await gate(["--dialect", "codex"], ok, { input: parts });
  assert.deepEqual([large.code, large.stdout], [2, ""]);
  const terminal = await ask("http://127.0.0.1:8787", ["gate", "--dialect", "codex"], {});
  assert.equal(terminal.code, 2);
});

test("hooks gate denies a call that is not valid UTF-8", async () => {
  const latin1 = Uint8Array.from(input.replace("rm -rf", "rm \xff"), (char) => char.charCodeAt(0));
  for (const dialect of ["claude-code", "gemini"]) {
    const allow = (): Response => Response.json({}, { headers: { "hooks-gate": dialect } });
    const { code, stderr } = await gate(["--dialect", dialect], allow, { input: [latin1] });
    assert.equal(code, 2);
    assert.match(stderr, /not valid UTF-8/);
  }
});

test("hooks gate prints a denial where the agent ignores exit codes", async () => {
  const request = JSON.stringify({ ...call, hook_event_name: "PermissionRequest" });
  const dead = (): Response => new Response(null, { status: 503 });
  const denied = await gate(["--dialect", "claude-code"], dead, { input: request });
  assert.equal(denied.code, 0);
  const { decision } = JSON.parse(denied.stdout).hookSpecificOutput;
  assert.equal(decision.behavior, "deny");
  const result = { ...call, hook_event_name: "PostToolUse", tool_response: { stdout: "sk-12345" } };
  const withheld = await gate(["--dialect", "claude-code"], dead, {
    input: JSON.stringify(result),
  });
  assert.equal(withheld.code, 0);
  assert.doesNotMatch(withheld.stdout, /sk-12345/);
});

test("hooks gate never blocks the end of an agent, or events that only report", async () => {
  const dead = (): Response => new Response(null, { status: 503 });
  for (const hook_event_name of ["Stop", "Notification", "SessionEnd"]) {
    const event = JSON.stringify({ session_id: "s-1", hook_event_name });
    const { code, stdout } = await gate(["--dialect", "claude-code"], dead, { input: event });
    assert.deepEqual([code, stdout], [1, ""], hook_event_name);
  }
});

test("hooks gate reads the token from a variable, and never prints it", async () => {
  const environment = { OTHER: TOKEN, HOOKS_TOKEN: "" };
  let authorization: string | null = null;
  const respond = (request: Request): Response => {
    authorization = request.headers.get("authorization");
    return new Response(TOKEN, { status: 500 });
  };
  const args = ["--dialect", "codex", "--token-env", "OTHER"];
  const failed = await gate(args, respond, { environment });
  assert.equal(authorization, `Bearer ${TOKEN}`);
  assert.ok(!(failed.stdout + failed.stderr).includes(TOKEN));
  const missing = await gate(["--dialect", "codex"], respond, { environment });
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /HOOKS_TOKEN has no token/);
});

test("hooks gate needs a dialect that it knows", async () => {
  for (const args of [["gate"], ["gate", "--dialect", "emacs"], ["gate", "settings", "emacs"]]) {
    const { code, stdout } = await ask("http://127.0.0.1:8787", args, { input });
    assert.deepEqual([code, stdout], [2, ""]);
  }
});

test("hooks gate settings prints settings without the token", async () => {
  for (const agent of ["claude-code", "copilot", "codex", "gemini", "cursor"]) {
    const { code, stdout, stderr } = await ask("https://hooks.test/", ["gate", "settings", agent]);
    assert.equal(code, 0);
    assert.match(stdout, /https:\/\/hooks\.test(?:\/gates|["\n])/);
    assert.match(stderr, /^(?:Merge|Save|Add) this/);
    assert.ok(!(stdout + stderr).includes(TOKEN));
    if (agent !== "codex") assert.ok(JSON.parse(stdout).hooks);
  }
  const own = ["--url", "https://hooks.test", "--token-env", "GATE_TOKEN"];
  const other = await ask("https://other.test", ["gate", "settings", "codex", ...own]);
  const command = "hooks gate --dialect codex --url https://hooks.test --token-env GATE_TOKEN";
  assert.ok(other.stdout.includes(command), other.stdout);
  const { stdout } = await ask("https://hooks.test", ["gate", "settings", "claude-code"]);
  assert.deepEqual(JSON.parse(stdout).hooks.PreToolUse, [{
    hooks: [{
      type: "http",
      url: "https://hooks.test/gates/claude-code",
      timeout: 30,
      headers: { Authorization: "Bearer $HOOKS_TOKEN" },
      allowedEnvVars: ["HOOKS_TOKEN"],
      onFailure: "block",
    }],
  }]);
  assert.equal(JSON.parse(stdout).hooks.Stop[0].hooks[0].onFailure, undefined);
});

test("hooks gate settings rejects values that a shell would interpret", async () => {
  const wrong = [
    "https://a.test/;rm -rf",
    "https://a.test/$(id)",
    "file:///etc",
    "https://u:p@a.test",
  ];
  for (const url of wrong) {
    const { code, stdout } = await ask(url, ["gate", "settings", "codex"]);
    assert.deepEqual([code, stdout], [2, ""], url);
  }
  const args = ["gate", "settings", "codex", "--token-env", TOKEN];
  const { code, stderr } = await ask("https://a.test", args);
  assert.equal(code, 2);
  assert.ok(!stderr.includes(TOKEN));
});
