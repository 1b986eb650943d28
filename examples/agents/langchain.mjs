/**
 * An agent of LangChain, with the fake model of its tests:
 * `npm install langchain @langchain/core @langchain/langgraph zod @omniagent/hooks`.
 */
import { AIMessage } from "@langchain/core/messages";
import { fakeModel } from "@langchain/core/testing";
import { langchainHooks } from "@omniagent/hooks/langchain";
import { createAgent, tool } from "langchain";
import { z } from "zod";
import { answer, calls, openHooks, prompt, tools } from "./hooks.mjs";

const { hooks, close } = await openHooks();
const { middleware, config } = langchainHooks(hooks, { sessionId: "langchain" });

const agent = createAgent({
  name: "cashier",
  model: fakeModel()
    .respondWithTools(calls.map(({ id, name, params }) => ({ id, name, args: params })))
    .respond(new AIMessage(answer)),
  tools: Object.entries(tools).map(([name, run]) =>
    tool(run, { name, description: name, schema: z.object({ invoice: z.number() }) })
  ),
  middleware: [middleware],
}).withConfig(config);
const { messages } = await agent.invoke({ messages: [{ role: "user", content: prompt }] });
console.log(messages.at(-1).content);
await close();
