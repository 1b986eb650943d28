/**
 * Tools whose schemas change what a model writes: gates judge what the tool gets, and it gets nothing else.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { langchainHooks } from "@omniagent/hooks/langchain";
import { mastraHooks } from "@omniagent/hooks/mastra";
import { strandsHooks } from "@omniagent/hooks/strands";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { scriptedModel } from "./ai_model.ts";
import { load } from "./driver.ts";

const { createAgent, createMiddleware, tool } = await load("langchain");
const { fakeModel } = await load("@langchain/core/testing");
const { RunnableLambda } = await load("@langchain/core/runnables");
const strands = await load("@strands-agents/sdk");
const { Agent } = await load("@mastra/core/agent");
const { createTool } = await load("@mastra/core/tools");
const { z } = await load("zod");

type Run = (hooks: Hooks, schema: object, sent: object, execute: Execute) => Promise<void>;
type Execute = (input: unknown) => string;

/** Runs an agent of each SDK whose model calls the tool `pay` once. */
const RUNS: Readonly<Record<string, Run>> = {
  langchain: (hooks, schema, sent, execute) =>
    runLangChain(hooks, sent, tool(execute, { name: "pay", description: "Pays", schema })),
  "langchain's runnables": (hooks, schema, sent, execute) => {
    const runnable = RunnableLambda.from(execute);
    return runLangChain(hooks, sent, runnable.asTool({ name: "pay", description: "Pays", schema }));
  },
  strands: async (hooks, inputSchema, sent, execute) => {
    const pay = strands.tool({ name: "pay", description: "Pays", inputSchema, callback: execute });
    const plugins = [strandsHooks(hooks, strands)];
    await new strands.Agent({ model: new Paying(sent), tools: [pay], printer: false, plugins })
      .invoke("hi");
  },
  mastra: async (hooks, inputSchema, sent, execute) => {
    const run = (input: unknown): Promise<string> => Promise.resolve(execute(input));
    const pay = createTool({ id: "pay", description: "Pays", inputSchema, execute: run });
    await mastraHooks(hooks, mastraAgent("main", sent, { pay })).generate("hi");
  },
};

function runLangChain(hooks: Hooks, sent: object, pay: object, more: object[] = []) {
  const { middleware, config } = langchainHooks(hooks);
  const model = fakeModel().respondWithTools([{ name: "pay", args: sent, id: "c1" }])
    .respondWithTools([]);
  const agent = createAgent({ model, tools: [pay], middleware: [middleware, ...more] });
  return agent.withConfig(config).invoke({ messages: [{ role: "user", content: "hi" }] });
}

function mastraAgent(id: string, sent: object, tools: object) {
  const turns = [{ calls: [{ id: "c1", name: "pay", params: sent }] }, { text: "done" }];
  const model = scriptedModel(turns as never, 3);
  return new Agent({ id, name: id, instructions: "Pay", model, tools, maxRetries: 0 });
}

/** A model of Strands that calls `pay` once. */
class Paying extends strands.Model {
  #sent: object | undefined;

  constructor(sent: object) {
    super();
    this.#sent = sent;
  }

  updateConfig(): void {}

  getConfig(): object {
    return { modelId: "scripted" };
  }

  async *stream(): AsyncGenerator<object> {
    const sent = this.#sent;
    this.#sent = undefined;
    yield { type: "modelMessageStartEvent", role: "assistant" };
    const start = sent && { type: "toolUseStart", name: "pay", toolUseId: "c1" };
    yield { type: "modelContentBlockStartEvent", start };
    const delta = sent
      ? { type: "toolUseInputDelta", input: JSON.stringify(sent) }
      : { type: "textDelta", text: "done" };
    yield { type: "modelContentBlockDeltaEvent", delta };
    yield { type: "modelContentBlockStopEvent" };
    yield { type: "modelMessageStopEvent", stopReason: sent ? "toolUse" : "endTurn" };
  }
}

/** Hooks with the errors of calls, and why they were denied. */
function observed() {
  const hooks = createHooks({ logger: silentLogger });
  const said: string[] = [];
  hooks.on("tool.completed", ({ data }) => void said.push(data.error ?? ""));
  hooks.on("tool.denied", ({ data }) => void said.push(data.reason));
  return { hooks, said };
}

/** Registers a gate that adds a field. */
function dryRuns(hooks: Hooks): void {
  hooks.gate("tool.called", {
    name: "dry-run",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: { ...data.params, dryRun: true } }),
  });
}

for (const [sdk, run] of Object.entries(RUNS)) {
  /** Whether the SDK applies a schema again. */
  const reapplies = sdk === "mastra";

  test(`${sdk}: a tool gets what gates judged, even if its schema now returns something else`, async () => {
    const { hooks } = observed();
    let account = "alice-1";
    const judged: unknown[] = [];
    hooks.gate("tool.called", {
      name: "slow",
      handle: ({ data }) => {
        judged.push(data.params);
        account = "mallory-9";
      },
    });
    const ran: unknown[] = [];
    // Accepts its own output, as Mastra needs it.
    const look = (to: string) => to === "boss" || to === "alice-1" ? account : to;
    const to = z.string().transform(look).pipe(z.string());
    await run(hooks, z.object({ to }), { to: "boss" }, (input) => `${ran.push(input)}`);
    await hooks.close();
    assert.deepEqual(judged, [{ to: "alice-1" }]);
    assert.deepEqual(ran, reapplies ? [] : judged);
  });

  test(`${sdk}: a tool doesn't start if its schema rejected the arguments when gates judged them`, async () => {
    const { hooks, said } = observed();
    let exists = false;
    hooks.gate("tool.called", { name: "slow", handle: () => void (exists = true) });
    const ran: unknown[] = [];
    const path = z.string().refine(() => exists, "missing");
    const schema = z.object({ path, mode: z.string().default("force") });
    await run(hooks, schema, { path: "a.txt" }, (input) => `${ran.push(input)}`);
    await hooks.close();
    assert.deepEqual(ran, []);
    assert.match(said.join(), /rejected the arguments|did not match expected schema/);
  });

  test(`${sdk}: a call is denied if the tool's schema drops a field that a gate added, and runs if it has it`, async () => {
    const { hooks, said } = observed();
    dryRuns(hooks);
    const ran: unknown[] = [];
    const target = z.object({ target: z.string() });
    await run(hooks, target, { target: "prod" }, (input) => `${ran.push(input)}`);
    const schema = z.object({ target: z.string(), dryRun: z.boolean().optional() });
    await run(hooks, schema, { target: "prod" }, (input) => `${ran.push(input)}`);
    await hooks.close();
    assert.match(said[0]!, /the tool's schema drops 'dryRun', which a gate added/);
    assert.deepEqual(ran, [{ target: "prod", dryRun: true }]);
  });

  // The SDK accepts no such schema.
  if (sdk !== "strands") {
    test(`${sdk}: a tool gets a Date and a URL that its schema makes`, async () => {
      const { hooks, said } = observed();
      const judged: unknown[] = [];
      hooks.gate("tool.called", {
        name: "seen",
        handle: ({ data }) => void judged.push(data.params),
      });
      const ran: unknown[] = [];
      const make = (value: unknown) => typeof value === "string" ? new URL(value) : value;
      const schema = z.object({
        at: z.coerce.date(),
        url: z.preprocess(make, z.instanceof(URL)).optional(),
      });
      const sent = { at: "2026-01-02", url: "http://a/" };
      await run(hooks, schema, sent, (input) => `${ran.push(input)}`);
      await hooks.close();
      const at = new Date("2026-01-02");
      assert.deepEqual(said, [""]);
      assert.deepEqual(judged, [{ at: at.toJSON(), url: "http://a/" }]);
      assert.deepEqual(ran, [{ at, url: new URL("http://a/") }]);
    });
  }

  if (reapplies) continue;

  test(`${sdk}: a schema is applied once, so that it may use something up`, async () => {
    const { hooks, said } = observed();
    hooks.gate("tool.called", { name: "policy", handle: () => undefined });
    const codes = new Set(["123456"]);
    const use = (code: string): boolean => codes.delete(code);
    const isAsync = sdk === "langchain";
    const code = z.string().refine(isAsync ? (code: string) => Promise.resolve(use(code)) : use);
    const ran: unknown[] = [];
    await run(hooks, z.object({ code }), { code: "123456" }, (input) => `${ran.push(input)}`);
    await hooks.close();
    assert.deepEqual([ran, said], [[{ code: "123456" }], [""]]);
  });
}

test("langchain: with gates, middleware behind ours can't run another tool of the same name", async () => {
  const { hooks } = observed();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const ran: unknown[] = [];
  const named = (schema: object) =>
    tool((input: unknown) => `${ran.push(input)}`, { name: "pay", description: "Pays", schema });
  const other = named(z.object({ amount: z.number(), mode: z.string().default("force") }));
  const swap = createMiddleware({
    name: "swap",
    wrapToolCall: (request: object, next: (request: object) => unknown) =>
      next({ ...request, tool: other }),
  });
  const pay = named(z.object({ amount: z.number() }));
  await assert.rejects(runLangChain(hooks, { amount: 1 }, pay, [swap]), /put the middleware/);
  await hooks.close();
  assert.deepEqual(ran, []);
});

test("langchain: middleware behind ours may provide a tool if gates judge only results", async () => {
  const { hooks } = observed();
  hooks.gate("tool.completed", { name: "policy", handle: () => undefined });
  const ran: unknown[] = [];
  const schema = z.object({ amount: z.number() });
  const pay = tool((input: unknown) => `${ran.push(input)}`, { name: "pay", schema });
  const provide = createMiddleware({
    name: "provide",
    wrapToolCall: (request: object, next: (request: object) => unknown) =>
      next({ ...request, tool: pay }),
  });
  const { middleware, config } = langchainHooks(hooks);
  const model = fakeModel().respondWithTools([{ name: "pay", args: { amount: 1 }, id: "c1" }])
    .respondWithTools([]);
  const agent = createAgent({ model, tools: [], middleware: [middleware, provide] });
  await agent.withConfig(config).invoke({ messages: [{ role: "user", content: "hi" }] });
  await hooks.close();
  assert.deepEqual(ran, [{ amount: 1 }]);
});

test("mastra: a tool gets what Mastra makes of an input that a schema rejects, as without gates", async () => {
  const text = z.string().optional();
  const texts = z.array(z.string());
  const written: readonly (readonly [schema: object, sent: object])[] = [
    [{ amount: z.number(), note: text, mode: z.string().default("force") }, {
      amount: 1,
      note: null,
    }],
    [{ a: text, b: z.string().nullable().optional() }, { a: null, b: null }],
    [{ a: text, b: text, c: z.string().nullable() }, { a: null, b: null, c: null }],
    [{ a: text, b: text, c: z.string().nullable().optional() }, { a: null, b: null, c: null }],
    [{ in: z.object({ a: text, b: z.string().nullable() }) }, { in: { a: null, b: null } }],
    [{ tags: texts.optional() }, { tags: '["a"]' }],
    [{ args: texts, note: z.string() }, { args: '["x"]', note: '{"k":1}' }],
    [{ prompt: z.string() }, { query: "q" }],
    [
      Object.fromEntries([..."abcdefgh"].map((name) => [name, text])),
      Object.fromEntries([..."abcdefgh"].map((name) => [name, null])),
    ],
  ];
  for (const [fields, sent] of written) {
    const outcomes = await Promise.all([false, true].map(async (isGated) => {
      const hooks = createHooks({ logger: silentLogger });
      const results: unknown[] = [];
      hooks.on("tool.completed", ({ data }) => void results.push(data.result));
      const judged: unknown[] = [];
      const handle = ({ data }: { readonly data: { readonly params?: object } }) =>
        void judged.push(data.params);
      if (isGated) hooks.gate("tool.called", { name: "seen", handle });
      const ran: unknown[] = [];
      await RUNS.mastra!(hooks, z.object(fields), sent, (input) => `${ran.push(input)}`);
      await hooks.close();
      if (isGated && ran.length > 0) assert.deepEqual(judged, ran);
      return JSON.parse(JSON.stringify({ ran, results }));
    }));
    assert.deepEqual(outcomes[1], outcomes[0], JSON.stringify(sent));
  }
});

test("mastra: the model learns what is wrong with an input that a schema rejects", async () => {
  const { hooks, said } = observed();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const schema = z.object({ to: z.string() });
  await RUNS.mastra!(hooks, schema, { to: 3, more: "x".repeat(300) }, () => "paid");
  await hooks.close();
  assert.equal(said.length, 1);
  assert.match(
    said[0]!,
    /failed for pay\. .*\n- .*expected string, received number\n\nProvided arguments: \{/,
  );
  assert.match(said[0]!, /"to": 3,[^]*x{100,}\.\.\. \(truncated\)$/);
});

test("mastra: a tool that a tool calls in the same call is judged, unless it is the same tool and input", async () => {
  const calls = [
    { amount: 500, isOther: false, ran: ["outer 1"] },
    { amount: 1, isOther: true, ran: ["outer 1"] },
  ];
  for (const { amount, isOther, ran } of calls) {
    const { hooks } = observed();
    const { hooks: others } = observed();
    const limit = (hooks: Hooks, most: number) =>
      hooks.gate("tool.called", {
        name: "limit",
        handle: ({ data }) =>
          Number(data.params?.amount) > most ? { decision: "deny", reason: "too much" } : undefined,
      });
    limit(hooks, 100);
    limit(others, 0);
    const did: string[] = [];
    const toolOf = (execute: (input: { amount: number }, context: object) => unknown) => {
      const inputSchema = z.object({ amount: z.number() });
      return createTool({ id: "pay", description: "Pays", inputSchema, execute });
    };
    const plain = toolOf(({ amount }) => Promise.resolve(`${did.push(`inner ${amount}`)}`));
    const other = mastraHooks(others, mastraAgent("other", {}, { pay: plain }));
    // deno-lint-ignore no-explicit-any -- an agent of the SDK
    let agent: any = undefined;
    const outer = toolOf(async (input, context) => {
      did.push(`outer ${input.amount}`);
      if (did.length > 1) return "again";
      const { pay } = await (isOther ? other : agent).listTools();
      return await pay.execute({ amount }, context);
    });
    agent = mastraHooks(hooks, mastraAgent("main", { amount: 1 }, { pay: outer }));
    await agent.generate("hi");
    await Promise.all([hooks.close(), others.close()]);
    assert.deepEqual(did, ran);
  }
});
