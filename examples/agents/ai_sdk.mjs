/**
 * An agent of the AI SDK, with the fake model of its tests: `npm install ai zod @omniagent/hooks`.
 */
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { generateText, isStepCount, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";
import { fakeModel } from "./fake_ai_model.mjs";
import { openHooks, prompt, tools } from "./hooks.mjs";

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
  model: fakeModel(MockLanguageModelV4),
  prompt,
  stopWhen: isStepCount(5),
});
console.log(text);
await close();
