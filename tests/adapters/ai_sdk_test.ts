import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createHooks } from "@omniagent/hooks";
import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
import { ask, deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { scriptedModel } from "./ai_model.ts";
import { type Driver, type Ending, load, type Script } from "./driver.ts";
import { BACKGROUND, recorded, testAdapter } from "./scenario.ts";

const {
  experimental_toolCaller: toolCaller,
  generateText,
  isStepCount,
  jsonSchema,
  streamText,
  tool,
  ToolLoopAgent,
  toolSearch,
} = await load("ai");
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

test("ai-sdk: concurrent runs on one connection keep their own calls, even with equal ids", async () => {
  const { hooks, log } = recorded();
  const runs = new Map<string, string[]>();
  hooks.on("tool.*", ({ runId, data }) => {
    const { params, result } = data as { readonly params?: object; readonly result?: string };
    runs.set(runId!, [...runs.get(runId!) ?? [], result ?? JSON.stringify(params)]);
  });
  const agent = aiSdkHooks(hooks, { sessionId: "s-1" });
  const both = Promise.withResolvers<void>();
  let running = 0;
  const pay = async ({ amount }: { readonly amount: number }) => {
    if (++running === 2) both.resolve();
    await both.promise;
    return `paid ${amount}`;
  };
  const calls = [1, 2].map((amount) => {
    const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount } }] }, { text: "done" }];
    const options = agent.options({ tools: toolsOf({ pay }) });
    const model = scriptedModel(turns, 4);
    return generateText({ ...options, model, prompt: "hi", stopWhen: isStepCount(5) });
  });
  await Promise.all(calls);
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([...runs.values()].toSorted(), [
    [`{"amount":1}`, "paid 1"],
    [`{"amount":2}`, "paid 2"],
  ]);
});

test("ai-sdk: an agent that a tool leaves running in the background keeps its own run", async () => {
  const { hooks, log } = recorded();
  const agent = aiSdkHooks(hooks, { sessionId: "s-1", name: "main" });
  const over = Promise.withResolvers<void>();
  hooks.once("agent.end", () => over.resolve());
  const ask = (connection: ReturnType<typeof aiSdkHooks>, tools: Script["tools"], name: string) =>
    generateText({
      ...connection.options({ tools: toolsOf(tools) }),
      model: scriptedModel(
        [{ calls: [{ id: name, name, params: { amount: 7 } }] }, { text: "done" }],
        4,
      ),
      prompt: "hi",
      stopWhen: isStepCount(5),
    });
  let left: Promise<unknown> | undefined;
  const start = () => {
    const helper = agent.child({ agentId: "helper", name: "helper" });
    left = over.promise.then(() => ask(helper, { pay: () => "paid" }, "pay"));
    return "started";
  };
  await ask(agent, { start }, "start");
  await left;
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.runs, BACKGROUND);
});

test("ai-sdk: tools that prepareCall returns are judged, and each once", async () => {
  const { hooks, log } = recorded();
  const agent = aiSdkHooks(hooks, { sessionId: "s-1" });
  const decided: string[] = [];
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data: { name } }) => {
      decided.push(name);
      return name === "added" ? deny("policy") : undefined;
    },
  });
  const ran: string[] = [];
  const [pay, added] = ["pay", "added"].map((name) =>
    toolsOf({ [name]: () => void ran.push(name) })
  );
  const turns = ["pay", "added"].map((name) => ({
    calls: [{ id: name, name, params: { amount: 7 } }],
  }));
  const loop = new ToolLoopAgent(agent.options({
    tools: pay,
    model: scriptedModel([...turns, { text: "done" }], 4),
    prepareCall: (options: { readonly tools: { readonly pay: object } }) => ({
      ...options,
      tools: { pay: { ...options.tools.pay, description: "Pays" }, ...added },
    }),
  }));
  await loop.generate({ prompt: "hi" });
  await hooks.close();
  assert.deepEqual([decided, ran], [["pay", "added"], ["pay"]]);
  assert.equal(log.count("tool.denied"), 1);
});

test("ai-sdk: the search of a toolSearch is judged as a call of its tool", async () => {
  const searched = async (isAllowed: boolean) => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", {
      name: "policy",
      handle: ({ data }) => isAllowed || data.params?.query !== "sk-1" ? undefined : deny("a key"),
    });
    const queries: string[] = [];
    const search = toolSearch({
      search: ({ query }: { readonly query: string }) => {
        queries.push(query);
        return ["pay"];
      },
    });
    const { pay } = toolsOf({ pay: () => "paid" });
    const calls = [{ id: "c1", name: "search", params: { query: "sk-1" } }];
    await generateText({
      ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({
        tools: { search, pay: { ...pay, deferLoading: true } },
      }),
      model: scriptedModel([{ calls }, { text: "done" }], 4),
      prompt: "hi",
      stopWhen: isStepCount(3),
    });
    await hooks.close();
    log.check("s-1");
    return [queries, log.count("tool.denied"), log.count("tool.completed")];
  };
  assert.deepEqual(await searched(true), [["sk-1"], 0, 1]);
  assert.deepEqual(await searched(false), [[], 1, 0]);
});

/** One call of a tool, then the end. */
const callOnce = (name: string, params: object) => [
  { calls: [{ id: "call_0", name, params }] },
  { text: "done" },
];

type Connection = ReturnType<typeof aiSdkHooks>;

const REPLACED: Readonly<Record<string, (agent: Connection, pay: object) => Promise<unknown>>> = {
  "next to the options": (agent, pay) =>
    generateText({
      ...agent.options({ tools: { pay } }),
      telemetry: { functionId: "chat" },
      model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
      prompt: "hi",
      stopWhen: isStepCount(5),
    }),
  "switched off": (agent, pay) =>
    generateText({
      ...agent.options({ tools: { pay } }),
      telemetry: { isEnabled: false },
      model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
      prompt: "hi",
      stopWhen: isStepCount(5),
    }),
  "by prepareCall": (agent, pay) =>
    new ToolLoopAgent(agent.options({
      tools: { pay },
      model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
      prepareCall: (options: object) => ({ ...options, telemetry: { functionId: "chat" } }),
    })).generate({ prompt: "hi" }),
};

for (const [how, runWith] of Object.entries(REPLACED)) {
  test(`ai-sdk: users share no decision when our telemetry is replaced (${how})`, async () => {
    for (const isParallel of [false, true]) {
      const { hooks, log } = recorded({ gates: { timeout: 60_000 } });
      const user = new AsyncLocalStorage<string>();
      hooks.gate("tool.called", {
        name: "admins",
        handle: () => user.getStore() === "admin" ? undefined : deny("only admins"),
      });
      const paid: unknown[] = [];
      const [asked, both] = [new Set<string>(), Promise.withResolvers<void>()];
      const { pay } = toolsOf({ pay: () => void paid.push(user.getStore()) });
      const agent = aiSdkHooks(hooks);
      hooks.gate("tool.called", {
        name: "wait",
        timeout: 60_000,
        handle: async () => {
          asked.add(user.getStore()!);
          if (asked.size === 2) both.resolve();
          if (isParallel) await both.promise;
        },
      });
      const runs = ["admin", "guest"].map((name) => () =>
        user.run(name, () => runWith(agent, pay))
      );
      if (isParallel) await Promise.all(runs.map((start) => start()));
      else for (const start of runs) await start();
      await hooks.close();
      assert.deepEqual(paid, ["admin"], `parallel: ${isParallel}`);
      // What prepareCall returns keeps our telemetry.
      assert.equal(log.count("agent.start"), how === "by prepareCall" ? 2 : 0);
    }
  });
}

/** What a receiver of telemetry gets: its name, the prompt, and the input of a tool. */
const RECEIVED = [
  ["with inputs", {}, ["registered hi", "registered 7"]],
  ["without inputs", { recordInputs: false }, ["registered -", "registered -"]],
  ["with another receiver", { integrations: "own" }, ["own hi", "own 7"]],
  ["switched off", { isEnabled: false }, []],
] as const;

for (const name of ["telemetry", "experimental_telemetry"]) {
  for (const [how, { ...settings }, expected] of RECEIVED) {
    if (name === "telemetry" && how === "switched off") continue; // throws
    test(`ai-sdk: your own telemetry receives what you let it (${name} ${how})`, async () => {
      const received: string[] = [];
      const receiver = (name: string) => ({
        onStart: ({ messages }: { messages?: readonly { content: unknown }[] }) =>
          void received.push(`${name} ${messages?.[0]?.content ?? "-"}`),
        onToolExecutionStart: ({ toolCall }: { toolCall: { input?: { amount?: number } } }) =>
          void received.push(`${name} ${toolCall.input?.amount ?? "-"}`),
      });
      const own = {
        ...settings,
        ...("integrations" in settings && { integrations: receiver("own") }),
      };
      const channel: unknown[] = [];
      const listen = (message: unknown) => void channel.push(message);
      subscribe("tracing:ai:telemetry:start", listen);
      const global = globalThis as { AI_SDK_TELEMETRY_INTEGRATIONS?: unknown };
      global.AI_SDK_TELEMETRY_INTEGRATIONS = [receiver("registered")];
      const { hooks, log } = recorded();
      try {
        const { pay } = toolsOf({ pay: () => "paid" });
        await generateText({
          ...aiSdkHooks(hooks).options({ tools: { pay }, [name]: own }),
          model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
          prompt: "hi",
          stopWhen: isStepCount(3),
        });
      } finally {
        delete global.AI_SDK_TELEMETRY_INTEGRATIONS;
        unsubscribe("tracing:ai:telemetry:start", listen);
      }
      await hooks.close();
      assert.deepEqual(received, expected);
      assert.deepEqual([log.count("agent.end"), log.count("tool.completed")], [1, 1]);
      const isTold = how !== "without inputs" && how !== "switched off";
      assert.equal(/"hi"|"amount":7/.test(JSON.stringify(channel)), isTold);
    });
  }
}

test("ai-sdk: an async generator function passes on preliminary outputs, and other tools the last one", async () => {
  async function* steps() {
    yield await Promise.resolve("1/2");
    yield "paid";
  }
  for (const [execute, expected] of [[steps, ["1/2", "paid", "paid"]], [() => steps(), ["paid"]]]) {
    const { hooks, log } = recorded();
    const pay = tool({ inputSchema: z.object({ amount: z.number() }), execute });
    const { fullStream } = streamText({
      ...aiSdkHooks(hooks).options({ tools: { pay } }),
      model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
      prompt: "hi",
      stopWhen: isStepCount(3),
    });
    const outputs: unknown[] = [];
    for await (const { type, output } of fullStream) {
      if (type === "tool-result") outputs.push(output);
    }
    await hooks.close();
    assert.deepEqual(outputs, expected);
    assert.ok(log.lines.includes("tool.completed call_0 paid"), log.lines.join("\n"));
  }
});

test("ai-sdk: only gates' denials reach the model without the tool's toModelOutput", async () => {
  const { hooks } = recorded();
  const own = { denied: true, reason: "limit", decisionId: "d-1", appeal: "by mail" };
  const pay = tool({
    inputSchema: z.object({ amount: z.number() }),
    execute: () => own,
    toModelOutput: ({ output }: { readonly output: typeof own }) => ({
      type: "text",
      value: output.appeal.toUpperCase(),
    }),
  });
  const options = aiSdkHooks(hooks).options({ tools: { pay } });
  const pays = async () => {
    const { responseMessages } = await generateText({
      ...options,
      model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
      prompt: "hi",
      stopWhen: isStepCount(3),
    });
    return told(responseMessages)["call_0"];
  };
  assert.equal(await pays(), "BY MAIL");
  hooks.gate("tool.called", { name: "policy", handle: () => deny("never") });
  assert.equal(await pays(), "never");
  await hooks.close();
});

test("ai-sdk: a tool that was added to the options is judged, as far as telemetry can", async () => {
  for (const stream of [false, true]) {
    const { hooks, log } = recorded();
    const gates = [
      hooks.gate("tool.called", { name: "policy", handle: () => deny("policy") }),
      hooks.gate("tool.called", {
        name: "limit",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, params: { amount: 1 } }),
      }),
      hooks.gate("tool.completed", { name: "mask", handle: () => undefined }),
    ];
    const ran: string[] = [];
    const added = toolsOf({ added: () => (ran.push("added"), "secret") });
    const agent = aiSdkHooks(hooks);
    const runWithAdded = async () => {
      const options = {
        ...agent.options(),
        tools: added,
        model: scriptedModel(callOnce("added", { amount: 7 }), 4),
        prompt: "hi",
        stopWhen: isStepCount(5),
      };
      const result = stream ? streamText(options) : await generateText(options);
      if (stream) await result.consumeStream();
      return told(await result.responseMessages)["call_0"];
    };
    assert.match(`${await runWithAdded()}`, /policy/);
    gates[0]!();
    assert.match(`${await runWithAdded()}`, /Cannot apply a gate's change to the input/);
    gates[1]!();
    assert.match(`${await runWithAdded()}`, /Cannot let gates judge the result/);
    assert.deepEqual(ran, []);
    gates[2]!();
    assert.equal(await runWithAdded(), "secret");
    await hooks.close();
    assert.deepEqual(
      log.lines.filter((line) => line.startsWith("tool.")).map((line) => line.split(" ")[0]),
      [
        "tool.denied",
        ...Array.from({ length: 3 }, () => ["tool.called", "tool.completed"]).flat(),
      ],
    );
  }
});

test("ai-sdk: onInputAvailable gets what gates judged, and nothing of a call that is denied", async () => {
  for (const stream of [false, true]) {
    for (const isGenerator of [false, true]) {
      const { hooks } = recorded();
      const off = hooks.gate("tool.called", {
        name: "policy",
        kind: "rewrite",
        handle: ({ data }) =>
          data.params?.amount === 700
            ? deny("too much")
            : { ...data, params: { amount: Number(data.params?.amount) + 1 } },
      });
      const seen: string[] = [];
      const pay = tool({
        inputSchema: z.object({ amount: z.number() }),
        onInputAvailable: ({ input }: { readonly input: { readonly amount: number } }) =>
          void seen.push(`input ${input.amount}`),
        onInputDelta: ({ inputTextDelta }: { readonly inputTextDelta: string }) =>
          void seen.push(`delta ${inputTextDelta}`),
        execute: isGenerator
          ? async function* ({ amount }: { readonly amount: number }) {
            seen.push(`pay ${amount}`);
            yield await Promise.resolve("paid");
          }
          : ({ amount }: { readonly amount: number }) => void seen.push(`pay ${amount}`),
      });
      const agent = aiSdkHooks(hooks);
      const runWithCalls = async () => {
        const turns = [7, 700].map((amount) => ({
          calls: [{ id: `${amount}`, name: "pay", params: { amount } }],
        }));
        const options = {
          ...agent.options({ tools: { pay } }),
          model: scriptedModel([...turns, { text: "done" }], 4),
          prompt: "hi",
          stopWhen: isStepCount(5),
        };
        if (stream) await streamText(options).consumeStream();
        else await generateText(options);
        return seen.splice(0);
      };
      assert.deepEqual(await runWithCalls(), ["input 8", "pay 8"]);
      off();
      assert.deepEqual(
        (await runWithCalls()).filter((line) => !line.startsWith("delta")),
        ["input 7", "pay 7", "input 700", "pay 700"],
      );
      await hooks.close();
    }
  }
});

const CALLERS: Readonly<
  Record<string, (agent: Connection, code: object, caller: object) => object>
> = {
  "before options()": (agent, code, caller) =>
    agent.options({ tools: { code: toolCaller(code, caller), ...toolsOf({ pay: () => "paid" }) } }),
  "as a property": (agent, code, experimental_toolCaller) =>
    agent.options({
      tools: {
        code: { ...code, experimental_toolCaller } as object,
        ...toolsOf({ pay: () => "paid" }),
      },
    }),
  "after options()": (agent, code, caller) => {
    const options = agent.options({ tools: { code, ...toolsOf({ pay: () => "paid" }) } });
    return {
      ...options,
      tools: { ...options.tools, code: toolCaller(options.tools.code, caller) },
    };
  },
  "through options() again": (agent, code, caller) => {
    const { tools } = agent.options({ tools: { code, ...toolsOf({ pay: () => "paid" }) } });
    return agent.options({ tools: { ...tools, code: toolCaller(tools.code, caller) } });
  },
};

for (const [how, optionsOf] of Object.entries(CALLERS)) {
  test(`ai-sdk: what a tool caller runs is judged once (${how})`, async () => {
    for (const recordInputs of [true, false]) {
      const { hooks, log } = recorded();
      const judged: unknown[] = [];
      const off = hooks.gate("tool.called", {
        name: "policy",
        handle: ({ data }) => {
          judged.push(data.params);
          return deny("policy");
        },
      });
      const ran: unknown[] = [];
      const code = tool({
        inputSchema: z.object({ js: z.string() }),
        execute: () => "not bound",
      });
      const bind = () => ({ ...code, execute: ({ js }: { js: string }) => `ran ${ran.push(js)}` });
      const agent = aiSdkHooks(hooks, { sessionId: "s-1" });
      const options = { ...optionsOf(agent, code, { type: "local", bind }) } as {
        telemetry?: object;
      };
      if (!recordInputs) {
        Object.assign(options, agent.options({ ...options, telemetry: { recordInputs } }));
      }
      const runWithCode = async () => {
        const result = await generateText({
          ...options,
          experimental_toolCallers: { pay: ["code"] },
          model: scriptedModel(callOnce("code", { js: "1" }), 4),
          prompt: "hi",
          stopWhen: isStepCount(3),
        });
        return told(result.responseMessages)["call_0"];
      };
      assert.match(`${await runWithCode()}`, /policy/);
      assert.deepEqual([judged, ran], [[{ js: "1" }], []]);
      off();
      assert.equal(await runWithCode(), "ran 1");
      await hooks.close();
      log.check("s-1");
      assert.deepEqual([log.count("tool.denied"), log.count("tool.completed")], [1, 1]);
    }
  });
}

test("ai-sdk: gates judge the input of a tool even if telemetry has no inputs", async () => {
  for (const stream of [false, true]) {
    const { hooks, log } = recorded();
    const judged: unknown[] = [];
    hooks.gate("tool.called", {
      name: "limit",
      handle: ({ data }) => {
        judged.push(data.params);
        return Number(data.params?.amount) > 100 ? deny("too much") : undefined;
      },
    });
    hooks.gate("tool.completed", { name: "seen", handle: () => undefined });
    const paid: number[] = [];
    const tools = toolsOf({ pay: ({ amount }) => `paid ${paid.push(amount)}` });
    const started: unknown[] = [];
    const onStart = ({ callId }: { readonly callId: string }) => void started.push(callId);
    const telemetry = { recordInputs: false };
    const agent = aiSdkHooks(hooks, { sessionId: "s-1" });
    const runWith = async (options: object, amount: number) => {
      const model = scriptedModel(callOnce("pay", { amount }), 4);
      const all = { ...options, model, prompt: "hi", stopWhen: isStepCount(3) };
      const result = stream ? streamText(all) : await generateText(all);
      if (stream) await result.consumeStream();
      return told(await result.responseMessages)["call_0"];
    };
    const options = agent.options({ tools, telemetry, onStart });
    assert.equal(await runWith(options, 700), "too much");
    assert.equal(await runWith(options, 7), "paid 1");
    assert.deepEqual([judged.splice(0), started.length], [[{ amount: 700 }, { amount: 7 }], 2]);
    // Neither the tool nor its input is known: it may be any tool.
    const unknown = /could not be judged: with 'recordInputs: false', pass the tool/;
    assert.match(`${await runWith({ ...options, onStart }, 7)}`, unknown);
    assert.match(`${await runWith({ ...agent.options({ telemetry }), tools }, 700)}`, unknown);
    await hooks.close();
    log.check("s-1");
    assert.deepEqual([judged, paid], [[], [7]]);
    assert.deepEqual([log.count("tool.denied"), log.count("tool.completed")], [3, 1]);
  }
});

/** Two ways in which `prepareCall` hides inputs from telemetry. */
const HIDING: Readonly<Record<string, (options: object) => object>> = {
  "recordInputs: false": (options) => ({ ...options, telemetry: { recordInputs: false } }),
  "isEnabled: false": (options) => ({
    ...options,
    telemetry: undefined,
    experimental_telemetry: { isEnabled: false },
  }),
};

for (const [what, prepareCall] of Object.entries(HIDING)) {
  test(`ai-sdk: tools of an agent are judged once if its prepareCall says ${what}`, async () => {
    for (const isGated of [true, false]) {
      for (const stream of [false, true]) {
        const { hooks, log } = recorded();
        const judged: unknown[] = [];
        if (isGated) {
          hooks.gate("tool.called", {
            name: "limit",
            handle: ({ data }) => {
              judged.push(data.params);
              return Number(data.params?.amount) > 100 ? deny("too much") : undefined;
            },
          });
        }
        const paid: number[] = [];
        const started: string[] = [];
        const options = aiSdkHooks(hooks, { sessionId: "s-1" }).options({
          tools: toolsOf({ pay: ({ amount }) => `paid ${paid.push(amount)}` }),
          onStart: () => void started.push("settings"),
          prepareCall,
        });
        const runWith = async (amount: number) => {
          const model = scriptedModel(callOnce("pay", { amount }), 4);
          const loop = new ToolLoopAgent({ ...options, model, stopWhen: isStepCount(3) });
          const call = { prompt: "hi", onStart: () => void started.push("call") };
          const result = await (stream ? loop.stream(call) : loop.generate(call));
          if (stream) await result.consumeStream();
          return told(await result.responseMessages)["call_0"];
        };
        assert.equal(await runWith(7), "paid 1");
        assert.equal(await runWith(700), isGated ? "too much" : "paid 2");
        await hooks.close();
        log.check("s-1");
        assert.deepEqual(judged, isGated ? [{ amount: 7 }, { amount: 700 }] : []);
        assert.deepEqual(paid, isGated ? [7] : [7, 700]);
        assert.deepEqual(started, ["settings", "call", "settings", "call"]);
        const counts = ["tool.called", "tool.completed", "tool.denied"].map((type) =>
          log.count(type)
        );
        assert.deepEqual(counts, isGated ? [1, 1, 1] : [2, 2, 0]);
      }
    }
  });
}

test("ai-sdk: a tool added later doesn't start after its stream was aborted", async () => {
  const [asked, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const onAsk = async () => {
    asked.resolve();
    await ended.promise;
    return { decision: "allow" as const };
  };
  const { hooks, log } = recorded({ gates: { onAsk } });
  hooks.gate("tool.called", { name: "person", handle: () => ask("Pay?") });
  hooks.on("agent.end", () => ended.resolve());
  const controller = new AbortController();
  const ran: string[] = [];
  const result = streamText({
    ...aiSdkHooks(hooks, { sessionId: "s-1" }).options(),
    tools: toolsOf({ added: () => void ran.push("added") }),
    model: scriptedModel(callOnce("added", { amount: 7 }), 4),
    abortSignal: controller.signal,
    prompt: "hi",
  });
  const reading = result.consumeStream();
  await asked.promise;
  controller.abort();
  await reading;
  await hooks.close();
  assert.deepEqual(ran, []);
  assert.deepEqual([log.count("tool.called"), log.count("tool.completed")], [1, 1]);
});

test("ai-sdk: a tool that is an instance of a class keeps its methods", async () => {
  const { hooks, log } = recorded();
  class Pay {
    readonly #asked: unknown[] = [];
    readonly inputSchema = z.object({ amount: z.number() });
    readonly paid: number[] = [];
    get asked() {
      return this.#asked;
    }
    needsApproval(input: object) {
      this.#asked.push(input);
      return true;
    }
    execute({ amount }: { readonly amount: number }) {
      return `paid ${this.paid.push(amount)}`;
    }
  }
  const pay = new Pay();
  const { tools, ...options } = aiSdkHooks(hooks, { sessionId: "s-1" }).options({ tools: { pay } });
  for (const own of [tools, { pay: { ...tools.pay } }]) {
    await generateText({
      ...options,
      tools: own,
      model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
      prompt: "hi",
      stopWhen: isStepCount(3),
    });
  }
  await hooks.close();
  assert.deepEqual([pay.asked, pay.paid], [[{ amount: 7 }, { amount: 7 }], []]);
  assert.deepEqual(tools.pay.asked, pay.asked);
  assert.equal(log.count("tool.called"), 0);
});

test("ai-sdk: a tool doesn't run unjudged if its run was aborted before it started", async () => {
  for (const type of ["tool.called", "tool.completed"] as const) {
    const { hooks } = recorded();
    hooks.gate(type, { name: "policy", handle: () => deny("never") });
    const controller = new AbortController();
    const ran: string[] = [];
    const result = streamText({
      ...aiSdkHooks(hooks, { sessionId: "s-1" }).options(),
      tools: toolsOf({ added: () => void ran.push("added") }),
      model: scriptedModel(callOnce("added", { amount: 7 }), 4),
      abortSignal: controller.signal,
      prompt: "hi",
      onToolExecutionStart: async () => {
        const ended = new Promise((resolve) => hooks.on("agent.end", resolve));
        controller.abort();
        await ended;
      },
    });
    await result.consumeStream();
    await hooks.close();
    assert.deepEqual(ran, []);
  }
});

/** Returns hooks whose gate denies one name, and a tool of that or another name that must not run. */
function denying(denied: string, name = denied) {
  const { hooks } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === denied ? deny("never") : undefined,
  });
  const ran: string[] = [];
  const tools = toolsOf({ [name]: () => void ran.push(name) });
  return { hooks, ran, tools, agent: aiSdkHooks(hooks, { sessionId: "s-1" }) };
}

test("ai-sdk: a tool with another name is judged by that name", async () => {
  const { hooks, ran, tools: given, agent } = denying("fs_delete", "delete");
  const { tools, ...options } = agent.options({ tools: given });
  const renamed = { fs_delete: tools.delete };
  for (const own of [renamed, agent.options({ tools: renamed }).tools]) {
    await generateText({
      ...options,
      tools: own,
      model: scriptedModel(callOnce("fs_delete", { amount: 7 }), 4),
      prompt: "hi",
      stopWhen: isStepCount(3),
    });
  }
  await hooks.close();
  assert.deepEqual(ran, []);
});

test("ai-sdk: gates judge the tools that a tool caller calls, no matter where it was added", async () => {
  const { hooks, ran, tools: erase, agent } = denying("erase");
  const code = tool({ inputSchema: z.object({}), execute: () => "not bound" });
  const caller = toolCaller(code, {
    type: "local",
    // deno-lint-ignore no-explicit-any -- tools of the AI SDK
    bind: (tools: any) => ({
      ...code,
      execute: (_: object, options: object) => tools.erase.execute({ amount: 7 }, options),
    }),
  });
  const both = { code: caller, ...erase };
  const { tools: hooked, ...options } = agent.options({ tools: both });
  for (
    const tools of [hooked, both, { ...erase, code: hooked.code }, { ...hooked, code: caller }]
  ) {
    await generateText({
      ...options,
      tools,
      experimental_toolCallers: { erase: ["code"] },
      model: scriptedModel(callOnce("code", {}), 4),
      prompt: "hi",
      stopWhen: isStepCount(3),
    });
  }
  await hooks.close();
  assert.deepEqual(ran, []);
});

/** Inputs of which gates, which see JSON, can't see all that a tool does. */
const IMPURE: Readonly<Record<string, (live: { change(): void }) => object>> = {
  "a getter": () => ({
    get command() {
      return "ls";
    },
  }),
  "a field that isn't enumerable": () =>
    Object.defineProperty({ command: "ls" }, "more", { value: "rm" }),
  "a symbol": () => ({ command: "ls", [Symbol("more")]: "rm" }),
  "an array with a property": () => ({ command: "ls", list: Object.assign([], { more: "rm" }) }),
  "a class instance": () => ({ command: "ls", more: new URL("https://example.com") }),
  "a list of a class": () => ({ command: "ls", list: new (class extends Array {})() }),
  "an inherited field": () => {
    const parent = Object.assign(Object.create(null), { more: "rm" });
    return Object.create(parent, { command: { value: "ls", enumerable: true } });
  },
  "a list that inherits": () => ({
    list: Object.setPrototypeOf([], { more: "rm", forEach() {}, map: () => [] }),
  }),
  "a proxy": () => new Proxy({ command: "ls" }, {}),
  "a field that is added while gates decide": (live) => {
    const input = { command: "ls" };
    live.change = () => void Object.assign(input, { more: "rm" });
    return input;
  },
  "a hidden field that is added while gates decide": (live) => {
    const input = { command: "ls" };
    live.change = () => void Object.defineProperty(input, "more", { value: "rm" });
    return input;
  },
};

for (const [what, inputOf] of Object.entries(IMPURE)) {
  test(`ai-sdk: a tool that was added to the options doesn't run with ${what}`, async () => {
    const { hooks, log } = recorded();
    const live = { change() {} };
    const ran: unknown[] = [];
    const run = async (input: () => object) => {
      const schema = jsonSchema({ type: "object" }, {
        validate: () => ({ success: true, value: input() }),
      });
      const result = await generateText({
        ...aiSdkHooks(hooks, { sessionId: "s-1" }).options(),
        tools: { bash: tool({ inputSchema: schema, execute: (input: object) => ran.push(input) }) },
        model: scriptedModel(callOnce("bash", {}), 4),
        prompt: "hi",
        stopWhen: isStepCount(3),
      });
      return `${told(result.responseMessages)["call_0"]}`;
    };
    await run(() => inputOf(live));
    assert.equal(ran.splice(0).length, 1);
    hooks.gate("tool.called", { name: "policy", handle: () => live.change() });
    assert.match(await run(() => inputOf(live)), /ass the tool to 'options\(\)'/);
    assert.deepEqual(ran, []);
    live.change = () => {};
    await run(() => ({ command: "ls", at: new Date(0), list: [{ a: null }], none: undefined }));
    await hooks.close();
    log.check("s-1");
    assert.equal(ran.length, 1);
  });
}

test("ai-sdk: a schema that writes defaults into changed input adds nothing to what gates judged", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", {
    name: "flat",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: { path: "/tmp" } }),
  });
  const ran: unknown[] = [];
  const inputSchema = jsonSchema({ type: "object" }, {
    validate: (value: object) => ({ success: true, value: Object.assign(value, { deep: true }) }),
  });
  const erase = tool({ inputSchema, execute: (input: object) => ran.push(input) });
  await generateText({
    ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({ tools: { erase } }),
    model: scriptedModel(callOnce("erase", { path: "/" }), 4),
    prompt: "hi",
    stopWhen: isStepCount(3),
  });
  await hooks.close();
  assert.deepEqual(ran, [{ path: "/tmp" }]);
});

test("ai-sdk: changed input must fit the schema of the tool", async () => {
  const transforming = z.object({ amount: z.string().transform(Number) });
  const schemas = [
    [z.object({ amount: z.number() }), { amount: 7 }, false],
    [
      jsonSchema({ type: "object" }, {
        validate: (value: { readonly amount: unknown }) =>
          typeof value.amount === "number"
            ? { success: true, value }
            : { success: false, error: new Error("no number") },
      }),
      { amount: 7 },
      false,
    ],
    [jsonSchema({ type: "object" }), { amount: 7 }, true],
    // It doesn't accept its own output, so that it can't judge that of a gate.
    [transforming, { amount: "7" }, true],
  ] as const;
  for (const [inputSchema, input, runs] of schemas) {
    for (const isGenerator of [false, true]) {
      const { hooks, log } = recorded();
      hooks.gate("tool.called", {
        name: "text",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, params: { amount: "42; rm" } }),
      });
      const paid: unknown[] = [];
      const pay = tool({
        inputSchema,
        execute: isGenerator
          ? async function* (input: object) {
            yield await Promise.resolve(`paid ${paid.push(input)}`);
          }
          : (input: object) => `paid ${paid.push(input)}`,
      });
      await generateText({
        ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({ tools: { pay } }),
        model: scriptedModel(callOnce("pay", input), 4),
        prompt: "hi",
        stopWhen: isStepCount(3),
      });
      await hooks.close();
      log.check("s-1");
      assert.equal(paid.length, runs ? 1 : 0);
      assert.equal(log.lines.some((line) => line.includes("rejects the changed input")), !runs);
    }
  }
});

test("ai-sdk: a call that a later run repeats gets the stored decision until its tool has run", async () => {
  const store = memoryStore();
  const judged: unknown[] = [];
  const paid: unknown[] = [];
  /** Runs the same call in a process of its own, in which a person responds. */
  const run = async (decision: "allow" | "deny", aborts: boolean) => {
    const asked = Promise.withResolvers<string>();
    const hooks = createHooks({
      logger: false,
      outbox: createOutbox(store, { logger: silentLogger }),
    });
    hooks.on("gate.asked", ({ data }) => asked.resolve(data.ask_id));
    hooks.gate("tool.called", {
      name: "person",
      handle: ({ data }) => {
        judged.push(data.call_id);
        return ask("Pay?");
      },
    });
    const controller = new AbortController();
    const running = generateText({
      ...aiSdkHooks(hooks, { sessionId: "s-1" }).options({
        tools: toolsOf({ pay: ({ amount }) => `paid ${paid.push(amount)}` }),
      }),
      model: scriptedModel(callOnce("pay", { amount: 7 }), 4),
      abortSignal: controller.signal,
      prompt: "hi",
    });
    if (aborts) {
      const askId = await asked.promise;
      controller.abort();
      await running;
      await hooks.asks.resolve(askId, { decision, by: "ada" });
    } else {
      void asked.promise.then((askId) => hooks.asks.resolve(askId, { decision, by: "ada" }));
      await running;
    }
    await hooks.close();
  };
  await run("allow", true);
  assert.deepEqual([judged, paid], [["call_0"], []]);
  await run("deny", false);
  assert.deepEqual([judged, paid], [["call_0"], [7]], "the approval that is stored");
  await run("deny", false);
  assert.deepEqual([judged, paid], [["call_0", "call_0"], [7]], "it is used up");
});
