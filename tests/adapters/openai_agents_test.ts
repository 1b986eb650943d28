import assert from "node:assert/strict";
import { openaiAgentsHooks } from "@omniagent/hooks/openai-agents";
import { test } from "../support/harness.ts";
import {
  type Driver,
  type Ending,
  type HostedCall,
  load,
  type Script,
  type Turn,
  USAGE,
} from "./driver.ts";
import { BACKGROUND, CALLED, END, recorded, START, testAdapter } from "./scenario.ts";

const { Agent, Runner, setTracingDisabled, tool, Usage } = await load("@openai/agents-core");
const testing = await load("@openai/agents-core/testing");
const { assistantMessage, functionCall, modelError, modelResponse, ScriptedModel } = testing;
const { z } = await load("zod");

setTracingDisabled(true);

/** A model that responds as the script says. */
function scripted(turns: readonly Turn[]) {
  const usage = new Usage({ inputTokens: USAGE.input, outputTokens: USAGE.output });
  return new ScriptedModel(turns.map((turn) => {
    if ("error" in turn) return modelError(new Error(turn.error));
    const items = "text" in turn
      ? [...hosted(turn), assistantMessage(turn.text)]
      : turn.calls.map(({ id, name, params }) => functionCall(name, params, { callId: id }));
    return modelResponse({ output: items, usage });
  }));
}

/** What OpenAI did before it responded. */
function hosted({ hosted: call }: { readonly hosted?: HostedCall }): readonly object[] {
  if (call === undefined) return [];
  const { id, name, params, result: output } = call;
  return [{ type: "hosted_tool_call", id, name, arguments: JSON.stringify(params), output }];
}

function toolsOf({ tools, pause }: Pick<Script, "tools" | "pause">) {
  return Object.entries(tools).map(([name, run]) =>
    tool({
      name,
      description: name,
      parameters: z.object({ amount: z.number() }),
      needsApproval: pause === true,
      execute: (input: never, _context: unknown, details?: { signal?: AbortSignal }) =>
        run(input, { signal: details?.signal }),
    })
  );
}

async function run(script: Script): Promise<Ending> {
  const { hooks, sessionId, prompt, turns, signal, stream, subagent } = script;
  const tools = toolsOf(script);
  if (subagent) {
    const { name, tools: own, turns } = subagent;
    const helper = new Agent({ name, model: scripted(turns), tools: toolsOf({ tools: own }) });
    tools.push(helper.asTool({
      toolName: name,
      toolDescription: name,
      parameters: z.object({ amount: z.number() }),
      inputBuilder: () => "help",
    }));
  }
  const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId });
  const agent = new Agent({ name: "boss", model: scripted(turns), tools });
  try {
    let result = await runner.run(agent, prompt, { stream, signal });
    if (stream) {
      for await (const _event of result);
      await result.completed;
      if (result.cancelled) throw new Error("cancelled");
    }
    while (result.interruptions?.length > 0) {
      for (const one of result.interruptions) result.state.approve(one);
      result = await runner.run(agent, result.state);
    }
    const outputs = result.newItems.filter((item: { type: string }) =>
      item.type === "tool_call_output_item"
    );
    const told = Object.fromEntries(
      // deno-lint-ignore no-explicit-any -- items of the SDK
      outputs.map(({ rawItem, output }: any) => [rawItem.callId, String(output)]),
    );
    return { text: result.finalOutput, told };
  } catch (error) {
    return { error: String(error), told: {} };
  }
}

/** What the SDK makes of the error of a tool. */
const FAILED = "An error occurred while running the tool. Please try again.";
const why =
  "A tool that throws completes with the SDK's text for the error, not with the error itself.";
const aborted = [...START, CALLED, `tool.completed c1 ${FAILED}`, "agent.end aborted"];

const driver: Driver = {
  name: "openai-agents",
  hasHosted: true,
  run,
  differences: {
    "a call id that the model uses twice": {
      why: "The SDK runs one call per id.",
      log: [
        ...START,
        CALLED,
        "tool.completed c1 paid 7",
        ...END.slice(0, 2),
        ...END.slice(0, 3),
        "agent.end success 9+15",
      ],
    },
    "a tool that throws": { why, log: [...START, CALLED, `tool.completed c1 ${FAILED}`, ...END] },
    "a run that is aborted while a tool runs": { why, log: aborted },
    "a stream that is aborted while a tool runs": { why, log: aborted },
  },
};

testAdapter(driver);

test("openai-agents: an agent that many runners share is connected once", async () => {
  const { hooks, log } = recorded();
  const models: unknown[] = [];
  hooks.on("model.called", ({ sessionId, data }) => void models.push([sessionId, data.model]));
  const turns = ["s-1", "s-2", "s-3"].map((text) => ({ text }));
  const agent = new Agent({ name: "boss", model: scripted(turns) });
  for (const { text: sessionId } of turns) {
    const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId });
    await runner.run(agent, "hi");
  }
  await hooks.close();
  assert.deepEqual(models, turns.map(({ text }) => [text, "ScriptedModel"]));
  assert.equal(log.count("agent.end"), 3);
});

test("openai-agents: a rewritten message keeps its images", async () => {
  const { hooks } = recorded();
  hooks.gate("message.received", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, content: "***" }),
  });
  const model = scripted([{ text: "done" }]);
  const image = { type: "input_image", image: "https://example.com/a.png" };
  const content = [{ type: "input_text", text: "my key" }, image];
  const runner = openaiAgentsHooks(hooks, new Runner());
  await runner.run(new Agent({ name: "boss", model }), [{ role: "user", content }]);
  await hooks.close();
  const { input } = model.calls[0].request;
  assert.deepEqual(input.at(-1).content, [{ type: "input_text", text: "***" }, image]);
});

test("openai-agents: an agent that a tool leaves running in the background keeps its own run", async () => {
  const { hooks, log } = recorded();
  const over = Promise.withResolvers<void>();
  hooks.once("agent.end", () => over.resolve());
  const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "s-1" });
  const agentOf = (name: string, tools: Script["tools"]) => {
    const [tool] = Object.keys(tools) as [string];
    const turns = [{ calls: [{ id: tool, name: tool, params: { amount: 7 } }] }, { text: "done" }];
    return new Agent({ name, model: scripted(turns), tools: toolsOf({ tools }) });
  };
  let left: Promise<unknown> | undefined;
  const start = () => {
    left = over.promise.then(() => runner.run(agentOf("helper", { pay: () => "paid" }), "help"));
    return "started";
  };
  await runner.run(agentOf("main", { start }), "hi");
  await left;
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.runs, BACKGROUND);
});

test("openai-agents: an agent used as a tool without waiting continues in a run with one end", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const over = Promise.withResolvers<void>();
  const paid = Promise.withResolvers<void>();
  const ends: unknown[] = [];
  hooks.on("agent.end", ({ data }) => {
    ends.push(data.agent_id);
    if (data.agent_id === undefined) over.resolve();
  });
  const pay = async () => {
    await over.promise;
    paid.resolve();
    return "paid";
  };
  const pays = [{ calls: [{ id: "h1", name: "pay", params: { amount: 7 } }] }, { text: "helped" }];
  const tools = toolsOf({ tools: { pay } });
  const helper = new Agent({ name: "helper", model: scripted(pays), tools });
  const { invoke, ...asTool } = helper.asTool({ toolName: "helper", toolDescription: "helps" });
  let left: Promise<unknown> | undefined;
  const start = {
    ...asTool,
    invoke: (...args: unknown[]) => {
      left = invoke(...args);
      return "started";
    },
  };
  const calls = [{ id: "c1", name: "helper", params: { input: "help" } }];
  const model = scripted([{ calls }, { text: "done" }]);
  const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "s-1" });
  await runner.run(new Agent({ name: "boss", model, tools: [start] }), "hi");
  await paid.promise;
  await left;
  await hooks.close();
  log.check("s-1");
  assert.equal(ends.length, new Set(ends).size);
});
