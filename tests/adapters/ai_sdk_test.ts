import assert from "node:assert/strict";
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { scriptedModel } from "./ai_model.ts";
import { type Driver, type Ending, load, type Script } from "./driver.ts";
import { BACKGROUND, recorded, testAdapter } from "./scenario.ts";

const { generateText, isStepCount, streamText, tool, ToolLoopAgent, toolSearch } = await load("ai");
const { z } = await load("zod");

function toolsOf(tools: Script["tools"]) {
  return Object.fromEntries(
    Object.entries(tools).map(([name, run]) => [
      name,
      tool({
        inputSchema: z.object({ amount: z.number() }),
        execute: (input: never, { abortSignal }: { abortSignal?: AbortSignal }) =>
          run(input, { signal: abortSignal }),
      }),
    ]),
  );
}

async function run(script: Script): Promise<Ending> {
  const { hooks, sessionId, prompt, tools, turns, signal, stream, pause, subagent } = script;
  const agent = aiSdkHooks(hooks, { sessionId });
  const model = scriptedModel(turns, 4);
  const stopWhen = isStepCount(5);
  const all = { ...tools };
  if (subagent) {
    const { name: agentId, tools, turns } = subagent;
    const child = agent.child({ agentId });
    all[agentId] = async () => {
      const options = child.options({ tools: toolsOf(tools) });
      return (await generateText({
        ...options,
        model: scriptedModel(turns, 4),
        prompt: "help",
        stopWhen,
      })).text;
    };
  }
  const options = {
    ...agent.options({ tools: toolsOf(all) }),
    model,
    stopWhen,
    maxRetries: 0,
    abortSignal: signal,
    ...(pause && { toolApproval: () => "user-approval" }),
  };
  const messages: object[] = [{ role: "user", content: prompt }];
  try {
    if (stream) {
      let failure: unknown;
      const result = streamText({
        ...options,
        messages,
        onError: ({ error }: { error: unknown }) => failure = error,
      });
      for await (const part of result.fullStream) {
        if (part.type === "error") failure = part.error;
        if (part.type === "abort") failure = new Error("aborted");
      }
      if (failure) return { error: String(failure), told: {} };
      return { text: await result.text, told: told(await result.responseMessages) };
    }
    let result = await generateText({ ...options, messages });
    if (pause) {
      const asked = result.content.filter((part: { type: string }) =>
        part.type === "tool-approval-request"
      );
      const content = asked.map(({ approvalId }: { approvalId: string }) => ({
        type: "tool-approval-response",
        approvalId,
        approved: true,
      }));
      messages.push(...result.responseMessages, { role: "tool", content });
      result = await generateText({ ...options, messages });
    }
    return { text: result.text, told: told(result.responseMessages) };
  } catch (error) {
    return { error: String(error), told: {} };
  }
}

// deno-lint-ignore no-explicit-any -- messages of the AI SDK
function told(messages: any[]): Record<string, string> {
  const results = messages.flatMap(({ role, content }) => role === "tool" ? content : []);
  return Object.fromEntries(
    results.map(({ toolCallId, output }) => [toolCallId, String(output?.value ?? "")]),
  );
}

const driver: Driver = { name: "ai-sdk", run, hasHosted: true };

testAdapter(driver);

test("ai-sdk: concurrent runs on one connection keep their own calls, even with equal ids", async () => {
  const { hooks, log } = recorded();
  const runs = new Map<string, string[]>();
  hooks.on("tool.*", ({ runId, data }) => {
    const { params, result } = data as { readonly params?: object; readonly result?: string };
    runs.set(runId!, [...runs.get(runId!) ?? [], result ?? JSON.stringify(params)]);
  });
  const agent = aiSdkHooks(hooks, { sessionId: "s-1" });
  const both = Promise.withResolvers<void>();
  let running = 0;
  const pay = async ({ amount }: { readonly amount: number }) => {
    if (++running === 2) both.resolve();
    await both.promise;
    return `paid ${amount}`;
  };
  const calls = [1, 2].map((amount) => {
    const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount } }] }, { text: "done" }];
    const options = agent.options({ tools: toolsOf({ pay }) });
    const model = scriptedModel(turns, 4);
    return generateText({ ...options, model, prompt: "hi", stopWhen: isStepCount(5) });
  });
  await Promise.all(calls);
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([...runs.values()].toSorted(), [
    [`{"amount":1}`, "paid 1"],
    [`{"amount":2}`, "paid 2"],
  ]);
});

test("ai-sdk: an agent that a tool leaves running in the background keeps its own run", async () => {
  const { hooks, log } = recorded();
  const agent = aiSdkHooks(hooks, { sessionId: "s-1", name: "main" });
  const over = Promise.withResolvers<void>();
  hooks.once("agent.end", () => over.resolve());
  const ask = (connection: ReturnType<typeof aiSdkHooks>, tools: Script["tools"], name: string) =>
    generateText({
      ...connection.options({ tools: toolsOf(tools) }),
      model: scriptedModel(
        [{ calls: [{ id: name, name, params: { amount: 7 } }] }, { text: "done" }],
        4,
      ),
      prompt: "hi",
      stopWhen: isStepCount(5),
    });
  let left: Promise<unknown> | undefined;
  const start = () => {
    const helper = agent.child({ agentId: "helper", name: "helper" });
    left = over.promise.then(() => ask(helper, { pay: () => "paid" }, "pay"));
    return "started";
  };
  await ask(agent, { start }, "start");
  await left;
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.runs, BACKGROUND);
});

test("ai-sdk: tools that prepareCall returns are judged, and each once", async () => {
  const { hooks, log } = recorded();
  const agent = aiSdkHooks(hooks, { sessionId: "s-1" });
  const decided: string[] = [];
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data: { name } }) => {
      decided.push(name);
      return name === "added" ? deny("policy") : undefined;
    },
  });
  const ran: string[] = [];
  const [pay, added] = ["pay", "added"].map((name) =>
    toolsOf({ [name]: () => void ran.push(name) })
  );
  const turns = ["pay", "added"].map((name) => ({
    calls: [{ id: name, name, params: { amount: 7 } }],
  }));
  const loop = new ToolLoopAgent(agent.options({
    tools: pay,
    model: scriptedModel([...turns, { text: "done" }], 4),
    prepareCall: (options: { readonly tools: { readonly pay: object } }) => ({
      ...options,
      tools: { pay: { ...options.tools.pay, description: "Pays" }, ...added },
    }),
  }));
  await loop.generate({ prompt: "hi" });
  await hooks.close();
  assert.deepEqual([decided, ran], [["pay", "added"], ["pay"]]);
  assert.equal(log.count("tool.denied"), 1);
});

test("ai-sdk: the search of a toolSearch is judged as a call of its tool", async () => {
  const searched = async (isAllowed: boolean) => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", {
      name: "policy",
      handle: ({ data }) => isAllowed || data.params?.query !== "sk-1" ? undefined : deny("a key"),
    });
    const queries: string[] = [];
    const search = toolSearch({
      search: ({ query }: { readonly query: string }) => {
        queries.push(query);
        return ["pay"];
      },
    });
    const { pay } = toolsOf({ pay: () => "paid" });
    const calls = [{ id: "c1", name: "search", params: { query: "sk-1" } }];
    await generateText({
      ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({
        tools: { search, pay: { ...pay, deferLoading: true } },
      }),
      model: scriptedModel([{ calls }, { text: "done" }], 4),
      prompt: "hi",
      stopWhen: isStepCount(3),
    });
    await hooks.close();
    log.check("s-1");
    return [queries, log.count("tool.denied"), log.count("tool.completed")];
  };
  assert.deepEqual(await searched(true), [["sk-1"], 0, 1]);
  assert.deepEqual(await searched(false), [[], 1, 0]);
});
