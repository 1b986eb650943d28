/**
 * An agent of Mastra, with the fake model of the AI SDK's tests: `npm install @mastra/core ai zod @omniagent/hooks`.
 */
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { mastraHooks } from "@omniagent/hooks/mastra";
import { MockLanguageModelV3 } from "ai/test";
import { z } from "zod";
import { answer, calls, openHooks, prompt, tools } from "./hooks.mjs";

const { hooks, close } = await openHooks();

const inputSchema = z.object({ invoice: z.number() });
const agent = mastraHooks(
  hooks,
  new Agent({
    id: "clerk",
    name: "Clerk",
    instructions: "Look after invoices.",
    model: fakeModel(),
    tools: Object.fromEntries(
      Object.entries(tools).map(([id, execute]) => [
        id,
        createTool({
          id,
          description: "Works with invoices",
          inputSchema,
          execute: (input) => Promise.resolve(execute(input)),
        }),
      ]),
    ),
  }),
  { sessionId: "mastra" },
);
const { text } = await agent.generate(prompt);
console.log(text);
await close();

/** Calls all tools, then answers. */
function fakeModel() {
  const usage = {
    inputTokens: { total: 3, noCache: 3 },
    outputTokens: { total: 5, text: 5 },
  };
  const responses = [
    calls.map(({ id, name, params }) => ({
      type: "tool-call",
      toolCallId: id,
      toolName: name,
      input: JSON.stringify(params),
    })),
    [{ type: "text", text: answer }],
  ];
  return new MockLanguageModelV3({
    doGenerate: () => {
      const content = responses.shift();
      const unified = content[0].type === "text" ? "stop" : "tool-calls";
      const finishReason = { unified, raw: unified };
      return Promise.resolve({ content, finishReason, usage, warnings: [] });
    },
  });
}
