/**
 * An agent of Mastra, with the fake model of the AI SDK's tests: `npm install @mastra/core ai zod @omniagent/hooks`.
 */
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { mastraHooks } from "@omniagent/hooks/mastra";
import { MockLanguageModelV3 } from "ai/test";
import { z } from "zod";
import { fakeModel } from "./fake_ai_model.mjs";
import { openHooks, prompt, tools } from "./hooks.mjs";

const { hooks, close } = await openHooks();

const inputSchema = z.object({ invoice: z.number() });
const agent = mastraHooks(
  hooks,
  new Agent({
    id: "clerk",
    name: "Clerk",
    instructions: "Look after invoices.",
    model: fakeModel(MockLanguageModelV3),
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
