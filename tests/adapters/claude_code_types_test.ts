/**
 * The golden files of Claude Code against the types of its SDK: every input is one that it sends, every response
 * one that it reads, and none of its events is missing.
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
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
