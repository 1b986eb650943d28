/**
 * An agent of the AI SDK, with the fake model of its tests: `npm install ai zod @omniagent/hooks`.
 */
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { generateText, isStepCount, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";
import { answer, calls, openHooks, prompt, tools } from "./hooks.mjs";

const { hooks, close } = await openHooks();
const agent = aiSdkHooks(hooks, { sessionId: "ai-sdk" });

const inputSchema = z.object({ invoice: z.number() });
const options = agent.options({
  tools: {
    look_up_invoice: tool({ inputSchema, execute: tools.look_up_invoice }),
    delete_invoice: tool({ inputSchema, execute: tools.delete_invoice }),
    pay_invoice: tool({ inputSchema, execute: tools.pay_invoice }),
  },
});
const { text } = await generateText({
  ...options,
  model: fakeModel(),
  prompt,
  stopWhen: isStepCount(5),
});
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
  return new MockLanguageModelV4({
    doGenerate: () => {
      const content = responses.shift();
      const unified = content[0].type === "text" ? "stop" : "tool-calls";
      const finishReason = { unified, raw: unified };
      return Promise.resolve({ content, finishReason, usage, warnings: [] });
    },
  });
}
