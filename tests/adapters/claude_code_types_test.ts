/**
 * The golden files of Claude Code against the types of its SDK: every input is one that it sends, every response
 * one that it reads, and none of its events is missing.
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createHooks } from "@omniagent/hooks";
import { claudeAgentHooks } from "@omniagent/hooks/claude-agent";
import { deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";

const SDK = "@anthropic-ai/claude-agent-sdk";
// The same from the source, and from the bundle in .build/adapters/.
const goldens = new URL("../../tests/dialects/claude_code/", import.meta.url);
const compiler = new URL(
  "../../tests/runtime/node_modules/typescript5/bin/tsc",
  import.meta.url,
);

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

/** Returns what the compiler says about a program; empty if nothing. */
function check(text: string): string {
  const file = fileURLToPath(new URL("./golden_types.ts", import.meta.url));
  writeFileSync(file, text);
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext"];
  try {
    const args = [fileURLToPath(compiler), ...options, "--target", "es2022", file];
    execFileSync("node", args, { encoding: "utf8" });
    return "";
  } catch (error) {
    return (error as { readonly stdout: string }).stdout;
  } finally {
    rmSync(file);
  }
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

test("a withheld result of a tool of Claude Code keeps each word that the SDK's types list", async () => {
  const types = new URL(`../../tests/adapters/node_modules/${SDK}/sdk-tools.d.ts`, import.meta.url);
  const tools = wordsOf(readFileSync(types, "utf8"));
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
