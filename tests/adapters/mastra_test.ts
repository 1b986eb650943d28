import assert from "node:assert/strict";
import type { Hooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { mastraHooks } from "@omniagent/hooks/mastra";
import { test } from "../support/harness.ts";
import { scriptedModel } from "./ai_model.ts";
import { type Driver, type Ending, load, type Script, type Turn } from "./driver.ts";
import { BACKGROUND, END, HELPED, recorded, START, testAdapter } from "./scenario.ts";
import { TRACE, TREE } from "./traces.ts";

const { Agent } = await load("@mastra/core/agent");
const { Mastra } = await load("@mastra/core");
const { ToolSearchProcessor } = await load("@mastra/core/processors");
const { InMemoryStore } = await load("@mastra/core/storage");
const { createTool } = await load("@mastra/core/tools");
const { z } = await load("zod");

const scripted = (turns: readonly Turn[]) => scriptedModel(turns, 3);

function toolsOf(tools: Script["tools"]) {
  return Object.fromEntries(
    Object.entries(tools).map(([id, run]) => [
      id,
      createTool({
        id,
        description: "Pays",
        inputSchema: z.object({ amount: z.number() }),
        execute: (input: never, { abortSignal }: { abortSignal?: AbortSignal }) =>
          run(input, { signal: abortSignal }),
      }),
    ]),
  );
}

async function run(script: Script): Promise<Ending> {
  const { hooks, sessionId, prompt, tools, turns, signal, stream, pause, subagent } = script;
  const agentOf = (id: string, turns: readonly Turn[], more: object) =>
    new Agent({
      id,
      name: id,
      instructions: "Pay",
      model: scripted(turns),
      maxRetries: 0,
      ...more,
    });
  const agents = subagent && {
    [subagent.name]: agentOf(subagent.name, subagent.turns, {
      description: "Helps",
      tools: toolsOf(subagent.tools),
    }),
  };
  const agent = mastraHooks(
    hooks,
    agentOf("main", turns.map(delegating), { tools: toolsOf(tools), ...(agents && { agents }) }),
    { sessionId },
  );
  // Runs are suspended in a store. Without a logger, errors aren't printed.
  new Mastra({ agents: { agent }, logger: false, storage: new InMemoryStore() });
  const options = {
    maxSteps: 5,
    ...(signal && { abortSignal: signal }),
    ...(pause && { requireToolApproval: true }),
  };
  try {
    if (stream) {
      const output = await agent.stream(prompt, options);
      let failure: unknown;
      for await (const { type, payload } of output.fullStream) {
        if (type === "error") failure = payload.error;
        if (type === "abort") failure = new Error("aborted");
      }
      if (signal?.aborted) failure = signal.reason;
      if (failure) return { error: String(failure), told: {} };
      return { text: await output.text, told: told(await output.messageList.get.all.db()) };
    }
    let output = await agent.generate(prompt, options);
    if (pause) {
      const { runId, suspendPayload: { toolCallId } } = output;
      output = await agent.approveToolCallGenerate({ runId, toolCallId });
    }
    // An abort is no error in Mastra.
    if (signal?.aborted) return { error: String(signal.reason), told: {} };
    return { text: output.text, told: told(output.messages) };
  } catch (error) {
    return { error: String(error), told: {} };
  }
}

/** Mastra makes a tool of an agent: its name begins with `agent-`, and it takes a prompt. */
function delegating(turn: Turn): Turn {
  if (!("calls" in turn)) return turn;
  const calls = turn.calls.map((call) =>
    call.name === "helper" ? { ...call, name: "agent-helper", params: { prompt: "help" } } : call
  );
  return { calls };
}

// deno-lint-ignore no-explicit-any -- messages of Mastra
function told(messages: any[]): Record<string, string> {
  const parts = messages.flatMap(({ content }) => content.parts ?? []);
  return Object.fromEntries(
    parts.filter(({ type }) => type === "tool-invocation").map(({ toolInvocation: call }) => [
      call.toolCallId,
      call.errorText ?? (typeof call.result === "string" ? call.result : call.result?.text),
    ]),
  );
}

/** What an agent returns to the one that delegates to it. */
const RESULT = JSON.stringify({
  text: "helped",
  subAgentThreadId: "<uuid>",
  subAgentResourceId: "<uuid>",
  subAgentToolResults: [
    { toolName: "pay", toolCallId: "h1", result: "paid 7", args: { amount: 7 } },
  ],
});

const driver: Driver = {
  name: "mastra",
  hasHosted: true,
  run,
  differences: {
    "an agent that starts another one": {
      why:
        "The tool is `agent-<name>`, takes `{ prompt }`, and its result includes the subagent's calls.",
      log: [
        ...START,
        `tool.called c1 agent-helper {"prompt":"help"}`,
        ...HELPED,
        `tool.completed c1 ${RESULT}`,
        ...END,
      ],
    },
    [TRACE]: {
      why: "The tool is `agent-<name>`",
      log: TREE.map((line) => line.replace("tool helper", "tool agent-helper")),
    },
  },
};

testAdapter(driver);

test("mastra: a message that a gate denies gets no response", async () => {
  const { hooks, log } = recorded();
  hooks.gate("message.received", { name: "policy", handle: () => deny("not today") });
  const { tripwire } = await connected(hooks, [{ text: "done" }]).generate("hi");
  await hooks.close();
  assert.equal(tripwire.reason, "not today");
  assert.deepEqual(log.lines, ["agent.start", "agent.end error: not today"]);
});

test("mastra: the model reads the message that gates let through", async () => {
  const { hooks } = recorded();
  hooks.gate("message.received", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, content: "***" }),
  });
  const model = scripted([{ text: "done" }]);
  await connected(hooks, [], { model }).generate("hi");
  await hooks.close();
  assert.equal(model.doGenerateCalls[0].prompt.at(-1).content[0].text, "***");
});

test("mastra: gates judge a call after the agent's own hooks have changed it", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.params?.amount === 3 ? deny("not three") : undefined,
  });
  const beforeToolCall = ({ input }: { input: { amount: number } }) => void (input.amount = 3);
  const agent = connected(hooks, TURNS, {
    tools: toolsOf({ pay: PAY }),
    hooks: { beforeToolCall },
  });
  await agent.generate("hi");
  await hooks.close();
  assert.ok(log.lines.includes("tool.denied c1 not three"));
});

test("mastra: a tool with its own toModelOutput shows what gates let through", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: `${data.result}`.replace("sk-1", "***") }),
  });
  const pay = createTool({
    id: "pay",
    description: "Pays",
    inputSchema: z.object({ amount: z.number() }),
    execute: () => Promise.resolve({ key: "sk-1" }),
    toModelOutput: ({ key }: { key: string }) => ({ type: "text", value: `the key is ${key}` }),
  });
  const model = scripted(TURNS);
  await connected(hooks, [], { model, tools: { pay } }).generate("hi");
  await hooks.close();
  const prompt = JSON.stringify(model.doGenerateCalls.at(-1).prompt);
  assert.match(prompt, /the key is \*\*\*/);
  assert.doesNotMatch(prompt, /sk-1/);
});

test("mastra: a tool that suspends its run is one call, in both runs", async () => {
  const { hooks, log } = recorded();
  const pay = createTool({
    id: "pay",
    description: "Pays",
    inputSchema: z.object({ amount: z.number() }),
    suspendSchema: z.object({ question: z.string() }),
    resumeSchema: z.object({ ok: z.boolean() }),
    execute: (_input: never, { agent }: { agent: Suspendable }) =>
      agent.resumeData ? Promise.resolve("paid") : agent.suspend({ question: "Pay?" }),
  });
  const agent = connected(hooks, TURNS, { tools: { pay } });
  new Mastra({ agents: { agent }, logger: false, storage: new InMemoryStore() });
  const { runId, suspendPayload: { toolCallId } } = await agent.generate("hi");
  await agent.resumeGenerate({ ok: true }, { runId, toolCallId });
  await hooks.close();
  log.check("s-1");
  assert.equal(log.count("tool.called"), 1);
  assert.ok(log.lines.includes("tool.completed c1 paid"));
});

test("mastra: a call like a paused one is judged in another run", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "erase" ? deny("never") : undefined,
  });
  const ran: string[] = [];
  const paying = (
    id: string,
    execute: (input: never, context: { agent: Suspendable }) => unknown,
  ) =>
    createTool({
      id,
      description: "Pays",
      inputSchema: z.object({ amount: z.number() }),
      suspendSchema: z.object({ question: z.string() }),
      execute,
    });
  const confirm = paying("confirm", (_input, { agent }) => {
    ran.push("confirm");
    return agent.suspend({ question: "Sure?" });
  });
  const erase = paying("erase", () => Promise.resolve(`${ran.push("erase")}`));
  const turns = ["confirm", "confirm", "erase"].map((name) => ({
    calls: [{ id: "c1", name, params: { amount: 7 } }],
  }));
  const tools = { confirm, erase };
  const agent = connected(hooks, [...turns, { text: "done" }], { tools });
  new Mastra({ agents: { agent }, logger: false, storage: new InMemoryStore() });
  const { runId } = await agent.generate("hi");
  await agent.generate("hi", { runId });
  await agent.generate("hi", { runId });
  await hooks.close();
  assert.deepEqual(ran, ["confirm", "confirm"]);
  const counts = [log.count("tool.completed"), log.count("tool.denied")];
  assert.deepEqual(counts, [2, 1]);
});

test("mastra: two runs that resume the same one at once each have their own events", async () => {
  const { hooks, log } = recorded();
  const types = new Map<unknown, string[]>();
  hooks.on("*", ({ runId, type }) => void types.set(runId, [...types.get(runId) ?? [], type]));
  const [both, first] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let count = 0;
  const pay = async () => {
    const isSecond = ++count === 2;
    if (isSecond) both.resolve();
    await (isSecond ? first : both).promise; // it continues after the other run
    return "paid";
  };
  const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] }, { text: "done" }, {
    text: "done",
  }];
  const agent = connected(hooks, turns, { tools: toolsOf({ pay }) });
  new Mastra({ agents: { agent }, logger: false, storage: new InMemoryStore() });
  const { runId } = await agent.generate("hi", { requireToolApproval: true });
  const resumed = [1, 2].map(async () => {
    const { text } = await agent.approveToolCallGenerate({ runId, toolCallId: "c1" });
    first.resolve();
    return text;
  });
  assert.deepEqual(await Promise.all(resumed), ["done", "done"]);
  await hooks.close();
  log.check("s-1");
  const all = ["agent.start", "tool.called", "tool.completed", "model.called", "model.completed"];
  const whole = [...all, "message.sent", "agent.end"];
  assert.deepEqual([...types.values()].slice(1), [whole, whole]);
});

/** How a step of a run gets a tool that the agent doesn't have. */
const ADDED: Readonly<Record<string, (tools: object) => { agent?: object; run?: object }>> = {
  "a processor": (tools) => ({
    agent: { inputProcessors: [{ id: "adds", processInputStep: () => ({ tools }) }] },
  }),
  "a processor of the run": (tools) => ({
    run: { inputProcessors: [{ id: "adds", processInputStep: () => ({ tools }) }] },
  }),
  "prepareStep": (tools) => ({ run: { prepareStep: () => ({ tools }) } }),
  "prepareStep of the default options": (tools) => ({
    agent: { defaultOptions: { prepareStep: () => ({ tools }) } },
  }),
};

for (const [how, add] of Object.entries(ADDED)) {
  for (const stream of [false, true]) {
    const what = `${how} adds${stream ? " in a stream" : ""}`;
    test(`mastra: a tool that ${what} is judged, and its call has one end`, async () => {
      const { hooks, log } = recorded();
      hooks.gate("tool.called", {
        name: "policy",
        handle: ({ data }) => data.params?.amount === 3 ? deny("not three") : undefined,
      });
      const pays = (id: string, amount: number) => ({
        calls: [{ id, name: "pay", params: { amount } }],
      });
      const paid: number[] = [];
      const pay = ({ amount }: { readonly amount: number }) => `paid ${paid.push(amount)}`;
      const { agent: more, run } = add(toolsOf({ pay }));
      const agent = connected(hooks, [pays("c1", 3), pays("c2", 7), { text: "done" }], more);
      if (stream) await (await agent.stream("hi", run)).text;
      else await agent.generate("hi", run);
      await hooks.close();
      log.check("s-1");
      assert.deepEqual(paid, [7]);
      assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.")), [
        "tool.denied c1 not three",
        `tool.called c2 pay {"amount":7}`,
        "tool.completed c2 paid 1",
      ]);
    });
  }
}

test("mastra: the tools of a ToolSearchProcessor are judged", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "pay" ? deny("never") : undefined,
  });
  const search = new ToolSearchProcessor({ tools: toolsOf({ pay: PAY }) });
  const turns = [
    { calls: [{ id: "c1", name: "search_tools", params: { query: "pays" } }] },
    { calls: [{ id: "c2", name: "load_tool", params: { toolName: "pay" } }] },
    { calls: [{ id: "c3", name: "pay", params: { amount: 7 } }] },
    { text: "done" },
  ];
  await connected(hooks, turns, { inputProcessors: [search] }).generate("hi", { maxSteps: 6 });
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([log.count("tool.called"), log.count("tool.completed")], [2, 2]);
  assert.ok(log.lines.includes("tool.denied c3 never"));
}, { leaks: true }); // its timer

test("mastra: a run that another processor stops ends with its reason", async () => {
  const { hooks, log } = recorded();
  const stop = {
    id: "stop",
    processInput: ({ abort }: { abort(reason: string): never }) => abort("no"),
  };
  await connected(hooks, [{ text: "done" }], { inputProcessors: [stop] }).generate("hi");
  await hooks.close();
  assert.deepEqual(log.lines, ["agent.start", "agent.end error: no"]);
});

test("mastra: a run whose stream has no reader ends", async () => {
  const { hooks, log } = recorded();
  const ended = new Promise((resolve) => void hooks.once("agent.end", resolve));
  await connected(hooks, [{ text: "done" }]).stream("hi");
  await ended;
  await hooks.close();
  assert.equal(log.lines.at(-1), "agent.end success 3+5");
});

test("mastra: a run of an agent that another one delegates to meanwhile is its own", async () => {
  const { hooks } = recorded();
  const runs: unknown[] = [];
  hooks.on("agent.start", ({ sessionId, data }) => {
    runs.push([sessionId, data.agent_id, data.parent_agent_id !== undefined]);
  });
  const [paying, paid] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
  const pay = () => {
    paying.resolve();
    return paid.promise;
  };
  const model = scripted([...TURNS, { text: "helped" }]);
  const more = { description: "Helps", model, tools: toolsOf({ pay }) };
  const own = { id: "helper", name: "helper", instructions: "Help", maxRetries: 0, ...more };
  const helper = mastraHooks(hooks, new Agent(own), { sessionId: "s-2" });
  const call = { id: "d1", name: "agent-helper", params: { prompt: "help" } } as never;
  const main = connected(hooks, [{ calls: [call] }, { text: "done" }], { agents: { helper } });
  const whole = main.generate("hi");
  await paying.promise;
  await helper.generate("hi");
  paid.resolve("paid");
  await whole;
  await hooks.close();
  assert.deepEqual(runs, [["s-1", undefined, false], ["s-1", "helper", true], [
    "s-2",
    undefined,
    false,
  ]]);
});

test("mastra: an agent that a tool leaves running in the background keeps its own run", async () => {
  const { hooks, log } = recorded();
  const over = Promise.withResolvers<void>();
  hooks.once("agent.end", () => over.resolve());
  const more = { id: "helper", name: "helper", tools: toolsOf({ pay: PAY }) };
  const helper = connected(hooks, TURNS, more);
  let left: Promise<unknown> | undefined;
  const start = () => {
    left = over.promise.then(() => helper.generate("help"));
    return "started";
  };
  const turns = [{ calls: [{ id: "s1", name: "start", params: { amount: 7 } }] }, {
    text: "done",
  }];
  await connected(hooks, turns, { tools: toolsOf({ start }) }).generate("hi");
  await left;
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.runs, BACKGROUND);
});

test("mastraHooks() names what is wrong with its arguments", async () => {
  const { hooks } = recorded();
  const agent = connected(hooks, []);
  assert.throws(() => mastraHooks(hooks, agent), /'main' is already connected/);
  assert.throws(() => mastraHooks(hooks, {} as never), /Pass an Agent of @mastra\/core/);
  await hooks.close();
});

type Suspendable = {
  readonly resumeData?: object;
  suspend(payload: object): Promise<unknown>;
};

const TURNS: readonly Turn[] = [
  { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] },
  { text: "done" },
];

const PAY = () => "paid";

test("mastra: no network runs whose tool calls gates can't judge", async () => {
  const { hooks } = recorded();
  const agent = connected(hooks, [{ text: "done" }]);
  let ran = 0;
  Object.assign(agent, { getMemory: () => void ran++ });
  const reaches = () => agent.network("hi").then(() => "ran", String);
  assert.doesNotMatch(await reaches(), /gates can't judge/);
  assert.ok(ran > 0);
  ran = 0;
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  assert.match(await reaches(), /^Error: Cannot run a network of the agent 'main': gates can't/);
  assert.equal(ran, 0);
  await hooks.close();
});

function connected(hooks: Hooks, turns: readonly Turn[], more: object = {}) {
  const own = { id: "main", name: "main", instructions: "Pay", model: scripted(turns), ...more };
  return mastraHooks(hooks, new Agent({ maxRetries: 0, ...own }), { sessionId: "s-1" });
}
