import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { mcpHooks } from "@omniagent/hooks/mcp";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { load } from "./driver.ts";

const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { McpServer } = await load("@modelcontextprotocol/sdk/server/mcp.js");
const { InMemoryTransport } = await load("@modelcontextprotocol/sdk/inMemory.js");
const { Client: Client2 } = await load("@modelcontextprotocol/client");
const { z } = await load("zod");

// deno-lint-ignore no-explicit-any -- messages of the protocol
type Message = any;
type Send = (message: Message) => void;

const response = (id: unknown, text: string): Message => ({
  jsonrpc: "2.0",
  id,
  result: { content: [{ type: "text", text }] },
});

/** A gate that withholds every result with "secret". */
const noSecrets = (hooks: Hooks, judging: () => Promise<void> = () => Promise.resolve()) =>
  void hooks.gate("tool.completed", {
    name: "leaks",
    timeout: 30_000,
    handle: async ({ data }) => {
      await judging();
      return JSON.stringify(data).includes("secret") ? deny("withheld") : undefined;
    },
  });

/** Connects a client through hooks to a server that responds to tool calls with `respond`, and calls one. */
async function callOf(
  hooks: Hooks,
  respond: (send: Send, id: number) => void,
  { AnyClient = Client, onprogress }: {
    readonly AnyClient?: typeof Client;
    readonly onprogress?: (progress: object) => void;
  } = {},
): Promise<string> {
  const [clientEnd, serverEnd] = InMemoryTransport.createLinkedPair();
  serverEnd.onmessage = ({ id, method }: Message) => {
    const result = {
      protocolVersion: "2025-06-18",
      capabilities: { tools: {} },
      serverInfo: { name: "s", version: "1" },
    };
    if (method === "initialize") serverEnd.send({ jsonrpc: "2.0", id, result });
    else if (method === "tools/call") respond((message) => void serverEnd.send(message), id);
  };
  await serverEnd.start();
  const client = new AnyClient({ name: "c", version: "1" });
  await client.connect(mcpHooks(hooks, clientEnd));
  const call = { name: "x", arguments: {} };
  const { content } = AnyClient === Client
    ? await client.callTool(call, undefined, { onprogress })
    : await client.callTool(call);
  await client.close();
  await hooks.close();
  return content[0].text;
}

for (const [version, AnyClient] of [["1", Client], ["2", Client2]] as const) {
  const WAYS = {
    "with the id as text": (id: number) => `${id}`,
    "with spaces around the id": (id: number) => ` ${id} `,
    "with a decimal point in the id": (id: number) => `${id}.0`,
    "with a hexadecimal id": (id: number) => `0x${id.toString(16)}`,
  };
  for (const [how, idOf] of Object.entries(WAYS)) {
    test(`mcp: a result that a server returns ${how} is judged (SDK ${version})`, async () => {
      const hooks = createHooks({ logger: silentLogger });
      noSecrets(hooks);
      const respond = (send: Send, id: number) => send(response(idOf(id), "secret"));
      assert.equal(await callOf(hooks, respond, { AnyClient }), "withheld");
    });
  }

  test(`mcp: only the first response to a call is passed on (SDK ${version})`, async () => {
    const hooks = createHooks({ logger: silentLogger });
    const both = Promise.withResolvers<void>();
    noSecrets(hooks, () => both.promise);
    const respond = (send: Send, id: number) => {
      send(response(id, "fine"));
      send(response(id, "secret"));
      both.resolve();
    };
    assert.equal(await callOf(hooks, respond, { AnyClient }), "fine");
  });
}

test("mcp: no response is passed on before gates have decided about the call", async () => {
  const hooks = createHooks({ logger: silentLogger });
  noSecrets(hooks);
  const results: string[] = [];
  hooks.on("tool.completed", ({ data }) => void results.push(`${data.result ?? data.error}`));
  const [clientEnd, serverEnd] = InMemoryTransport.createLinkedPair();
  hooks.gate("tool.called", {
    name: "slow",
    handle: async () => {
      await serverEnd.send(response(7, "early secret"));
      await serverEnd.send(response("7", "early secret"));
    },
  });
  const received: Message[] = [];
  const done = Promise.withResolvers<void>();
  const wrapped = mcpHooks(hooks, clientEnd) as Message;
  wrapped.onmessage = (message: Message) => {
    received.push(message);
    done.resolve();
  };
  serverEnd.onmessage = async ({ id }: Message) => {
    await serverEnd.send({ jsonrpc: "2.0", id: 8, result: {} });
    await serverEnd.send(response(id, "the secret"));
  };
  await wrapped.start();
  await serverEnd.start();
  const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "x" } };
  await wrapped.send(call);
  await done.promise;
  await wrapped.close();
  await hooks.close();
  assert.deepEqual(results, ["withheld"]);
  assert.deepEqual(received.map(({ result }) => result.content[0].text), ["withheld"]);
});

test("mcp: progress notifications have no text if gates judge results", async () => {
  const hooks = createHooks({ logger: silentLogger });
  noSecrets(hooks);
  const progress: object[] = [];
  const respond = (send: Send, id: number) => {
    const params = { progressToken: id, progress: 1, total: 2, message: "secret", more: "secret" };
    send({ jsonrpc: "2.0", method: "notifications/progress", params });
    send(response(id, "fine"));
  };
  const onprogress = (params: object) => void progress.push(params);
  assert.equal(await callOf(hooks, respond, { onprogress }), "fine");
  assert.deepEqual(progress, [{ progress: 1, total: 2 }]);
});

/** A server behind hooks whose tool returns "secret", and a peer that sends what it wants. */
async function served(hooks: Hooks, result: Promise<void> = Promise.resolve()) {
  const ran: Message[] = [];
  const server = new McpServer({ name: "s", version: "1" });
  const shape = { command: z.string().optional() };
  server.registerTool("x", { inputSchema: shape }, async (args: object, { _meta }: Message) => {
    ran.push([args, _meta]);
    await result;
    return { content: [{ type: "text", text: "secret" }] };
  });
  const [peer, serverEnd] = InMemoryTransport.createLinkedPair();
  const received: Message[] = [];
  const waiting = new Set<() => void>();
  peer.onmessage = (message: Message) => {
    received.push(message);
    waiting.forEach((look) => look());
  };
  await peer.start();
  await server.connect(mcpHooks(hooks, serverEnd));
  /** Resolves when this many messages have arrived. */
  const arrived = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const look = () => received.length >= count && resolve();
      waiting.add(look);
      look();
    });
  const call = (id: unknown, params: object) =>
    peer.send({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "x", ...params } });
  const close = async () => {
    await server.close();
    await hooks.close();
  };
  return { ran, received, peer, arrived, call, close };
}

test("mcp: the response to another request isn't taken for that to a call", async () => {
  const hooks = createHooks({ logger: silentLogger });
  noSecrets(hooks);
  const released = Promise.withResolvers<void>();
  const { peer, received, arrived, call, close } = await served(hooks, released.promise);
  await call(1, { arguments: {} });
  await peer.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  await peer.send({ jsonrpc: "2.0", id: "1", method: "ping" });
  await arrived(2);
  released.resolve();
  await arrived(3);
  await close();
  assert.deepEqual(received.map(({ error }) => error?.message), [
    "The request id 1 is in use",
    "The request id 1 is in use",
    undefined,
  ]);
  assert.equal(received[2].result.content[0].text, "withheld");
});

test("mcp: gates judge everything that a call passes to its tool", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const seen: unknown[] = [];
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => {
      seen.push(data.params);
      return JSON.stringify(data).includes("rm") ? deny("no") : undefined;
    },
  });
  const { ran, received, arrived, call, close } = await served(hooks);
  const calls = [
    { arguments: { command: "ls" }, _meta: { progressToken: 7, tenant: "rm" } },
    { arguments: { command: "ls" }, inputResponses: { how: "rm" } },
    { arguments: { command: "ls" }, _meta: { progressToken: 7, tenant: "a" } },
    { arguments: { command: "ls", _meta: {} }, _meta: { tenant: "a" } },
  ];
  for (const [index, params] of calls.entries()) {
    await call(index, params);
    await arrived(index + 1);
  }
  await close();
  assert.deepEqual(seen, [
    { command: "ls", _meta: { tenant: "rm" } },
    { command: "ls", inputResponses: { how: "rm" } },
    { command: "ls", _meta: { tenant: "a" } },
  ]);
  assert.deepEqual(ran, [[{ command: "ls" }, { progressToken: 7, tenant: "a" }]]);
  const { error } = received.at(-1);
  assert.match(error.message, /'_meta' is both an argument and a parameter/);
});

test("mcp: a tool gets the whole call as gates rewrote it", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", {
    name: "cap",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: { command: "ls", _meta: { tenant: "b" } } }),
  });
  const { ran, arrived, call, close } = await served(hooks);
  await call(1, { arguments: { command: "rm" }, _meta: { progressToken: 7, tenant: "a" } });
  await arrived(1);
  await close();
  assert.deepEqual(ran, [[{ command: "ls" }, { tenant: "b", progressToken: 7 }]]);
});

test("mcp: what isn't a message of JSON-RPC is not passed on", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => deny("no") });
  const { ran, received, peer, arrived, call, close } = await served(hooks);
  const params = { name: "x", arguments: {} };
  const whole = { jsonrpc: "2.0", method: "tools/call", params };
  const hidden = [whole, { ...whole, id: null }, { ...whole, id: {} }, [{ ...whole, id: 1 }]];
  const others = [{ ...whole, id: 1, result: {} }, { ...whole, method: ["tools/call"], id: 1 }];
  for (const message of [...hidden, ...others, null]) await peer.send(message);
  await call(2, { arguments: {} });
  await arrived(1);
  await close();
  assert.deepEqual([ran, received.map(({ id }) => id)], [[], [2]]);
});

test("mcp: a message that changes while gates decide is passed on unchanged", async () => {
  for (const side of ["client", "server"]) {
    const hooks = createHooks({ logger: silentLogger });
    const params: Record<string, unknown> = { name: "list", arguments: {}, _meta: { tenant: "a" } };
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
    const judged: string[] = [];
    hooks.gate("tool.called", {
      name: "slow",
      handle: async ({ data }) => {
        judged.push(data.name);
        await Promise.resolve();
        Object.assign(params, { name: "pay", _meta: { progressToken: 7 }, task: {} });
        message.id = 2;
      },
    });
    const [near, far] = InMemoryTransport.createLinkedPair();
    const received = Promise.withResolvers<Message>();
    const [sender, receiver] = side === "client" ? [mcpHooks(hooks, near), far] : [near, far];
    const end = side === "client" ? receiver : mcpHooks(hooks, receiver);
    end.onmessage = (message: Message) => {
      received.resolve(structuredClone(message));
      void end.send(response(message.id, "done"));
    };
    const arrived = new Promise((resolve) => sender.onmessage = resolve);
    await end.start();
    await sender.start();
    await sender.send(message);
    await arrived;
    const { id, params: { name, _meta, task } } = await received.promise;
    assert.deepEqual([judged, id, name, _meta, task], [
      ["list"],
      1,
      "list",
      { tenant: "a" },
      undefined,
    ]);
    await sender.close();
    await hooks.close();
  }
});

test("mcp: a method that differs each time it is read isn't passed on unjudged", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => deny("no") });
  const { ran, peer, received, arrived, close } = await served(hooks);
  let reads = 0;
  const params = { name: "x", arguments: {} };
  await peer.send({
    jsonrpc: "2.0",
    id: 1,
    params,
    get method() {
      return reads++ === 0 ? "ping" : "tools/call";
    },
  });
  await arrived(1);
  await close();
  assert.deepEqual([ran, received[0].result], [[], {}]);
});

test("mcp: a listener that is defined as a property sees only what gates let through", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => deny("no") });
  const [near, far] = InMemoryTransport.createLinkedPair();
  const received: unknown[] = [];
  const wrapped = mcpHooks(hooks, far);
  const value = (message: Message) => void received.push(message);
  Object.defineProperty(wrapped, "onmessage", { value, configurable: true, writable: true });
  assert.equal(wrapped.onmessage, value);
  assert.throws(() => Object.defineProperty(wrapped, "onmessage", { get: () => value }), TypeError);
  await wrapped.start();
  const refused = new Promise<Message>((resolve) => near.onmessage = resolve);
  await near.start();
  await near.send({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x" } });
  assert.equal((await refused).result.content[0].text, "no");
  await wrapped.close();
  await hooks.close();
  assert.deepEqual(received, []);
});

test("mcp: the result of a task isn't fetched if gates judge results", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const asked: string[] = [];
  const [near, far] = InMemoryTransport.createLinkedPair();
  far.onmessage = ({ id, method }: Message) => {
    asked.push(method);
    void far.send(response(id, "secret"));
  };
  await far.start();
  const wrapped = mcpHooks(hooks, near);
  const results: Message[] = [];
  wrapped.onmessage = (message: Message) => void results.push(message);
  await wrapped.start();
  const fetchResult = (id: number) =>
    wrapped.send({ jsonrpc: "2.0", id, method: "tasks/result", params: { taskId: "t" } });
  await fetchResult(1);
  noSecrets(hooks);
  await fetchResult(2);
  await wrapped.close();
  await hooks.close();
  assert.deepEqual(asked, ["tasks/result"]);
  assert.equal(results[0].result.content[0].text, "secret");
  assert.match(results[1].error.message, /can't judge the result of a task/);
});
