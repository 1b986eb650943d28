import assert from "node:assert/strict";
import { createHooks, type Hooks, type ToolData } from "@omniagent/hooks";
import { type DeniedCall, deny } from "@omniagent/hooks/gates";
import { claudeAgentHooks } from "@omniagent/hooks/claude-agent";
import { mcpHooks } from "@omniagent/hooks/mcp";
import { isCompleted } from "../../src/adapters/claude_agent/completed_input.ts";
import { copyWith } from "../../src/adapters/copy_with.ts";
import { AgentRun } from "../../src/adapters/run.ts";
import { impureIn } from "../../src/adapters/params.ts";
import { Attempts, openCall } from "../../src/adapters/tool_call.ts";
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

test("claude-agent: concurrent calls of next() get one message each", async () => {
  const { hooks } = recorded();
  const query = claudeAgentHooks(hooks).wrap(queryOf(ASSISTANT, RESULT));
  const all = await Promise.all([query.next(), query.next(), query.next()]);
  assert.deepEqual(all.map(({ done }) => done), [false, false, true]);
  await hooks.close();
});

const PLACE = { cwd: "/repo", transcript: undefined };

test("claude-agent: only input as Claude Code completes it is that which gates judged", () => {
  const cases: readonly [judged: unknown, ran: unknown, isSame: boolean][] = [
    [".", "/repo", true],
    ["a/../b", "/repo/b", true],
    ["b", "/repo/a/b", false],
    ["~", "/home/u", true],
    ["~/", "/root", true],
    ["~/notes", "/Users/u/notes", true],
    ["~\\notes", "C:\\Users\\u\\notes", true],
    ["~/notes", "/home/u/evil/notes", false],
    ["~/notes", "/proc/1/root/evil/notes", false],
    ["~/notes", "/notes", false],
    ["~", "/etc", false],
    ["~/../../etc/passwd", "/home/u/evil/etc/passwd", false],
    ["~/../v/notes", "/home/v/notes", false],
    ["~v/notes", "/home/v/notes", false],
    ["5", 5, true],
    ["5.0", 5, true],
    [" 1e3 ", 1000, true],
    ["", 0, false],
    ["6", 5, false],
    ["true", true, true],
    ["1", true, false],
  ];
  for (const [judged, ran, isSame] of cases) {
    const input = { judged: { file_path: judged }, ran: { file_path: ran }, ...PLACE };
    assert.equal(isCompleted("Read", input), isSame, JSON.stringify([judged, ran]));
  }
  const transcript = "/srv/u/.claude/projects/repo/s.jsonl";
  for (const [ran, isSame] of [["/srv/u/notes", true], ["/home/v/notes", false]] as const) {
    const input = { judged: { path: "~/notes" }, ran: { path: ran }, cwd: "/repo", transcript };
    assert.equal(isCompleted("Grep", input), isSame, ran);
  }
  const added: readonly [tool: string, field: string, value: unknown, isDefault: boolean][] = [
    ["Edit", "replace_all", false, true],
    ["Edit", "replace_all", true, false],
    ["Bash", "dangerouslyDisableSandbox", true, false],
    ["Bash", "dry_run", false, false],
    ["mcp__files__edit", "replace_all", false, false],
    ["constructor", "name", "Object", false],
  ];
  for (const [tool, field, value, isDefault] of added) {
    const input = { judged: {}, ran: { [field]: value }, ...PLACE };
    assert.equal(isCompleted(tool, input), isDefault, JSON.stringify([tool, field, value]));
  }
});

test("a copy of a tool has its members, and methods see those that were replaced", () => {
  const mark = Symbol("mark");
  class Base {
    #limit = 7;
    readonly name: string = "pay";
    readonly [mark] = true;

    get limit(): number {
      return this.#limit;
    }

    set limit(limit: number) {
      this.#limit = limit;
    }

    run(): string {
      return `runs ${this.name}, ${this.execute()}`;
    }

    execute(): string {
      return "paid";
    }
  }
  class Tool extends Base {
    override get limit(): number {
      return super.limit * 2;
    }

    override set limit(limit: number) {
      super.limit = limit;
    }
  }
  const tool = new Tool();
  Object.defineProperty(tool, "hidden", { value: 1 });
  Object.defineProperty(tool, "twice", { get: () => tool.limit * 2, enumerable: true });
  Object.freeze(tool);
  const copy = copyWith(tool, { execute: () => "kept back" });
  assert.ok(copy instanceof Tool);
  assert.equal(copy.run(), "runs pay, kept back");
  assert.equal(tool.run(), "runs pay, paid");
  assert.deepEqual([copy.limit, copy[mark], Reflect.get(copy, "twice")], [14, true, 28]);
  copy.limit = 1;
  assert.deepEqual([copy.limit, tool.limit], [2, 2]);
  assert.deepEqual(Object.keys(copy), ["name", "twice", "execute"]);
  assert.equal(Reflect.get(copy, "hidden"), 1);
  assert.equal(copyWith(tool, { name: "quote" }).name, "quote"); // although it is frozen
});

test("a copy of an object without a prototype has none", () => {
  const tool = Object.assign(Object.create(null), { name: "pay" });
  const copy = copyWith(tool, { limit: 7 });
  assert.deepEqual([Object.getPrototypeOf(copy), copy.name, copy.limit], [null, "pay", 7]);
});

const PARTIAL = { type: "stream_event", session_id: "s", event: { type: "content_block_delta" } };

test("claude-agent: at most 1,000 messages wait for a slow reader", async () => {
  const { hooks } = recorded();
  const full = Promise.withResolvers<void>();
  let ahead = 0;
  let most = 0;
  async function* messages(): AsyncGenerator<unknown, void> {
    for (let count = 0; count < 3_000; count++) {
      most = Math.max(most, ++ahead);
      if (ahead === 1_000) full.resolve();
      yield PARTIAL;
    }
    yield RESULT;
  }
  const query = claudeAgentHooks(hooks).wrap(messages());
  await full.promise;
  let read = 0;
  for await (const _ of query) {
    ahead--;
    if (++read % 100 === 0) await new Promise((resolve) => setTimeout(resolve)); // slowly
  }
  await hooks.close();
  assert.deepEqual([read, most <= 1_001], [3_001, true], `${most} messages waited`);
});

test("claude-agent: a hook sees earlier messages, even if the stream has no reader", async () => {
  const { hooks, types } = recorded();
  const claude = claudeAgentHooks(hooks);
  const full = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  async function* messages(): AsyncGenerator<unknown, void> {
    for (let count = 0; count < 3_000; count++) {
      if (count === 999) full.resolve();
      yield PARTIAL;
    }
    yield ASSISTANT;
    await over.promise;
  }
  const query = claude.wrap(messages());
  await full.promise;
  await new Promise((resolve) => setTimeout(resolve)); // now it reads no more
  await callHook(claude, "PreToolUse", CALL);
  over.resolve();
  for await (const _ of query);
  await hooks.close();
  assert.deepEqual(types.slice(0, 4), [
    "agent.start",
    "model.called",
    "model.completed",
    "tool.called",
  ]);
});

test("claude-agent: a query that is closed without a reader ends", async () => {
  const { hooks, types } = recorded();
  async function* messages(): AsyncGenerator<unknown, void> {
    yield ASSISTANT;
    while (true) yield PARTIAL;
  }
  const query = claudeAgentHooks(hooks).wrap(messages());
  for (let read = 0; read < 10; read++) await query.next();
  await query.return();
  assert.deepEqual(await query.next(), { done: true, value: undefined });
  await hooks.close();
  assert.equal(types.filter((type) => type === "agent.end").length, 1);
});

for (const guarded of [false, true]) {
  const what = guarded ? "is withheld from the model" : "changes nothing";
  test(`claude-agent: a result that arrives when its run was aborted ${what}`, async () => {
    const { hooks, types } = recorded();
    if (guarded) hooks.gate("tool.completed", { name: "policy", handle: () => undefined });
    const claude = claudeAgentHooks(hooks);
    const called = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    async function* messages(): AsyncGenerator<unknown, void> {
      yield ASSISTANT;
      await called.promise;
      yield { ...RESULT, terminal_reason: "aborted_tools" };
      await over.promise;
    }
    const query = claude.wrap(messages());
    await query.next();
    await callHook(claude, "PreToolUse", CALL);
    called.resolve();
    await query.next();
    const output = await callHook(claude, "PostToolUse", { ...CALL, tool_response: "paid" });
    over.resolve();
    for await (const _ of query);
    await hooks.close();
    assert.equal(JSON.stringify(output).includes("The run has ended"), guarded);
    assert.equal(types.filter((type) => type === "tool.completed").length, 1);
  });
}

const CALL = { tool_name: "pay", tool_input: { amount: 7 }, tool_use_id: "c1" };

/** Calls a hook as the SDK does. */
function callHook(
  { hooks }: ReturnType<typeof claudeAgentHooks>,
  name: string,
  fields: object,
): Promise<unknown> {
  const input = { hook_event_name: name, session_id: "s", cwd: "/", ...fields };
  return hooks[name]![0]!.hooks[0]!(input, undefined, { signal: new AbortController().signal });
}

test("the ids of a run's calls differ, and take no more memory than those of 10,000 calls", () => {
  const attempts = new Attempts();
  const next = (callId: string) => attempts.next({ name: "pay", params: {}, callId }).callId;
  assert.deepEqual([next("a"), next("b"), next("a")], ["a", "b", "a#2"]);
  // Models write ids, too.
  assert.deepEqual([next("a#2"), next("a#2"), next("x#1"), next("x")], [
    "a#2#1",
    "a#2#2",
    "x#1#1",
    "x",
  ]);
  // Ids that are in use are known however many calls there are.
  for (let count = 0; count < 30_000; count++) {
    assert.equal(next(`c${count}`), `c${count}`);
    if (count % 5_000 === 0) assert.equal(next("a"), `a#${3 + count / 5_000}`);
  }
  // Others are forgotten.
  assert.deepEqual([next("b"), next("c0"), next("c29999")], ["b", "c0", "c29999#2"]);
});

test("of runs that never end, the 10,000 newest are kept", async () => {
  const { hooks, failures } = recorded();
  const ends: unknown[] = [];
  hooks.on("agent.end", ({ data }) => void ends.push([data.run_id, data.aborted]));
  const runs = Array.from({ length: 10_001 }, () => new AgentRun(hooks as never));
  await runs[0]!.end();
  assert.deepEqual(ends, [[runs[0]!.id, true]]);
  assert.match(failures.join(), /More than 10000 runs have not ended/);
  await Promise.all(runs.map((run) => run.end()));
  await hooks.close();
  assert.equal(ends.length, runs.length);
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

/** Responses of which a gate that masks keys must not let one through. */
const WITH_KEYS: Readonly<Record<string, object>> = {
  "_meta": { result: { content: [{ type: "text", text: "ok" }], _meta: { key: "sk-1" } } },
  "annotations": {
    result: { content: [{ type: "text", text: "ok", annotations: { key: "sk-1" } }] },
  },
  "toolResult": { result: { toolResult: "sk-1" } },
  "other fields of an error result": {
    result: { isError: true, content: [{ type: "text", text: "no" }], key: "sk-1" },
  },
  "a response with other fields": { result: { content: [] }, key: "sk-1" },
  "the data of an error": { error: { code: -1, message: "no", data: { key: "sk-1" } } },
  "a result next to an error": { error: { code: -1, message: "no" }, result: { key: "sk-1" } },
};

for (const [what, response] of Object.entries(WITH_KEYS)) {
  test(`mcp: with gates of results, nothing of ${what} passes unjudged`, async () => {
    const { hooks } = recorded();
    const masked = (text = "") => text.replaceAll("sk-1", "***");
    hooks.gate("tool.completed", {
      name: "mask",
      kind: "rewrite",
      handle: ({ data }) => ({
        ...data,
        ...(data.result !== undefined && { result: masked(data.result) }),
        ...(data.error !== undefined && { error: masked(data.error) }),
      }),
    });
    const sent = new Promise<unknown>((resolve) => {
      const transport = {
        start: () => Promise.resolve(),
        close: () => Promise.resolve(),
        send: (message: unknown) => Promise.resolve(resolve(message)),
        onmessage: undefined as ((message: { readonly id: number }) => void) | undefined,
      };
      const wrapped = mcpHooks(hooks, transport);
      wrapped.onmessage = ({ id }) => void wrapped.send({ jsonrpc: "2.0", id, ...response });
      const request = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "pay" } };
      transport.onmessage!(request);
    });
    const text = JSON.stringify(await sent);
    assert.match(text, /"id":1/);
    assert.doesNotMatch(text, /sk-1/);
    await hooks.close();
  });
}

class Command {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

class Described {
  readonly text: string = "rm -rf /";
  toJSON(): object {
    return { kind: "command" };
  }
}

test("arguments that JSON doesn't show are denied if gates judge calls", async () => {
  for (
    const command of [new Command("rm -rf /"), new Described(), { ...new Described(), toJSON() {} }]
  ) {
    const { hooks } = recorded();
    const denied: unknown[] = [];
    hooks.on("tool.denied", ({ data: { name, call_id, decision_id, reason } }) => {
      denied.push([name, call_id, decision_id, reason]);
    });
    const params = { commands: [{ command }] };
    const run = new AgentRun(hooks as never);
    const call = () => run.begin({ name: "run", params, callId: "c1" });
    const unjudged = await call();
    assert.equal(unjudged.type, "allowed");
    hooks.gate("tool.called", { name: "policy", handle: () => undefined });
    const judged = await call();
    const { reason, decisionId } = (judged as { readonly denial: DeniedCall }).denial;
    assert.match(reason, /could not be judged: .*(schema return plain data|leave the field out)/);
    assert.deepEqual(denied, [["run", "c1#2", decisionId, reason]]);
    await run.end();
    await hooks.close();
  }
});

test("a tool gets a Date and a URL as they were judged, and nothing that is hidden in them", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const given = {
    on: new Date(7),
    at: [new URL("https://a.example/")],
    list: [1, null],
    toJSON: "only text",
  };
  const call = { name: "book", params: given, callId: "c1" };
  const run = new AgentRun(hooks as never);
  const opened = await run.begin(call);
  const params = opened.type === "allowed" ? opened.params : undefined;
  assert.deepEqual(params, given);
  assert.notEqual((params as typeof given).on, given.on);
  const hidden = Object.assign(new Date(7), { toJSON: () => "1970" });
  const denied = await run.begin({ ...call, params: { on: hidden } });
  assert.equal(denied.type, "denied");
  await run.end();
  await hooks.close();
});

test("an object that arguments refer to often is looked at once", () => {
  let params: object = { command: "ls" };
  for (let level = 0; level < 100; level++) params = { a: params, b: [params] };
  assert.equal(impureIn(params), undefined);
});

/** A schema, as SDKs apply them. */
function schemaOf(parse: (value: { readonly path: string }) => unknown): object {
  const validate = (value: { readonly path: string }) => ({ value: parse(value) });
  return { "~standard": { version: 1, vendor: "test", validate } };
}

test("a tool's schema is applied once, and its tool gets what gates judged", async () => {
  const { hooks } = recorded();
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => void judged.push(data.params),
  });
  let count = 0;
  const schema = schemaOf(({ path }) => ({ path: `/${++count}/${path}`, at: new Date(7) }));
  const run = new AgentRun(hooks as never);
  const opened = await run.begin({ name: "read", params: { path: "a" }, schema });
  assert(opened.type === "allowed");
  assert.deepEqual(opened.params, { path: "/1/a", at: new Date(7) });
  assert.deepEqual([judged, opened.parsed], [
    [{ path: "/1/a", at: new Date(7).toJSON() }],
    "accepted",
  ]);
  await opened.complete("read");
  await run.end();
  await hooks.close();
  assert.equal(count, 1);
});

test("a call is denied if an SDK applies a schema again that has changed since gates judged", async () => {
  const { hooks } = recorded();
  let home = "alice";
  hooks.gate("tool.called", { name: "slow", handle: () => void (home = "mallory") });
  const schema = schemaOf(({ path }) => ({ path: path.replace(/^(~|alice)/, home) }));
  const call = { name: "read", params: { path: "~" }, schema, reapplies: true };
  const opened = await openCall(hooks as never, call, {});
  await hooks.close();
  assert(opened.type === "denied");
  assert.match(opened.denial.reason, /its schema now changes what gates judged/);
});

test("a call that a schema would change once more is denied as gates let it complete", async () => {
  for (const isWithheld of [false, true]) {
    const { hooks } = recorded();
    const ids: unknown[] = [];
    hooks.on("tool.*", ({ data }) => void ids.push((data as ToolData).decision_id));
    hooks.gate("tool.called", {
      name: "move",
      kind: "rewrite",
      handle: ({ data }) => ({ ...data, params: { path: "secret" } }),
    });
    hooks.gate("tool.completed", {
      name: "masked",
      kind: "rewrite",
      handle: ({ data }) => isWithheld ? deny("withheld") : { ...data, error: "masked" },
    });
    const call = { name: "read", params: { path: "a" } };
    const schema = schemaOf(({ path }) => ({ path: `/1/${path}` }));
    const opened = await openCall(hooks as never, { ...call, schema }, {});
    await hooks.close();
    const { reason, decisionId } = (opened as { readonly denial: DeniedCall }).denial;
    assert.equal(reason, isWithheld ? "withheld" : "masked");
    assert.equal(ids.length, 2);
    if (!isWithheld) assert.deepEqual(ids, [decisionId, decisionId]);
  }
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
