import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { allow, deny } from "@omniagent/hooks/gates";
import { mcpHooks } from "@omniagent/hooks/mcp";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { load } from "./driver.ts";
import { testObservers } from "./observers.ts";

const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { McpServer } = await load("@modelcontextprotocol/sdk/server/mcp.js");
const { InMemoryTransport } = await load("@modelcontextprotocol/sdk/inMemory.js");
const { z } = await load("zod");

type Side = "client" | "server";
type Result = {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
};

type Connected = {
  /** Calls a tool through the client. */
  call(name: string, params?: object, options?: { readonly signal: AbortSignal }): Promise<Result>;
  /** What happened to calls, in order. */
  readonly log: string[];
  /** The amounts that were paid. */
  readonly paid: number[];
  /** Resolves when a call was denied. */
  readonly denied: Promise<void>;
  /** Resolves when the slow tool runs. */
  readonly slow: Promise<void>;
  /** Closes the connection, and leaves the hooks open. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
};

/** Connects a client and a server, one of them through hooks. */
async function connect(
  side: Side,
  gates: (hooks: Hooks) => void = () => {},
  hooks: Hooks = createHooks({ logger: silentLogger }),
): Promise<Connected> {
  const log: string[] = [];
  hooks.on("tool.*", ({ type, data, sessionId }) => {
    assert.equal(sessionId, "s-1");
    const { name, params, result, error, reason } = data as Record<string, unknown>;
    const end = error ? `error: ${error}` : result ?? reason;
    log.push([type, name, end ?? JSON.stringify(params)].join(" "));
  });
  const denied = new Promise<void>((resolve) => void hooks.once("tool.denied", () => resolve()));
  gates(hooks);
  const paid: number[] = [];
  const running = Promise.withResolvers<void>();
  const server = new McpServer({ name: "bank", version: "1.0.0" });
  server.registerTool("pay", { inputSchema: { amount: z.number() } }, ({ amount }: never) => {
    paid.push(amount);
    return { content: [{ type: "text", text: `paid ${amount}` }] };
  });
  server.registerTool("balance", { inputSchema: {}, outputSchema: { key: z.string() } }, () => ({
    content: [{ type: "text", text: `{"key":"sk-1"}` }],
    structuredContent: { key: "sk-1" },
  }));
  server.registerTool("fail", { inputSchema: {} }, () => {
    throw new Error("no money");
  });
  server.registerTool("slow", { inputSchema: {} }, () => {
    running.resolve();
    return new Promise(() => {});
  });
  const client = new Client({ name: "agent", version: "1.0.0" });
  const [clientEnd, serverEnd] = InMemoryTransport.createLinkedPair();
  const wrapped = (end: Side, transport: never) =>
    side === end ? mcpHooks(hooks, transport, { sessionId: "s-1" }) : transport;
  await server.connect(wrapped("server", serverEnd as never));
  await client.connect(wrapped("client", clientEnd as never));
  return {
    call: (name, params = {}, options) =>
      client.callTool({ name, arguments: params }, undefined, options),
    log,
    denied,
    paid,
    slow: running.promise,
    disconnect: () => client.close(),
    close: async () => {
      await client.close();
      await hooks.close();
    },
  };
}

const text = ({ content }: Result): string => content.map(({ text }) => text).join("\n");

const mask = (hooks: Hooks) =>
  void hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({
      ...data,
      ...(data.result && { result: data.result.replaceAll(/sk-\d/g, "***").replace("7", "*") }),
      ...(data.error && { error: "masked" }),
    }),
  });

for (const side of ["server", "client"] as const) {
  testObservers(`mcp (${side})`, async (hooks) => {
    const { call, disconnect } = await connect(side, () => {}, hooks);
    const told = text(await call("pay", { amount: 7 }));
    await disconnect();
    return told;
  });

  test(`mcp: a call through the ${side} is an event, and its result too`, async () => {
    const { call, log, close } = await connect(side);
    assert.equal(text(await call("pay", { amount: 7 })), "paid 7");
    await close();
    assert.deepEqual(log, [`tool.called pay {"amount":7}`, "tool.completed pay paid 7"]);
  });

  test(`mcp: text that a gate adds for the model follows the result (${side})`, async () => {
    const budget = () => allow("fine", { context: "The budget is spent now." });
    const { call, log, close } = await connect(
      side,
      (hooks) => void hooks.gate("tool.called", { name: "budget", handle: budget }),
    );
    assert.equal(text(await call("pay", { amount: 7 })), "paid 7\nThe budget is spent now.");
    await close();
    assert.equal(log.at(-1), "tool.completed pay paid 7");
  });

  test(`mcp: a call that a gate denies doesn't reach the tool (${side})`, async () => {
    const { call, log, paid, close } = await connect(
      side,
      (hooks) =>
        void hooks.gate("tool.called", {
          name: "policy",
          handle: () => deny("too much", { context: "Ask for less" }),
        }),
    );
    const result = await call("pay", { amount: 7 });
    await close();
    assert.deepEqual([result.isError, text(result)], [true, "too much\n\nAsk for less"]);
    assert.deepEqual([paid, log], [[], ["tool.denied pay too much"]]);
  });

  test(`mcp: a gate that throws denies the call (${side})`, async () => {
    const { call, paid, close } = await connect(side, (hooks) =>
      void hooks.gate("tool.called", {
        name: "policy",
        handle: () => {
          throw new Error("gate down");
        },
      }));
    assert.equal(text(await call("pay", { amount: 7 })), "Gate 'policy' failed (error)");
    await close();
    assert.deepEqual(paid, []);
  });

  test(`mcp: the tool gets the parameters that gates let through (${side})`, async () => {
    const { call, paid, close } = await connect(side, (hooks) =>
      void hooks.gate("tool.called", {
        name: "cap",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, params: { amount: 1 } }),
      }));
    assert.equal(text(await call("pay", { amount: 7 })), "paid 1");
    await close();
    assert.deepEqual(paid, [1]);
  });

  test(`mcp: a result is returned as gates let it through (${side})`, async () => {
    const { call, close } = await connect(side, mask);
    assert.equal(text(await call("pay", { amount: 7 })), "paid *");
    assert.deepEqual(await call("balance"), {
      content: [{ type: "text", text: `{"key":"***"}` }],
      structuredContent: { key: "***" },
    });
    const failed = await call("fail");
    assert.deepEqual([failed.isError, text(failed)], [true, "masked"]);
    await close();
  });

  test(`mcp: a result that a gate denies is withheld (${side})`, async () => {
    const { call, log, close } = await connect(
      side,
      (hooks) =>
        void hooks.gate("tool.completed", { name: "leaks", handle: () => deny("it leaks") }),
    );
    const result = await call("balance");
    assert.deepEqual(result, { content: [{ type: "text", text: "it leaks" }], isError: true });
    await close();
    assert.deepEqual(log, ["tool.called balance {}", "tool.completed balance error: it leaks"]);
  });

  test(`mcp: a tool that throws, or that doesn't exist, ends its call (${side})`, async () => {
    const { call, log, close } = await connect(side);
    assert.equal((await call("fail")).isError, true);
    await call("unknown").catch(() => {});
    await close();
    assert.deepEqual(log.slice(0, 3), [
      "tool.called fail {}",
      "tool.completed fail error: no money",
      "tool.called unknown {}",
    ]);
    assert.match(log[3]!, /^tool\.completed unknown error: .*unknown not found/);
  });

  test(`mcp: three calls at once have one end each (${side})`, async () => {
    const { call, log, close } = await connect(side, (hooks) =>
      void hooks.gate("tool.called", {
        name: "policy",
        handle: ({ data }) => data.params?.amount === 2 ? deny("not two") : undefined,
      }));
    const results = await Promise.all([1, 2, 3].map((amount) => call("pay", { amount })));
    await close();
    assert.deepEqual(results.map(text), ["paid 1", "not two", "paid 3"]);
    assert.deepEqual(log.toSorted(), [
      `tool.called pay {"amount":1}`,
      `tool.called pay {"amount":3}`,
      "tool.completed pay paid 1",
      "tool.completed pay paid 3",
      "tool.denied pay not two",
    ]);
  });

  test(`mcp: a call that is canceled ends, and its result is not passed on (${side})`, async () => {
    const { call, log, slow, close } = await connect(side);
    const abort = new AbortController();
    const result = call("slow", {}, { signal: abort.signal });
    await slow;
    abort.abort(new Error("stop"));
    await assert.rejects(result, /stop/);
    await close();
    assert.deepEqual(log, [
      "tool.called slow {}",
      "tool.completed slow error: The call was canceled",
    ]);
  });

  test(`mcp: a call that is canceled while gates decide is denied (${side})`, async () => {
    const deciding = Promise.withResolvers<void>();
    const { call, log, denied, close } = await connect(
      side,
      (hooks) =>
        void hooks.gate("tool.called", {
          name: "policy",
          handle: () => {
            deciding.resolve();
            return new Promise(() => {});
          },
        }),
    );
    const abort = new AbortController();
    const result = call("pay", { amount: 7 }, { signal: abort.signal });
    await deciding.promise;
    abort.abort(new Error("stop"));
    await assert.rejects(result, /stop/);
    await denied;
    await close();
    assert.deepEqual(log, ["tool.denied pay Gate 'policy' failed (aborted)"]);
  });

  test(`mcp: a connection that is closed ends its calls (${side})`, async () => {
    const { call, log, slow, close } = await connect(side);
    const result = assert.rejects(call("slow"), /closed/i);
    await slow;
    await close();
    await result;
    assert.deepEqual(log, [
      "tool.called slow {}",
      "tool.completed slow error: The connection was closed before the tool returned",
    ]);
  });
}

test("mcp: a request whose id is in use is rejected, so results can't be mixed up", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const sent: { readonly id: number; readonly error?: { readonly message: string } }[] = [];
  const transport = {
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
    send: (message: unknown) => {
      sent.push(message as (typeof sent)[number]);
      return Promise.resolve();
    },
    onclose: undefined as (() => void) | undefined,
    onmessage: undefined as ((message: unknown) => void) | undefined,
  };
  const wrapped = mcpHooks(hooks, transport);
  const received: unknown[] = [];
  wrapped.onmessage = (message) => void received.push(message);
  wrapped.onclose = () => {};
  const request = {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "pay", arguments: { amount: 1 } },
  };
  transport.onmessage!(request);
  transport.onmessage!({ ...request, params: { name: "pay", arguments: { amount: 2 } } });
  await wrapped.send({ jsonrpc: "2.0", method: "notifications/message" });
  await hooks.drain();
  await new Promise((resolve) => setTimeout(resolve)); // both requests have been passed on by then
  assert.deepEqual(received, [request]);
  assert.match(sent.find(({ error }) => error)!.error!.message, /id 1 is in use/);
  transport.onclose!();
  await hooks.close();
});

test("mcpHooks() names what is wrong with its arguments", async () => {
  const hooks = createHooks({ logger: silentLogger });
  assert.throws(() => mcpHooks(hooks, {} as never), /Cannot connect MCP with this transport/);
  assert.throws(() => mcpHooks({} as never, {} as never), /Cannot connect MCP with these hooks/);
  await hooks.close();
});
