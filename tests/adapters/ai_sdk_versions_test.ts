/**
 * What docs/agents/ai-sdk.md says of AI SDK 5 and 6: gates judge tools, whose events belong to no run.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HookEvent } from "@omniagent/hooks";
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { chunksOf } from "./ai_model.ts";
import { load } from "./driver.ts";

const { z } = await load("zod");

type Version = {
  /** The alias of the package. */
  readonly name: string;
  readonly model: string;
  readonly usage: object;
  readonly finishReason: unknown;
};

const VERSIONS: readonly Version[] = [
  {
    name: "ai5",
    model: "MockLanguageModelV2",
    usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8 },
    finishReason: "stop",
  },
  {
    name: "ai6",
    model: "MockLanguageModelV3",
    usage: { inputTokens: { total: 3 }, outputTokens: { total: 5 } },
    finishReason: { unified: "stop", raw: "stop" },
  },
];

for (const version of VERSIONS) {
  for (const stream of [false, true]) {
    const how = `${version.name}${stream ? ", streamed" : ""}`;
    test(`${how}: gates judge the tool calls, and what they return`, async () => {
      const { told, events, failures, spans, steps } = await run(version, stream);
      assert.ok(spans.includes("ai.toolCall"), "your own telemetry works");
      assert.deepEqual(told, { c1: "paid *", c2: "too much" });
      assert.equal(steps, 3, "'interrupt' only denies the call");
      assert.deepEqual(
        events.map(({ type, sessionId, runId, data }) => [
          type,
          sessionId,
          runId,
          (data as { readonly call_id: string }).call_id.replace(/#[0-9a-f-]{36}$/, "#…"),
        ]),
        [
          ["tool.called", "s-1", undefined, "c1#…"],
          ["tool.completed", "s-1", undefined, "c1#…"],
          ["tool.denied", "s-1", undefined, "c2#…"],
        ],
      );
      assert.deepEqual(failures, [
        "Cannot observe a run of the AI SDK: Error: the AI SDK reported no run: its events need 'ai' " +
        "7, and only tools have some",
      ]);
    });
  }
}

for (const version of VERSIONS) {
  test(`${version.name}: runs share no decisions, even within a session`, async () => {
    for (const options of [{}, { sessionId: "s-1" }]) {
      for (const order of [["admin", "guest"], ["guest", "admin"]]) {
        const { users, decided } = await twice(version, options, [callOf("c1", 7)], order);
        assert.deepEqual([users, decided], [["admin"], order], options.sessionId);
      }
    }
  });

  test(`${version.name}: calls of one response that share an id are decided one by one`, async () => {
    const calls = [callOf("c1", 7), callOf("c1", 7), callOf("c1", 7)];
    const { decided } = await twice(version, { sessionId: "s-1" }, calls);
    assert.deepEqual(decided.slice(0, 3), ["admin", "admin", "admin"]);
  });
}

/** Runs the calls of one response for an admin and for a guest, whom a gate denies everything. */
async function twice(
  { name, model, usage }: Version,
  options: { readonly sessionId?: string },
  content: readonly object[],
  order: readonly string[] = ["admin", "guest"],
) {
  const { generateText, tool } = await load(name);
  const { [model]: Model } = await load(`${name}/test`);
  const hooks = createHooks({ logger: silentLogger });
  const [users, decided]: [string[], string[]] = [[], []];
  let user: string;
  hooks.gate("tool.called", {
    name: "admins",
    handle: () => {
      decided.push(user);
      return user === "admin" ? undefined : deny("only admins");
    },
  });
  const pay = tool({
    inputSchema: z.object({ amount: z.number() }),
    execute: () => `${users.push(user)}`,
  });
  const agent = aiSdkHooks(hooks, options);
  const isText = name === "ai5";
  const finishReason = isText ? "tool-calls" : { unified: "tool-calls", raw: "tool-calls" };
  const doGenerate = () => Promise.resolve({ content, usage, finishReason, warnings: [] });
  for (user of order) {
    const own = agent.options({ tools: { pay } });
    await generateText({ ...own, model: new Model({ doGenerate }), prompt: "hi" });
  }
  await hooks.close();
  return { users, decided };
}

/** Pays 7, and then more than a gate allows. */
async function run({ name, model, usage, finishReason }: Version, stream: boolean) {
  const { generateText, stepCountIs, streamText, tool } = await load(name);
  const { [model]: Model, simulateReadableStream } = await load(`${name}/test`);
  const failures: string[] = [];
  const hooks = createHooks({
    logger: { ...silentLogger, error: (...said) => void failures.push(said.join(": ")) },
  });
  const events: HookEvent[] = [];
  hooks.on("*", (event) => void (event.type.startsWith("gate.") || events.push(event)));
  hooks.gate("tool.called", {
    name: "limit",
    handle: ({ data }) =>
      Number(data.params?.amount) > 100 ? deny("too much", { interrupt: true }) : undefined,
  });
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: `${data.result}`.replace("7", "*") }),
  });
  const steps = [[callOf("c1", 7)], [callOf("c2", 700)], [{ type: "text", text: "done" }]];
  let next = 0;
  const finish = (content: readonly { readonly type: string }[]) => {
    const isText = content[0]!.type === "text";
    const toolCalls = typeof finishReason === "string"
      ? "tool-calls"
      : { unified: "tool-calls", raw: "tool-calls" };
    return { usage, finishReason: isText ? finishReason : toolCalls };
  };
  const spans: string[] = [];
  const options = {
    ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({
      experimental_telemetry: { isEnabled: true, tracer: tracerOf(spans) },
      tools: {
        pay: tool({
          inputSchema: z.object({ amount: z.number() }),
          execute: ({ amount }: { readonly amount: number }) => `paid ${amount}`,
        }),
      },
    }),
    model: new Model({
      doGenerate: () => {
        const content = steps[next++]!;
        return Promise.resolve({ content, ...finish(content), warnings: [] });
      },
      doStream: () => {
        const content = steps[next++]!;
        const chunks = [
          { type: "stream-start", warnings: [] },
          ...content.flatMap(chunksOf),
          { type: "finish", ...finish(content) },
        ];
        return Promise.resolve({ stream: simulateReadableStream({ chunks }) });
      },
    }),
    prompt: "hi",
    stopWhen: stepCountIs(5),
  };
  const result = await (stream ? streamText(options) : generateText(options));
  if (stream) await result.consumeStream();
  const { messages } = await result.response;
  await hooks.close();
  // deno-lint-ignore no-explicit-any -- messages of the AI SDK
  const results = messages.flatMap(({ role, content }: any) => role === "tool" ? content : []);
  const told = Object.fromEntries(
    // deno-lint-ignore no-explicit-any -- as above
    results.map(({ toolCallId, output }: any) => [toolCallId, output.value]),
  );
  return { told, events, failures, spans, steps: next };
}

/** Returns a tracer of OpenTelemetry that records the names of spans. */
function tracerOf(names: string[]): object {
  const span = new Proxy({}, { get: () => () => span });
  return {
    startActiveSpan(name: string, ...others: unknown[]): unknown {
      names.push(name);
      return (others.at(-1) as (span: object) => unknown)(span);
    },
  };
}

function callOf(id: string, amount: number): { readonly type: string } {
  const call = { toolCallId: id, toolName: "pay", input: JSON.stringify({ amount }) };
  return { type: "tool-call", ...call };
}
