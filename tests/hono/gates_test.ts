import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { ask, deny } from "@omniagent/hooks/gates";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { type SendOptions, type Setup, testApp, withApp } from "./helpers.ts";

const PATH = "/gates/claude-code";
const call = {
  session_id: "s-1",
  transcript_path: "/t.jsonl",
  cwd: "/w",
  hook_event_name: "PreToolUse",
  tool_name: "Bash",
  tool_input: { command: "rm -rf /" },
  tool_use_id: "toolu_1",
};
const denied = (reason: string) => ({
  hookSpecificOutput: {
    hookEventName: "PreToolUse",
    permissionDecision: "deny",
    permissionDecisionReason: `The hooks server could not decide: ${reason}`,
  },
});

/** What a request is responded with, always with status 200. */
async function outputOf(send: Setup["send"], init: SendOptions): Promise<unknown> {
  const response = await send(PATH, init);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  return await response.json();
}

testApp("a call of an unauthorized agent is denied, and not emitted", {}, async (setup) => {
  const { hooks, send } = setup;
  const emitted: string[] = [];
  hooks.on("*", ({ type }) => void emitted.push(type));
  const body = call;
  assert.deepEqual(await outputOf(send, { body, token: null }), denied("Bearer token required"));
  assert.deepEqual(await outputOf(send, { body, token: "unknown" }), denied("Invalid token"));
  assert.deepEqual(await outputOf(send, { body, token: "expired" }), denied("Token has expired"));
  const scope = denied("Token lacks the required scope");
  assert.deepEqual(await outputOf(send, { body, token: "emit" }), scope);
  assert.deepEqual(await outputOf(send, { body, token: "read" }), scope);
  assert.deepEqual(emitted, []);
  assert.deepEqual(await outputOf(send, { body, token: "decide" }), {});
  assert.deepEqual(emitted, ["session.created", "tool.called"]);
});

testApp("a call whose decision the store can't record is denied", {}, async (setup) => {
  const { hooks, outbox, send } = setup;
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const failures: unknown[] = [];
  hooks.on("gate.decided", ({ data }) => void failures.push(data.failure));
  const { publish } = outbox!;
  outbox!.publish = (batch, options) =>
    batch.some(({ event }) => event.type === "gate.decided")
      ? Promise.reject(new Error("the disk is full"))
      : publish(batch, options);
  const { hookSpecificOutput } = await outputOf(send, { body: call, token: "decide" }) as {
    readonly hookSpecificOutput: Readonly<Record<string, string>>;
  };
  assert.equal(hookSpecificOutput["permissionDecision"], "deny");
  assert.match(hookSpecificOutput["permissionDecisionReason"]!, /could not be recorded/);
  await until(() => failures.length > 0, "the record");
  assert.deepEqual(failures, ["store"]);
});

testApp(
  "what can't be read is blocked, and ends the turn",
  { app: { limits: { body: 2_000 } } },
  async ({ send }) => {
    const blocked = (why: string) => {
      const reason = `The hooks server could not decide: ${why}`;
      return { continue: false, stopReason: reason, decision: "block", reason };
    };
    const read = (body: unknown, headers = {}) => outputOf(send, { method: "POST", body, headers });
    const json = "Body is not valid UTF-8 JSON";
    assert.deepEqual(await read(""), blocked(json));
    assert.deepEqual(await read("{"), blocked(json));
    assert.deepEqual(await read(new Uint8Array([0xff])), blocked(json));
    assert.deepEqual(await read("[]"), blocked("the input is not a JSON object"));
    assert.deepEqual(await read("null"), blocked("the input is not a JSON object"));
    const event = blocked("'hook_event_name' is missing, or not the name of an event");
    assert.deepEqual(await read({}), event);
    assert.deepEqual(await read({ hook_event_name: "../x" }), event);
    assert.deepEqual(
      await read({ ...call, padding: "x".repeat(2_000) }),
      blocked("Body is too large"),
    );
    const deep = `{"a":`.repeat(100) + "1" + "}".repeat(100);
    assert.deepEqual(await read(deep), blocked("must be nested at most 64 levels deep"));
    for (const headers of [{ "content-type": "text/plain" }, { "content-encoding": "gzip" }]) {
      const { decision } = await read(call, headers) as { readonly decision: string };
      assert.equal(decision, "block");
    }
  },
);

/** Whether a program of one's own may run a tool, as docs/other-agents.md has it. */
async function mayRun(response: Response): Promise<boolean> {
  if (response.status !== 200 || response.headers.get("hooks-gate") !== "claude-code") return false;
  const { continue: continues = true, decision, hookSpecificOutput = {} } = await response.json();
  const { permissionDecision = "allow" } = hookSpecificOutput;
  return continues === true && decision === undefined && permissionDecision === "allow";
}

testApp(
  "your own program runs only calls that the server read and allowed",
  { app: { limits: { body: 2_000 } } },
  async ({ send, hooks }) => {
    const runs = async (body: unknown, more = {}): Promise<boolean> =>
      await mayRun(await send(PATH, { method: "POST", body, ...more }));
    assert.ok(await runs(call));
    assert.ok(!await runs(call, { token: "unknown" }));
    const text = JSON.stringify(call);
    const inputs = [`"x":${"[".repeat(70)}${"]".repeat(70)}`, `"x":"${"x".repeat(2_000)}"`];
    for (const input of [...inputs, '"x":1,"x":2', '"x":12345678901234567890']) {
      assert.ok(!await runs(text.replace('"command"', `${input},"command"`)), input.slice(0, 20));
    }
    assert.ok(!await mayRun(await send("/gates/unknown", { method: "POST", body: call })));
    for (const verdict of [deny("no"), deny("no", { interrupt: true }), ask("Really?")]) {
      const gate = hooks.gate("tool.called", { name: "policy", handle: () => verdict });
      assert.ok(!await runs({ ...call, tool_use_id: crypto.randomUUID() }));
      gate.unregister();
    }
  },
);

testApp("a call without what gates judge is denied", {}, async ({ send }) => {
  const read = (more: object) => outputOf(send, { body: { ...call, ...more } });
  assert.deepEqual(
    await read({ tool_name: 7 }),
    denied("'tool_name' of PreToolUse is not a text"),
  );
  assert.deepEqual(
    await read({ tool_input: "rm" }),
    denied("'tool_input' of PreToolUse is not an object"),
  );
  const session = await read({ session_id: "\u0000" }) as ReturnType<typeof denied>;
  assert.match(session.hookSpecificOutput.permissionDecisionReason, /session/);
});

testApp("a number that JSON parsers change is not judged, but denied", {}, async ({ send }) => {
  const body = JSON.stringify(call).replace('"rm -rf /"', "9007199254740993");
  const output = await outputOf(send, { body }) as ReturnType<typeof denied>;
  assert.match(output.hookSpecificOutput.permissionDecisionReason, /JSON parsers would change/);
  const result = { ...call, hook_event_name: "PostToolUse", tool_response: { id: 0 } };
  const text = JSON.stringify(result).replace('"id":0', '"id":9007199254740993');
  assert.deepEqual(await outputOf(send, { body: text }), {});
});

testApp("a key that occurs twice makes a hook unreadable, which blocks", {}, async ({ send }) => {
  const text = JSON.stringify(call);
  for (
    const body of [
      text.replace('{"session_id"', '{"hook_event_name":"Notification","session_id"'),
      text.replace('"rm -rf /"}', '"rm -rf /","command":"ls"}'),
    ]
  ) {
    const { decision } = await outputOf(send, { body }) as { readonly decision: string };
    assert.equal(decision, "block");
  }
});

testApp("an input can't say which agent sent it", {}, async ({ hooks, send }) => {
  const names: unknown[] = [];
  hooks.on("tool.called", ({ data }) => {
    names.push((data as unknown as { readonly client: { readonly name: string } }).client.name);
  });
  const body = { ...call, name: "copilot" };
  assert.deepEqual(await outputOf(send, { body }), {});
  assert.deepEqual(names, ["claude-code"]);
});

testApp("closed hooks deny tool calls, and don't keep an agent from ending", {}, async (setup) => {
  const { hooks, send } = setup;
  await hooks.close();
  assert.deepEqual(await outputOf(send, { body: call }), denied("Hooks are closed"));
  const stop = { session_id: "s-1", hook_event_name: "Stop", stop_hook_active: false };
  const systemMessage = "The hooks server could not decide: Hooks are closed";
  assert.deepEqual(await outputOf(send, { body: stop }), { systemMessage });
});

testApp("an unknown query parameter denies: a misspelled one would change nothing", {}, async (
  { send },
) => {
  const output = await (await send(`${PATH}?aprove=true`, { body: call })).json();
  assert.match(JSON.stringify(output), /"deny".*unknown parameters/);
});

testApp("a session begins once, also for calls at once and after a restart", {}, async (
  { hooks, send },
) => {
  const created: unknown[] = [];
  hooks.on("session.created", ({ data }) => void created.push(data.session_id));
  await Promise.all([1, 2, 3].map(() => outputOf(send, { body: call })));
  await outputOf(send, { body: { ...call, session_id: "s-2" } });
  const restarted = createHooksApp(hooks, { auth: false, logger: silentLogger });
  const response = await restarted.request(PATH, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...call, prompt_id: "p-2" }),
  });
  assert.deepEqual(await response.json(), {});
  assert.deepEqual(created, ["s-1", "s-2"]);
});

testApp("a denied result is emitted as an error, without the result", {}, async (setup) => {
  const { hooks, send } = setup;
  hooks.gate("tool.completed", { name: "no-keys", handle: () => deny("It has a key") });
  const completed: unknown[] = [];
  hooks.on("tool.completed", ({ data }) => void completed.push(data));
  const response = { stdout: "sk-12345", stderr: "" };
  const body = { ...call, hook_event_name: "PostToolUse", tool_response: response };
  const output = await outputOf(send, { body });
  assert.doesNotMatch(JSON.stringify(output), /sk-12345/);
  assert.equal(completed.length, 1);
  const [{ error, result }] = completed as [{ readonly error: string; readonly result?: string }];
  assert.deepEqual([error, result], ["It has a key", undefined]);
});

testApp("a run takes as long as from the prompt to the end", { outbox: false }, async (setup) => {
  const { hooks, send } = setup;
  const durations: number[] = [];
  hooks.on("agent.end", ({ data }) => void durations.push(data.duration_ms));
  const session = { session_id: "s-1" };
  await outputOf(send, { body: { ...session, hook_event_name: "UserPromptSubmit", prompt: "hi" } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await outputOf(send, { body: { ...session, hook_event_name: "Stop" } });
  assert.equal(durations.length, 1);
  assert.ok(durations[0]! >= 15, `${durations}`);
});

testApp("a denied end makes the agent go on, once", { outbox: false }, async ({ hooks, send }) => {
  hooks.gate("agent.end", { name: "tests-pass", handle: () => deny("Run the tests first") });
  const ends: unknown[] = [];
  hooks.on("agent.end", (event) => void ends.push(event));
  const stop = { session_id: "s-1", hook_event_name: "Stop", stop_hook_active: false };
  const block = { decision: "block", reason: "Run the tests first" };
  assert.deepEqual(await outputOf(send, { body: stop }), block);
  assert.equal(ends.length, 0);
  assert.deepEqual(await outputOf(send, { body: { ...stop, stop_hook_active: true } }), {});
  assert.equal(ends.length, 1);
});

test("a hook before a tool call that is not the agent's own is denied, and others are recorded", () =>
  withApp({ outbox: false }, async ({ hooks, send }) => {
    const types: string[] = [];
    hooks.on("*", ({ type }) => void types.push(type));
    for (const hook_event_name of ["preToolUse", "pre_tool_use", "BeforeTool"]) {
      const output = await outputOf(send, { body: { ...call, hook_event_name } });
      assert.equal((output as { readonly decision?: string }).decision, "block", hook_event_name);
    }
    assert.equal(types.length, 0);
    await outputOf(send, { body: { ...call, hook_event_name: "SomethingNew" } });
    assert.ok(types.includes("claude_code.something_new"));
  }));

test("an image that Read returns is withheld as text, which is the form that Claude Code accepts", () =>
  withApp({ outbox: false }, async ({ hooks, send }) => {
    hooks.gate("tool.completed", { name: "no", handle: () => deny("with\nheld") });
    const file = { base64: "iVBORw0K", type: "image/png", originalSize: 68 };
    const tool_response = { type: "image", file };
    const body = { ...call, tool_name: "Read", hook_event_name: "PostToolUse", tool_response };
    const { hookSpecificOutput } = await outputOf(send, { body }) as {
      readonly hookSpecificOutput: { readonly updatedToolOutput: unknown };
    };
    const lines = { numLines: 2, startLine: 1, totalLines: 2 };
    assert.deepEqual(hookSpecificOutput.updatedToolOutput, {
      type: "text",
      file: { filePath: "", content: "with\nheld", ...lines },
    });
  }));

test("a result keeps the form that its tool gave it, and nothing else of it", () =>
  withApp({ outbox: false }, async ({ hooks, send }) => {
    hooks.gate("tool.completed", { name: "no", handle: () => deny("withheld") });
    const output = async (tool_response: unknown): Promise<unknown> => {
      const body = { ...call, hook_event_name: "PostToolUse", tool_response };
      const { hookSpecificOutput } = await outputOf(send, { body }) as {
        readonly hookSpecificOutput: { readonly updatedToolOutput: unknown };
      };
      return hookSpecificOutput.updatedToolOutput;
    };
    assert.equal(await output("secret"), "withheld");
    assert.equal(await output(null), "withheld");
    assert.deepEqual(
      await output({ type: "text", file: { filePath: "/k", content: "secret", numLines: 3 } }),
      { type: "text", file: { filePath: "withheld", content: "", numLines: 0 } },
    );
    assert.deepEqual(
      await output([{ type: "text", text: "secret" }, { type: "text", text: "more" }]),
      [{ type: "text", text: "withheld" }],
    );
    assert.deepEqual(
      await output({ stdout: "secret", stderr: "s", persistedOutputPath: "/tmp/secret" }),
      { stdout: "withheld", stderr: "" },
    );
    assert.equal(await output(42), "withheld");
  }));

test("a withheld result has no text in its keys and tags, and that of an MCP tool has no form", () =>
  withApp({ outbox: false }, async ({ hooks, send }) => {
    hooks.gate("tool.completed", { name: "no", handle: () => deny("withheld") });
    const output = async (tool_name: string, tool_response: unknown): Promise<unknown> => {
      const body = { ...call, hook_event_name: "PostToolUse", tool_name, tool_response };
      const { hookSpecificOutput } = await outputOf(send, { body }) as {
        readonly hookSpecificOutput: { readonly updatedToolOutput: unknown };
      };
      return hookSpecificOutput.updatedToolOutput;
    };
    const leaky = { status: "SSN 123-45-6789", mode: "in_plan", list: [{ type: "sk-live-1" }] };
    assert.deepEqual(
      await output("Task", { ...leaky, content: "secret", "ada@example.com": "y" }),
      {
        status: "",
        mode: "in_plan",
        list: [{ type: "" }],
        content: "withheld",
      },
    );
    assert.equal(await output("Task", { type: "sk-live-1" }), "withheld");
    assert.equal(await output("mcp__crm__get", { ssn_123: "y", status: "gold" }), "withheld");
    assert.equal(await output("mcp__crm__get", [{ type: "text", text: "secret" }]), "withheld");
  }));

test("a withheld result keeps the words of its tool's schema, without which it isn't accepted", () =>
  withApp({ outbox: false }, async ({ hooks, send }) => {
    const gate = hooks.gate("tool.completed", { name: "no", handle: () => deny("withheld") });
    const output = async (tool_name: string, tool_response: unknown): Promise<unknown> => {
      const body = { ...call, hook_event_name: "PostToolUse", tool_name, tool_response };
      const { hookSpecificOutput } = await outputOf(send, { body }) as {
        readonly hookSpecificOutput: { readonly updatedToolOutput: unknown };
      };
      return hookSpecificOutput.updatedToolOutput;
    };
    const commit = { sha: "1f2e3d", kind: "cherry-picked", branch: "main" };
    const bash = { stdout: "secret", gitOperation: { commit } };
    assert.deepEqual(await output("Bash", bash), {
      stdout: "withheld",
      gitOperation: { commit: { sha: "", kind: "cherry-picked", branch: "" } },
    });
    const pages = [{ base64: "iVBORw0K", mediaType: "image/png" }];
    const lines = { numLines: 1, startLine: 1, totalLines: 1 };
    const text = { type: "text", file: { filePath: "", content: "withheld", ...lines } };
    assert.deepEqual(await output("Read", { type: "parts", file: {}, pages }), text);
    gate.unregister();
    // The same for a rewrite: another word is no result of the tool.
    hooks.gate("tool.completed", {
      name: "mask",
      kind: "rewrite",
      handle: ({ data }) => ({ ...data, result: `${data.result}`.replace("cherry-picked", "***") }),
    });
    const masked = await output("Bash", bash) as typeof bash;
    assert.equal(masked.gitOperation.commit.kind, "cherry-picked");
    assert.match(masked.stdout, /"kind":"\*\*\*"/);
  }));

test("parameters in JSON text that parsers read differently are denied in Cursor", () =>
  withApp({ outbox: false }, async ({ hooks, send }) => {
    const seen: unknown[] = [];
    hooks.gate("tool.called", { name: "seen", handle: ({ data }) => void seen.push(data.params) });
    hooks.on("tool.completed", ({ data }) => void seen.push(data.params, data.result));
    const post = async (tool_input: string, more: object = {}): Promise<unknown> => {
      const hook_event_name = "beforeMCPExecution";
      const body = { conversation_id: "c", hook_event_name, tool_name: "pay", tool_input, ...more };
      return await (await send("/gates/cursor", { body })).json();
    };
    for (const text of ['{"to":"eve","to":"ada"}', '{"account":9007199254740993}', "[1]", "{"]) {
      const { permission } = await post(text) as { readonly permission: string };
      assert.equal(permission, "deny", text);
    }
    assert.deepEqual(await post('{"to":"ada"}'), {});
    assert.deepEqual(seen, [{ to: "ada" }]);
    // It has run: what it returned is recorded.
    const completed = { hook_event_name: "afterMCPExecution", result_json: "paid" };
    assert.deepEqual(await post('{"account":9007199254740993}', completed), {});
    assert.deepEqual(seen.slice(1), [undefined, "paid"]);
  }));

testApp(
  "a result that is denied at length is withheld, and its end is stored",
  {},
  async (setup) => {
    const { hooks, outbox, send } = setup;
    const reason = "x".repeat(300_000);
    hooks.gate("tool.completed", { name: "policy", handle: () => deny(reason) });
    const body = { ...call, hook_event_name: "PostToolUse", tool_response: { stdout: "sk-1" } };
    const output = await outputOf(send, { body }) as { readonly reason: string };
    assert.ok(output.reason === reason, output.reason.slice(0, 200));
    const { items: [completed] } = await outbox!.listEvents({ type: "tool.completed" });
    assert.match(
      (completed!.event.data as { readonly error: string }).error,
      /^x+ … \[truncated\]$/,
    );
  },
);

test("a rewritten result that no longer fits its tool is shown as text in its place", () =>
  withApp({ outbox: false }, async ({ hooks, send }) => {
    const mask = async (result: string, tool_response: unknown): Promise<unknown> => {
      const gate = (hooks as Hooks).gate("tool.completed", {
        name: "mask",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, result }),
      });
      const body = { ...call, hook_event_name: "PostToolUse", tool_response };
      const output = await outputOf(send, { body }) as {
        readonly hookSpecificOutput: { readonly updatedToolOutput: unknown };
      };
      gate.unregister();
      return output.hookSpecificOutput.updatedToolOutput;
    };
    const bash = { stdout: "a", stderr: "b", interrupted: false };
    assert.deepEqual(await mask("masked", bash), {
      stdout: "masked",
      stderr: "",
      interrupted: false,
    });
    assert.deepEqual(await mask('{"stdout":1}', bash), {
      stdout: '{"stdout":1}',
      stderr: "",
      interrupted: false,
    });
    const changed = { ...bash, stdout: "***" };
    assert.deepEqual(await mask(JSON.stringify(changed), bash), changed);
    assert.equal(await mask("***", "a"), "***");
  }));

testApp("an ask is left to the user of an agent that can ask, and denied for others", {}, async (
  { hooks, send },
) => {
  hooks.gate("tool.called", { name: "approval", handle: () => ask("Remove it?") });
  const events: string[] = [];
  hooks.on("tool.*", ({ type }) => void events.push(type));
  const output = await outputOf(send, { body: call });
  assert.deepEqual(output, {
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: "ask",
      permissionDecisionReason: "Remove it?",
    },
  });
  const response = await send("/gates/codex", { body: { ...call, session_id: "s-2" } });
  assert.match(await response.text(), /"deny".*Approval is required: Remove it\?/);
  assert.deepEqual(events, ["tool.called", "tool.denied"]);
  const { items } = await hooks.asks.list({ state: "all" });
  assert.deepEqual(items.map(({ state, by }) => [state, by]), [
    ["denied", "codex"],
    ["allowed", "claude-code"],
  ]);
});

testApp(
  "with ask=wait, a call waits until someone resolves the ask",
  {},
  async ({ hooks, send }) => {
    hooks.gate("tool.called", { name: "approval", handle: () => ask("Remove it?") });
    for (const decision of ["deny", "allow"] as const) {
      const body = { ...call, tool_use_id: `toolu_${decision}` };
      const response = send(`${PATH}?ask=wait&approve=true`, { body });
      await hooks.asks.resolve(await pendingAsk(hooks), { decision, by: "ada" });
      const text = await (await response).text();
      assert.match(text, decision === "deny" ? /"permissionDecision":"deny"/ : /"allow"/);
    }
  },
);

testApp("an approval is for one response: the same call waits for another", {}, async (
  { hooks, send },
) => {
  hooks.gate("tool.called", { name: "approval", handle: () => ask("Remove it?") });
  const waits = () => send(`${PATH}?ask=wait&approve=true`, { body: call });
  for (const decision of ["allow", "deny"] as const) {
    const response = waits();
    await hooks.asks.resolve(await pendingAsk(hooks), { decision, by: "ada" });
    assert.match(await (await response).text(), new RegExp(`"permissionDecision":"${decision}"`));
  }
});

testApp("a call that the agent repeats is judged again once it has run", {}, async (
  { hooks, send },
) => {
  let calls = 0;
  hooks.gate("tool.called", { name: "policy", handle: () => void calls++ });
  const used: number[] = [];
  for (const hook of ["PostToolUse", "PostToolUseFailure", undefined]) {
    await outputOf(send, { body: call });
    await outputOf(send, { body: call }); // a request that was sent twice
    used.push(calls);
    const ended = { ...call, hook_event_name: hook, tool_response: { stdout: "" }, error: "no" };
    if (hook) await outputOf(send, { body: ended });
  }
  assert.deepEqual(used, [1, 2, 3]);
});

testApp("calls with one id and different data are all judged again once one has run", {}, async (
  { hooks, send },
) => {
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => void judged.push(data.params?.command),
  });
  const commands = Array.from({ length: 12 }, (_, n) => `ls ${n}`);
  const withCommand = (command: string) => ({ ...call, tool_input: { command } });
  for (const command of commands) await outputOf(send, { body: withCommand(command) });
  assert.deepEqual(judged, commands);
  const ended = { hook_event_name: "PostToolUse", tool_response: { stdout: "" } };
  await outputOf(send, { body: { ...withCommand("ls 3"), ...ended } });
  for (const command of commands) await outputOf(send, { body: withCommand(command) });
  assert.deepEqual(judged, [...commands, ...commands]);
});

/** Waits until an ask can be resolved. */
async function pendingAsk(hooks: Setup["hooks"]): Promise<string> {
  for (;;) {
    const [pending] = (await hooks.asks.list()).items;
    if (pending !== undefined) return pending.id;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("an agent that disconnects while it waits for a person isn't an error", async () => {
  const logged: string[] = [];
  const log = (...data: unknown[]) => void logged.push(String(data[0]));
  const logger = { ...silentLogger, warn: log, error: log };
  const outbox = createOutbox(memoryStore(), { logger });
  const hooks = createHooks({ outbox, logger });
  hooks.gate("tool.called", { name: "approval", handle: () => ask("Remove it?") });
  const app = createHooksApp(hooks, { auth: false, logger });
  const controller = new AbortController();
  const response = app.request(`${PATH}?ask=wait`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(call),
    signal: controller.signal,
  });
  await pendingAsk(hooks);
  await new Promise((resolve) => setTimeout(resolve, 20)); // until it waits
  controller.abort(new Error("disconnected"));
  assert.match(await (await response).text(), /"deny".*The agent disconnected/);
  assert.deepEqual(logged, []);
  assert.equal((await hooks.asks.list()).items.length, 1);
  await hooks.close();
});

testApp("the same call can't approve what another one waits for", {}, async ({ hooks, send }) => {
  hooks.gate("tool.called", { name: "approval", handle: () => ask("Remove it?") });
  const waits = send(`${PATH}?ask=wait&approve=true`, { body: call, token: "decide" });
  const id = await pendingAsk(hooks);
  const other = await send(`${PATH}?ask=agent&approve=true`, { body: call, token: "decide" });
  assert.match(await other.text(), /"deny".*Approval is required: Remove it\?/);
  assert.equal((await hooks.asks.get(id))?.state, "pending");
  await hooks.asks.resolve(id, { decision: "deny", by: "ada" });
  assert.match(await (await waits).text(), /"permissionDecision":"deny"/);
});

testApp("of two same calls at once, none approves what the other waits for", {}, async (
  { hooks, send },
) => {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  let judged = 0;
  hooks.gate("tool.called", {
    name: "approval",
    async handle() {
      judged++;
      await gate;
      return ask("Remove it?");
    },
  });
  const body = call;
  const waits = send(`${PATH}?ask=wait&approve=true`, { body });
  await until(() => judged > 0);
  const other = send(`${PATH}?ask=agent&approve=true`, { body });
  await new Promise((resolve) => setTimeout(resolve, 1_000)); // it joins the first
  open();
  assert.match(await (await other).text(), /"deny".*Approval is required/);
  await hooks.asks.resolve(await pendingAsk(hooks), { decision: "allow", by: "ada" });
  assert.match(await (await waits).text(), /"permissionDecision":"allow"/);
  assert.equal(judged, 1);
});

for (const query of ["?ask=wait&approve=true", "?ask=wait"]) {
  testApp(
    `of two same calls at once, one waits even if the other leaves it to its user (${query})`,
    {},
    async ({ hooks, send }) => {
      let open = (): void => {};
      const gate = new Promise<void>((resolve) => open = resolve);
      let judged = 0;
      hooks.gate("tool.called", {
        name: "approval",
        async handle() {
          judged++;
          await gate;
          return ask("Remove it?");
        },
      });
      const left = send(PATH, { body: call });
      while (judged === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      const waits = send(`${PATH}${query}`, { body: call });
      await new Promise((resolve) => setTimeout(resolve, 200)); // it joins the first
      open();
      assert.match(await (await left).text(), /"permissionDecision":"ask"/);
      await hooks.asks.resolve(await pendingAsk(hooks), { decision: "deny", by: "ada" });
      assert.match(await (await waits).text(), /"permissionDecision":"deny"/);
    },
  );
}

testApp("a call that was left to the agent's user is asked again if it is repeated", {}, async (
  { hooks, send },
) => {
  hooks.gate("tool.called", { name: "approval", handle: () => ask("Remove it?") });
  const body = call;
  const first = await outputOf(send, { body });
  assert.match(JSON.stringify(first), /"permissionDecision":"ask"/);
  for (const query of ["?approve=true", ""]) {
    assert.deepEqual(await (await send(`${PATH}${query}`, { body })).json(), first, query);
  }
  const waits = send(`${PATH}?approve=true&ask=wait`, { body });
  await hooks.asks.resolve(await pendingAsk(hooks), { decision: "deny", by: "ada" });
  assert.match(await (await waits).text(), /"permissionDecision":"deny"/);
  // The same call from a hook that can't ask.
  const skill = { ...call, hook_event_name: "PreSkillShellCommand" };
  assert.match(
    JSON.stringify(await outputOf(send, { body: skill })),
    /"permissionDecision":"deny"/,
  );
});

testApp(
  "an app that waits for a person leaves no ask to the agent",
  { app: { ask: "wait" } },
  async (
    { hooks, send },
  ) => {
    hooks.gate("tool.called", { name: "approval", handle: () => ask("Remove it?") });
    const response = send(`${PATH}?ask=agent&approve=true`, { body: call });
    await hooks.asks.resolve(await pendingAsk(hooks), { decision: "allow", by: "ada" });
    assert.match(await (await response).text(), /"permissionDecision":"allow"/);
    const wrong = { auth: false, ask: "user" as "wait" } as const;
    assert.throws(
      () => createHooksApp(hooks, wrong),
      /'ask' must be "agent" or "wait", got "?'?user/,
    );
  },
);
