import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { claudeAgentHooks } from "@omniagent/hooks/claude-agent";
import { mcpHooks } from "@omniagent/hooks/mcp";
import { AgentRun } from "../../src/adapters/run.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** Hooks with what they report, and the types of their events. */
function recorded(): {
  readonly hooks: Hooks;
  readonly failures: string[];
  readonly types: string[];
} {
  const failures: string[] = [];
  const types: string[] = [];
  const error = (...data: unknown[]) => void failures.push(String(data[0]));
  const hooks = createHooks({ logger: { ...silentLogger, error } });
  hooks.on("*", ({ type }) => void types.push(type));
  return { hooks, failures, types };
}

const ASSISTANT = { type: "assistant", session_id: "s", message: { id: "m1", usage: null } };
const RESULT = {
  type: "result",
  subtype: "error_during_execution",
  session_id: "s",
  errors: null,
  usage: null,
  is_error: true,
};

async function* queryOf(...messages: unknown[]): AsyncGenerator<unknown, void> {
  yield* messages;
}

test("claude-agent: messages whose fields are null are observed like those without them", async () => {
  const { hooks, failures, types } = recorded();
  const seen: unknown[] = [];
  const query = claudeAgentHooks(hooks).wrap(queryOf(ASSISTANT, RESULT));
  for await (const message of query) seen.push(message);
  await hooks.close();
  assert.deepEqual([seen, failures], [[ASSISTANT, RESULT], []]);
  assert.deepEqual(types, ["agent.start", "model.called", "model.completed", "agent.end"]);
});

test("claude-agent: a message that can't be observed is reported, and hooks are called", async () => {
  const { hooks, failures } = recorded();
  const claude = claudeAgentHooks(hooks);
  const broken = { ...RESULT, permission_denials: 7 };
  const seen: unknown[] = [];
  for await (const message of claude.wrap(queryOf(broken, ASSISTANT))) seen.push(message);
  assert.deepEqual(seen, [broken, ASSISTANT]);
  assert.match(failures.join(), /Cannot observe a message/);
  const input = { hook_event_name: "UserPromptSubmit", session_id: "s", prompt: "hi", cwd: "/" };
  const signal = new AbortController().signal;
  const output = await claude.hooks.UserPromptSubmit![0]!.hooks[0]!(input, undefined, { signal });
  assert.equal(JSON.stringify(output).includes("failed"), false);
  await hooks.close();
});

test("claude-agent: several calls of next() at once get a message each", async () => {
  const { hooks } = recorded();
  const query = claudeAgentHooks(hooks).wrap(queryOf(ASSISTANT, RESULT));
  const all = await Promise.all([query.next(), query.next(), query.next()]);
  assert.deepEqual(all.map(({ done }) => done), [false, false, true]);
  await hooks.close();
});

test("a tool whose arguments have no JSON form runs, and is reported as not observed", async () => {
  const { hooks, failures } = recorded();
  const run = new AgentRun(hooks as never);
  const params = { amount: 7n };
  const opened = await run.begin({ name: "pay", params, callId: "c1" });
  assert.equal(opened.type === "allowed" && opened.params, params);
  assert.match(failures.join(), /Cannot observe 'pay'/);
  await run.end();
  await hooks.close();
});

test("mcp: a listener that is set again around itself is called once for each message", async () => {
  const { hooks, failures } = recorded();
  const transport = {
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
    sent: [] as unknown[],
    send: (message: unknown) => Promise.resolve(void transport.sent.push(message)),
    onmessage: undefined as ((message: unknown) => void) | undefined,
    onclose: undefined as (() => void) | undefined,
  };
  const wrapped = mcpHooks(hooks, transport);
  const received: unknown[] = [];
  const own = (message: unknown) => void received.push(message);
  wrapped.onclose = () => {};
  wrapped.onmessage = own;
  assert.equal(wrapped.onmessage, own);
  const chained = wrapped.onmessage;
  wrapped.onmessage = (message) => chained(message);
  const params = { name: "pay", arguments: {} };
  transport.onmessage!({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  await hooks.drain();
  await new Promise((resolve) => setTimeout(resolve)); // the request has been passed on by then
  assert.deepEqual([received.length, transport.sent, failures], [1, [], []]);
  transport.onclose!(); // ends the call
  await hooks.close();
});
