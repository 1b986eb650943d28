/**
 * Tools of LangChain that don't run as most do: gates judge what each of them gets and returns, or it doesn't run.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { langchainHooks } from "@omniagent/hooks/langchain";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { load } from "./driver.ts";

const { AIMessage, createAgent, createMiddleware, tool, ToolMessage } = await load("langchain");
const { Command, MessagesAnnotation, START, StateGraph } = await load("@langchain/langgraph");
const { ToolNode } = await load("@langchain/langgraph/prebuilt");
const { fakeModel } = await load("@langchain/core/testing");
const { RunnableLambda } = await load("@langchain/core/runnables");
const { StructuredTool } = await load("@langchain/core/tools");
const { z } = await load("zod");

const user = { messages: [{ role: "user", content: "hi" }] };
const paying = () =>
  fakeModel().respondWithTools([{ name: "pay", args: { amount: 7 }, id: "c1" }])
    .respond(new AIMessage("done"));

/** An amount that is in cents after each use of the schema, and one that stays as it is. */
const CENTS = z.object({ amount: z.number().transform((euros: number) => euros * 100) });
const PLAIN = z.object({ amount: z.number() });

type Input = { readonly amount: number };
/** What a tool may be: LangChain's types are not known here. */
// deno-lint-ignore no-explicit-any -- a tool of the SDK
type Tool = any;

/** Runs an agent whose model calls `pay`. Returns what the model is told, or the error of the run. */
async function told(
  hooks: Hooks,
  pay: Tool,
  { before = [], behind = [] }: { before?: readonly object[]; behind?: readonly object[] } = {},
): Promise<string> {
  const { middleware: ours, config } = langchainHooks(hooks);
  const middleware = [...before, ours, ...behind];
  const agent = createAgent({ model: paying(), tools: [pay], middleware });
  try {
    const { messages } = await agent.withConfig(config).invoke(user);
    return messages.at(-2).content;
  } catch (error) {
    return String(error);
  }
}

/** Hooks with a gate that notes the amounts that it judges. */
function judging() {
  const hooks = createHooks({ logger: silentLogger });
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "seen",
    handle: ({ data }) => void judged.push(data.params?.amount),
  });
  return { hooks, judged };
}

const payTool = (ran: unknown[], schema: object, name = "pay"): Tool =>
  tool(({ amount }: Input) => `${ran.push(amount)}`, { name, description: "Pays", schema });

/** A tool whose `call` runs its own code first. */
class Audited extends StructuredTool {
  name = "pay";
  description = "Pays";
  schema: Tool = PLAIN;
  ran: unknown[] = [];

  _call({ amount }: Input): string {
    return `${this.ran.push(amount)}`;
  }
}

/** Tools whose `invoke` or `call` may not be that of the tool that it is called on. */
const WRAPPED: Readonly<Record<string, (pay: Tool) => Tool>> = {
  "a bound invoke": (pay) => {
    const own = pay.invoke.bind(pay);
    pay.invoke = (input: unknown, config: unknown) => own(input, config);
    return pay;
  },
  "a bound call": (pay) => {
    const own = pay.call.bind(pay);
    pay.call = (input: unknown, config: unknown) => own(input, config);
    return pay;
  },
  "a bound invoke that it inherits": (pay) => {
    const own = pay.invoke.bind(pay);
    pay.invoke = (input: unknown, config: unknown) => own(input, config);
    return Object.create(pay);
  },
  "a bound call that it inherits": (pay) => {
    const own = pay.call.bind(pay);
    pay.call = (input: unknown, config: unknown) => own(input, config);
    return Object.create(pay);
  },
  "methods that a proxy binds": (pay) =>
    new Proxy(pay, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  "an invoke of its class that runs another tool": (pay) => {
    class Delegating extends Audited {
      override schema = pay.schema;
      invoke(input: unknown, config: unknown) {
        return pay.invoke(input, config);
      }
    }
    return new Delegating();
  },
};

for (const [what, wrap] of Object.entries(WRAPPED)) {
  test(`langchain: a tool with ${what} gets what gates judged, or doesn't run`, async () => {
    const { hooks, judged } = judging();
    const ran: unknown[] = [];
    assert.equal(await told(hooks, wrap(payTool(ran, PLAIN))), "1");
    assert.deepEqual([judged, ran], [[7], [7]]);
    assert.match(await told(hooks, wrap(payTool(ran, CENTS))), /more than once/);
    await hooks.close();
    assert.deepEqual(ran, [7]);
  });
}

test("langchain: a tool that takes text and whose invoke is bound runs with the text that gates judged", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "seen",
    handle: ({ data }) => void judged.push(data.params?.input),
  });
  const ran: unknown[] = [];
  const pay = tool((text: string) => `${ran.push(text)}`, { name: "pay", schema: z.string() });
  const own = pay.invoke.bind(pay);
  pay.invoke = (input: unknown, config: unknown) => own(input, config);
  const { middleware, config } = langchainHooks(hooks);
  const model = fakeModel().respondWithTools([{ name: "pay", args: { input: "7" }, id: "c1" }])
    .respond(new AIMessage("done"));
  const agent = createAgent({ model, tools: [pay], middleware: [middleware] });
  await agent.withConfig(config).invoke(user);
  await hooks.close();
  assert.deepEqual([judged, ran], [["7"], ["7"]]);
});

test("langchain: a tool with a bound invoke doesn't run if its schema rejected the arguments", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const ran: unknown[] = [];
  let uses = 0; // when gates judge the call, before it runs, and in the tool
  const amount = z.number().refine(() => ++uses > 2, "closed");
  const pay = WRAPPED["a bound invoke"]!(payTool(ran, z.object({ amount })));
  assert.match(await told(hooks, pay), /rejected the arguments/);
  await hooks.close();
  assert.deepEqual(ran, []);
});

test("langchain: a class may parse its arguments itself in invoke and call", async () => {
  class OwnCall extends Audited {
    override schema = CENTS;
    async call(input: unknown, config: unknown, tags: unknown) {
      const { amount } = await this.schema.parseAsync(input);
      const { data } = await this.schema.safeParseAsync(this.schema.parse(input));
      assert.deepEqual([amount, data, this.schema.safeParse(input).data], [700, { amount }, data]);
      return await super.call(input, config, tags);
    }
  }
  class OwnInvoke extends Audited {
    async invoke(input: { readonly args: Input }, config: unknown) {
      return this.schema.safeParse(input.args).success ? await super.invoke(input, config) : "bad";
    }
  }
  for (const [pay, amount] of [[new OwnCall(), 700], [new OwnInvoke(), 7]] as const) {
    const { hooks, judged } = judging();
    assert.equal(await told(hooks, pay), "1");
    await hooks.close();
    assert.deepEqual([judged, pay.ran], [[amount], [amount]]);
  }
});

test("langchain: a class whose call runs another tool fails", async () => {
  const { hooks } = judging();
  const ran: unknown[] = [];
  const other = payTool(ran, CENTS);
  class Delegating extends Audited {
    override schema = CENTS;
    call(input: unknown, config: unknown) {
      return other.call(input, config);
    }
  }
  assert.match(await told(hooks, new Delegating()), /class runs another tool/);
  await hooks.close();
  assert.deepEqual(ran, []);
});

const asTool = (ran: unknown[], name = "pay"): Tool =>
  RunnableLambda.from(({ amount }: Input) => `${ran.push(amount)}`)
    .asTool({ name, description: "Pays", schema: PLAIN });

/** Tools that LangChain doesn't start as it starts others. */
const KINDS: Readonly<Record<string, (ran: unknown[], name?: string) => Tool>> = {
  "a runnable": asTool,
  "a class with its own invoke": (ran, name = "pay") => {
    class Own extends Audited {
      invoke({ args, ...input }: { readonly args?: Input }) {
        return this._call(args ?? input as unknown as Input);
      }
    }
    return Object.assign(new Own(), { name, ran });
  },
};

type Request = { readonly toolCall: { readonly id: string; readonly args: { amount: number } } };
type Next = (request: object) => unknown;

/** How middleware behind ours changes a call. */
const CHANGES: Readonly<Record<string, (request: Request, next: Next) => unknown>> = {
  "with other arguments": ({ toolCall, ...others }, next) =>
    next({ ...others, toolCall: { ...toolCall, args: { amount: 900 } } }),
  "whose arguments it changes in place": (request, next) => {
    request.toolCall.args.amount = 900;
    return next(request);
  },
  "with another id": ({ toolCall, ...others }, next) =>
    next({ ...others, toolCall: { ...toolCall, id: "c2" } }),
};

for (const [kind, make] of Object.entries(KINDS)) {
  test(`langchain: with gates, middleware behind ours can't change a call of ${kind}, or repeat it`, async () => {
    for (const [how, wrapToolCall] of Object.entries(CHANGES)) {
      const { hooks, judged } = judging();
      const ran: unknown[] = [];
      const behind = createMiddleware({ name: "behind", wrapToolCall });
      assert.match(await told(hooks, make(ran), { behind: [behind] }), /langchainHooks last/, how);
      await hooks.close();
      assert.deepEqual([judged, ran], [[7], []], how);
    }
    const { hooks } = judging();
    const ran: unknown[] = [];
    const wrapToolCall = async (request: Request, next: Next) => {
      await next(request);
      return await next(request);
    };
    const twice = createMiddleware({ name: "twice", wrapToolCall });
    assert.match(await told(hooks, make(ran), { behind: [twice] }), /runs it again/);
    await hooks.close();
    assert.deepEqual(ran, [7]);
  });
}

test("langchain: with gates, middleware behind ours can't run another runnable, even after a denial", async () => {
  for (const isDenied of [false, true]) {
    for (const name of ["pay", "wipe"]) {
      const hooks = createHooks({ logger: silentLogger });
      hooks.gate("tool.called", {
        name: "policy",
        handle: () => isDenied ? deny("no") : undefined,
      });
      const ran: unknown[] = [];
      const other = asTool(ran, name);
      const wrapToolCall = (request: Request, next: Next) => next({ ...request, tool: other });
      const behind = createMiddleware({ name: "behind", wrapToolCall });
      assert.match(
        await told(hooks, asTool(ran), { behind: [behind] }),
        /put the middleware of langchainHooks/,
      );
      await hooks.close();
      assert.deepEqual(ran, []);
    }
  }
});

/** Where a tool runs without the middleware that lets gates judge it. */
const UNCONNECTED: Readonly<Record<string, (hooks: Hooks, pay: Tool) => Promise<unknown>>> = {
  "an agent without the middleware": (hooks, pay) =>
    createAgent({ model: paying(), tools: [pay] }).withConfig(langchainHooks(hooks).config)
      .invoke(user),
  "an agent in a tool": (hooks, pay) => {
    const inner = createAgent({ model: paying(), tools: [pay] });
    return told(hooks, tool(() => inner.invoke(user), { name: "pay", schema: PLAIN }));
  },
  "a graph without an agent": (hooks, pay) => {
    const graph = new StateGraph(MessagesAnnotation).addNode("tools", new ToolNode([pay]));
    const tool_calls = [{ name: "pay", args: { amount: 7 }, id: "c1" }];
    const messages = [new AIMessage({ content: "", tool_calls })];
    const { config } = langchainHooks(hooks);
    return graph.addEdge(START, "tools").compile().withConfig(config).invoke({ messages });
  },
  "other middleware": async (hooks, pay) => {
    const beforeModel = async () => void await pay.invoke({ amount: 7 });
    const { middleware, config } = langchainHooks(hooks);
    const before = createMiddleware({ name: "before", beforeModel });
    const agent = createAgent({ model: paying(), tools: [], middleware: [before, middleware] });
    await agent.withConfig(config).invoke(user).catch(() => {});
  },
};

for (const [where, run] of Object.entries(UNCONNECTED)) {
  test(`langchain: with gates, a runnable that is a tool doesn't run in ${where}`, async () => {
    const { hooks } = judging();
    const ran: unknown[] = [];
    await run(hooks, asTool(ran));
    await hooks.close();
    assert.deepEqual(ran, []);
  });
}

test("langchain: a runnable that is a tool runs if gates judge only results, and may be part of a tool", async () => {
  const ran: unknown[] = [];
  const inner = asTool(ran, "inner");
  const outer = tool((input: Input) => inner.invoke(input), { name: "pay", schema: PLAIN });
  for (const pay of [asTool(ran), outer]) {
    for (const type of ["tool.called", "tool.completed"] as const) {
      const hooks = createHooks({ logger: silentLogger });
      hooks.gate(type, { name: "policy", handle: () => undefined });
      assert.match(await told(hooks, pay), /^\d$/);
      await hooks.close();
    }
  }
  assert.deepEqual(ran, [7, 7, 7, 7]);
});

test("langchain: a runnable that is a tool of a connected subagent runs as judged", async () => {
  const { hooks, judged } = judging();
  const ran: unknown[] = [];
  const { middleware, config, child } = langchainHooks(hooks);
  const connected = child({ agentId: "clerk" });
  const clerk = createAgent({
    model: paying(),
    tools: [asTool(ran)],
    middleware: [connected.middleware],
  }).withConfig(connected.config);
  const pay = tool(async () => (await clerk.invoke(user)).messages.at(-2).content, {
    name: "pay",
    schema: PLAIN,
  });
  const agent = createAgent({ model: paying(), tools: [pay], middleware: [middleware] });
  await agent.withConfig(config).invoke(user);
  await hooks.close();
  assert.deepEqual([judged, ran], [[7, 7], [7]]);
});

/** A tool whose own graph sends a command to the graph of the agent. */
function sending(content: string): Tool {
  const send = ({ toolCall }: { readonly toolCall: { readonly id: string } }) => {
    const messages = [new ToolMessage({ content, tool_call_id: toolCall.id })];
    const node = () => new Command({ graph: Command.PARENT, update: { messages } });
    return new StateGraph(MessagesAnnotation).addNode("node", node).addEdge(START, "node").compile()
      .invoke({ messages: [] });
  };
  return tool((_: Input, config: never) => send(config), { name: "pay", schema: PLAIN });
}

test("langchain: gates judge what a graph in a tool sends to the graph of the agent", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const ended: unknown[] = [];
  hooks.on("tool.completed", ({ data }) => void ended.push(data.result ?? data.error));
  hooks.gate("tool.completed", {
    name: "keys",
    kind: "rewrite",
    handle: ({ data }) => {
      if (data.result?.includes("sk-1")) return deny("a key");
      return data.result === "name" ? { ...data, result: "***" } : undefined;
    },
  });
  const said: string[] = [];
  const sent: unknown[] = [];
  const wrapToolCall = async (request: Request, next: Next) => {
    try {
      return await next(request);
    } catch (error) {
      sent.push((error as Error).name);
      throw error;
    }
  };
  const before = createMiddleware({ name: "before", wrapToolCall });
  for (const content of ["ok", "sk-1", "name"]) {
    said.push(await told(hooks, sending(content), { before: [before] }));
  }
  await hooks.close();
  assert.deepEqual(sent, ["ParentCommand"]); // it may be for a graph around that of the agent
  assert.deepEqual(said, ["ok", "a key", "***"]);
  assert.deepEqual(ended, ["ok", "a key", "***"]);
});
