import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { scriptedModel } from "./ai_model.ts";
import { type Driver, type Ending, load, type Script } from "./driver.ts";
import { testAdapter } from "./scenario.ts";

const { generateText, isStepCount, streamText, tool } = await load("ai");
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
