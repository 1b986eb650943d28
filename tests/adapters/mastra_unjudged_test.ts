import assert from "node:assert/strict";
import type { Hooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { mastraHooks } from "@omniagent/hooks/mastra";
import { test } from "../support/harness.ts";
import { scriptedModel } from "./ai_model.ts";
import { load, type Turn } from "./driver.ts";
import { DEFAULTED, recorded } from "./scenario.ts";

const { Agent } = await load("@mastra/core/agent");
const { createDurableAgent, createEventedAgent } = await load("@mastra/core/agent/durable");
const { Mastra } = await load("@mastra/core");
const { MockMemory } = await load("@mastra/core/memory");
const { InMemoryStore } = await load("@mastra/core/storage");
const { createTool, Tool } = await load("@mastra/core/tools");
const { MastraVoice } = await load("@mastra/core/voice");
const { z } = await load("zod");

const PAYS: readonly Turn[] = [
  { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] },
  { text: "done" },
];
const DELEGATES = { calls: [{ id: "d1", name: "agent-helper", params: { prompt: "help" } }] };

function agentOf(turns: readonly Turn[], more: object = {}) {
  const own = { id: "main", name: "main", instructions: "Pay", model: scriptedModel(turns, 3) };
  return new Agent({ maxRetries: 0, ...own, ...more });
}

/** A model of the kind that `generateLegacy` takes, which follows PAYS. */
function legacyModel() {
  const usage = { promptTokens: 3, completionTokens: 5 };
  const rawCall = { rawPrompt: "", rawSettings: {} };
  const args = JSON.stringify({ amount: 7 });
  const call = { toolCallType: "function", toolCallId: "c1", toolName: "pay", args };
  const pays = { finishReason: "tool-calls", toolCalls: [call] };
  const steps = [pays, { finishReason: "stop", text: "done" }];
  let next = 0;
  return {
    specificationVersion: "v1",
    provider: "scripted",
    modelId: "scripted",
    defaultObjectGenerationMode: "json",
    doGenerate: () => Promise.resolve({ ...steps[next++ % 2], usage, rawCall }),
  };
}

/** A tool that counts its calls. */
function counting(inputSchema: object = z.object({ amount: z.number() })) {
  const paid: number[] = [];
  const pay = createTool({
    id: "pay",
    description: "Pays",
    inputSchema,
    execute: ({ amount }: { readonly amount: number }) => Promise.resolve(`${paid.push(amount)}`),
  });
  return { paid, pay };
}

const never = (hooks: Hooks) =>
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "pay" ? deny("never") : undefined,
  });

/** A voice that calls tools when its model wants to, as realtime voices do. */
class Realtime extends MastraVoice {
  readonly #tools: Record<string, { execute(params: object, context: object): unknown }> = {};
  constructor() {
    super({ name: "v" });
  }
  addTools(tools: object) {
    Object.assign(this.#tools, tools);
  }
  addInstructions() {}
  async call(name: string, params: object): Promise<unknown> {
    return await this.#tools[name]!.execute(params, { toolCallId: "c1", messages: [] });
  }
}

/** A voice that only speaks. */
class Speech extends MastraVoice {
  constructor() {
    super({ name: "v" });
  }
  speak() {}
}

test("mastra: the tools that a realtime voice calls are judged", async () => {
  const { hooks, log } = recorded();
  const { paid, pay } = counting();
  const agent = agentOf([], { tools: { pay }, voice: new Realtime() });
  const early = agent.voice;
  assert.equal(await early.call("pay", { amount: 1 }), "1");
  mastraHooks(hooks, agent);
  const gate = never(hooks);
  await agent.listTools(); // it was given those
  assert.equal(agent.voice, early);
  assert.equal(await early.call("pay", { amount: 7 }), "never");
  const voice = await agent.getVoice();
  assert.equal(await voice.call("pay", { amount: 7 }), "never");
  assert.deepEqual([paid, log.count("tool.denied")], [[1], 2]);
  gate.unregister();
  assert.equal(await voice.call("pay", { amount: 8 }), "2");
  assert.equal(log.count("tool.completed"), 1);
  await hooks.close();
});

test("mastra: a realtime voice that an agent doesn't tell can't be used before getVoice()", async () => {
  const errors: unknown[] = [];
  const report = (error: unknown) => void errors.push(error);
  const logger = { debug() {}, info() {}, warn() {}, error: report, trackException: report };
  const { hooks } = recorded();
  const { paid, pay } = counting();
  const realtime = new Realtime();
  const agent = agentOf([], { tools: { pay }, voice: realtime, instructions: () => "Pay" });
  agent.__setLogger(logger);
  mastraHooks(hooks, agent);
  assert.equal(agent.logger, logger);
  never(hooks);
  await agent.listTools();
  assert.deepEqual(errors, []);
  assert.throws(() => agent.voice, /getVoice\(\) instead/);
  assert.equal(await agent.getVoice(), realtime);
  assert.equal(await realtime.call("pay", { amount: 7 }), "never");
  await hooks.close();
  assert.deepEqual(paid, []);
});

for (const method of ["none", "generate", "generateLegacy"] as const) {
  test(`mastra: gates judge the tools of listTools() once (called by ${method})`, async () => {
    const { hooks } = recorded();
    const { paid, pay } = counting();
    const judged: unknown[] = [];
    let isAllowed = true;
    hooks.gate("tool.called", {
      name: "policy",
      handle: ({ data }) => {
        judged.push(data.params);
        return isAllowed ? undefined : deny("never");
      },
    });
    const model = method === "generateLegacy"
      ? legacyModel()
      : scriptedModel([...PAYS, ...PAYS], 3);
    const agent = mastraHooks(hooks, agentOf([], { tools: { pay }, model }));
    const call = async () =>
      method === "none"
        ? await (await agent.listTools()).pay.execute({ amount: 7 }, { toolCallId: "c1" })
        : await agent[method]("hi");
    await call();
    assert.deepEqual([judged.splice(0), paid], [[{ amount: 7 }], [7]]);
    isAllowed = false;
    await call();
    assert.deepEqual([judged, paid], [[{ amount: 7 }], [7]]);
    assert.ok((await agent.listTools()).pay instanceof Tool);
    await hooks.close();
  });
}

/** Where an agent with a memory calls a function of the user during a run. */
const CALLBACKS: Readonly<Record<string, (call: () => Promise<unknown>) => object>> = {
  instructions: (call) => ({ instructions: () => call().then(() => "Pay") }),
  memory: (call) => ({ memory: () => call().then(() => new MockMemory()) }),
  processInput: (call) => {
    const processInput = ({ messages }: { messages: unknown }) => call().then(() => messages);
    return { inputProcessors: [{ id: "calls", processInput }] };
  },
  prepareStep: (call) => ({ defaultOptions: { prepareStep: () => call().then(() => undefined) } }),
  onStepFinish: (call) => ({ defaultOptions: { onStepFinish: call } }),
  onFinish: (call) => ({ defaultOptions: { onFinish: call } }),
};

/** Returns an agent that pays, one of whose callbacks does something, and what it did. */
function calling(callback: string, more: object, act: (agent: typeof Agent) => unknown) {
  const acts: Promise<unknown>[] = [];
  const call = async () => {
    if (acts.length > 0) return; // what it does may call it, too
    acts.push(Promise.resolve().then(() => act(agent)));
    await Promise.allSettled(acts);
  };
  const model = () => scriptedModel(PAYS, 3);
  const agent = agentOf([], { model, ...more, ...CALLBACKS[callback]!(call) });
  return { agent, acts };
}

for (const callback of Object.keys(CALLBACKS)) {
  test(`mastra: gates judge the tools that a run's '${callback}' gets, or gives to a voice`, async () => {
    const { hooks, log } = recorded();
    const { paid, pay } = counting();
    const voice = new Realtime();
    const { agent, acts } = calling(callback, { tools: { pay }, voice }, async (agent) => {
      const tools = await agent.listTools();
      await agent.getVoice();
      return await tools.pay.execute({ amount: 7 }, { toolCallId: "c2" });
    });
    mastraHooks(hooks, agent);
    never(hooks);
    assert.equal((await agent.generate("hi")).text, "done");
    assert.deepEqual(await Promise.all(acts), ["never"]);
    assert.equal(await voice.call("pay", { amount: 7 }), "never");
    await hooks.close();
    assert.deepEqual([paid, log.count("tool.denied")], [[], 3]);
  });

  test(
    `mastra: a run's '${callback}' can't run an agent past gates that was made durable`,
    async () => {
      const { hooks } = recorded();
      const { paid, pay } = counting();
      const adds = { id: "adds", processInputStep: () => ({ tools: { pay } }) };
      const { agent, acts } = calling(
        callback,
        {},
        () => durable.generate("hi", { inputProcessors: [adds] }),
      );
      const durable = createDurableAgent({ agent, cleanupTimeoutMs: 0 });
      mastraHooks(hooks, agent);
      never(hooks);
      assert.equal((await agent.generate("hi")).text, "done");
      assert.equal(acts.length, 1);
      await assert.rejects(acts[0]!, /Cannot run a durable agent: .*'main'/);
      await hooks.close();
      assert.deepEqual(paid, []);
    },
    { leaks: true },
  );
}

test("mastra: functions that Mastra calls to prepare a run get judged tools, even if they ask for them later", async () => {
  const { hooks } = recorded();
  const { paid, pay } = counting();
  const given: Promise<{ pay: typeof pay }>[] = [];
  let isNested = false;
  const list = (options?: object) => {
    isNested = true; // it calls the function below
    const tools = agent.listTools(options);
    isNested = false;
    return tools;
  };
  const later = () => new Promise((resolve) => setTimeout(resolve, 1));
  const agent = agentOf(PAYS, {
    memory: () => {
      given.push(list());
      return new MockMemory();
    },
    tools: () => {
      if (!isNested) given.push(later().then(() => list({ resolveWebSearch: false })));
      return { pay };
    },
  });
  mastraHooks(hooks, agent);
  never(hooks);
  assert.equal((await agent.generate("hi")).text, "done");
  assert.ok(given.length > 2);
  for (const tools of await Promise.all(given)) {
    assert.equal(await tools.pay.execute({ amount: 7 }, {}), "never");
  }
  await hooks.close();
  assert.deepEqual(paid, []);
});

test("mastra: tools of listTools() that a step adds belong to its run", async () => {
  const { hooks, log } = recorded();
  const { paid, pay } = counting();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const agent = mastraHooks(hooks, agentOf(PAYS, { tools: { pay } }), { sessionId: "s-1" });
  const prepareStep = async () => ({ tools: await agent.listTools() });
  const runs = new Set<unknown>();
  hooks.on("*", ({ runId }) => void runs.add(runId));
  assert.equal((await agent.generate("hi", { prepareStep })).text, "done");
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([paid, log.count("tool.called"), runs.size], [[7], 1, 1]);
});

test("mastra: gates judge once what listTools() returned, in a toolset", async () => {
  const { hooks, log } = recorded();
  const { paid, pay } = counting();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const agent = mastraHooks(hooks, agentOf(PAYS, { tools: { pay } }), { sessionId: "s-1" });
  const toolsets = { own: await agent.listTools() };
  assert.equal((await agent.generate("hi", { toolsets })).text, "done");
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([paid, log.count("tool.called"), log.count("tool.completed")], [[7], 1, 1]);
});

test("mastra: a voice that calls no tools can be used while there are gates", async () => {
  const { hooks } = recorded();
  const voice = new Speech();
  const agent = agentOf([], { tools: { pay: counting().pay }, voice });
  mastraHooks(hooks, agent);
  never(hooks);
  assert.equal(agent.voice, voice);
  assert.equal(await agent.getVoice(), voice);
  await hooks.close();
});

for (const create of [createDurableAgent, createEventedAgent]) {
  test(`mastra: an agent whose tool calls gates judge isn't made durable by ${create.name}()`, async () => {
    const { hooks } = recorded();
    const agent = mastraHooks(hooks, agentOf([]));
    assert.throws(() => create({ agent }), /^TypeError: Cannot make an agent durable: .*'main'/);
    assert.throws(
      () => mastraHooks(hooks, create({ agent: agentOf([]) })),
      /^TypeError: Cannot connect Mastra: hooks don't see all tool calls of durable agents/,
    );
    await hooks.close();
  });

  test(
    `mastra: no agent of ${create.name}() runs past the gates of the agent that it wraps`,
    async () => {
      const { hooks } = recorded();
      const { paid, pay } = counting();
      const agent = agentOf(PAYS, {
        inputProcessors: [{ id: "adds", processInputStep: () => ({ tools: { pay } }) }],
      });
      const durable = create({ agent, cleanupTimeoutMs: 0 });
      mastraHooks(hooks, agent);
      never(hooks);
      await assert.rejects(durable.stream("hi"), /Cannot run a durable agent: .*'main'/);
      await assert.rejects(durable.generate("hi"), /Cannot run a durable agent/);
      await assert.rejects(durable.prepare("hi"), /Cannot run a durable agent/);
      assert.equal((await agent.generate("hi")).text, "done");
      await hooks.close();
      assert.deepEqual(paid, []);
    },
    { leaks: true },
  ); // its own timers
}

test("mastra: agents with the option 'durable' can't be connected", async () => {
  const { hooks } = recorded();
  assert.throws(
    () => mastraHooks(hooks, agentOf([], { durable: true })),
    /Use the agent 'main' without making it durable/,
  );
  await hooks.close();
});

test("mastra: no agent delegates to one whose tool calls gates can't judge", async () => {
  const { hooks, log } = recorded();
  never(hooks);
  const { paid, pay } = counting();
  const more = { id: "helper", name: "helper", description: "Helps", tools: { pay } };
  const helper = createDurableAgent({ agent: agentOf(PAYS, more), cleanupTimeoutMs: 0 });
  const agent = agentOf([DELEGATES, { text: "done" }], { agents: { helper } });
  await mastraHooks(hooks, agent, { sessionId: "s-1" }).generate("hi");
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(paid, []);
  assert.ok(log.lines.some((line) => line.includes("Cannot delegate to the agent 'helper'")));
}, { leaks: true });

test("mastra: an agent that is created for each run is judged when another one delegates to it", async () => {
  const { hooks, log } = recorded();
  never(hooks);
  const { paid, pay } = counting();
  const more = { id: "helper", name: "helper", description: "Helps", tools: { pay } };
  const agents = () => ({ helper: agentOf(PAYS, more) });
  const agent = agentOf([DELEGATES, { text: "done" }], { agents });
  await mastraHooks(hooks, agent, { sessionId: "s-1" }).generate("hi");
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(paid, []);
  assert.ok(log.lines.includes("[helper] tool.denied c1 never"));
});

test("mastra: the tool calls of an agent's fork are judged, in runs of their own", async () => {
  const { hooks, log } = recorded();
  never(hooks);
  const { paid, pay } = counting();
  const agent = mastraHooks(hooks, agentOf(PAYS, { tools: { pay } }), { sessionId: "s-1" });
  await agent.__fork().__fork().generate("hi");
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([paid, log.count("tool.denied"), log.count("agent.end")], [[], 1, 1]);
});

test("mastra: a network isn't resumed while gates can't judge its tool calls", async () => {
  const { hooks } = recorded();
  const agent = mastraHooks(hooks, agentOf([]));
  never(hooks);
  const options = { runId: "r-1" };
  await assert.rejects(
    agent.resumeNetwork({}, options),
    /Cannot run a network of the agent 'main'/,
  );
  await assert.rejects(agent.approveNetworkToolCall(options), /Cannot run a network/);
  await hooks.close();
});

test(
  "mastra: a tool doesn't run in the background, past the gates of a process that crashes",
  async () => {
    const storage = new InMemoryStore();
    const start = (turns: readonly Turn[], gate: (hooks: Hooks) => void) => {
      const { hooks, log } = recorded();
      gate(hooks);
      const { paid, pay } = counting();
      const agent = agentOf(turns, { tools: { pay }, backgroundTasks: { tools: "all" } });
      mastraHooks(hooks, agent, { sessionId: "s-1" });
      const backgroundTasks = { enabled: true, defaultRetries: { maxRetries: 2 } };
      const mastra = new Mastra({
        agents: { agent },
        tools: { pay },
        storage,
        logger: false,
        backgroundTasks,
      });
      return { agent, hooks, log, mastra, paid };
    };
    const tasksIn = async ({ mastra }: { readonly mastra: typeof Mastra }) =>
      (await mastra.backgroundTaskManager.listTasks({})).tasks;
    const first = start(PAYS, (hooks) => {
      hooks.gate("tool.called", { name: "cap", handle: () => deny("not now") });
    });
    assert.equal((await first.agent.generate("hi")).text, "done");
    assert.deepEqual(await tasksIn(first), []);
    await first.mastra.shutdown();
    await first.hooks.close();
    assert.deepEqual([first.paid, first.log.count("tool.denied")], [[], 1]);

    // One without gates stores a task, and crashes. Those of the next process judge it.
    const store = await storage.getStore("backgroundTasks");
    const task = { status: "running", agentId: "main", toolName: "pay", runId: "r1" };
    const more = { createdAt: new Date(), maxRetries: 2, retryCount: 0, timeoutMs: 9_000 };
    for (const [id, amount] of [["t7", 7], ["t1", 1]]) {
      await store.createTask({ id, toolCallId: id, args: { amount }, ...task, ...more });
    }
    const next = start([], (hooks) => {
      const handle = ({ data }: { data: { params?: { amount?: unknown } } }) =>
        data.params?.amount === 7 ? deny("never") : undefined;
      hooks.gate("tool.called", { name: "policy", handle });
    });
    const results = () =>
      Promise.all(["t7", "t1"].map(async (id) => (await store.getTask(id)).result));
    for (let i = 0; i < 500 && (await results()).includes(undefined); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(await results(), ["never", "1"]);
    await next.mastra.shutdown();
    await next.hooks.close();
    assert.deepEqual([next.paid, next.log.count("tool.denied")], [[1], 1]);
    assert.equal(next.log.count("tool.called"), 1);
  },
  { leaks: true },
);

test("mastra: the model isn't shown what tools suspend with while gates judge results", async () => {
  const { hooks } = recorded();
  const options = { autoResumeSuspendedTools: true };
  const agents = [agentOf(PAYS), agentOf(PAYS, { defaultOptions: options })];
  for (const agent of agents) mastraHooks(hooks, agent);
  const gate = hooks.gate("tool.completed", { name: "results", handle: () => undefined });
  await assert.rejects(agents[0].generate("hi", options), /Cannot run with 'autoResumeSusp/);
  await assert.rejects(agents[1].generate("hi"), /Cannot run with 'autoResumeSuspendedTools'/);
  const own = { autoResumeSuspendedTools: false };
  assert.equal((await agents[1].generate("hi", own)).text, "done");
  gate.unregister();
  assert.equal((await agents[0].generate("hi", options)).text, "done");
  await hooks.close();
});

/** A tool that suspends its run before it pays, and goes on with a tip. */
function suspending(inputSchema: object = z.object({ amount: z.number() })) {
  const paid: unknown[] = [];
  const pay = createTool({
    id: "pay",
    description: "Pays",
    inputSchema,
    suspendSchema: z.object({ question: z.string() }),
    resumeSchema: z.object({ tip: z.number() }),
    // deno-lint-ignore no-explicit-any -- Mastra's context
    execute: (input: any, { agent }: any) => {
      if (!agent.resumeData) return agent.suspend({ question: "How much tip?" });
      const { amount, ...others } = input;
      paid.push([amount, agent.resumeData, ...Object.values(others)]);
      return "paid";
    },
  });
  return { paid, pay };
}

/** An agent whose model pays 5 in a first run, which suspends, and goes on with a tip in another one. */
function tipping(hooks: Hooks) {
  const { paid, pay } = suspending();
  const call = (id: string, params: object) => ({ calls: [{ id, name: "pay", params }] });
  const model = scriptedModel([
    call("c1", { amount: 5 }),
    call("c2", { amount: 5, suspendedToolRunId: "", resumeData: { tip: 5000 } }),
    { text: "done" },
  ], 3);
  const agent = agentOf([], { model, tools: { pay } });
  mastraHooks(hooks, agent, { sessionId: "s-1" });
  new Mastra({ agents: { agent }, logger: false, storage: new InMemoryStore() });
  const run = async () => {
    const options = { autoResumeSuspendedTools: true };
    await agent.generate("pay 5", options);
    await agent.generate("go on", options);
  };
  return { paid, run };
}

test("mastra: gates judge the data with which the model resumes a suspended tool", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => JSON.stringify(data).includes("5000") ? deny("too much") : undefined,
  });
  const { paid, run } = tipping(hooks);
  await run();
  await hooks.close();
  assert.deepEqual(paid, []);
  assert.ok(log.lines.includes("tool.denied c2 too much"));
});

test("mastra: a suspended tool continues with the data as gates rewrote it", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "cap",
    kind: "rewrite",
    handle: ({ data }) =>
      data.params?.resumeData ? { ...data, params: { amount: 4, resumeData: { tip: 1 } } } : data,
  });
  const { paid, run } = tipping(hooks);
  await run();
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(paid, [[4, { tip: 1 }]]);
  assert.ok(log.lines.includes(`tool.called c2 pay {"amount":4,"resumeData":{"tip":1}}`));
});

test("mastra: gates judge the calls of a subagent that the model resumes", async () => {
  const { hooks, log } = recorded();
  const seen: unknown[] = [];
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => {
      if (data.name !== "pay") return undefined;
      seen.push(data.params);
      return JSON.stringify(data).includes("5000") ? deny("too much") : undefined;
    },
  });
  const { paid, pay } = suspending();
  const helper = agentOf(PAYS, { id: "helper", name: "helper", description: "H", tools: { pay } });
  const params = { prompt: "help", suspendedToolCallId: "d1", resumeData: { tip: 5000 } };
  const resumes = { calls: [{ id: "d2", name: "agent-helper", params }] };
  const agent = agentOf([DELEGATES, resumes, { text: "done" }], {
    agents: { helper },
    memory: new MockMemory(),
  });
  mastraHooks(hooks, agent, { sessionId: "s-1" });
  new Mastra({ agents: { agent, helper }, logger: false, storage: new InMemoryStore() });
  const options = { autoResumeSuspendedTools: true, memory: { thread: "t", resource: "r" } };
  await agent.generate("pay 5", options);
  await agent.generate("go on", options);
  await hooks.close();
  assert.deepEqual(paid, []);
  assert.deepEqual(seen, [{ amount: 7 }, { amount: 7, resumeData: { tip: 5000 } }]);
  assert.ok(log.lines.includes("[helper] tool.denied c1 too much"));
});

test("mastra: an input may have a field of the name 'resumeData' where Mastra leaves it there", async () => {
  const own = { amount: 5, resumeData: "mine" };
  const { hooks } = recorded();
  const judged: unknown[] = [];
  hooks.gate("tool.called", { name: "seen", handle: ({ data }) => void judged.push(data.params) });
  const { paid, pay } = suspending(z.object({ amount: z.number(), resumeData: z.string() }));
  const agent = mastraHooks(hooks, agentOf([], { tools: { pay } }));
  const tools = await agent.listTools();
  await tools.pay.execute(own, { agent: { resumeData: { tip: 2 } } });
  await hooks.close();
  assert.deepEqual(judged, [{ input: own, resumeData: { tip: 2 } }]);
  assert.deepEqual(paid, [[5, { tip: 2 }, "mine"]]);
});

test("mastra: a tool whose schema changes its own output is denied, because Mastra applies it twice", async () => {
  const { hooks } = recorded();
  const amount = z.number().transform((amount: number) => amount * 2).pipe(z.number());
  const { paid, pay } = counting(z.object({ amount }));
  const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount: 1 } }] }, { text: "done" }];
  const run = () => mastraHooks(hooks, agentOf(turns, { tools: { pay } })).generate("hi");
  await run();
  assert.deepEqual(paid.splice(0), [4]);
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  await run();
  await hooks.close();
  assert.deepEqual(paid, []);
});

for (const [what, amount, sent] of DEFAULTED) {
  test(`mastra: gates judge what the tool gets, with ${what}`, async () => {
    const { hooks } = recorded();
    hooks.gate("tool.called", {
      name: "limit",
      handle: ({ data }) => Number(data.params?.amount) > 100 ? deny("too much") : undefined,
    });
    const { paid, pay } = counting(z.object({ amount: amount(z) }));
    const turns = [{ calls: [{ id: "c1", name: "pay", params: sent }] }, { text: "done" }];
    const agent = mastraHooks(hooks, agentOf(turns, { tools: { pay } }));
    await agent.generate("hi");
    await (await agent.listTools()).pay.execute(sent, {});
    await hooks.close();
    assert.deepEqual(paid, []);
  });
}
