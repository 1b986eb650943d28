/**
 * Which tool calls of OpenAI Agents are judged: all of them, wherever the agent and the tool come from.
 * @module
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import type { Hooks } from "@omniagent/hooks";
import { allow, deny } from "@omniagent/hooks/gates";
import { openaiAgentsHooks } from "@omniagent/hooks/openai-agents";
import { test } from "../support/harness.ts";
import { load } from "./driver.ts";
import { DEFAULTED, recorded } from "./scenario.ts";

const sdk = await load("@openai/agents-core");
const { Agent, attachClientToolSearchExecutor, Runner, RunState, setTracingDisabled, tool } = sdk;
const { assistantMessage, functionCall, ScriptedModel } = await load("@openai/agents-core/testing");
const { SandboxAgent } = await load("@openai/agents-core/sandbox");
const { UnixLocalSandboxClient } = await load("@openai/agents-core/sandbox/local");
const { z } = await load("zod");

/** The SDK once more, as CommonJS. */
const copy = createRequire(import.meta.url)("@openai/agents-core");

setTracingDisabled(true);
copy.setTracingDisabled(true);

type Options = Readonly<Record<string, unknown>>;

const done = [assistantMessage("done")];
const call = (name: string, params: object = {}, callId = name) =>
  functionCall(name, params, { callId });
const remove = call("bash", { command: "rm" });

/** An agent whose model responds with these items, one list for each turn. */
const agentOf = (turns: readonly (readonly object[])[], options: Options = {}) =>
  new Agent({ name: "boss", model: new ScriptedModel(turns), ...options });

/** A tool that runs commands, and which it ran. */
function shell(options: Options = {}) {
  const ran: string[] = [];
  const bash = tool({
    name: "bash",
    description: "Runs a command",
    parameters: z.object({ command: z.string() }),
    execute: ({ command }: { readonly command: string }) => `ran ${ran.push(command)}`,
    ...options,
  });
  return { bash, ran };
}

/** Hooks whose gate denies `bash` and `exec_command`, and a runner for each call. */
function guarded() {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "no-shell",
    handle: ({ data }) => ["bash", "exec_command"].includes(data.name) ? deny("No") : undefined,
  });
  const connect = () => openaiAgentsHooks(hooks, new Runner());
  return { hooks, log, connect };
}

for (const stream of [false, true]) {
  const way = stream ? "streamed" : "not streamed";
  test(`openai-agents: a run that is resumed from its stored state is judged, ${way}`, async () => {
    const { hooks, log, connect } = guarded();
    const { bash, ran } = shell({ needsApproval: true });
    const paused = await connect().run(agentOf([[remove]], { tools: [bash] }), "hi");
    const stored = paused.state.toString();
    const restarted = agentOf([done], { tools: [shell({ needsApproval: true }).bash, bash] });
    const state = await RunState.fromString(restarted, stored);
    for (const one of state.getInterruptions()) state.approve(one);
    const result = await connect().run(restarted, state, { stream });
    if (stream) await result.completed;
    await hooks.close();
    assert.deepEqual(ran, []);
    assert.equal(log.count("tool.denied"), 1);
    assert.equal(result.finalOutput, "done");
  });
}

test("openai-agents: a stored run of an agent that took over is judged when it is resumed", async () => {
  const { hooks, log, connect } = guarded();
  const { bash, ran } = shell({ needsApproval: true });
  const agents = (turns: readonly (readonly object[])[]) => {
    const helper = agentOf(turns, { name: "helper", tools: [bash] });
    return agentOf([[call("transfer_to_helper")]], { handoffs: [helper] });
  };
  const paused = await connect().run(agents([[remove]]), "hi");
  const restarted = agents([done]);
  const state = await RunState.fromString(restarted, paused.state.toString());
  for (const one of state.getInterruptions()) state.approve(one);
  await connect().run(restarted, state);
  await hooks.close();
  assert.deepEqual(ran, []);
  assert.equal(log.count("tool.denied"), 1);
});

for (
  const { name, turns } of [
    { name: "the next response", turns: [["search"], ["bash"]] },
    { name: "the same response", turns: [["search", "bash"]] },
  ]
) {
  test(`openai-agents: a tool that a search loads is judged in ${name}`, async () => {
    const { hooks, log, connect } = guarded();
    const { bash, ran } = shell({ deferLoading: true });
    const search = {
      type: "tool_search_call",
      id: "s1",
      status: "completed",
      execution: "client",
      arguments: { query: "bash" },
      providerData: { call_id: "s1", execution: "client" },
    };
    const parameters = {
      type: "object",
      properties: { query: { type: "string" } },
      required: ["query"],
      additionalProperties: false,
    };
    // What `toolSearchTool()` of `@openai/agents` returns.
    const find = attachClientToolSearchExecutor({
      type: "hosted_tool",
      name: "tool_search",
      providerData: { type: "tool_search", execution: "client", parameters },
    }, () => [bash]);
    const items = turns.map((names) => names.map((name) => name === "bash" ? remove : search));
    await connect().run(agentOf([...items, done], { tools: [find] }), "hi");
    await hooks.close();
    assert.deepEqual(ran, []);
    assert.equal(log.count("tool.denied"), 1);
  });
}

for (const isHandoff of [false, true]) {
  const who = isHandoff ? "a sandbox agent that takes over" : "a sandbox agent";
  test(`openai-agents: the tools of ${who} are judged, its own and those of the sandbox`, async () => {
    const { hooks, log, connect } = guarded();
    const { bash, ran } = shell();
    const calls = [remove, call("exec_command", { cmd: "exit 1" }), call("look")];
    const look = tool({
      name: "look",
      description: "Looks",
      parameters: z.object({}),
      execute: () => "seen",
    });
    const sandbox = new SandboxAgent({
      name: "sandbox",
      model: new ScriptedModel([calls, done]),
      tools: [bash, look],
    });
    const first = agentOf([[call("transfer_to_sandbox")]], { handoffs: [sandbox] });
    const options = { sandbox: { client: new UnixLocalSandboxClient() } };
    const result = await connect().run(isHandoff ? first : sandbox, "hi", options);
    await hooks.close();
    assert.equal(result.finalOutput, "done");
    assert.deepEqual(ran, []);
    assert.equal(log.count("tool.denied"), 2);
    assert.equal(log.count("tool.completed"), 1);
    assert.equal(log.count("model.completed"), isHandoff ? 3 : 2);
  });
}

test("openai-agents: agents used as tools, and their handoffs, are judged without being listed", async () => {
  const { hooks, log, connect } = guarded();
  const { bash, ran } = shell();
  const helper = agentOf([[call("transfer_to_late")]], { name: "helper" });
  const tools = [helper.asTool({ toolName: "helper", toolDescription: "helps" })];
  const runner = connect();
  helper.handoffs = [agentOf([[remove], done], { name: "late", tools: [bash] })];
  await runner.run(agentOf([[call("helper", { input: "help" })], done], { tools }), "hi");
  await hooks.close();
  assert.deepEqual(ran, []);
  assert.equal(log.count("tool.denied"), 1);
  assert.deepEqual(log.runs, [
    "boss: agent.start",
    "boss: tool.called",
    "helper: agent.start",
    "late: agent.start",
    "late: tool.denied",
    "late: agent.end",
    "helper: agent.end",
    "boss: tool.completed",
    "boss: agent.end",
  ]);
});

test("openai-agents: an agent of a second copy of the SDK is judged when it takes over", async () => {
  const { hooks, log, connect } = guarded();
  const { bash, ran } = shell();
  assert.notEqual(copy.Agent, Agent);
  const model = new ScriptedModel([[remove], done]);
  const other = new copy.Agent({ name: "other", model, tools: [bash] });
  await connect().run(agentOf([[call("transfer_to_other")]], { handoffs: [other] }), "hi");
  await hooks.close();
  assert.deepEqual(ran, []);
  assert.equal(log.count("tool.denied"), 1);
});

test("openai-agents: an agent that a tool runs with a runner of its own is judged", async () => {
  const { hooks, log, connect } = guarded();
  const { bash, ran } = shell();
  const helper = agentOf([[remove], done], { name: "helper", tools: [bash] });
  const help = tool({
    name: "help",
    description: "Helps",
    parameters: z.object({}),
    execute: async () => (await new Runner().run(helper, "help")).finalOutput,
  });
  await connect().run(agentOf([[call("help")], done], { tools: [help] }), "hi");
  await hooks.close();
  assert.deepEqual(ran, []);
  assert.equal(log.count("tool.denied"), 1);
});

test("openai-agents: a tool that can't be judged, as it is frozen, doesn't run", async () => {
  const { hooks, log, connect } = guarded();
  const { bash, ran } = shell();
  const agent = agentOf([[remove], done], { tools: [Object.freeze(bash)] });
  await assert.rejects(connect().run(agent, "hi"), /gates need.*the tool is frozen: pass a copy/);
  await hooks.close();
  assert.deepEqual(ran, []);
  assert.equal(log.count("agent.end"), 1);
});

test("openai-agents: runs of other runners are neither judged nor observed", async () => {
  const { hooks, log, connect } = guarded();
  const { bash, ran } = shell();
  const agent = agentOf([[remove], done, [remove], done], { tools: [bash] });
  await connect().run(agent, "hi");
  const events = log.lines.length;
  await new Runner().run(agent, "hi");
  await hooks.close();
  assert.deepEqual(ran, ["rm"]);
  assert.equal(log.lines.length, events);
});

test("openai-agents: a tool is restored after it has run, so that approvals see the parsed input", async () => {
  const { hooks, connect } = guarded();
  const seen: unknown[] = [];
  const pay = tool({
    name: "pay",
    description: "Pays someone",
    parameters: z.object({ to: z.string().trim() }),
    needsApproval: (_context: unknown, input: { readonly to: string }) => seen.push(input.to) < 0,
    execute: ({ to }: { readonly to: string }) => `paid ${to}`,
  });
  const { invoke } = pay;
  const pays = ["a ", " b", "c "].map((to) => call("pay", { to }, to));
  const turns = [pays.slice(0, 2), pays.slice(2), done];
  await connect().run(agentOf(turns, { tools: [pay] }), "hi");
  await hooks.close();
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.equal(pay.invoke, invoke);
});

test("openai-agents: a call that a guardrail rejects doesn't change the tool", async () => {
  const { connect, hooks, log } = guarded();
  const seen: string[] = [];
  const ran: string[] = [];
  const wipe = tool({
    name: "wipe",
    description: "Wipes a folder",
    parameters: z.object({ path: z.string().trim() }),
    needsApproval: (_: unknown, { path }: { readonly path: string }) => {
      seen.push(path);
      return path === "/";
    },
    inputGuardrails: [{
      name: "no-etc",
      run: ({ toolCall }: { readonly toolCall: { readonly arguments: string } }) => {
        const isRejected = toolCall.arguments.includes("etc");
        const behavior = isRejected
          ? { type: "rejectContent", message: "not /etc" }
          : { type: "allow" };
        return Promise.resolve({ behavior });
      },
    }],
    execute: ({ path }: { readonly path: string }) => `wiped ${ran.push(path)}`,
  });
  const { invoke } = wipe;
  const turns = [
    [call("wipe", { path: "/etc" }, "c1"), call("wipe", { path: " /tmp/a" }, "c2")],
    [call("wipe", { path: " / " }, "c3")],
    done,
  ];
  const result = await connect().run(agentOf(turns, { tools: [wipe] }), "hi");
  assert.deepEqual(ran, ["/tmp/a"]);
  assert.deepEqual([seen.at(-1), result.interruptions.length], ["/", 1]);
  assert.equal(wipe.invoke, invoke);
  await hooks.close();
  // " /tmp/a", and what the schema makes of it.
  assert.equal(log.count("tool.called"), 2);
});

/** Calls `pay` with a schema, and gates. Returns what they judged, and with what the tool ran. */
async function pay(
  schema: object,
  sent: object,
  handle: (data: { readonly params?: object }) => unknown = () => undefined,
) {
  const { hooks, log } = recorded();
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "limit",
    kind: "rewrite",
    handle: (({ data }: { data: { params: object } }) => {
      judged.push(data.params);
      return handle(data);
    }) as never,
  });
  const [ran, errors]: [unknown[], string[]] = [[], []];
  const tools = [tool({
    name: "pay",
    description: "Pays",
    parameters: schema,
    execute: (input: object) => `paid ${ran.push(input)}`,
    errorFunction: (_: unknown, error: unknown) => `failed ${errors.push(String(error))}`,
  })];
  const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "s-1" });
  await runner.run(agentOf([[call("pay", sent, "c1")], done], { tools }), "hi");
  await hooks.close();
  log.check("s-1");
  return { judged, ran, errors, log };
}

const AT_MOST_100 = ({ params }: { readonly params?: object }) =>
  Number((params as { amount: unknown }).amount) > 100 ? deny("too much") : undefined;

for (const [what, amount, sent] of DEFAULTED) {
  test(`openai-agents: gates judge the arguments that the tool receives, with ${what}`, async () => {
    const schema = z.object({ amount: amount(z) });
    const { ran, errors, log } = await pay(schema, sent, AT_MOST_100);
    assert.deepEqual([ran, errors, log.count("tool.denied")], [[], [], 1]);
  });
}

test("openai-agents: arguments that a schema changes are judged twice, and the tool runs once", async () => {
  const texts = z.object({ amount: z.string().transform(Number).pipe(z.number()) });
  assert.deepEqual(await pay(texts, { amount: "7" }).then(({ log: _, ...rest }) => rest), {
    judged: [{ amount: "7" }, { amount: 7 }],
    ran: [{ amount: 7 }],
    errors: [],
  });
  // What it drops may be what a gate relied on.
  const { judged, ran } = await pay(z.object({ amount: z.number() }), { amount: 7, dry: true });
  assert.deepEqual([judged, ran], [[{ amount: 7, dry: true }, { amount: 7 }], [{ amount: 7 }]]);
});

/** Runs an agent that calls `pay`, whose schema adds `id`, and returns what the model is told. */
async function toldOfPay(hooks: Hooks, id: () => string, execute: (input: object) => unknown) {
  const pay = tool({
    name: "pay",
    description: "Pays",
    parameters: z.object({ amount: z.number(), id: z.string().default(id) }),
    execute,
  });
  const model = new ScriptedModel([[call("pay", { amount: 7 })], done]);
  const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "s-1" });
  const { newItems } = await runner.run(new Agent({ name: "boss", model, tools: [pay] }), "hi");
  const outputs = newItems.map((item: { readonly rawItem?: { readonly output?: unknown } }) =>
    item.rawItem?.output
  );
  return JSON.stringify(outputs.filter((output: unknown) => output !== undefined));
}

test("openai-agents: a tool whose schema creates an id runs with the one that gates judged", async () => {
  const { hooks, log } = recorded();
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => {
      judged.push(data.params);
      return allow("fine", { context: "Be brief" });
    },
  });
  const ran: object[] = [];
  let ids = 0;
  const told = await toldOfPay(hooks, () => `id-${++ids}`, (input) => `paid ${ran.push(input)}`);
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(judged, [{ amount: 7 }, ...ran]);
  assert.equal(ran.length, 1);
  assert.equal(told.split("Be brief").length, 2, told);
});

test("openai-agents: a call whose completed arguments are denied ends with an error", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.params?.id === undefined ? undefined : deny("No ids"),
  });
  const told = await toldOfPay(hooks, () => "id-1", () => "paid");
  await hooks.close();
  log.check("s-1");
  assert.match(told, /No ids/);
  assert.ok(log.lines.includes("tool.completed pay error: No ids"), log.lines.join("\n"));
});

/** How the tool of a call ends whose arguments are judged twice, and what the model is told then. */
const ENDS: Readonly<Record<string, readonly [pay: () => string, ends: string, told: RegExp]>> = {
  "a result": [() => "paid", "paid!", /"paid!"/],
  "a result that is denied": [() => "sk-1", "error: a key", /"a key"/],
  "an error": [
    () => {
      throw new Error("busy");
    },
    "An error occurred while running the tool. Please try again.!",
    /try again\.!"/,
  ],
};

for (const [what, [execute, ends, says]] of Object.entries(ENDS)) {
  test(`openai-agents: gates judge ${what} once when they judge the arguments twice`, async () => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", { name: "policy", handle: () => undefined });
    let judged = 0;
    hooks.gate("tool.completed", {
      name: "keys",
      kind: "rewrite",
      handle: ({ data }) => {
        judged++;
        return data.result === "sk-1" ? deny("a key") : { ...data, result: `${data.result}!` };
      },
    });
    const told = await toldOfPay(hooks, () => "id-1", execute);
    await hooks.close();
    log.check("s-1");
    assert.match(told, says);
    assert.deepEqual([judged, log.lines.filter((line) => line.startsWith("tool.completed"))], [1, [
      `tool.completed pay ${ends}`,
      `tool.completed pay#2 ${ends}`,
    ]]);
  });
}

test("openai-agents: a schema must not change what a gate changed", async () => {
  const doubled = z.object({
    amount: z.number().transform((amount: number) => amount * 2).pipe(z.number()),
  });
  const add = (data: { readonly params?: object }) => {
    const { amount } = data.params as { amount: number };
    return { ...data, params: { amount: amount + 1 } };
  };
  const { judged, ran, errors } = await pay(doubled, { amount: 1 }, add);
  assert.deepEqual([judged, ran, errors], [[{ amount: 1 }, { amount: 4 }], [], []]);
  const mask = (data: { readonly params?: object }) => ({ ...data, params: { amount: 3 } });
  const plain = await pay(z.object({ amount: z.number() }), { amount: 1 }, mask);
  assert.deepEqual([plain.judged, plain.ran], [[{ amount: 1 }], [{ amount: 3 }]]);
});

test("openai-agents: a tool doesn't start if its schema drops a field that a gate added", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "dry-run",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: { ...data.params, dryRun: true } }),
  });
  const ran: object[] = [];
  const told = await toldOfPay(hooks, () => "id-1", (input) => `paid ${ran.push(input)}`);
  await hooks.close();
  log.check("s-1");
  assert.match(told, /Cannot call 'pay': the tool's schema drops 'dryRun', which a gate added/);
  assert.deepEqual(ran, []);
});

test("openai-agents: arguments that aren't JSON are denied", async () => {
  class Money {
    readonly amount = 7;
  }
  const schema = z.object({ amount: z.number().transform(() => new Money()).pipe(z.any()) });
  const { ran, log } = await pay(schema, { amount: 7 });
  assert.deepEqual(ran, []);
  assert.match(log.lines.join(), /tool\.denied c1#2 .*Money/);
});

test("openai-agents: the model of the runner's configuration is observed", async () => {
  const { hooks, log } = recorded();
  const runner = openaiAgentsHooks(hooks, new Runner({ model: new ScriptedModel([done]) }));
  await runner.run(new Agent({ name: "boss" }), "hi");
  await hooks.close();
  assert.equal(log.count("model.completed"), 1);
});
