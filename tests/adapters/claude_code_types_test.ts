/**
 * The golden files of Claude Code against the types of its SDK: every input is one that it sends, every response
 * one that it reads, and none of its events is missing.
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createHooks } from "@omniagent/hooks";
import { claudeAgentHooks } from "@omniagent/hooks/claude-agent";
import { deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { typeErrors } from "./type_check.ts";

const SDK = "@anthropic-ai/claude-agent-sdk";
// The same from the source, and from the bundle in .build/adapters/.
const goldens = new URL("../../tests/dialects/claude_code/", import.meta.url);

const check = (program: string): string => typeErrors("golden_types", program);

type Golden = { readonly input: unknown; readonly responses: Readonly<Record<string, unknown>> };

/** Returns a program that compiles if all golden files fit the types of the SDK. */
function program(): string {
  const files = readdirSync(goldens).sort();
  const lines = files.flatMap((file) => {
    const golden: Golden = JSON.parse(readFileSync(new URL(file, goldens), "utf8"));
    return [
      `inputs.push(${JSON.stringify(golden.input)});`,
      ...Object.values(golden.responses).map((one) => `outputs.push(${JSON.stringify(one)});`),
    ];
  });
  const names = files.map((file) => JSON.stringify(file.replace(".json", ""))).join(" | ");
  return `import type { HOOK_EVENTS, HookInput, SyncHookJSONOutput } from "${SDK}";
const inputs: HookInput[] = [];
const outputs: SyncHookJSONOutput[] = [];
${lines.join("\n")}
export const events: readonly (${names})[] = [] as (typeof HOOK_EVENTS)[number][];
export { inputs, outputs };
`;
}

test("the golden files of Claude Code fit the types of its SDK", () => {
  assert.equal(check(program()), "");
});

test("the type check rejects an output that Claude Code doesn't know", () => {
  const wrong =
    `outputs.push({ hookSpecificOutput: { hookEventName: "PreToolUse", deny: true } });`;
  const text = program().replace("export { inputs", `${wrong}\nexport { inputs`);
  assert.match(check(text), /deny/);
  assert.match(check(program().replace('"PreToolUse" | ', "")), /PreToolUse/);
});

/** Returns the fields of each tool's results that hold one of a few words, and the words, by the SDK's types. */
function wordsOf(types: string): ReadonlyMap<string, readonly (readonly [string, string])[]> {
  const blocks = types.replaceAll(/\/\*[^]*?\*\//g, "")
    .matchAll(/^export (?:type|interface) (?:File)?(\w+)Output\b[^]*?(?=^export |(?![^]))/gm);
  return new Map([...blocks].map(([block, tool]) => {
    const fields = block.matchAll(/(\w+)\??:\s*((?:\|?\s*"[^"]*"\s*)+)(?=;)/g);
    const words = [...fields].flatMap(([, field, words]) =>
      [...words!.matchAll(/"([^"]*)"/g)].map(([, word]) => [field!, word!] as const)
    );
    return [tool!, words];
  }));
}

/** Returns the words that a result of a tool doesn't keep when a gate withholds it. */
async function lostOf(tool: string, words: readonly (readonly [string, string])[]) {
  const hooks = createHooks({ logger: false });
  hooks.gate("tool.completed", { name: "policy", handle: () => deny("withheld") });
  const [matcher] = claudeAgentHooks(hooks).options({}).hooks!.PostToolUse!;
  const lost: string[] = [];
  for (const [field, word] of words) {
    const input = {
      hook_event_name: "PostToolUse",
      session_id: "s-1",
      tool_name: tool,
      tool_input: {},
      tool_use_id: `${field}-${word}`,
      tool_response: { [field]: word, stdout: "secret" },
    };
    const { signal } = new AbortController();
    const { hookSpecificOutput } = await matcher!.hooks[0]!(input, input.tool_use_id, { signal });
    const { [field]: kept, stdout } = hookSpecificOutput.updatedToolOutput;
    if (kept !== word || stdout !== "withheld") lost.push(`${tool}.${field}: ${word}`);
  }
  await hooks.close();
  return lost;
}

/** Where the SDK describes the tools of Claude Code. */
const TOOLS = new URL(`../../tests/adapters/node_modules/${SDK}/sdk-tools.d.ts`, import.meta.url);

test("a withheld result of a tool of Claude Code keeps each word that the SDK's types list", async () => {
  const tools = wordsOf(readFileSync(TOOLS, "utf8"));
  const names = [...tools].filter(([, words]) => words.length > 0).map(([tool]) => tool);
  assert.ok(names.length >= 15 && names.includes("Bash"), `found ${names.join(", ")}`);
  const lost: string[] = [];
  for (const [tool, words] of tools) {
    if (tool !== "Read") lost.push(...await lostOf(tool, words)); // its results have one form when withheld
  }
  assert.deepEqual(lost, []);
});

test("a tool of Claude Code whose words aren't known is found", async () => {
  const types =
    `export interface NewOutput {\n  grade:\n    | "high"\n    | "low";\n  status: "done";\n}\n`;
  const words = wordsOf(types).get("New")!;
  assert.deepEqual(await lostOf("New", words), ["New.grade: high", "New.grade: low"]);
});

type Default = { readonly tool: string; readonly field: string; readonly value: unknown };

/** Returns the defaults that the SDK's types document for the inputs of tools. */
function defaultsOf(types: string): readonly Default[] {
  const blocks = types.matchAll(/^export interface (?:File)?(\w+)Input \{\n([^]*?)^\}/gm);
  return [...blocks].flatMap(([, tool, body]) => {
    const fields = body!.matchAll(/^ {2}\/\*\*([^]*?)\*\/\n {2}"?([\w-]+)"?\??: ([^]*?)(?=;$)/gm);
    return [...fields].flatMap(([, comment, field, type]) => {
      const value = defaultIn(comment!, type!);
      return value === undefined ? [] : [{ tool: tool!, field: field!, value }];
    });
  });
}

/** Returns the default that a comment names, if it is a value of the type. */
function defaultIn(comment: string, type: string): unknown {
  const named = [
    ...comment.matchAll(/\bdefaults?:? (?:to )?["']?(\w+?)["']?(?:ms)?\b/gi),
    ...comment.matchAll(/["']?\b(\w+)["']? \(default\)/g),
  ];
  const unless = /\bby default\b[^]*\bSet to (true|false)\b/.exec(comment)?.[1];
  const words = named.map(([, word]) => word!);
  if (unless !== undefined) words.push(String(unless === "false"));
  const values = words.map((word) => /^(\d+|true|false)$/.test(word) ? JSON.parse(word) : word);
  return values.find((value) => {
    const kind: string = typeof value;
    return kind === "string" ? type.includes(`"${value}"`) : kind === type;
  });
}

/** Returns whether a call whose input gates changed may run with another field, so that its result isn't withheld. */
async function isExpected({ tool, field, value }: Default): Promise<boolean> {
  const hooks = createHooks({ logger: false });
  hooks.gate("tool.called", {
    name: "change",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: { changed: 1 } }),
  });
  const errors: unknown[] = [];
  hooks.on("tool.completed", ({ data }) => void errors.push(data.error));
  const { PreToolUse: [before], PostToolUse: [after] } = claudeAgentHooks(hooks).options({})
    .hooks as // deno-lint-ignore no-explicit-any -- hooks of the SDK
    any;
  const call = { session_id: "s-1", tool_name: tool, tool_use_id: "c1", cwd: "/repo" };
  const { signal } = new AbortController();
  const made = { ...call, hook_event_name: "PreToolUse", tool_input: {} };
  await before.hooks[0](made, "c1", { signal });
  const ran = { changed: 1, [field]: value };
  const ended = { ...call, hook_event_name: "PostToolUse", tool_input: ran, tool_response: "ok" };
  await after.hooks[0](ended, "c1", { signal });
  await hooks.close();
  assert.equal(errors.length, 1);
  return errors[0] === undefined;
}

test("the result of a rewritten call isn't withheld for a default that the SDK's types document", async () => {
  const defaults = defaultsOf(readFileSync(TOOLS, "utf8"));
  const found = defaults.map(({ tool, field }) => `${tool}.${field}`).join(", ");
  assert.ok(defaults.length >= 14, found);
  assert.match(found, /Agent\.run_in_background.*CronCreate\.durable.*Monitor\.timeout_ms/);
  const unknown: Default[] = [];
  for (const one of defaults) if (!await isExpected(one)) unknown.push(one);
  assert.deepEqual(unknown, []);
  for (const { tool, field, value } of defaults) {
    const other = typeof value === "boolean" ? !value : `${value}x`;
    assert.equal(await isExpected({ tool, field, value: other }), false, `${tool}.${field}`);
  }
});

test("a default of a tool of Claude Code that isn't known is found", async () => {
  const types = `export interface NewInput {\n  /**\n   * How much. Defaults to 7.\n   */\n` +
    `  amount?: number;\n}\n`;
  const [found, ...others] = defaultsOf(types);
  assert.deepEqual([found, others], [{ tool: "New", field: "amount", value: 7 }, []]);
  assert.equal(await isExpected(found!), false);
});
