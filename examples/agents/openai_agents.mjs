/**
 * An agent of the OpenAI Agents SDK, with the scripted model of its tests:
 * `npm install @openai/agents-core @modelcontextprotocol/client zod @omniagent/hooks`.
 */
import { openaiAgentsHooks } from "@omniagent/hooks/openai-agents";
import { Agent, Runner, setTracingDisabled, tool } from "@openai/agents-core";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { z } from "zod";
import { answer, calls, openHooks, prompt, tools } from "./hooks.mjs";

setTracingDisabled(true);
const { hooks, close } = await openHooks();
const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "openai-agents" });

const agent = new Agent({
  name: "cashier",
  model: new ScriptedModel([
    calls.map(({ id, name, params }) => functionCall(name, params, { callId: id })),
    [assistantMessage(answer)],
  ]),
  tools: Object.entries(tools).map(([name, execute]) =>
    tool({ name, description: name, parameters: z.object({ invoice: z.number() }), execute })
  ),
});
const { finalOutput } = await runner.run(agent, prompt);
console.log(finalOutput);
await close();
