/**
 * Programs that connect the AI SDK compile in strict mode, and keep the SDK's own types.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { typeErrors } from "./type_check.ts";

const PREPARED = `import { tool, ToolLoopAgent } from "ai";
import { z } from "zod";
import { createHooks } from "@omniagent/hooks";
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
const pay = tool({
  inputSchema: z.object({ amount: z.number() }),
  execute: ({ amount }) => ({ paid: amount }),
});
const agent = new ToolLoopAgent(
  aiSdkHooks(createHooks()).options({
    model: "openai/gpt-5",
    tools: { pay },
    callOptionsSchema: z.object({ user: z.string() }),
    prepareCall: ({ options, ...rest }) => ({
      ...rest,
      tools: { pay },
      instructions: \`The user is \${options.user}\`,
    }),
  }),
);
const { staticToolResults } = await agent.generate({ prompt: "hi", options: { user: "ada" } });
export const paid: number | undefined = staticToolResults[0]?.output.paid;
`;

test("ai-sdk: prepareCall among the options compiles, in the form that the AI SDK documents", () => {
  assert.equal(typeErrors("prepare_call", PREPARED), "");
});

test("ai-sdk: an agent with a prepareCall keeps the types of its tools and call options", () => {
  const wrongCall = PREPARED.replace('{ user: "ada" }', "{ user: 7 }");
  assert.match(typeErrors("wrong_call", wrongCall), /'number' is not assignable to type 'string'/);
  const wrongOutput = PREPARED.replace("paid: number | undefined", "paid: string");
  assert.match(typeErrors("wrong_output", wrongOutput), /is not assignable to type 'string'/);
});
