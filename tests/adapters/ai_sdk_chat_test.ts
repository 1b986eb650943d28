/**
 * Chats of the AI SDK, whose messages an app stores and sends again in the next turn.
 * @module
 */
import assert from "node:assert/strict";
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { scriptedModel } from "./ai_model.ts";
import { load } from "./driver.ts";
import { recorded } from "./scenario.ts";

const {
  createAgentUIStream,
  isStepCount,
  readUIMessageStream,
  simulateReadableStream,
  streamText,
  tool,
  ToolLoopAgent,
} = await load("ai");
const { MockLanguageModelV4 } = await load("ai/test");
const { z } = await load("zod");

type Hooks = ReturnType<typeof recorded>["hooks"];

/** A tool that pays, with a schema of its output. */
type Paying = {
  readonly outputSchema: unknown;
  readonly output?: unknown;
  readonly toModelOutput?: unknown;
  readonly isGenerator?: boolean;
};

/** Has a chat of two turns. Returns what the first one stored for the call, and what the model saw of it in the second. */
async function chat(hooks: Hooks, { outputSchema, output, toModelOutput, isGenerator }: Paying) {
  const pay = tool({
    inputSchema: z.object({ amount: z.number() }),
    outputSchema,
    toModelOutput,
    execute: isGenerator
      ? async function* () {
        yield await Promise.resolve(output);
      }
      : () => output,
  });
  const calls = [{ id: "c1", name: "pay", params: { amount: 700 } }];
  const model = scriptedModel([{ calls }, { text: "first" }, { text: "second" }], 4);
  const agent = new ToolLoopAgent({
    ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({ tools: { pay } }),
    model,
    stopWhen: isStepCount(3),
  });
  const messages: { readonly parts: readonly Record<string, unknown>[] }[] = [];
  for (const text of ["pay 700", "and now?"]) {
    const parts = [{ type: "text", text }];
    messages.push({ id: text, role: "user", parts } as never);
    const uiMessages = JSON.parse(JSON.stringify(messages));
    const stream = await createAgentUIStream({ agent, uiMessages });
    let last;
    for await (const message of readUIMessageStream({ stream })) last = message;
    messages.push(last);
  }
  const stored = messages[1]!.parts.find(({ type }) => type === "tool-pay")!;
  const prompt = model.doStreamCalls.at(-1).prompt as { role: string; content: object[] }[];
  const seen = prompt.find(({ role }) => role === "tool")!.content[0] as { output: object };
  const { state, output: kept, errorText: error } = stored;
  return { state, stored: kept ?? error, seen: seen.output };
}

const PAID = { outputSchema: z.object({ paid: z.number() }), output: { paid: 700 } };
const toModelOutput = ({ output }: { readonly output: { readonly paid: number } }) => ({
  type: "text",
  value: `paid ${output.paid}`,
});

for (const type of ["tool.called", "tool.completed"] as const) {
  test(`ai-sdk: a chat goes on after a gate of ${type} denied a tool with an outputSchema`, async () => {
    for (const isGenerator of [false, true]) {
      for (const more of [{}, { toModelOutput }]) {
        const { hooks, log } = recorded();
        hooks.gate(type, { name: "limit", handle: () => deny("At most 100") });
        const seen = { type: "error-text", value: "Error: At most 100" };
        assert.deepEqual(
          await chat(hooks, { ...PAID, ...more, isGenerator }),
          { state: "output-error", stored: "Error: At most 100", seen },
        );
        await hooks.close();
        assert.equal(log.count(type === "tool.called" ? "tool.denied" : "tool.completed"), 1);
      }
    }
  });
}

test("ai-sdk: a denial that fits the outputSchema of a tool is its output", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", { name: "limit", handle: () => deny("At most 100") });
  assert.deepEqual(
    await chat(hooks, { outputSchema: z.string(), output: "paid" }),
    {
      state: "output-available",
      stored: "At most 100",
      seen: { type: "text", value: "At most 100" },
    },
  );
  await hooks.close();
});

test("ai-sdk: a result that gates changed is stored if it fits the outputSchema, or as an error", async () => {
  const changes = [
    [`{"paid":1}`, {
      state: "output-available",
      stored: { paid: 1 },
      seen: { type: "json", value: { paid: 1 } },
    }],
    ["paid ***", {
      state: "output-error",
      stored: "Error: paid ***",
      seen: { type: "error-text", value: "Error: paid ***" },
    }],
  ] as const;
  for (const [result, expected] of changes) {
    for (const isGenerator of [false, true]) {
      const { hooks } = recorded();
      hooks.gate("tool.completed", {
        name: "mask",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, result }),
      });
      assert.deepEqual(await chat(hooks, { ...PAID, isGenerator }), expected);
      await hooks.close();
    }
  }
});

test("ai-sdk: the context of a gate is left out where the outputSchema has no room for it", async () => {
  for (const isGenerator of [false, true]) {
    const { hooks } = recorded();
    hooks.gate("tool.called", {
      name: "hint",
      handle: () => ({ decision: "none", context: "Be brief" }),
    });
    const outputOf = async (outputSchema: unknown) => {
      const { stored } = await chat(hooks, { outputSchema, output: "paid", isGenerator });
      return stored;
    };
    assert.equal(await outputOf(z.string()), "paid\n\nBe brief");
    assert.equal(await outputOf(z.enum(["paid", "failed"])), "paid");
    await hooks.close();
  }
});

test("ai-sdk: a result that no gate changed is kept, even if the tool's own outputSchema rejects it", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.completed", { name: "seen", handle: () => undefined });
  const pay = tool({
    inputSchema: z.object({ amount: z.number() }),
    outputSchema: z.object({ paid: z.string() }),
    execute: () => ({ paid: 7 }),
  });
  const calls = [{ id: "c1", name: "pay", params: { amount: 7 } }];
  const result = streamText({
    ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({ tools: { pay } }),
    model: scriptedModel([{ calls }], 4),
    prompt: "hi",
  });
  const [{ output }] = await result.toolResults;
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(output, { paid: 7 });
});

test("ai-sdk: a call of the provider with preliminary results has one pair of events", async () => {
  const { hooks, log } = recorded();
  const call = { toolCallId: "h1", toolName: "draw", providerExecuted: true };
  const resultOf = (result: string, more: object = {}) => ({
    ...{ ...call, type: "tool-result", result },
    ...more,
  });
  const chunks = [
    { type: "stream-start", warnings: [] },
    { ...call, type: "tool-call", input: "{}" },
    resultOf("half", { preliminary: true }),
    resultOf("most", { preliminary: true }),
    { ...call, toolCallId: "h2", type: "tool-call", input: "{}" },
    resultOf("other", { toolCallId: "h2" }),
    resultOf("all"),
    {
      type: "finish",
      finishReason: { unified: "stop" },
      usage: { inputTokens: {}, outputTokens: {} },
    },
  ];
  const delays = { initialDelayInMs: null, chunkDelayInMs: null };
  const draw = {
    type: "provider",
    id: "x.draw",
    args: {},
    inputSchema: z.object({}),
    isProviderExecuted: true,
  } as object;
  await streamText({
    ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({ tools: { draw } }),
    model: new MockLanguageModelV4({
      doStream: { stream: simulateReadableStream({ chunks, ...delays }) },
    }),
    prompt: "hi",
  }).consumeStream();
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.")), [
    "tool.called h1 draw {} (not gated)",
    "tool.completed h1 all",
    "tool.called h2 draw {} (not gated)",
    "tool.completed h2 other",
  ]);
});
