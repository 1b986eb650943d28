import assert from "node:assert/strict";
import { inspect } from "node:util";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { allow, deny } from "@omniagent/hooks/gates";
import { langchainHooks } from "@omniagent/hooks/langchain";
import { test } from "../support/harness.ts";
import { type Driver, type Ending, load, type Script, type Turn, USAGE } from "./driver.ts";
import { BACKGROUND, CALLED, DEFAULTED, recorded, START, testAdapter } from "./scenario.ts";

const langchain = await load("langchain");
const {
  AIMessage,
  createAgent,
  createMiddleware,
  HumanMessage,
  humanInTheLoopMiddleware,
  tool,
  ToolMessage,
  toolRetryMiddleware,
} = langchain;
const { Command, interrupt, MemorySaver, Overwrite, Send } = await load("@langchain/langgraph");
const { fakeModel } = await load("@langchain/core/testing");
const { z } = await load("zod");

/** A model that responds as the script says. */
function scripted(turns: readonly Turn[]) {
  const usage_metadata = {
    input_tokens: USAGE.input,
    output_tokens: USAGE.output,
    total_tokens: USAGE.input + USAGE.output,
  };
  const model = fakeModel();
  for (const turn of turns) {
    if ("error" in turn) model.respond(new Error(turn.error));
    else {
      const content = "text" in turn ? turn.text : "";
      const calls = "calls" in turn ? turn.calls : [];
      const tool_calls = calls.map(({ id, name, params }) => ({ id, name, args: params }));
      model.respond(new AIMessage({ content, tool_calls, usage_metadata }));
    }
  }
  return model;
}

function toolsOf(tools: Script["tools"]) {
  return Object.entries(tools).map(([name, run]) =>
    tool((input: never, { signal }: { signal?: AbortSignal }) => run(input, { signal }), {
      name,
      description: name,
      schema: z.object({ amount: z.number() }),
    })
  );
}

const user = (content: string) => ({ messages: [{ role: "user", content }] });

async function run(script: Script): Promise<Ending> {
  const { hooks, sessionId, prompt, turns, signal, stream, pause, subagent } = script;
  const connection = langchainHooks(hooks, { sessionId });
  const all = { ...script.tools };
  if (subagent) {
    const { name, tools, turns } = subagent;
    const { middleware, config } = connection.child({ agentId: name });
    const helper = createAgent({
      name,
      model: scripted(turns),
      tools: toolsOf(tools),
      middleware: [middleware],
    }).withConfig(config);
    all[name] = async () => (await helper.invoke(user("help"))).messages.at(-1).content;
  }
  const approval = humanInTheLoopMiddleware({ interruptOn: { pay: true } });
  const agent = createAgent({
    model: scripted(turns),
    tools: toolsOf(all),
    middleware: pause ? [approval, connection.middleware] : [connection.middleware],
    ...(pause && { checkpointer: new MemorySaver() }),
  }).withConfig(connection.config);
  const config = { signal, configurable: { thread_id: "t-1" } };
  try {
    let state;
    if (stream) {
      const updates = await agent.stream(user(prompt), { ...config, streamMode: "values" });
      for await (const update of updates) state = update;
    } else state = await agent.invoke(user(prompt), config);
    if (pause) {
      const resume = { decisions: [{ type: "approve" }] };
      state = await agent.invoke(new Command({ resume }), config);
    }
    const told = Object.fromEntries(
      // deno-lint-ignore no-explicit-any -- messages of LangChain
      state.messages.filter((one: any) => one.type === "tool").map((one: any) => [
        one.tool_call_id,
        one.content,
      ]),
    );
    return { text: state.messages.at(-1).content, told };
  } catch (error) {
    return { error: String(error), told: {} };
  }
}

const why = "A tool that an abort stops completes with the abort's error, not its own.";
const aborted = {
  why,
  log: [...START, CALLED, "tool.completed c1 error: aborted", "agent.end aborted"],
};

const driver: Driver = {
  name: "langchain",
  run,
  differences: {
    "a run that is aborted while a tool runs": aborted,
    "a stream that is aborted while a tool runs": aborted,
  },
};

testAdapter(driver);

/** An agent with a thread, and a gate that denies secrets once `isReady` resolves. */
function withSecrets(isReady: () => Promise<unknown> = () => Promise.resolve()) {
  const { hooks, log } = recorded();
  hooks.gate("message.received", {
    name: "secrets",
    handle: async ({ data }) => {
      if (!data.content.includes("SECRET")) return undefined;
      await isReady();
      return deny("no secrets");
    },
  });
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
  const model = scripted([{ text: "done" }, { text: "done" }]);
  const checkpointer = new MemorySaver();
  const agent = createAgent({ model, tools: [], middleware: [middleware], checkpointer })
    .withConfig(config);
  return { hooks, log, model, agent, thread: { configurable: { thread_id: "t-1" } } };
}

test("langchain: the model never sees a message that a gate denied", async () => {
  const { hooks, log, model, agent, thread } = withSecrets();
  const image = { type: "image_url", image_url: { url: "data:SECRET" } };
  const content = [{ type: "text", text: "SECRET" }, image];
  const secret = new HumanMessage({ content, name: "SECRET", additional_kwargs: { of: "SECRET" } });
  const first = await agent.invoke({ messages: [secret] }, thread);
  assert.equal(model.callCount, 0);
  const { messages } = await agent.invoke(user("hi"), thread);
  await hooks.close();
  log.check("s-1");
  assert.doesNotMatch(inspect([first, model.calls], { depth: 20 }), /SECRET/);
  // deno-lint-ignore no-explicit-any -- messages of LangChain
  assert.deepEqual(messages.map(({ type, content }: any) => [type, content]), [
    ["human", "[This message was denied.]"],
    ["ai", "no secrets"],
    ["human", "hi"],
    ["ai", "done"],
  ]);
});

test("langchain: a message whose run was aborted before gates decided is judged in the next run", async () => {
  const abort = new AbortController();
  const { hooks, model, agent, thread } = withSecrets(() => Promise.resolve(abort.abort()));
  await assert.rejects(agent.invoke(user("SECRET"), { ...thread, signal: abort.signal }));
  const { messages } = await agent.invoke(user("hi"), thread);
  assert.deepEqual([messages.at(-1).content, model.callCount], ["no secrets", 0]);
  await agent.invoke(user("hi"), thread);
  await hooks.close();
  assert.equal(model.callCount, 1);
  assert.doesNotMatch(inspect(model.calls, { depth: 20 }), /SECRET/);
});

test("langchain: a tool that interrupts its run is called once, and completed when it resumes", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
  const pay = tool(() => `paid ${interrupt("pay?")}`, {
    name: "pay",
    description: "pay",
    schema: z.object({ amount: z.number() }),
  });
  const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] }, { text: "done" }];
  const agent = createAgent({
    model: scripted(turns),
    tools: [pay],
    middleware: [middleware],
    checkpointer: new MemorySaver(),
  }).withConfig(config);
  const thread = { configurable: { thread_id: "t-1" } };
  await agent.invoke(user("hi"), thread);
  await agent.invoke(new Command({ resume: "7" }), thread);
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.lines.filter((line) => /tool|agent/.test(line)), [
    "agent.start",
    `tool.called c1 pay {"amount":7}`,
    "agent.end success 3+5",
    "agent.start",
    "tool.completed c1 paid 7",
    "agent.end success 3+5",
  ]);
});

for (const other of ["b", "a"]) {
  const where = other === "a" ? "its thread" : "another thread";
  test(`langchain: a call like a paused one is judged in ${where}`, async () => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", {
      name: "policy",
      handle: ({ data }) => data.name === "erase" ? deny("never") : undefined,
    });
    const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
    const paying = (name: string, run: () => unknown) =>
      tool(run, { name, description: name, schema: z.object({ amount: z.number() }) });
    const ran: string[] = [];
    const erase = paying("erase", () => `${ran.push("erase")}`);
    const confirm = paying("confirm", () => {
      ran.push("confirm");
      return `${interrupt("sure?")}`;
    });
    const call = (name: string) => ({ calls: [{ id: "c1", name, params: { amount: 7 } }] });
    const agent = createAgent({
      model: scripted([call("confirm"), call("confirm"), call("erase"), { text: "done" }]),
      tools: [confirm, erase],
      middleware: [middleware],
      checkpointer: new MemorySaver(),
    }).withConfig(config);
    for (const thread_id of ["a", "a", other]) {
      await agent.invoke(user("hi"), { configurable: { thread_id } });
    }
    await hooks.close();
    assert.deepEqual(ran, ["confirm", "confirm"]);
    const counts = [log.count("tool.completed"), log.count("tool.denied")];
    assert.deepEqual(counts, [2, 1]);
  });
}

test("langchain: close() ends a call whose run was never resumed", async () => {
  const { hooks, log } = recorded();
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
  const pay = tool(() => interrupt("pay?"), {
    name: "pay",
    description: "pay",
    schema: z.object({ amount: z.number() }),
  });
  const agent = createAgent({
    model: scripted([{ calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] }]),
    tools: [pay],
    middleware: [middleware],
    checkpointer: new MemorySaver(),
  }).withConfig(config);
  await agent.invoke(user("hi"), { configurable: { thread_id: "t-1" } });
  await hooks.close();
  log.check("s-1");
});

test("langchain: with toolErrors 'throw', a middleware before ours can try a tool again", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const options = { sessionId: "s-1", toolErrors: "throw" } as const;
  const { middleware, config } = langchainHooks(hooks, options);
  let attempts = 0;
  const pay = tool(() => {
    if (++attempts === 1) throw new Error("busy");
    return "paid";
  }, { name: "pay", description: "pay", schema: z.object({ amount: z.number() }) });
  const agent = createAgent({
    model: scripted([
      { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] },
      { text: "done" },
    ]),
    tools: [pay],
    middleware: [toolRetryMiddleware({ maxRetries: 1, initialDelayMs: 1 }), middleware],
  }).withConfig(config);
  const { messages } = await agent.invoke(user("hi"));
  assert.deepEqual([attempts, messages.at(-2).content], [2, "paid"]);
  await hooks.close();
  // Each attempt is a call of its own, with one end.
  log.check("s-1");
  assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.")), [
    CALLED,
    "tool.completed c1 error: busy",
    CALLED.replace("c1", "c1#2"),
    "tool.completed c1#2 paid",
  ]);
});

test("langchain: an agent that a tool leaves running in the background keeps its own run", async () => {
  const { hooks, log } = recorded();
  const connection = langchainHooks(hooks, { sessionId: "s-1" });
  const over = Promise.withResolvers<void>();
  hooks.once("agent.end", () => over.resolve());
  const { middleware, config } = connection.child({ agentId: "helper", name: "helper" });
  const pays = [{ calls: [{ id: "h1", name: "pay", params: { amount: 7 } }] }, { text: "helped" }];
  const tools = toolsOf({ pay: () => "paid" });
  const helper = createAgent({ model: scripted(pays), tools, middleware: [middleware] })
    .withConfig(config);
  let left: Promise<unknown> | undefined;
  const start = toolsOf({
    start: () => {
      left = over.promise.then(() => helper.invoke(user("help")));
      return "started";
    },
  });
  const starts = [{ calls: [{ id: "c1", name: "start", params: { amount: 7 } }] }, {
    text: "done",
  }];
  const main = createAgent({
    name: "main",
    model: scripted(starts),
    tools: start,
    middleware: [connection.middleware],
  }).withConfig(connection.config);
  await main.invoke(user("hi"));
  await left;
  await hooks.close();
  log.check("s-1");
  assert.deepEqual(log.runs, BACKGROUND);
});

test("langchain: without the callbacks, the run fails and says what to pass", async () => {
  const hooks = createHooks();
  const { middleware } = langchainHooks(hooks);
  const agent = createAgent({
    model: scripted([{ text: "done" }]),
    tools: [],
    middleware: [middleware],
  });
  await assert.rejects(agent.invoke(user("hi")), /withConfig\(config\)/);
  await hooks.close();
});

test("langchain: without the middleware, no tool runs, and the model gets advice", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const { config } = langchainHooks(hooks, { sessionId: "s-1" });
  let ran = 0;
  const agent = createAgent({
    model: scripted([
      { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] },
      { text: "done" },
    ]),
    tools: toolsOf({ pay: () => ++ran }),
  }).withConfig(config);
  const { messages } = await agent.invoke(user("hi"));
  await hooks.close();
  assert.match(messages.at(-2).content, /the middleware is missing/);
  assert.deepEqual([ran, log.lines], [0, [
    "agent.start",
    "message.sent done",
    "agent.end success",
  ]]);
});

test("langchain: gates judge the tool that middleware before ours puts in the place of another", async () => {
  const { hooks } = recorded();
  const handle = ({ data }: { data: { name: string } }) =>
    data.name === "pay" ? deny("No payments") : undefined;
  hooks.gate("tool.called", { name: "policy", handle });
  let paid = 0;
  const [pay] = toolsOf({ pay: () => ++paid });
  const [quote] = toolsOf({ quote: () => "7" });
  const call = { calls: [{ id: "c1", name: "quote", params: { amount: 7 } }] };
  const model = scripted([call, { text: "done" }]);
  const router = createMiddleware({
    name: "router",
    wrapToolCall: (request: Call, handler: (request: object) => unknown) =>
      handler({ ...request, tool: pay }),
  });
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
  const agent = createAgent({ model, tools: [quote], middleware: [router, middleware] });
  const { messages } = await agent.withConfig(config).invoke(user("hi"));
  assert.deepEqual([paid, messages.at(-2).content], [0, "No payments"]);
  await hooks.close();
});

/** Runs an agent that calls `quote`, in whose place middleware puts `pay`. Returns what the model is told. */
async function toldOfSwapped(
  hooks: Hooks,
  pays: () => unknown,
  toolErrors?: "message" | "throw",
): Promise<{ readonly content: string; readonly status: string }> {
  const [pay] = toolsOf({ pay: pays });
  const [quote] = toolsOf({ quote: () => "7" });
  const router = createMiddleware({
    name: "router",
    wrapToolCall: (request: Call, handler: (request: object) => unknown) =>
      handler({ ...request, tool: pay }),
  });
  const call = { calls: [{ id: "c1", name: "quote", params: { amount: 7 } }] };
  const model = scripted([call, { text: "done" }]);
  const options = { sessionId: "s-1", ...toolErrors && { toolErrors } };
  const { middleware, config } = langchainHooks(hooks, options);
  const agent = createAgent({ model, tools: [quote], middleware: [router, middleware] });
  return (await agent.withConfig(config).invoke(user("hi"))).messages.at(-2);
}

/** Adds an exclamation mark to each result. */
const shout = (hooks: Hooks) =>
  hooks.gate("tool.completed", {
    name: "shout",
    kind: "rewrite",
    handle: ({ data }) => data.result ? { ...data, result: `${data.result}!` } : undefined,
  });

for (const toolErrors of ["message", "throw"] as const) {
  test(`langchain: with toolErrors '${toolErrors}', a denial of the tool that runs fails the call with its reason`, async () => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", {
      name: "policy",
      handle: ({ data }) => data.name === "pay" ? deny("No payments") : undefined,
    });
    shout(hooks);
    const { content, status } = await toldOfSwapped(hooks, () => "paid", toolErrors);
    await hooks.close();
    log.check("s-1");
    assert.deepEqual([content, status], ["No payments", "error"]);
    assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.")), [
      `tool.called c1 quote {"amount":7}`,
      "tool.completed c1 error: No payments",
      "tool.denied c1#2 No payments",
    ]);
  });
}

test("langchain: a call ends with the error of the tool that runs in its place, which fails or whose result is denied", async () => {
  const fails = () => Promise.reject(new Error("no money"));
  for (const pays of [fails, () => "sk-1"]) {
    const { hooks, log } = recorded();
    hooks.gate("tool.completed", {
      name: "keys",
      handle: ({ data }) => data.result?.includes("sk-1") ? deny("a key") : undefined,
    });
    const { content, status } = await toldOfSwapped(hooks, pays);
    await hooks.close();
    log.check("s-1");
    const why = pays === fails ? "no money" : "a key";
    assert.equal(status, "error");
    assert.match(content, new RegExp(`^(Error: )?${why}`));
    assert.deepEqual(log.lines.filter((line) => line.startsWith("tool.completed")), [
      `tool.completed c1 error: ${why}`,
      `tool.completed c1#2 error: ${why}`,
    ]);
  }
});

test("langchain: the text that gates add to a call, and to the tool that runs in its place, reaches the model once", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => allow("fine", { context: data.name === "pay" ? "Be brief" : "Be kind" }),
  });
  hooks.gate("tool.called", { name: "all", handle: () => undefined });
  shout(hooks);
  const { content } = await toldOfSwapped(hooks, () => "paid");
  await hooks.close();
  assert.equal(content, "paid!!\n\nBe kind\n\nBe brief");
});

test("langchain: gates judge the name that the model calls when middleware provides the tool", async () => {
  const { hooks, log } = recorded();
  const handle = ({ data }: { data: { name: string } }) =>
    data.name === "delete_db" ? deny("No deletions") : undefined;
  const gate = hooks.gate("tool.called", { name: "policy", handle });
  const ran: string[] = [];
  const dispatcher = tool(
    (_: object, { toolCall }: { toolCall: { name: string } }) => ran.push(toolCall.name),
    { name: "dispatcher", description: "Does it", schema: z.object({}) },
  );
  const dynamic = createMiddleware({
    name: "dynamic",
    wrapToolCall: (request: Call, handler: (request: object) => unknown) =>
      handler({ ...request, tool: dispatcher }),
  });
  const run = async () => {
    const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
    const model = scripted([
      { calls: [{ id: "c1", name: "delete_db", params: {} }] },
      { text: "done" },
    ]);
    const agent = createAgent({ model, tools: [], middleware: [dynamic, middleware] });
    return (await agent.withConfig(config).invoke(user("hi"))).messages.at(-2).content;
  };
  assert.deepEqual([await run(), ran], ["No deletions", []]);
  gate.unregister();
  hooks.gate("tool.called", { name: "open", handle: () => undefined });
  await run();
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([ran.length, log.count("tool.called"), log.count("tool.denied")], [1, 2, 1]);
});

test("langchain: with gates, middleware behind ours can't run a tool again that was judged once", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  let ran = 0;
  const tools = toolsOf({
    pay: () => {
      ran++;
      throw new Error("no money");
    },
  });
  const model = scripted([
    { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] },
    { text: "done" },
  ]);
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
  const retries = toolRetryMiddleware({ maxRetries: 2, initialDelayMs: 0, backoffFactor: 0 });
  const agent = createAgent({ model, tools, middleware: [middleware, retries] });
  await agent.withConfig(config).invoke(user("hi"));
  await hooks.close();
  log.check("s-1");
  assert.equal(ran, 1);
});

test("langchain: with gates, no tool of a subagent without the middleware runs", async () => {
  const failures: string[] = [];
  const hooks = createHooks({ logger: false, onError: (error) => failures.push(String(error)) });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const call = { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] };
  const done = { text: "done" };
  let paid = 0;
  const subagent = (middleware: object[] = []) =>
    createAgent({
      model: scripted([call, done, call, done]),
      tools: toolsOf({ pay: () => `Paid ${++paid}` }),
      middleware,
    });
  const run = async (cashier: ReturnType<typeof subagent>) => {
    const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
    const delegate = async () => (await cashier.invoke(user("pay"))).messages.at(-1).content;
    const ask = { calls: [{ id: "c1", name: "delegate", params: { amount: 7 } }] };
    const model = scripted([ask, ask, done]);
    const tools = toolsOf({ delegate });
    const agent = createAgent({ model, tools, middleware: [middleware] }).withConfig(config);
    return (await agent.invoke(user("hi"))).messages.at(-1).content;
  };
  const own = langchainHooks(hooks);
  assert.equal(await run(subagent([own.middleware]).withConfig(own.config)), "done");
  assert.deepEqual([paid, failures], [2, []]);
  assert.equal(await run(subagent()), "done");
  assert.deepEqual([paid, failures.length], [2, 1], failures.join());
  assert.match(failures[0]!, /without the middleware/);
  await hooks.close();
});

test("langchain: the events of an unnamed agent have no name", async () => {
  const { hooks } = recorded();
  const names: unknown[] = [];
  hooks.on("agent.start", ({ data }) => void names.push(data.name));
  const { middleware, config } = langchainHooks(hooks);
  for (const name of [undefined, "clerk"]) {
    const model = scripted([{ text: "done" }]);
    const agent = createAgent({ name, model, tools: [], middleware: [middleware] });
    await agent.withConfig(config).invoke(user("hi"));
  }
  await hooks.close();
  assert.deepEqual(names, [undefined, "clerk"]);
});

for (
  const [what, provides, says] of [
    ["the denied tool by its name", ({ toolCall }: Call) => toolCall.name === "pay", /^policy$/],
    ["a tool for any call", () => true, /put the middleware of langchainHooks last/],
  ] as const
) {
  test(`langchain: middleware behind ours that provides ${what} makes no denial a result`, async () => {
    const { hooks } = recorded();
    hooks.gate("tool.called", { name: "policy", handle: () => deny("policy") });
    const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
    let ran = 0;
    const [pay] = toolsOf({ pay: () => ++ran });
    const model = scripted([
      { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] },
      { text: "done" },
    ]);
    const behind = createMiddleware({
      name: "behind",
      wrapToolCall: (request: Call, handler: (request: object) => unknown) =>
        handler(provides(request) ? { ...request, tool: pay } : request),
    });
    const agent = createAgent({ model, tools: [pay], middleware: [middleware, behind] });
    const said = await agent.withConfig(config).invoke(user("hi")).then(
      ({ messages }: { messages: readonly { name?: string; content: string }[] }) => {
        const reply = messages.at(-2)!;
        assert.deepEqual([reply.name, ran], ["pay", 0]);
        return reply.content;
      },
      String,
    );
    await hooks.close();
    assert.match(said, says);
    assert.equal(ran, 0);
  });
}

for (
  const [what, pays, says] of [
    ["failed", () => {
      throw new Error("no money");
    }, /'pay' failed, but middleware/],
    ["has run", () => "paid", /'pay' has run, and its result was denied, but middleware/],
  ] as const
) {
  test(`langchain: an error says when middleware after ours replaces the response of a tool that ${what}`, async () => {
    const { hooks } = recorded();
    hooks.gate("tool.completed", {
      name: "policy",
      handle: ({ data }) => data.error === undefined ? deny("secret") : undefined,
    });
    const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
    const [pay] = toolsOf({ pay: pays });
    const [other] = toolsOf({ pay: () => "other" });
    const model = scripted([{ calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] }]);
    const behind = createMiddleware({
      name: "behind",
      wrapToolCall: (request: Call, handler: (request: object) => unknown) =>
        handler(request.toolCall.name === "pay" ? request : { ...request, tool: other }),
    });
    const agent = createAgent({ model, tools: [pay], middleware: [middleware, behind] });
    await assert.rejects(agent.withConfig(config).invoke(user("hi")), says);
    await hooks.close();
  });
}

type Call = { readonly toolCall: { readonly name: string } };

test("langchain: gates judge everything that a tool's command changes", async () => {
  const message = (content: unknown) => new ToolMessage({ tool_call_id: "c1", content });
  const image = { type: "image", data: "sk-1", mimeType: "image/png" };
  const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] }, { text: "done" }];
  const call = { id: "c2", name: "x", args: { key: "sk-1" } };
  const invalid = new AIMessage({ content: "", invalid_tool_calls: [{ id: "c2", args: "sk-1" }] });
  const late = message("ok");
  late.additional_kwargs = { key: "sk-1" };
  const given = { jumpTo: undefined };
  const commands: readonly object[] = [
    { update: { messages: [message("sk-1")] } },
    { update: { messages: message("sk-1") } },
    { update: [["messages", [message("sk-1")]]] },
    { update: { messages: [message([{ type: "text", text: "ok" }, image])] } },
    { update: { messages: [message("ok"), new AIMessage({ content: "", tool_calls: [call] })] } },
    { update: { messages: [message("ok")], note: "sk-1" } },
    {
      update: { messages: [new ToolMessage({ tool_call_id: "c1", content: "ok", name: "sk-1" })] },
    },
    { update: { messages: [message("ok"), invalid] } },
    { update: { messages: [message("ok")], note: new Overwrite("sk-1") } },
    { update: { messages: [late], note: "new" } },
    {
      update: { messages: [message("ok")] },
      goto: [new Send("model_request", { ...given, messages: [new HumanMessage("sk-1")] })],
    },
  ];
  for (const command of commands) {
    for (const isRewrite of [false, true]) {
      const { hooks } = recorded();
      const off = hooks.gate("tool.completed", {
        name: "keys",
        kind: "rewrite",
        handle: ({ data }) => {
          if (!data.result?.includes("sk-1")) return undefined;
          return isRewrite
            ? { ...data, result: data.result.replace("sk-1", "***") }
            : deny("a key");
        },
      });
      const pay = tool(() => new Command(command), {
        name: "pay",
        description: "pay",
        schema: z.object({ amount: z.number() }),
      });
      const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
      const invoke = async () => {
        const model = scripted([...turns, { text: "done" }]);
        const seen: unknown[] = [];
        const state = createMiddleware({
          name: "state",
          stateSchema: z.object({ note: z.any().optional() }),
          wrapModelCall: (request: object, handler: (request: object) => unknown) => {
            seen.push((request as { messages: unknown }).messages);
            return handler(request);
          },
        });
        const agent = createAgent({ model, tools: [pay], middleware: [state, middleware] });
        seen.push(await agent.withConfig(config).invoke(user("hi")));
        // The additional fields of a message that was changed aren't in its JSON.
        return inspect(seen, { depth: null });
      };
      assert.doesNotMatch(await invoke(), /sk-1/);
      off();
      assert.match(await invoke(), /sk-1/);
      await hooks.close();
    }
  }
});

/** Objects that refer to one another. */
const linked: object[] = [];
while (linked.length < 20) linked.push({ links: linked });

const UNSEEN: Readonly<Record<string, readonly [value: unknown, says: RegExp]>> = {
  "a Map": [new Map([["key", "sk-1"]]), /Gates can't judge the result.*command\.note: .*Map/],
  "a cycle": [linked, /Gates can't judge the result.*command\.note\.0\.links: .*cycle/],
};

for (const [what, [unseen, says]] of Object.entries(UNSEEN)) {
  test(`langchain: with gates of results, a command with ${what} is withheld`, async () => {
    const { hooks, log } = recorded();
    const invoke = () => invokeWithNote(hooks, unseen);
    assert.deepEqual(await invoke(), ["ok", unseen]);
    assert.ok(log.lines.includes("tool.completed c1 ok"), log.lines.join("\n"));
    hooks.gate("tool.completed", { name: "keys", handle: () => undefined });
    const [text, note] = await invoke();
    await hooks.close();
    log.check("s-1");
    assert.match(text, says);
    assert.equal(note, undefined);
  });
}

test("langchain: gates see an object of a command in each place that refers to it", async () => {
  const { hooks } = recorded();
  let note: object = { key: "sk-1" };
  for (let level = 0; level < 4; level++) note = { a: note, b: [note] };
  const seen: unknown[] = [];
  hooks.gate("tool.completed", {
    name: "keys",
    handle: ({ data }) => void seen.push(JSON.parse(data.result!).note),
  });
  assert.deepEqual(await invokeWithNote(hooks, note), ["ok", note]);
  await hooks.close();
  assert.deepEqual(seen, [note]);
});

/** Runs an agent whose tool returns a command with a message and a note, and returns what becomes of both. */
async function invokeWithNote(hooks: Hooks, note: unknown): Promise<[string, unknown]> {
  const messages = [new ToolMessage({ tool_call_id: "c1", content: "ok" })];
  const pay = tool(() => new Command({ update: { messages, note } }), {
    name: "pay",
    description: "pay",
    schema: z.object({ amount: z.number() }),
  });
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1", toolErrors: "throw" });
  const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] }, { text: "done" }];
  const stateSchema = z.object({ note: z.any().optional() });
  const agent = createAgent({
    model: scripted(turns),
    tools: [pay],
    middleware: [createMiddleware({ name: "state", stateSchema }), middleware],
  });
  const state = await agent.withConfig(config).invoke(user("hi"));
  return [state.messages.at(-2).content, state.note];
}

test("langchain: a tool that other middleware calls itself doesn't run with gates", async () => {
  const failures: string[] = [];
  const hooks = createHooks({ logger: false, onError: (error) => failures.push(String(error)) });
  let ran = 0;
  const [pay] = toolsOf({ pay: () => `${++ran}` });
  const prefetch = createMiddleware({
    name: "prefetch",
    beforeModel: async () => void await pay.invoke({ amount: 7 }),
  });
  const invoke = async () => {
    const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
    const model = scripted([{ text: "done" }]);
    const agent = createAgent({ model, tools: [pay], middleware: [prefetch, middleware] });
    return await agent.withConfig(config).invoke(user("hi"));
  };
  await invoke();
  assert.equal(ran, 1);
  const gate = hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  await assert.rejects(invoke(), /your own code calls it.*with hooks\.call\(\)/);
  gate.unregister();
  hooks.gate("tool.completed", { name: "policy", handle: () => undefined });
  await assert.rejects(invoke(), /your own code calls it/);
  await hooks.close();
  assert.deepEqual([ran, failures.length], [1, 2]);
});

/** How middleware behind ours changes a call that gates have judged. */
const BEHIND: Readonly<Record<string, (request: Call, other: object) => object>> = {
  "other arguments": (request) => ({
    ...request,
    toolCall: { ...request.toolCall, args: { amount: 700 } },
  }),
  "another tool": (request, other) =>
    request.toolCall.name === "pay" ? { ...request, tool: other } : request,
  "another id": (request) => ({ ...request, toolCall: { ...request.toolCall, id: "c2" } }),
};

for (const [what, change] of Object.entries(BEHIND)) {
  test(`langchain: with gates, middleware behind ours can't run a call with ${what}`, async () => {
    const { hooks } = recorded();
    const ran: unknown[] = [];
    const [pay, erase] = toolsOf({
      pay: ({ amount }) => ran.push(amount),
      erase: () => ran.push("erase"),
    });
    const behind = createMiddleware({
      name: "behind",
      wrapToolCall: (request: Call, handler: (request: object) => unknown) =>
        handler(change(request, erase!)),
    });
    const invoke = async () => {
      const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
      const call = { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] };
      const model = scripted([call, { text: "done" }]);
      const agent = createAgent({ model, tools: [pay], middleware: [middleware, behind] });
      return (await agent.withConfig(config).invoke(user("hi"))).messages.at(-2).content;
    };
    await invoke();
    assert.equal(ran.splice(0).length, 1);
    hooks.gate("tool.called", { name: "policy", handle: () => undefined });
    assert.match(await invoke(), /Put the middleware of langchainHooks last/);
    await hooks.close();
    assert.deepEqual(ran, []);
  });
}

test("langchain: a call that middleware before ours changes while gates decide runs as judged", async () => {
  const { hooks } = recorded();
  const ran: unknown[] = [];
  const pay = tool(
    ({ amount }: { readonly amount: number }, { toolCall }: Call) =>
      ran.push(amount, toolCall.name),
    { name: "pay", description: "pay", schema: z.object({ amount: z.number() }) },
  );
  let onDecide = () => {};
  const before = createMiddleware({
    name: "before",
    wrapToolCall: (
      request: { readonly toolCall: object },
      handler: (request: object) => unknown,
    ) => {
      onDecide = () =>
        void Object.assign(request.toolCall, { name: "erase", args: { amount: 700 } });
      return handler(request);
    },
  });
  hooks.gate("tool.called", { name: "policy", handle: () => onDecide() });
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
  const call = { calls: [{ id: "c1", name: "pay", params: { amount: 7 } }] };
  const model = scripted([call, { text: "done" }]);
  const agent = createAgent({ model, tools: [pay], middleware: [before, middleware] });
  await agent.withConfig(config).invoke(user("hi"));
  await hooks.close();
  assert.deepEqual(ran, [7, "pay"]);
});

test("langchain: a tool whose schema rejects its own output gets what gates judged", async () => {
  const { hooks } = recorded();
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "seen",
    handle: ({ data }) => void judged.push(data.params?.amount),
  });
  const paid: unknown[] = [];
  const pay = tool(({ amount }: { readonly amount: number }) => `${paid.push(amount)}`, {
    name: "pay",
    description: "pay",
    schema: z.object({ amount: z.string().transform(Number).pipe(z.number()) }),
  });
  const turns = [{ calls: [{ id: "c1", name: "pay", params: { amount: "7" } }] }, { text: "done" }];
  const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
  const agent = createAgent({ model: scripted(turns), tools: [pay], middleware: [middleware] });
  await agent.withConfig(config).invoke(user("hi"));
  await hooks.close();
  assert.deepEqual([judged, paid], [[7], [7]]);
});

for (const [what, amount, sent] of DEFAULTED) {
  test(`langchain: gates judge the arguments that the tool receives, with ${what}`, async () => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", {
      name: "limit",
      handle: ({ data }) => Number(data.params?.amount) > 100 ? deny("too much") : undefined,
    });
    const paid: number[] = [];
    const pay = tool(({ amount }: { readonly amount: number }) => `${paid.push(amount)}`, {
      name: "pay",
      description: "pay",
      schema: z.object({ amount: amount(z) }),
    });
    const turns = [{ calls: [{ id: "c1", name: "pay", params: sent }] }, { text: "done" }];
    const { middleware, config } = langchainHooks(hooks, { sessionId: "s-1" });
    const agent = createAgent({ model: scripted(turns), tools: [pay], middleware: [middleware] });
    await agent.withConfig(config).invoke(user("hi"));
    await hooks.close();
    assert.deepEqual([paid, log.count("tool.denied")], [[], 1]);
  });
}
