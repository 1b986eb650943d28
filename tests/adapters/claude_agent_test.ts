import assert from "node:assert/strict";
import process from "node:process";
import { createHooks } from "@omniagent/hooks";
import { claudeAgentHooks, type HookMatchers } from "@omniagent/hooks/claude-agent";
import { allow, ask, deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test as testOf } from "../support/harness.ts";
import { type Driver, type Ending, load, type Script, type Turn } from "./driver.ts";
import { CALLED, END, HELPED, recorded, START, testAdapter } from "./scenario.ts";
import { TRACE } from "./traces.ts";

const { createSdkMcpServer, query, tool } = await load("@anthropic-ai/claude-agent-sdk");
const { z } = await load("zod");

/** The bundle of this file is in .build/adapters. */
const claudeCode = new URL("../../examples/agents/fake_claude_code.mjs", import.meta.url).pathname;

/** Returns options with which `query()` starts the fake. */
function fakeOptions(script: object): object {
  const env = { ...process.env, FAKE_CLAUDE_CODE: JSON.stringify(script) };
  return { pathToClaudeCodeExecutable: claudeCode, env };
}

async function run(script: Script): Promise<Ending> {
  const { hooks, sessionId, prompt, tools, turns, signal, pause, subagent } = script;
  const claude = claudeAgentHooks(hooks, { sessionId });
  const all = { ...tools, ...subagent?.tools };
  const server = createSdkMcpServer({
    name: "tools",
    tools: Object.entries(all).map(([name, run]) =>
      tool(
        name,
        "Pays",
        { amount: z.number() },
        async (input: never, { signal }: { signal?: AbortSignal }) => ({
          content: [{ type: "text", text: await run(input, { signal }) }],
        }),
      )
    ),
  });
  const asking = turns.map((turn) =>
    pause && "calls" in turn ? { calls: turn.calls.map((call) => ({ ...call, asks: true })) } : turn
  );
  const fake = {
    turns: asking,
    ...(subagent && { subagents: { [subagent.name]: subagent.turns } }),
  };
  const abortController = new AbortController();
  signal?.addEventListener("abort", () => abortController.abort());
  const options = claude.options({
    abortController,
    mcpServers: { tools: server },
    ...fakeOptions(fake),
    ...(pause && { canUseTool: () => Promise.resolve({ behavior: "allow" }) }),
  });
  const told: Record<string, string> = {};
  try {
    let ending: Ending = { told };
    for await (const message of claude.wrap(query({ prompt, options }))) {
      if (message.type === "user") {
        for (const { tool_use_id, content } of message.message.content) told[tool_use_id] = content;
      }
      if (message.type === "result") {
        ending = { text: message.result, told, ...(message.is_error && { error: message.result }) };
      }
    }
    return ending;
  } catch (error) {
    return { error: String(error), told };
  }
}

/** The SDK waits for the end of a process with a timer that it doesn't clear. */
const test = (name: string, fn: () => Promise<void>) => testOf(name, fn, { leaks: true });

/** The process of Claude Code ends at once, and with it what the tool would have responded. */
const ABORTED = {
  why: "An abort ends Claude Code immediately, so the tool's own error never arrives.",
  log: [
    ...START,
    CALLED,
    "tool.completed c1 error: The run was aborted before the tool returned",
    "agent.end aborted",
  ],
};

const driver: Driver = {
  name: "claude-agent",
  run,
  hasTexts: true,
  leaks: true,
  differences: {
    "a run that is paused and resumed": {
      why: "Claude Code waits for `canUseTool` within the run.",
      log: [...START, CALLED, "tool.completed c1 paid 7", ...END],
    },
    "an agent that starts another one": {
      why: "Gates see it only in the parameters of the call that starts the subagent.",
      log: [
        ...START,
        `tool.called c1 helper {"amount":7}`,
        ...HELPED.filter((line) => line !== "[helper] message.received help"),
        "tool.completed c1 helped",
        ...END,
      ],
    },
    [TRACE]: {
      why:
        "Tools run in Claude Code, so their own spans aren't in the trace. A subagent's span belongs to the run.",
      log: [
        "app",
        "  invoke_agent main",
        "    execute_tool helper",
        "      run_guardrail policy",
        "    invoke_agent helper",
        "      execute_tool pay",
        "        run_guardrail policy",
        "  the bank",
      ],
    },
    "a run that is aborted while a tool runs": ABORTED,
    "a stream that is aborted while a tool runs": ABORTED,
  },
};

testAdapter(driver);

const CALLS: readonly Turn[] = [
  { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] },
  { text: "done" },
];
const NO_TOOLS = { tools: {}, sessionId: "s-1", prompt: "hi" };

/** A tool that Claude Code itself runs. */
const bash = (more: object = {}) => [
  { calls: [{ id: "c1", name: "Bash", params: { command: "ls" }, response: OUTPUT, ...more }] },
  { text: "done" },
];
const OUTPUT = { stdout: "sk-1", stderr: "", interrupted: false };

test("claude-agent: a prompt that a gate denies gets no response", async () => {
  const { hooks, log } = recorded();
  hooks.gate("message.received", { name: "policy", handle: () => deny("not today") });
  await run({ ...NO_TOOLS, hooks, turns: CALLS });
  await hooks.close();
  assert.deepEqual(log.lines, ["agent.start", "agent.end error: not today"]);
});

test("claude-agent: a result of Claude Code's own tools keeps its form", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: `${data.result}`.replace("sk-1", "***") }),
  });
  const { told } = await run({ ...NO_TOOLS, hooks, turns: bash() });
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(JSON.parse(told.c1!), { ...OUTPUT, stdout: "***" });
});

test("claude-agent: a result that a gate denies is withheld in the form of its tool", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.completed", { name: "leaks", handle: () => deny("it leaks") });
  const { told } = await run({ ...NO_TOOLS, hooks, turns: bash() });
  await hooks.close();
  assert.deepEqual(JSON.parse(told.c1!), { ...OUTPUT, stdout: "it leaks" });
});

test("claude-agent: Claude Code's own question is denied when there is nobody to ask", async () => {
  const { hooks, log } = recorded();
  const { told } = await run({ ...NO_TOOLS, hooks, turns: bash({ asks: true }) });
  await hooks.close();
  log.check("s-1");
  assert.match(told.c1!, /no gate granted it/);
});

test("claude-agent: a person whom a gate asks responds to Claude Code's own question", async () => {
  const { hooks, log } = recorded({ gates: { onAsk: () => ({ decision: "allow" }) } });
  const question = { name: "person", handle: () => ask("Run ls?") };
  hooks.gate("claude_code.permission_request" as never, question);
  const { told } = await run({ ...NO_TOOLS, hooks, turns: bash({ asks: true }) });
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(JSON.parse(told.c1!), OUTPUT);
});

test("claude-agent: a call that a person approved isn't asked about again", async () => {
  let asked = 0;
  const onAsk = () => {
    asked++;
    return { decision: "allow" } as const;
  };
  const { hooks } = recorded({ gates: { onAsk } });
  hooks.gate("tool.called", { name: "person", handle: () => ask("Run ls?") });
  const { told } = await run({ ...NO_TOOLS, hooks, turns: bash({ asks: true }) });
  await hooks.close();
  assert.deepEqual([JSON.parse(told.c1!), asked], [OUTPUT, 1]);
});

test("claude-agent: input that `canUseTool` changes is judged again", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.params?.command === "rm" ? deny("not rm") : undefined,
  });
  const canUseTool = () => Promise.resolve({ behavior: "allow", updatedInput: { command: "rm" } });
  const told: string[] = [];
  const claude = claudeAgentHooks(hooks);
  const options = claude.options({ ...fakeOptions({ turns: bash({ asks: true }) }), canUseTool });
  for await (const message of claude.wrap(query({ prompt: "hi", options }))) {
    if (message.type === "user") told.push(message.message.content[0].content);
  }
  await hooks.close();
  assert.deepEqual(told, ["not rm"]);
});

test("claude-agent: `canUseTool` can't change the input of a call that gates no longer judge", async () => {
  const { hooks } = recorded();
  const claude = claudeAgentHooks(hooks);
  const inPlace = (_name: string, input: Record<string, unknown>) => {
    input.command = "rm";
    return Promise.resolve({ behavior: "allow" as const, updatedInput: input });
  };
  const anew = () => Promise.resolve({ behavior: "allow", updatedInput: { command: "rm" } });
  const same = () => Promise.resolve({ behavior: "allow" });
  const permit = async (canUseTool: unknown, toolUseID: string) => {
    const { canUseTool: watched, hooks } = claude.options({ canUseTool } as never) as {
      readonly canUseTool: typeof claude.canUseTool;
      readonly hooks: HookMatchers;
    };
    await callHook(hooks, "PreToolUse", { command: "ls" });
    await callHook(hooks, "Stop", {});
    const { signal } = new AbortController();
    return (await watched("Bash", { command: "ls" }, { signal, toolUseID })).behavior;
  };
  assert.equal(await permit(anew, "c1"), "allow");
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  for (const id of ["c1", "unknown"]) {
    assert.equal(await permit(anew, id), "deny");
    assert.equal(await permit(inPlace, id), "deny");
    assert.equal(await permit(same, id), "allow");
  }
  await hooks.close();
});

test("claude-agent: the result of a call whose input another hook changed is reported and withheld", async () => {
  const failures: string[] = [];
  const hooks = createHooks({ logger: false, onError: (error) => failures.push(String(error)) });
  const change: { to?: Record<string, unknown> } = {};
  hooks.gate("tool.called", {
    name: "policy",
    kind: "rewrite",
    handle: ({ data }) => change.to && { ...data, params: change.to },
  });
  const { hooks: callbacks } = claudeAgentHooks(hooks);
  const run = async (ran: object, given: object = {}) => {
    await callHook(callbacks, "PreToolUse", { command: "ls", ...given });
    return await callHook(callbacks, "PostToolUse", ran, { tool_response: OUTPUT });
  };
  assert.deepEqual([await run({ command: "ls" }), failures], [{}, []]);
  assert.match(JSON.stringify(await run({ command: "rm" })), /another hook changed its input/);
  assert.equal(failures.length, 1);
  assert.match(failures[0]!, /after gates had judged it/);
  // Claude Code completes what gates have changed.
  change.to = { command: "pwd", file_path: "sub/../a.txt", limit: "5" };
  const completed = {
    command: "pwd",
    file_path: "/home/a.txt",
    limit: 5,
    run_in_background: false,
  };
  assert.deepEqual([await run(completed), failures.length], [{}, 1]);
  // It doesn't put back what gates have removed.
  const again = JSON.stringify(await run({ ...completed, timeout: 5 }, { timeout: 5 }));
  assert.match(again, /another hook changed its input/);
  for (
    const changed of [
      { command: "rm" },
      { file_path: "/etc/a.txt" },
      { limit: 50 },
      { limit: undefined },
      { timeout: 5 },
    ]
  ) {
    failures.length = 0;
    const told = JSON.stringify(await run({ ...completed, ...changed }));
    assert.match(told, /another hook changed its input/);
    assert.equal(failures.length, 1);
  }
  await hooks.close();
});

test("claude-agent: an approval isn't for the call with the same id in another session", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ sessionId }) => sessionId === "s-1" ? allow() : undefined,
  });
  const { hooks: callbacks, canUseTool } = claudeAgentHooks(hooks);
  const permit = async () => {
    const options = { signal: new AbortController().signal, toolUseID: "c1" };
    return (await canUseTool("Bash", { command: "ls" }, options)).behavior;
  };
  await callHook(callbacks, "PreToolUse", { command: "ls" });
  assert.equal(await permit(), "allow");
  await callHook(callbacks, "PreToolUse", { command: "ls" }, { session_id: "s-2" });
  assert.equal(await permit(), "deny");
  for (const session_id of ["s-1", "s-2"]) await callHook(callbacks, "Stop", {}, { session_id });
  await hooks.close();
});

test("claude-agent: a permission covers only what gates judged", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.params?.command === "ls" ? allow() : deny("only ls"),
  });
  const { hooks: callbacks, canUseTool } = claudeAgentHooks(hooks);
  for (const [name, command, behavior] of [["Bash", "ls", "allow"], ["Bash", "rm", "deny"]]) {
    await callHook(callbacks, "PreToolUse", { command: "ls" });
    const options = { signal: new AbortController().signal, toolUseID: "c1" };
    const result = await canUseTool(name!, { command }, options);
    assert.equal(result.behavior, behavior, command);
  }
  await hooks.close();
});

test("claude-agent: a permission that a person gave is for one call", async () => {
  for (const outbox of [undefined, createOutbox(memoryStore(), { logger: false })]) {
    let asked = 0;
    const onAsk = () => ({ decision: asked++ < 2 ? "allow" : "deny" } as const);
    const hooks = createHooks({ logger: false, gates: { onAsk }, ...(outbox && { outbox }) });
    hooks.gate("claude_code.permission_request" as never, {
      name: "person",
      handle: () => ask("May it?"),
    });
    const { hooks: callbacks, canUseTool } = claudeAgentHooks(hooks);
    const behaviors: string[] = [];
    for (let n = 0; n < 3; n++) {
      await callHook(callbacks, "PreToolUse", { command: "pay" });
      const options = { signal: new AbortController().signal, toolUseID: "c1" };
      behaviors.push((await canUseTool("Bash", { command: "pay" }, options)).behavior);
    }
    assert.deepEqual([behaviors, asked], [["allow", "allow", "deny"], 3]);
    await hooks.close();
  }
});

test("claude-agent: a command in the text of a skill is a call of Bash that gates judge", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.params?.command === "rm" ? deny("not rm") : undefined,
  });
  const { hooks: callbacks } = claudeAgentHooks(hooks).options();
  assert.equal(callbacks.PreSkillShellCommand![0]!.onFailure, "block");
  assert.deepEqual(await callHook(callbacks, "PreSkillShellCommand", { command: "ls" }), {});
  assert.deepEqual(await callHook(callbacks, "PreSkillShellCommand", { command: "rm" }), {
    hookSpecificOutput: {
      hookEventName: "PreSkillShellCommand",
      permissionDecision: "deny",
      permissionDecisionReason: "not rm",
    },
  });
  hooks.gate("tool.called", {
    name: "change",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: { command: "pwd" } }),
  });
  const changed = await callHook(callbacks, "PreSkillShellCommand", { command: "ls -a" });
  assert.match(JSON.stringify(changed), /"deny".*can't apply/);
  await hooks.close();
  assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.")), [
    `tool.called c1 Bash {"command":"ls"}`,
    "tool.completed c1 undefined",
    "tool.denied c1#2 not rm",
    `tool.called c1#3 Bash {"command":"pwd"}`,
    "tool.completed c1#3 error: A gate changed this, and Claude Code can't apply that",
  ]);
});

test("claude-agent: a process that ends early fails its run", async () => {
  const { hooks, log } = recorded();
  const { error } = await run({ ...NO_TOOLS, hooks, turns: [{ exit: 3 } as never] });
  await hooks.close();
  assert.match(error!, /code 3/);
  assert.deepEqual(log.lines.slice(0, 2), ["agent.start", "message.received hi"]);
  assert.match(log.lines[2]!, /agent\.end error: .*code 3/);
});

test("claude-agent: a query that the caller leaves is aborted", async () => {
  const { hooks, log } = recorded();
  const claude = claudeAgentHooks(hooks);
  const options = claude.options(fakeOptions({ turns: [{ text: "done" }] }));
  for await (const { type } of claude.wrap(query({ prompt: "hi", options }))) {
    if (type === "system") break;
  }
  await hooks.close();
  log.check("session-1");
  assert.match(log.lines.at(-1)!, /agent\.end (aborted|success)/);
});

test("claude-agent: each prompt of a session is a run, with its own cost", async () => {
  const { hooks, log } = recorded();
  const costs: unknown[] = [];
  hooks.on("agent.end", ({ data }) => void costs.push(data.cost_usd));
  const claude = claudeAgentHooks(hooks, { sessionId: "s-1" });
  const results = Promise.withResolvers<void>();
  async function* prompts() {
    const prompt = (content: string) => ({
      type: "user",
      message: { role: "user", content },
      parent_tool_use_id: null,
    });
    yield prompt("one");
    await results.promise;
    yield prompt("two");
  }
  const options = claude.options(fakeOptions({ turns: [{ text: "first" }, { text: "second" }] }));
  for await (const { type } of claude.wrap(query({ prompt: prompts(), options }))) {
    if (type === "result") results.resolve();
  }
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.lines.filter((line) => line.startsWith("message.")), [
    "message.received one",
    "message.sent first",
    "message.received two",
    "message.sent second",
  ]);
  assert.deepEqual(costs, [0.01, 0.01]);
});

/** Starts a subagent in the background, whose run goes on when the main one has ended. */
async function runInBackground(helper: readonly object[], wrapped = true) {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.params?.command === "rm" ? deny("not rm") : undefined,
  });
  const claude = claudeAgentHooks(hooks, { sessionId: "s-1" });
  const over = Promise.withResolvers<void>();
  hooks.on("agent.end", ({ data }) => void (data.agent_id && over.resolve()));
  async function* prompts() {
    const message = { role: "user", content: "hi" };
    yield { type: "user", message, parent_tool_use_id: null };
    await over.promise;
  }
  const start = { id: "c1", name: "helper", params: { task: "help" }, background: true };
  const script = { turns: [{ calls: [start] }, { text: "done" }], subagents: { helper } };
  const running = query({ prompt: prompts(), options: claude.options(fakeOptions(script)) });
  let error: unknown;
  try {
    for await (const _ of wrapped ? claude.wrap(running) : running);
  } catch (thrown) {
    error = thrown;
  }
  over.resolve();
  await hooks.close();
  log.check("s-1");
  const tools = log.lines.filter((line) => /tool|agent/.test(line));
  return { tools, error };
}

const LAUNCHED = [
  "agent.start",
  `tool.called c1 helper {"task":"help"}`,
  "[helper] agent.start",
  "tool.completed c1 started",
];

const call = (id: string, command: string) => ({
  id,
  name: "Bash",
  params: { command },
  response: OUTPUT,
});

for (const wrapped of [true, false]) {
  const how = wrapped ? "with" : "without";
  test(`claude-agent: a background subagent keeps its tools and its run (${how} wrap)`, async () => {
    const helper = [{ calls: [call("h1", "ls"), call("h2", "rm")] }, { text: "helped" }];
    const { tools } = await runInBackground(helper, wrapped);
    assert.deepEqual(tools, [
      ...LAUNCHED,
      wrapped ? "agent.end success 6+10" : "agent.end success",
      `[helper] tool.called h1 Bash {"command":"ls"}`,
      `[helper] tool.completed h1 ${JSON.stringify(OUTPUT)}`,
      "[helper] tool.denied h2 not rm",
      wrapped ? "[helper] agent.end success 6+10" : "[helper] agent.end success",
    ]);
  });
}

test("claude-agent: a background subagent ends when Claude Code ends", async () => {
  const { tools, error } = await runInBackground([{ exit: 3 }]);
  assert.match(String(error), /code 3/);
  assert.deepEqual(tools.slice(0, -1), [...LAUNCHED, "agent.end success 6+10"]);
  assert.match(tools.at(-1)!, /^\[helper\] agent\.end error: .*code 3/);
});

test("claude-agent: a background subagent that a person stops is aborted", async () => {
  const { tools } = await runInBackground([{ stop: true }]);
  assert.deepEqual(tools, [...LAUNCHED, "agent.end success 6+10", "[helper] agent.end aborted"]);
});

test("claude-agent: without `wrap`, hooks say when a run begins and ends", async () => {
  const { hooks, log } = recorded();
  const { options } = claudeAgentHooks(hooks, { sessionId: "s-1" });
  const own = options(fakeOptions({ turns: bash() }));
  for await (const _ of query({ prompt: "hi", options: own }));
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.lines, [
    "agent.start",
    "message.received hi",
    `tool.called c1 Bash {"command":"ls"}`,
    `tool.completed c1 ${JSON.stringify(OUTPUT)}`,
    "message.sent done",
    "agent.end success",
  ]);
});

test("claude-agent: your own hooks are called, too", async () => {
  const { hooks } = recorded();
  const called: string[] = [];
  const mine = (input: { readonly hook_event_name: string }) => {
    called.push(input.hook_event_name);
    return Promise.resolve({});
  };
  const claude = claudeAgentHooks(hooks);
  const own = { ...fakeOptions({ turns: bash() }), hooks: { PreToolUse: [{ hooks: [mine] }] } };
  const options = claude.options(own);
  for await (const _ of claude.wrap(query({ prompt: "hi", options })));
  await hooks.close();
  assert.deepEqual(called, ["PreToolUse"]);
});

test("claudeAgentHooks() names what is wrong with its arguments", async () => {
  const { hooks } = recorded();
  const claude = claudeAgentHooks(hooks);
  assert.throws(
    () => claude.wrap({} as never),
    /Cannot connect the Claude Agent SDK to this query/,
  );
  await hooks.close();
});

/** Calls the hook of an event about the tool Bash as Claude Code does. */
function callHook(
  callbacks: HookMatchers,
  event: string,
  tool_input: object,
  more: object = {},
): Promise<unknown> {
  const tool = { tool_name: "Bash", tool_use_id: "c1", tool_input };
  const input = { hook_event_name: event, session_id: "s-1", cwd: "/home", ...tool, ...more };
  const { signal } = new AbortController();
  return callbacks[event]![0]!.hooks[0]!(input, "c1", { signal });
}
