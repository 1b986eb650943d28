/**
 * Claude Code itself, as the SDK ships it, against a fake of Anthropic's Messages API: its real hooks call ours. Its
 * program has 400 MB, so `npm ci` leaves it out.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { claudeAgentHooks } from "@omniagent/hooks/claude-agent";
import { ask, deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { load } from "./driver.ts";
import { recorded } from "./scenario.ts";

const { createSdkMcpServer, query, tool } = await load("@anthropic-ai/claude-agent-sdk");
const { z } = await load("zod");
// The same from the source, and from the bundle in .build/adapters/.
const { startMessagesApi } = await load(
  new URL("../../examples/agents/fake_messages_api.mjs", import.meta.url).href,
);

const name = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`;
const program = fileURLToPath(
  new URL(`../../tests/adapters/node_modules/${name}/claude`, import.meta.url),
);

if (existsSync(program)) {
  test("claude-agent: Claude Code itself observes, denies, and asks", run, { leaks: true });
  test("claude-agent: Claude Code itself shows no result that gates withhold", withheld, {
    leaks: true,
  });
  test(
    "claude-agent: Claude Code itself reports the input that gates changed as it ran",
    rewritten,
    {
      leaks: true,
    },
  );
} else {
  console.log(`Claude Code itself: skipped, because ${name} is not installed in tests/adapters`);
}

const text = (text: string) => Promise.resolve({ content: [{ type: "text", text }] });

async function run(): Promise<void> {
  const api = await startMessagesApi([
    { name: "mcp__shop__look", input: { amount: 1 } },
    { name: "mcp__shop__remove", input: { amount: 2 } },
    { name: "mcp__shop__pay", input: { amount: 3 } },
    { text: "done" },
  ]);
  const questions: string[] = [];
  const onAsk = ({ question }: { readonly question: string }) => {
    questions.push(question);
    return { decision: "allow" } as const;
  };
  const { hooks, log } = recorded({ gates: { onAsk } });
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => {
      if (data.name === "mcp__shop__remove") return deny("Nothing is removed");
      return data.name === "mcp__shop__pay" ? ask(`Pay ${data.params?.amount}?`) : undefined;
    },
  });
  const ran: string[] = [];
  const tools = ["look", "remove", "pay"].map((name) =>
    tool(name, "Works in a shop", { amount: z.number() }, ({ amount }: { amount: number }) => {
      ran.push(name);
      return text(`${name} ${amount}`);
    })
  );
  const result = await ended(hooks, { home: newHome(), api }, {
    mcpServers: { shop: createSdkMcpServer({ name: "shop", tools }) },
    allowedTools: ["mcp__shop__look"],
  });
  assert.equal(result, "done");
  // What ran without being asked was allowed by Claude Code's own rules; `pay` by the person.
  assert.deepEqual([ran, questions], [["look", "pay"], ["Pay 3?"]]);
  log.check("s-1");
  assert.deepEqual(log.lines.filter((line) => /^(tool|agent)/.test(line)), [
    "agent.start",
    `tool.called toolu_1 mcp__shop__look {"amount":1}`,
    `tool.completed toolu_1 [{"type":"text","text":"look 1"}]`,
    "tool.denied toolu_2 Nothing is removed",
    `tool.called toolu_3 mcp__shop__pay {"amount":3}`,
    `tool.completed toolu_3 [{"type":"text","text":"pay 3"}]`,
    "agent.end success 12+20",
  ]);
  const told = JSON.stringify(api.requests.at(-1).messages);
  assert.match(told, /look 1/);
  assert.match(told, /Nothing is removed/);
  assert.match(told, /pay 3/);
}

/** A home of its own for Claude Code, and the server that it asks in place of Anthropic's. */
type Place = { readonly home: string; readonly api: { readonly url: string; close(): void } };

/** Runs Claude Code with hooks until it ends, closes the hooks, and removes its place. Returns its result. */
async function ended(hooks: Hooks, { home, api }: Place, more: object): Promise<unknown> {
  const claude = claudeAgentHooks(hooks, { sessionId: "s-1" });
  const options = claude.options({ ...optionsIn(home, api.url), ...more });
  let result: unknown;
  try {
    for await (const message of claude.wrap(query({ prompt: "hi", options }))) {
      if (message.type === "result") result = message.result;
    }
  } finally {
    api.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
  await hooks.close();
  return result;
}

function newHome(): string {
  return mkdtempSync(join(tmpdir(), "omniagent-hooks-claude-"));
}

/** Options with which Claude Code has a home of its own, and asks a server on this machine. */
function optionsIn(home: string, url: string) {
  return {
    pathToClaudeCodeExecutable: program,
    cwd: home,
    settingSources: [],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      CLAUDE_CONFIG_DIR: join(home, ".claude"),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: "none",
    },
  };
}

/** What it doesn't recognize as a result of the tool, Claude Code replaces by the original. */
async function withheld(): Promise<void> {
  const home = newHome();
  const path = (name: string) => join(home, name);
  writeFileSync(path("image.png"), Buffer.from(PNG, "base64"));
  const cells = [{ cell_type: "markdown", metadata: {}, source: ["SECRET"] }];
  const notebook = { cells, metadata: {}, nbformat: 4, nbformat_minor: 5 };
  writeFileSync(path("notebook.ipynb"), JSON.stringify(notebook));
  writeFileSync(path("text.txt"), "SECRET");
  const commit = "git init -q . && git -c user.name=n -c user.email=n@example.com " +
    `commit -q --allow-empty -m SECRET && echo SECRET`;
  const edit = { notebook_path: path("notebook.ipynb"), cell_id: "cell-0", edit_mode: "replace" };
  const steps = [
    { name: "Read", input: { file_path: path("text.txt") } },
    { name: "Read", input: { file_path: path("image.png") } },
    { name: "Read", input: { file_path: path("notebook.ipynb") } },
    { name: "NotebookEdit", input: { ...edit, new_source: "new source" } },
    { name: "Grep", input: { pattern: "SECRET", path: home, output_mode: "content" } },
    { name: "Bash", input: { command: commit } },
    { name: "Edit", input: { file_path: path("text.txt"), old_string: "S", new_string: "T" } },
  ];
  const api = await startMessagesApi([...steps, { text: "done" }]);
  const { hooks, log } = recorded();
  hooks.gate("tool.completed", { name: "policy", handle: () => deny("kept back") });
  await ended(hooks, { home, api }, { allowedTools: steps.map(({ name }) => name) });
  assert.equal(log.count("tool.completed"), steps.length, log.lines.join("\n"));
  const { messages } = api.requests.at(-1);
  // deno-lint-ignore no-explicit-any -- messages of Anthropic's API
  const parts = messages.flatMap(({ content }: any) => Array.isArray(content) ? content : []);
  // deno-lint-ignore no-explicit-any -- as above
  const results = parts.filter(({ type }: any) => type === "tool_result");
  assert.equal(results.length, steps.length);
  assert.doesNotMatch(JSON.stringify(results), /SECRET|iVBOR|new source/);
}

/** Claude Code completes the input that gates changed: the result of such a call isn't withheld. */
async function rewritten(): Promise<void> {
  const home = newHome();
  const path = (name: string) => join(home, name);
  for (const name of ["a.txt", "b.txt"]) writeFileSync(path(name), `SHOWN of ${name}`);
  const changes: Readonly<Record<string, readonly object[]>> = {
    Read: [
      { file_path: "b.txt" },
      { file_path: " ./x/../b.txt", limit: "1" },
      { file_path: "~/b.txt" },
      { file_path: `${home}//b.txt` },
    ],
    Edit: [{ file_path: "b.txt", old_string: "of", new_string: "in" }],
    Bash: [{ command: "echo SHOWN", timeout: "7000", run_in_background: "false" }],
    Grep: [{ pattern: "SHOWN", path: "./", "-n": "true", head_limit: "3" }],
    Glob: [{ pattern: "b.*", path: "." }],
    mcp__shop__pay: [{ amount: "3", more: 1 }],
  };
  const given: Readonly<Record<string, object>> = {
    Read: { file_path: path("a.txt") },
    Edit: { file_path: path("a.txt"), old_string: "of", new_string: "in" },
    Bash: { command: "ls" },
    Grep: { pattern: "x" },
    Glob: { pattern: "a.*" },
    mcp__shop__pay: { amount: 7 },
  };
  const steps = Object.entries(changes).flatMap(([name, all]) =>
    all.map(() => ({ name, input: given[name] }))
  );
  const api = await startMessagesApi([...steps, { text: "done" }]);
  const failures: string[] = [];
  const hooks = createHooks({ logger: false, onError: (error) => failures.push(String(error)) });
  const left = Object.fromEntries(Object.entries(changes).map(([name, all]) => [name, [...all]]));
  hooks.gate("tool.called", {
    name: "change",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: left[data.name]!.shift() as never }),
  });
  const errors: unknown[] = [];
  hooks.on("tool.completed", ({ data }) => void errors.push(data.error));
  const pay = tool(
    "pay",
    "Pays",
    { amount: z.coerce.number() },
    ({ amount }: { amount: number }) => text(`SHOWN ${amount}`),
  );
  await ended(hooks, { home, api }, {
    mcpServers: { shop: createSdkMcpServer({ name: "shop", tools: [pay] }) },
    allowedTools: Object.keys(changes),
  });
  assert.deepEqual(failures, []);
  assert.deepEqual(errors, steps.map(() => undefined));
}

/** An image of one pixel. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ" +
  "RU5ErkJggg==";
