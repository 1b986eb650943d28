import assert from "node:assert/strict";
import type { Hooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { mastraHooks } from "@omniagent/hooks/mastra";
import { test } from "../support/harness.ts";
import { scriptedModel } from "./ai_model.ts";
import { load, type Turn } from "./driver.ts";
import { recorded } from "./scenario.ts";

const { Agent } = await load("@mastra/core/agent");
const { Mastra } = await load("@mastra/core");
const { MockMemory } = await load("@mastra/core/memory");
const { InMemoryStore } = await load("@mastra/core/storage");
const { createTool } = await load("@mastra/core/tools");
const { z } = await load("zod");

const PAYS = { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] };
const DONE = { text: "done" };
const THREAD = { threadId: "t", resourceId: "r" };
const MEMORY = { thread: "t", resource: "r" };

/** An agent with memory, whose tool waits for what the test does meanwhile. */
function connected(hooks: Hooks, turns: readonly Turn[], meanwhile?: (agent: Sender) => unknown) {
  let steps = 0;
  const model = scriptedModel(turns, 3);
  const pay = createTool({
    id: "pay",
    description: "Pays",
    inputSchema: z.object({ amount: z.number() }),
    execute: async () => {
      await meanwhile?.(agent);
      return "paid";
    },
  });
  const own = { id: "main", name: "main", instructions: "Pay", maxRetries: 0, tools: { pay } };
  const inputProcessors = [{ id: "steps", processInputStep: () => void steps++ }];
  const agent = new Agent({ ...own, model, memory: new MockMemory(), inputProcessors });
  new Mastra({ agents: { agent }, storage: new InMemoryStore(), logger: false });
  mastraHooks(hooks, agent, { sessionId: "s-1" });
  const prompts = (): string[] =>
    [...model.doGenerateCalls, ...model.doStreamCalls].map(({ prompt }) => JSON.stringify(prompt));
  return { agent, prompts, steps: () => steps };
}

/** Denies messages with a secret, and records what it judged. */
function denying(hooks: Hooks): string[] {
  const judged: string[] = [];
  hooks.gate("message.received", {
    name: "policy",
    handle: ({ data }) => {
      judged.push(data.content);
      return /secret/.test(data.content) ? deny("no secrets") : undefined;
    },
  });
  return judged;
}

/** Resolves when a number of runs have ended. */
function ended(hooks: Hooks, runs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = runs;
  hooks.on("agent.end", () => --left === 0 && resolve());
  return promise;
}

// deno-lint-ignore no-explicit-any -- an Agent
type Sender = any;

/** How a message is sent to a thread. */
const WAYS: Readonly<Record<string, (agent: Sender, text: string) => Promise<unknown>>> = {
  sendMessage: (agent, text) => agent.sendMessage(text, THREAD).accepted,
  queueMessage: (agent, text) => agent.queueMessage(text, THREAD).accepted,
  sendSignal: (agent, contents) =>
    agent.sendSignal({ type: "user-message", id: "m1", contents }, THREAD).accepted,
};

for (const [how, send] of Object.entries(WAYS)) {
  test(`mastra: gates judge a message of ${how}() that starts a run`, async () => {
    const { hooks, log } = recorded();
    const judged = denying(hooks);
    const { agent, prompts, steps } = connected(hooks, [DONE]);
    const first = ended(hooks, 1);
    await send(agent, "a secret");
    await first;
    assert.deepEqual([prompts(), steps()], [[], 0]);
    const lines = ["agent.start", "agent.end error: no secrets"];
    assert.deepEqual(log.lines, lines);
    assert.equal((await agent.generate("hello", { memory: MEMORY })).text, "done");
    await hooks.close();
    assert.deepEqual(judged, ["a secret", "hello"]);
    assert.doesNotMatch(prompts()[0]!, /secret/);
  }, { leaks: true });

  test(`mastra: gates judge a message of ${how}() that is sent during a run`, async () => {
    const { hooks, log } = recorded();
    const judged = denying(hooks);
    const turns = [PAYS, DONE, DONE];
    const { agent, prompts } = connected(hooks, turns, (agent) => send(agent, "a secret"));
    // What is queued starts a run of its own.
    const runs = ended(hooks, how === "queueMessage" ? 2 : 1);
    const output = await agent.stream("hi", { memory: MEMORY });
    await output.consumeStream();
    await runs;
    assert.deepEqual(judged, ["hi", "a secret"]);
    assert.equal(log.lines.at(-1), "agent.end error: no secrets");
    assert.equal((await agent.generate("hello", { memory: MEMORY })).text, "done");
    await hooks.close();
    assert.doesNotMatch(prompts().join(), /secret/);
  }, { leaks: true });

  test(`mastra: the model reads a message of ${how}() as gates let it through`, async () => {
    const { hooks, log } = recorded();
    hooks.gate("message.received", {
      name: "mask",
      kind: "rewrite",
      handle: ({ data }) => ({ ...data, content: data.content.replace("secret", "***") }),
    });
    const runs = ended(hooks, how === "queueMessage" ? 2 : 1);
    const turns = [PAYS, DONE, DONE];
    const { agent, prompts } = connected(hooks, turns, (agent) => send(agent, "a secret"));
    await (await agent.stream("hi", { memory: MEMORY })).consumeStream();
    await runs;
    await hooks.close();
    log.check("s-1");
    assert.match(prompts().at(-1)!, /a \*\*\*/);
    assert.doesNotMatch(prompts().join(), /secret/);
    assert.deepEqual(log.count("message.received"), 2);
  }, { leaks: true });
}

test("mastra: gates judge another message with the id of one that they allowed", async () => {
  const { hooks } = recorded();
  const judged = denying(hooks);
  const { agent, prompts } = connected(hooks, [PAYS, PAYS, DONE], async (agent) => {
    await WAYS.sendSignal!(agent, judged.length === 1 ? "fine" : "a secret");
  });
  await (await agent.stream("hi", { memory: MEMORY })).consumeStream();
  await hooks.close();
  assert.deepEqual([judged[1], /a secret/.test(judged[2]!)], ["fine", true]);
  assert.doesNotMatch(prompts().join(), /secret/);
}, { leaks: true });

test("mastra: a tool that prepareStep adds belongs to the run of a queued message", async () => {
  const { hooks } = recorded();
  const runs: unknown[] = [];
  hooks.on("agent.start", ({ data }) => void runs.push(data.run_id));
  const called: unknown[] = [];
  hooks.on("tool.called", ({ runId }) => void called.push(runId));
  const late = createTool({
    id: "late",
    description: "Pays",
    inputSchema: z.object({ amount: z.number() }),
    execute: () => Promise.resolve("paid"),
  });
  const turns = [PAYS, DONE, { calls: [{ ...PAYS.calls[0]!, name: "late" }] }, DONE];
  const { agent } = connected(hooks, turns, (agent) => WAYS.queueMessage!(agent, "more"));
  const both = ended(hooks, 2);
  const prepareStep = ({ tools }: { readonly tools: object }) => ({ tools: { ...tools, late } });
  await (await agent.stream("hi", { memory: MEMORY, prepareStep })).consumeStream();
  await both;
  await hooks.close();
  assert.deepEqual([runs.length, called], [2, runs]);
}, { leaks: true });

test("mastra: gates judge a stored signal with its contents in metadata", async () => {
  const { hooks } = recorded();
  const judged = denying(hooks);
  const { agent, prompts } = connected(hooks, [DONE]);
  const metadata = { signal: { type: "user", contents: "a secret" } };
  const content = { format: 2, parts: [{ type: "text", text: "fine" }], metadata };
  await agent.generate([{ id: "m1", role: "signal", createdAt: new Date(), content }]);
  await hooks.close();
  assert.deepEqual([judged, prompts()], [["a secret\nfine"], []]);
});

/** Ways to a run for which Mastra calls `stream` itself. */
const STREAMS: Readonly<Record<string, (agent: Sender) => Promise<unknown>>> = {
  "untilIdle": async (agent) => {
    const output = await agent.stream("hi", { memory: MEMORY, untilIdle: true });
    await output.consumeStream();
  },
  "sendMessage()": (agent) => agent.sendMessage("hi", THREAD).accepted,
};

for (const [how, start] of Object.entries(STREAMS)) {
  test(`mastra: a run of ${how} emits its events once`, async () => {
    const { hooks, log } = recorded();
    const { agent } = connected(hooks, [PAYS, DONE]);
    const end = ended(hooks, 1);
    await start(agent);
    await end;
    await hooks.close();
    log.check("s-1");
    assert.deepEqual(log.lines, [
      "agent.start",
      "message.received hi",
      "model.called",
      "model.completed 3+5",
      `tool.called c1 pay {"amount":7}`,
      "tool.completed c1 paid",
      "model.called",
      "model.completed 3+5",
      "message.sent done",
      "agent.end success 6+10",
    ]);
  }, { leaks: true });
}

for (const type of ["tool.called", "tool.completed"] as const) {
  test(`mastra: a denial of ${type} isn't output for the tool's toModelOutput`, async () => {
    const { hooks } = recorded();
    hooks.gate(type, { name: "policy", handle: () => deny("At most 100") });
    const outputs: unknown[] = [];
    const pay = createTool({
      id: "pay",
      description: "Pays",
      inputSchema: z.object({ amount: z.number() }),
      execute: () => Promise.resolve({ paid: [7] }),
      toModelOutput: (output: { readonly paid: readonly number[] }) => {
        outputs.push(output);
        return { type: "text", value: `paid ${output.paid.join()}` };
      },
    });
    const model = scriptedModel([PAYS, DONE], 3);
    const own = { id: "main", name: "main", instructions: "Pay", maxRetries: 0 };
    const agent = mastraHooks(hooks, new Agent({ ...own, model, tools: { pay } }));
    assert.equal((await agent.generate("hi")).text, "done");
    await hooks.close();
    const [{ output }] = model.doGenerateCalls.at(-1).prompt.at(-1).content;
    assert.deepEqual([outputs, output], [[], { type: "text", value: "At most 100" }]);
  });
}
