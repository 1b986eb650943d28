import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { type Driver, type Ending, load, type Script, type Turn, USAGE } from "./driver.ts";
import { testAdapter } from "./scenario.ts";

const { generateText, isStepCount, streamText, tool } = await load("ai");
const { MockLanguageModelV4, simulateReadableStream } = await load("ai/test");
const { z } = await load("zod");

const usage = {
  inputTokens: { total: USAGE.input, noCache: USAGE.input },
  outputTokens: { total: USAGE.output, text: USAGE.output },
};

/** A model that responds as the script says. */
function scripted(turns: readonly Turn[]) {
  let next = 0;
  const content = (): readonly object[] => {
    const turn = turns[next++]!;
    if ("error" in turn) throw new Error(turn.error);
    if ("text" in turn) return [{ type: "text", text: turn.text }];
    return turn.calls.map(({ id, name, params }) => ({
      type: "tool-call",
      toolCallId: id,
      toolName: name,
      input: JSON.stringify(params),
    }));
  };
  const finish = (parts: readonly object[]) => {
    const unified = "text" in parts[0]! ? "stop" : "tool-calls";
    return { usage, finishReason: { unified, raw: unified } };
  };
  return new MockLanguageModelV4({
    doGenerate: () => {
      const parts = content();
      return Promise.resolve({ ...finish(parts), warnings: [], content: parts });
    },
    doStream: () => {
      const parts = content();
      const chunks = [
        { type: "stream-start", warnings: [] },
        ...parts.flatMap(chunksOf),
        { type: "finish", ...finish(parts) },
      ];
      return Promise.resolve({ stream: simulateReadableStream({ chunks }) });
    },
  });
}

function chunksOf(part: { readonly text?: string }): readonly object[] {
  if (part.text === undefined) return [part];
  const id = "t";
  return [
    { type: "text-start", id },
    { type: "text-delta", id, delta: part.text },
    { type: "text-end", id },
  ];
}

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
  const model = scripted(turns);
  const stopWhen = isStepCount(5);
  const all = { ...tools };
  if (subagent) {
    const { name: agentId, tools, turns } = subagent;
    const child = agent.child({ agentId });
    all[agentId] = async () => {
      const options = child.options({ tools: toolsOf(tools) });
      return (await generateText({
        ...options,
        model: scripted(turns),
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

const driver: Driver = { name: "ai-sdk", run };

testAdapter(driver);
