import assert from "node:assert/strict";
import type { Hooks } from "@omniagent/hooks";
import { allow, ask, deny } from "@omniagent/hooks/gates";
import { strandsHooks } from "@omniagent/hooks/strands";
import { test } from "../support/harness.ts";
import { type Driver, type Ending, load, type Script, type Turn, USAGE } from "./driver.ts";
import { BACKGROUND, DEFAULTED, END, HELPED, recorded, START, testAdapter } from "./scenario.ts";
import { TRACE, TREE } from "./traces.ts";

const strands = await load("@strands-agents/sdk");
const { z } = await load("zod");

/** A model that responds as the script says. */
class ScriptedModel extends strands.Model {
  readonly #turns: readonly Turn[];
  #next = 0;

  constructor(turns: readonly Turn[]) {
    super();
    this.#turns = turns;
  }

  updateConfig(): void {}

  getConfig(): object {
    return { modelId: "scripted" };
  }

  async *stream(): AsyncGenerator<object> {
    const turn = this.#turns[this.#next++]!;
    if ("error" in turn) {
      if (turn.after !== undefined) {
        yield { type: "modelMessageStartEvent", role: "assistant" };
        yield { type: "modelContentBlockStartEvent" };
        const delta = { type: "textDelta", text: turn.after };
        yield { type: "modelContentBlockDeltaEvent", delta };
      }
      throw new Error(turn.error);
    }
    const isText = "text" in turn;
    yield { type: "modelMessageStartEvent", role: "assistant" };
    const blocks = isText
      ? [{ start: undefined, delta: { type: "textDelta", text: turn.text } }]
      : turn.calls.map(({ id, name, params }) => ({
        start: { type: "toolUseStart", name, toolUseId: id },
        delta: { type: "toolUseInputDelta", input: JSON.stringify(params) },
      }));
    for (const { start, delta } of blocks) {
      yield { type: "modelContentBlockStartEvent", start };
      yield { type: "modelContentBlockDeltaEvent", delta };
      yield { type: "modelContentBlockStopEvent" };
    }
    yield { type: "modelMessageStopEvent", stopReason: isText ? "endTurn" : "toolUse" };
    const totalTokens = USAGE.input + USAGE.output;
    const usage = { inputTokens: USAGE.input, outputTokens: USAGE.output, totalTokens };
    yield { type: "modelMetadataEvent", usage };
  }
}

function toolsOf(tools: Script["tools"]): object[] {
  return Object.entries(tools).map(([name, run]) =>
    strands.tool({
      name,
      description: "Pays",
      inputSchema: z.object({ amount: z.number() }),
      callback: (input: never, { cancelSignal }: { cancelSignal?: AbortSignal }) =>
        run(input, { signal: cancelSignal }),
    })
  );
}

async function run(script: Script): Promise<Ending> {
  const { hooks, sessionId, prompt, tools, turns, signal, stream, pause, subagent } = script;
  const agentOf = (id: string, turns: readonly Turn[], more: object) =>
    new strands.Agent({
      id,
      name: id,
      model: new ScriptedModel(turns),
      printer: false,
      retryStrategy: null,
      ...more,
    });
  const all = toolsOf(tools);
  if (subagent) {
    const child = agentOf(subagent.name, subagent.turns, { tools: toolsOf(subagent.tools) });
    all.push(child); // an agent is a tool
  }
  const agent = agentOf("main", turns.map(withInput), {
    tools: all,
    plugins: [strandsHooks(hooks, strands, { sessionId })],
  });
  if (pause) {
    // The SDK itself asks, before our plugin decides.
    agent.addHook(
      strands.BeforeToolCallEvent,
      (event: { interrupt(options: object): unknown }) =>
        void event.interrupt({ name: "approve", reason: "Pay?" }),
    );
  }
  try {
    // Canceling is no error in Strands: the result says so.
    const options = signal && { cancelSignal: signal };
    let result = stream
      ? await lastOf(agent.stream(prompt, options))
      : await agent.invoke(prompt, options);
    if (pause) {
      const responses = result.interrupts.map(({ id }: { id: string }) =>
        new strands.InterruptResponseContent({ interruptId: id, response: true })
      );
      result = await agent.invoke(responses);
    }
    const text = String(result);
    const error = result.stopReason === "cancelled" ? text : undefined;
    return { text, error, told: told(agent.messages) };
  } catch (error) {
    return { error: String(error), told: {} };
  }
}

/** An agent that is a tool takes a text. */
function withInput(turn: Turn): Turn {
  if (!("calls" in turn)) return turn;
  const calls = turn.calls.map((call) =>
    call.name === "helper" ? { ...call, params: { input: "help" } } : call
  );
  return { calls };
}

/** Reads a stream to its end, and returns what it returns. */
async function lastOf(stream: AsyncGenerator<unknown, { readonly stopReason: string }>) {
  let step = await stream.next();
  while (!step.done) step = await stream.next();
  return step.value;
}

// deno-lint-ignore no-explicit-any -- messages of Strands
function told(messages: any[]): Record<string, string> {
  const blocks = messages.flatMap(({ content }) => content);
  return Object.fromEntries(
    blocks.filter(({ type }) => type === "toolResultBlock").map(({ toolUseId, content }) => [
      toolUseId,
      content.map(({ text, json }: { text?: string; json?: unknown }) =>
        text ?? JSON.stringify(json)
      ).join("\n"),
    ]),
  );
}

const driver: Driver = {
  name: "strands",
  run,
  differences: {
    "an agent that starts another one": {
      why: "An agent used as a tool takes one text: `{ input }`.",
      log: [
        ...START,
        `tool.called c1 helper {"input":"help"}`,
        ...HELPED,
        "tool.completed c1 helped",
        ...END,
      ],
    },
    [TRACE]: {
      why: "Strands starts its own spans, and tools run in those.",
      log: [
        ...TREE.slice(0, 4),
        "  invoke_agent helper",
        "    execute_tool pay",
        "      run_guardrail policy",
        "  the bank",
      ],
    },
  },
};

testAdapter(driver);

test("strands: a message that a gate denies gets no response", async () => {
  const { hooks, log } = recorded();
  hooks.gate("message.received", { name: "policy", handle: () => deny("not today") });
  const { text } = await run({ ...SCRIPT, hooks });
  assert.equal(text, "not today");
  await hooks.close();
  assert.deepEqual(log.lines, ["agent.start", "agent.end error: not today"]);
});

/** Other ways in which a message that is denied comes to an agent. */
const DENIED: Readonly<
  // deno-lint-ignore no-explicit-any -- agents of Strands
  Record<string, (agent: any, signal: AbortSignal) => Promise<unknown>>
> = {
  "": (agent) => agent.invoke("SECRET"),
  "with an image": (agent) => {
    const source = { bytes: new Uint8Array([1]) };
    return agent.invoke([
      new strands.TextBlock("SECRET"),
      new strands.ImageBlock({ format: "png", source }),
    ]);
  },
  "among others": (agent) => {
    const messages = ["SECRET", "hi"].map((text) => ({ role: "user", content: [{ text }] }));
    return agent.invoke(messages);
  },
  "that another hook has copied": (agent) => {
    const { Message, MessageAddedEvent, TextBlock } = strands;
    const remove = agent.addHook(MessageAddedEvent, () => {
      const copy = new Message({ role: "user", content: [new TextBlock("SECRET, once more")] });
      if (agent.messages.length === 1) agent.messages[0] = copy;
    });
    return agent.invoke("SECRET").finally(remove);
  },
  "or that a person had not allowed when its run was aborted": (agent, cancelSignal) =>
    agent.invoke("SECRET: ask", { cancelSignal }).catch(() => {}),
};

for (const [how, send] of Object.entries(DENIED)) {
  test(`strands: the model never sees a message that a gate denied ${how}`.trim(), async () => {
    const abort = new AbortController();
    const onAsk = () => {
      abort.abort();
      return new Promise<never>(() => {});
    };
    const { hooks } = recorded({ gates: { onAsk } });
    hooks.gate("message.received", {
      name: "secrets",
      handle: ({ data }) => {
        if (data.content.includes("ask")) return ask("May the model see it?");
        return data.content.includes("SECRET") ? deny("not today") : undefined;
      },
    });
    const seen: unknown[] = [];
    class Spy extends ScriptedModel {
      override stream(...[messages]: unknown[]) {
        seen.push(JSON.stringify(messages));
        return super.stream();
      }
    }
    const model = new Spy([{ text: "done" }]);
    const { agent } = connected(hooks, [], {}, { model });
    await send(agent, abort.signal);
    assert.deepEqual(seen, []);
    await agent.invoke("hi");
    await hooks.close();
    assert.equal(seen.length, 1);
    assert.doesNotMatch(`${seen}`, /SECRET|image/);
    assert.match(`${seen}`, /This message was denied.*hi/);
  });
}

test("strands: results of tools remain of a message that a gate denied", async () => {
  const { hooks } = recorded();
  hooks.gate("message.received", { name: "policy", handle: () => deny("not today") });
  const { agent } = connected(hooks, []);
  const { TextBlock, ToolResultBlock } = strands;
  const result = { toolUseId: "c1", status: "success", content: [new TextBlock("paid")] };
  await agent.invoke([new ToolResultBlock(result), new TextBlock("hi")]);
  await hooks.close();
  const [first, second] = agent.messages[0].toJSON().content;
  assert.equal(first.toolResult.toolUseId, "c1");
  assert.deepEqual(second, { text: "[This message was denied.]" });
});

test("strands: the model reads the message that gates let through", async () => {
  const { hooks } = recorded();
  hooks.gate("message.received", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, content: "***" }),
  });
  const { agent } = connected(hooks, [{ text: "done" }]);
  await agent.invoke("hi");
  await hooks.close();
  assert.deepEqual(agent.messages[0].toJSON().content, [{ text: "***" }]);
});

test("strands: a result keeps its form when gates change it", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: `${data.result}`.replace("sk-1", "***") }),
  });
  const { agent } = connected(hooks, SCRIPT.turns, { pay: () => ({ key: "sk-1" }) });
  await agent.invoke("hi");
  await hooks.close();
  assert.deepEqual(agent.messages[2].content[0].toJSON().toolResult.content, [
    { json: { key: "***" } },
  ]);
});

test("strands: a run whose stream is not read to its end is aborted", async () => {
  const { hooks, log } = recorded();
  const { agent } = connected(hooks, [{ text: "done" }]);
  for await (const { type } of agent.stream("hi")) if (type === "modelStreamUpdateEvent") break;
  await hooks.close();
  assert.deepEqual(log.lines.slice(-2), ["model.completed error: aborted", "agent.end aborted"]);
});

test("strands: a tool that asks a person is one call, in both runs", async () => {
  const { hooks, log } = recorded();
  const { agent } = connected(hooks, SCRIPT.turns, {
    pay: (_params, context) =>
      `the answer is ${(context as Interruptible).interrupt({ name: "q" })}`,
  });
  const { interrupts } = await agent.invoke("hi");
  const [{ id: interruptId }] = interrupts;
  await agent.invoke([new strands.InterruptResponseContent({ interruptId, response: "yes" })]);
  await hooks.close();
  log.check("s-1");
  assert.equal(log.count("tool.called"), 1);
  assert.ok(log.lines.includes("tool.completed c1 the answer is yes"));
});

test("strands: a call like one that another agent paused is judged", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "erase" ? deny("never") : undefined,
  });
  const plugins = [strandsHooks(hooks, strands, { sessionId: "s-1" })];
  const ran: string[] = [];
  const tools: Script["tools"] = {
    confirm: (_params, context) => {
      ran.push("confirm");
      return (context as Interruptible).interrupt({ name: "q" });
    },
    erase: () => ran.push("erase"),
  };
  for (const name of ["confirm", "confirm", "erase"]) {
    const turns = [{ calls: [{ id: "c1", name, params: { amount: 7 } }] }, { text: "done" }];
    await connected(hooks, turns, tools, { plugins }).agent.invoke("hi");
  }
  await hooks.close();
  assert.deepEqual(ran, ["confirm", "confirm"]);
  const counts = [log.count("tool.completed"), log.count("tool.denied")];
  assert.deepEqual(counts, [2, 1]);
});

test("strands: an agent that was used as a tool has no parent when it is invoked directly", async () => {
  const { hooks } = recorded();
  const parents: unknown[] = [];
  hooks.on("agent.start", ({ data }) => void parents.push(data.parent_agent_id));
  const child = new strands.Agent({
    name: "helper",
    model: new ScriptedModel([{ text: "helped" }, { text: "helped" }]),
    printer: false,
  });
  const call = { id: "c1", name: "helper", params: { input: "help" } };
  const agent = new strands.Agent({
    model: new ScriptedModel([{ calls: [call] }, { text: "done" }]),
    tools: [child],
    printer: false,
    plugins: [strandsHooks(hooks, strands, { agentId: "main" })],
  });
  await agent.invoke("hi");
  await child.invoke("hi");
  await hooks.close();
  assert.deepEqual(parents, [undefined, "main", undefined]);
});

test("strands: an agent that was used as a tool keeps its id when it is invoked directly", async () => {
  const { hooks } = recorded();
  const started: unknown[] = [];
  hooks.on("agent.start", ({ data }) => void started.push([data.name, data.agent_id]));
  const helper = helperOf([{ text: "helped" }, { text: "helped" }]);
  const plugin = strandsHooks(hooks, strands, { agentId: "main", name: "Main" });
  await connected(hooks, HELP, {}, { tools: [helper], plugins: [plugin] }).agent.invoke("hi");
  await helper.invoke("hi");
  await hooks.close();
  assert.deepEqual(started, [["Main", "main"], ["helper", "h"], ["helper", "h"]]);
});

test("strands: an agent that has the plugin gets the plugin's agentId when it is invoked directly", async () => {
  const { hooks } = recorded();
  const started: unknown[] = [];
  hooks.on("agent.start", ({ data }) => void started.push([data.name, data.agent_id]));
  const plugins = [strandsHooks(hooks, strands, { agentId: "main" })];
  const helper = helperOf([{ text: "helped" }, { text: "helped" }], { plugins });
  await connected(hooks, HELP, {}, { name: "Main", tools: [helper], plugins }).agent.invoke("hi");
  await helper.invoke("hi");
  await hooks.close();
  assert.deepEqual(started, [["Main", "main"], ["helper", "h"], ["helper", "main"]]);
});

test("strands: an agent that two others call at once belongs to the one that runs it", async () => {
  const { hooks, log } = recorded();
  const parents: unknown[] = [];
  hooks.on("agent.start", ({ data }) => {
    if (data.agent_id === "h") parents.push(data.parent_agent_id);
    else assert.match(data.name ?? "", /^(first|second)$/);
  });
  const called = Promise.withResolvers<void>();
  const slow = { name: "slow", initAgent: () => called.promise };
  const helper = helperOf([{ text: "helped" }], { plugins: [slow] });
  const plugin = strandsHooks(hooks, strands, { sessionId: "s-1" });
  const runs: string[] = [];
  hooks.on("tool.called", ({ runId }) => void runs.push(runId!));
  hooks.once("tool.completed", () => called.resolve()); // the second call, which fails
  const more = { tools: [helper], plugins: [plugin] };
  await Promise.all(
    ["first", "second"].map((name) =>
      connected(hooks, HELP, {}, { ...more, name }).agent.invoke("hi")
    ),
  );
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(parents, [runs[0]]);
});

test("strands: an agent delegates to another one in one run, which ends with its response", async () => {
  for (const isMasked of [false, true]) {
    const { hooks, log } = recorded();
    if (isMasked) {
      hooks.gate("message.received", {
        name: "mask",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, content: `${data.content}!` }),
      });
    }
    const received: unknown[] = [];
    hooks.on("message.received", ({ data }) => void received.push(data.content));
    const helper = helperOf([{ text: "helped" }]);
    const tools = [helper.asTool({ delegate: true })];
    const { agent } = connected(hooks, HELP, {}, { name: "main", tools });
    const result = await agent.invoke("hi");
    await new Promise((resolve) => setTimeout(resolve));
    const open = log.count("agent.start") - log.count("agent.end");
    await hooks.close();
    log.check("s-1");
    assert.deepEqual([String(result).trim(), open], ["helped", 0]);
    assert.deepEqual(received, isMasked ? ["hi!", "help!"] : ["hi", "help"]);
    assert.deepEqual(log.lines.filter((line) => /agent\.|message.sent/.test(line)), [
      "agent.start",
      "[h] agent.start",
      "[h] message.sent helped",
      "[h] agent.end success 3+5",
      "message.sent helped",
      "agent.end success 3+5",
    ]);
  }
});

test("strands: a denied message to an agent that another one delegates to ends that one's run only", async () => {
  const { hooks, log } = recorded();
  hooks.gate("message.received", {
    name: "policy",
    handle: ({ data }) => data.agent_id === "h" ? deny("not today") : undefined,
  });
  const tools = [helperOf([]).asTool({ delegate: true })];
  await connected(hooks, HELP, {}, { name: "main", tools }).agent.invoke("hi");
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.lines.filter((line) => /agent\.|message.sent/.test(line)), [
    "agent.start",
    "[h] agent.start",
    "[h] agent.end error: not today",
    "message.sent not today",
    "agent.end success 3+5",
  ]);
});

test("strands: an agent that a tool leaves running in the background keeps its own run", async () => {
  const { hooks, log } = recorded();
  const over = Promise.withResolvers<void>();
  hooks.once("agent.end", () => over.resolve());
  const agentOf = (name: string, tools: Script["tools"]) => {
    const [tool] = Object.keys(tools) as [string];
    const turns = [{ calls: [{ id: tool, name: tool, params: { amount: 7 } }] }, { text: "done" }];
    return connected(hooks, turns, tools, { name }).agent;
  };
  const helper = agentOf("helper", { pay: () => "paid" });
  let left: Promise<unknown> | undefined;
  const start = () => {
    left = over.promise.then(() => helper.invoke("help"));
    return "started";
  };
  await agentOf("main", { start }).invoke("hi");
  await left;
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.runs, BACKGROUND);
});

for (const waitForCompletion of [true, false]) {
  const what = waitForCompletion ? "that its run waits for" : "that outlives its run";
  test(`strands: a tool in the background ${what} is one call of that run`, async () => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", { name: "policy", handle: () => undefined });
    const over = Promise.withResolvers<void>();
    hooks.once(waitForCompletion ? "tool.called" : "agent.end", () => over.resolve());
    const completed = new Promise((resolve) => void hooks.once("tool.completed", resolve));
    const pay = () => over.promise.then(() => "paid");
    const turns = [...SCRIPT.turns, { text: "later" }];
    const backgroundTasks = { always: ["pay"], waitForCompletion };
    const more = { name: "main", backgroundTasks };
    await connected(hooks, turns, { pay }, more).agent.invoke("hi");
    await completed;
    await hooks.close();
    log.check("s-1");
    assert.equal(log.count("tool.called"), 1);
    assert.ok(log.lines.includes("tool.completed c1 paid"));
  });
}

/** A plugin that changes what is paid, in a middleware. */
const raising = {
  name: "raising",
  initAgent(agent: { addMiddleware(stage: object, handler: unknown): unknown }) {
    // deno-lint-ignore no-explicit-any -- the SDK's context
    agent.addMiddleware(strands.ExecuteToolStage, async function* (context: any, next: any) {
      const toolUse = { ...context.toolUse, input: { amount: 700 } };
      return yield* next({ ...context, toolUse });
    });
  },
};

const LIMIT = (hooks: Hooks) =>
  hooks.gate("tool.called", {
    name: "limit",
    handle: ({ data }) => Number(data.params?.amount) > 100 ? deny("too much") : undefined,
  });

test("strands: gates judge a call after the plugins of a subagent have changed it", async () => {
  const { hooks, log } = recorded();
  LIMIT(hooks);
  const paid: number[] = [];
  const pay = ({ amount }: { readonly amount: number }) => paid.push(amount);
  const more = { name: "helper", plugins: [raising] };
  const helper = connected(hooks, SCRIPT.turns, { pay }, more).agent;
  const calls = [{ id: "h1", name: "helper", params: { input: "help" } }];
  const agent = connected(hooks, [{ calls }, { text: "done" }], {}, { tools: [helper] }).agent;
  await agent.invoke("hi");
  await hooks.close();
  assert.deepEqual([paid, log.count("tool.denied")], [[], 1]);
});

/** How middleware is added to an agent. */
const ADDED: Readonly<Record<string, (agent: Swappable) => void>> = {
  "by its method": (agent) => raising.initAgent(agent),
  "by the method of its class": (agent) => {
    const addMiddleware = strands.Agent.prototype.addMiddleware.bind(agent);
    raising.initAgent({ addMiddleware });
  },
};

for (const [how, add] of Object.entries(ADDED)) {
  test(`strands: gates judge a call after middleware added since the first run ${how} has changed it`, async () => {
    const { hooks, log } = recorded();
    LIMIT(hooks);
    const paid: number[] = [];
    const pay = ({ amount }: { readonly amount: number }) => paid.push(amount);
    const { agent } = connected(hooks, [{ text: "hello" }, ...SCRIPT.turns], { pay });
    await agent.invoke("hi");
    add(agent);
    await agent.invoke("hi");
    await hooks.close();
    log.check("s-1");
    assert.deepEqual([paid, log.count("tool.denied")], [[], 1]);
  });
}

/** How a call of one tool becomes that of another. */
const SWAPPED: Readonly<Record<string, (agent: Swappable, pay: object, live: Live) => void>> = {
  "middleware gives it another name": (agent) =>
    change(agent, (context) => ({ ...context, toolUse: { ...context.toolUse, name: "pay" } })),
  "middleware selects another tool": (agent, pay) =>
    change(agent, (context) => ({ ...context, tool: pay })),
  "middleware selects another tool while gates decide": (agent, pay, live) =>
    change(agent, (context) => {
      const own = { ...context };
      live.onDecide = () => void (own.tool = pay);
      return own;
    }),
  "middleware gives it another name while gates decide": (agent, _pay, live) =>
    change(agent, (context) => {
      live.onDecide = () => void (context.toolUse.name = "pay");
      return context;
    }),
  "a hook selects another tool": (agent, pay) =>
    void agent.addHook(
      strands.BeforeToolCallEvent,
      (event: { selectedTool: unknown }) => void (event.selectedTool = pay),
    ),
};

type Live = { onDecide(): void };
// deno-lint-ignore no-explicit-any -- an agent of Strands
type Swappable = any;

function change(agent: Swappable, change: (context: Swappable) => object): void {
  // deno-lint-ignore no-explicit-any -- the SDK's stage
  agent.addMiddleware(strands.ExecuteToolStage, async function* (context: any, next: any) {
    return yield* next(change(context));
  });
}

for (const [how, swap] of Object.entries(SWAPPED)) {
  test(`strands: gates judge the tool that runs when ${how}`, async () => {
    for (const isDenied of [true, false]) {
      const { hooks, log } = recorded();
      const live: Live = { onDecide: () => {} };
      const judged: string[] = [];
      hooks.gate("tool.called", {
        name: "policy",
        handle: ({ data }) => {
          judged.push(data.name);
          live.onDecide();
          return isDenied && data.name === "pay" ? deny("never") : undefined;
        },
      });
      const ran: string[] = [];
      const toolOf = (name: string) =>
        strands.tool({
          name,
          description: name,
          inputSchema: z.object({ amount: z.number() }),
          // A tool may do whatever the name of the call says.
          callback: (_: object, { toolUse }: { toolUse: { name: string } }) =>
            ran.push(name, toolUse.name),
        });
      const [pay, quote] = ["pay", "quote"].map(toolOf);
      const turns = [{ calls: [{ id: "c1", name: "quote", params: { amount: 7 } }] }, {
        text: "done",
      }];
      const { agent } = connected(hooks, turns, {}, { tools: [pay, quote] });
      swap(agent, pay, live);
      await agent.invoke("hi");
      await hooks.close();
      log.check("s-1");
      const seen = [...new Set(ran)].sort();
      assert.deepEqual(seen.filter((name) => !judged.includes(name)), []);
      if (isDenied) assert.ok(!seen.includes("pay"));
      else assert.notEqual(seen.length, 0);
    }
  });
}

/** Runs an agent that calls `quote`, in whose place a hook selects `pay`. Returns what the model is told. */
async function toldOfSwapped(hooks: Hooks): Promise<{ status: string; content: unknown }> {
  const turns = [{ calls: [{ id: "c1", name: "quote", params: { amount: 7 } }] }, { text: "done" }];
  const [pay, quote] = toolsOf({ pay: () => "paid", quote: () => "7" });
  const { agent } = connected(hooks, turns, {}, { tools: [pay, quote] });
  agent.addHook(
    strands.BeforeToolCallEvent,
    (event: { selectedTool: unknown }) => void (event.selectedTool = pay),
  );
  await agent.invoke("hi");
  return agent.messages[2].content[0].toJSON().toolResult;
}

test("strands: a denial of the tool that runs fails the call with its reason", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "pay" ? deny("No payments") : undefined,
  });
  const { status, content } = await toldOfSwapped(hooks);
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([status, content], ["error", [{ text: "No payments" }]]);
  assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.")), [
    `tool.called c1 quote {"amount":7}`,
    "tool.completed c1 error: No payments",
    "tool.denied c1#2 No payments",
  ]);
});

test("strands: the text that gates add to a call, and to the tool that runs in its place, reaches the model once", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: () => allow("fine", { context: "Be brief" }),
  });
  const judged: unknown[] = [];
  hooks.gate("tool.completed", {
    name: "seen",
    handle: ({ data }) => void judged.push(data.result),
  });
  const { content } = await toldOfSwapped(hooks);
  await hooks.close();
  assert.deepEqual(content, [{ text: "paid" }, { text: "Be brief" }]);
  assert.deepEqual(judged, ["paid", "paid"]);
});

test("strands: a call that middleware renames continues after a pause without another decision", async () => {
  const { hooks, log } = recorded();
  const judged: string[] = [];
  hooks.gate("tool.called", { name: "seen", handle: ({ data }) => void judged.push(data.name) });
  const { agent } = connected(hooks, SCRIPT.turns, {
    pay: (_params, context) => `replied ${(context as Interruptible).interrupt({ name: "q" })}`,
  });
  change(agent, (context) => ({ ...context, toolUse: { ...context.toolUse, name: "quote" } }));
  const { interrupts: [{ id: interruptId }] } = await agent.invoke("hi");
  await agent.invoke([new strands.InterruptResponseContent({ interruptId, response: "yes" })]);
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(judged, ["quote", "pay"]);
  assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.completed")).toSorted(), [
    "tool.completed c1 replied yes",
    "tool.completed c1#2 replied yes",
  ]);
});

test("strands: gates judge a call after middleware that a later hook adds has changed it", async () => {
  const { hooks } = recorded();
  const paid: number[] = [];
  const pay = ({ amount }: { readonly amount: number }) => paid.push(amount);
  const calls = ["c1", "c2"].map((id) => ({ id, name: "pay", params: { amount: 7 } }));
  const { agent } = connected(hooks, [{ calls }, { text: "done" }], { pay });
  LIMIT(hooks);
  // After all other hooks, right before the call.
  agent.addHook(strands.BeforeToolCallEvent, () => raising.initAgent(agent), { order: 1_000 });
  await agent.invoke("hi");
  await hooks.close();
  assert.deepEqual(paid, []);
});

/** Returns a tool `pay` that returns a result of its own. */
function returning(result: object): object {
  class Returning extends strands.Tool {
    readonly name = "pay";
    readonly description = "Pays";
    readonly toolSpec = { name: "pay", description: "Pays", inputSchema: { type: "object" } };
    // deno-lint-ignore require-yield -- a stream without updates
    async *stream(
      { toolUse: { toolUseId } }: { readonly toolUse: { readonly toolUseId: string } },
    ) {
      return await Promise.resolve(new strands.ToolResultBlock({ ...result, toolUseId }));
    }
  }
  return new Returning();
}

test("strands: gates judge all of an error result", async () => {
  const { TextBlock, JsonBlock } = strands;
  const text = new TextBlock("boom");
  const results: readonly (readonly [object[], Error | undefined])[] = [
    [[text, new JsonBlock({ json: { key: "sk-1" } })], undefined],
    [[new JsonBlock({ json: { key: "sk-1" } })], undefined],
    [[new TextBlock("Error: sk-1 boom")], new Error("boom")],
    [[new TextBlock("sk-1")], new Error("")],
  ];
  for (const [content, error] of results) {
    for (const isRewrite of [false, true]) {
      const { hooks } = recorded();
      hooks.gate("tool.completed", {
        name: "keys",
        kind: "rewrite",
        handle: ({ data }) => {
          if (!data.error?.includes("sk-1")) return undefined;
          return isRewrite ? { ...data, error: data.error.replace("sk-1", "***") } : deny("a key");
        },
      });
      const tool = returning({ status: "error", content, error });
      const { agent } = connected(hooks, SCRIPT.turns, {}, { tools: [tool] });
      await agent.invoke("hi");
      await hooks.close();
      assert.doesNotMatch(JSON.stringify(agent.messages[2]), /sk-1/);
    }
  }
});

test("strands: content that a tool adds while gates judge its result is left out", async () => {
  for (const status of ["success", "error"]) {
    const { hooks } = recorded();
    const content = [new strands.TextBlock("fine")];
    hooks.gate("tool.completed", {
      name: "slow",
      handle: () => void content.push(new strands.TextBlock("sk-1")),
    });
    const tool = returning({ status, content });
    const { agent } = connected(hooks, SCRIPT.turns, {}, { tools: [tool] });
    await agent.invoke("hi");
    await hooks.close();
    assert.match(JSON.stringify(agent.messages[2]), /fine/);
    assert.doesNotMatch(JSON.stringify(agent.messages[2]), /sk-1/);
  }
});

for (const [what, amount, sent] of DEFAULTED) {
  test(`strands: gates judge the input that the tool receives, with ${what}`, async () => {
    const { hooks, log } = recorded();
    LIMIT(hooks);
    const paid: number[] = [];
    const pay = strands.tool({
      name: "pay",
      description: "Pays",
      inputSchema: z.object({ amount: amount(z) }),
      callback: ({ amount }: { readonly amount: number }) => paid.push(amount),
    });
    const turns = [{ calls: [{ id: "c1", name: "pay", params: sent }] }, { text: "done" }];
    await connected(hooks, turns, {}, { tools: [pay] }).agent.invoke("hi");
    await hooks.close();
    assert.deepEqual([paid, log.count("tool.denied")], [[], 1]);
  });
}

test("strands: a tool gets what gates judged, or doesn't run, if its schema changes its own output", async () => {
  const rewrites = [
    [{ amount: 7 }, z.string().transform(Number).pipe(z.number()), { amount: "7" }],
    [{ amount: 2 }, z.number().transform((n: number) => n * 2).pipe(z.number()), { amount: 1 }],
  ] as const;
  for (const [seen, amount, sent] of rewrites) {
    for (const isRewrite of [false, true]) {
      const { hooks, log } = recorded();
      const judged: unknown[] = [];
      hooks.gate("tool.called", {
        name: "limit",
        kind: "rewrite",
        handle: ({ data }) => {
          judged.push(data.params);
          return isRewrite ? { ...data, params: { amount: 3 } } : undefined;
        },
      });
      const ran: unknown[] = [];
      const pay = strands.tool({
        name: "pay",
        description: "Pays",
        inputSchema: z.object({ amount }),
        callback: (input: object) => ran.push(input),
      });
      const turns = [{ calls: [{ id: "c1", name: "pay", params: sent }] }, { text: "done" }];
      await connected(hooks, turns, {}, { tools: [pay] }).agent.invoke("hi");
      await hooks.close();
      log.check("s-1");
      assert.deepEqual([judged, ran], [[seen], isRewrite ? [] : [seen]]);
    }
  }
});

// deno-lint-ignore no-explicit-any -- a tool of Strands
type Streaming = any;

/** How a tool gets a `stream` that runs another tool, or another object. */
const WRAPPED: Readonly<Record<string, (pay: Streaming) => object>> = {
  "is bound": (pay) => {
    const stream = pay.stream.bind(pay);
    pay.stream = (context: object) => stream(context);
    return pay;
  },
  "is inherited": (pay) =>
    Object.create(pay, { stream: { value: (context: object) => pay.stream(context) } }),
  "is inherited twice": (pay) =>
    Object.create(
      Object.create(pay, { stream: { value: (context: object) => pay.stream(context) } }),
    ),
  "is that of a proxy": (pay) =>
    new Proxy(pay, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  "is that of its class": (pay) => {
    class Audited extends strands.ZodTool {
      stream(context: object): unknown {
        return pay.stream(context);
      }
    }
    const { name, description, _inputSchema: inputSchema, _callback: callback } = pay;
    return new (Audited as Streaming)({ name, description, inputSchema, callback });
  },
};

for (const [how, wrap] of Object.entries(WRAPPED)) {
  test(`strands: a tool whose stream ${how} gets what gates judged, or doesn't run`, async () => {
    const times = (factor: number) => z.preprocess((x: unknown) => Number(x) * factor, z.number());
    // What a schema adds is kept if it is applied once more.
    for (const [amount, expected] of [[times(1), [{ amount: 7 }]], [times(100), []]] as const) {
      const { hooks, log } = recorded();
      const judged: unknown[] = [];
      hooks.gate("tool.called", {
        name: "seen",
        handle: ({ data }) => void judged.push(data.params),
      });
      const ran: unknown[] = [];
      const pay = strands.tool({
        name: "pay",
        description: "Pays",
        inputSchema: z.object({ amount }),
        callback: (input: object) => ran.push(input),
      });
      const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount: "7" } }] }, {
        text: "done",
      }];
      await connected(hooks, turns, {}, { tools: [wrap(pay)] }).agent.invoke("hi");
      await hooks.close();
      log.check("s-1");
      assert.deepEqual([ran, judged], [expected, expected]);
    }
  });
}

test("strandsHooks() names what is wrong with its arguments", async () => {
  const { hooks } = recorded();
  assert.throws(() => strandsHooks(hooks, {} as never), /Pass the module of @strands-agents\/sdk/);
  const options = { session: "s-1" } as never;
  assert.throws(() => strandsHooks(hooks, strands, options), /'session'.*'sessionId'/s);
  await hooks.close();
});

type Interruptible = { interrupt(options: { readonly name: string }): unknown };

const SCRIPT = {
  sessionId: "s-1",
  prompt: "hi",
  tools: { pay: () => "paid" },
  turns: [{ calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] }, { text: "done" }],
} satisfies Omit<Script, "hooks">;

/** The turns of an agent that calls another one. */
const HELP: readonly Turn[] = [
  { calls: [{ id: "c1", name: "helper", params: { input: "help" } }] },
  { text: "done" },
];

/** Returns an agent for others to use as a tool. */
function helperOf(turns: readonly Turn[], more: object = {}) {
  const model = new ScriptedModel(turns);
  return new strands.Agent({ id: "h", name: "helper", model, printer: false, ...more });
}

function connected(
  hooks: Hooks,
  turns: readonly Turn[],
  tools: Script["tools"] = {},
  more: object = {},
) {
  const plugin = strandsHooks(hooks, strands, { sessionId: "s-1" });
  const agent = new strands.Agent({
    model: new ScriptedModel(turns),
    tools: Object.entries(tools).map(([name, callback]) =>
      strands.tool({
        name,
        description: "Pays",
        inputSchema: z.object({ amount: z.number() }),
        callback,
      })
    ),
    printer: false,
    plugins: [plugin],
    ...more,
  });
  return { agent };
}
