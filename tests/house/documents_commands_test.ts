/**
 * The shell commands of the documents: every task, subcommand and flag is there.
 * @module
 */
import assert from "node:assert/strict";
import { type CommandIO, run } from "@omniagent/hooks/cli";
import { config } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { blocksOf, codeOf, readDocuments } from "./documents.ts";

const documents = await readDocuments();
const shell = documents.flatMap(blocksOf).filter(({ language }) => language === "sh");
const readme = documents.find(({ path }) => path === "README.md")!;

/** Commands of README that no test runs, and why. */
const NOT_RUN: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^(deno add|bun add|npm install|npx @omniagent\/hooks) ?/, "test:consumer installs the archive"],
];

test("every task that a document names exists", () => {
  const texts = [...shell.map(({ code }) => code), ...documents.flatMap(codeOf)];
  const named = texts.flatMap((text) => [...text.matchAll(/deno(?:@2)? task ([a-z:]+)/g)]);
  assert.ok(named.length > 10);
  const unknown = named.map(([, name]) => name!).filter((name) => !(name in config.tasks));
  assert.deepEqual(unknown, []);
});

test("every subcommand and flag of hooks that a document names exists", async () => {
  const lines = shell.flatMap(({ code }) => code.split("\n"));
  const calls = [...lines.map((line) => line.replace(/ +#.*/, "")), ...documents.flatMap(codeOf)]
    .flatMap((text) => [...text.matchAll(/(?<!\/)\bhooks ([a-z]+)\b(?!:)([^&|)]*)/g)]);
  assert.ok(calls.length > 20);
  const help = new Map<string, string>();
  for (const [text, command, rest] of calls) {
    if (!help.has(command!)) help.set(command!, await helpOf(command!));
    assert.match(help.get(command!)!, new RegExp(`^Usage: hooks ${command} `), text);
    for (const [flag] of rest!.matchAll(/--[a-z-]+/g)) {
      assert.ok(help.get(command!)!.includes(flag), `${text}: no ${flag}`);
    }
  }
});

test("every command of README is run by a test, or has a reason", () => {
  for (const { code } of blocksOf(readme).filter(({ language }) => language === "sh")) {
    for (const line of code.trim().split("\n")) {
      const command = line.replace(/ +#.*/, "");
      const reason = NOT_RUN.find(([pattern]) => pattern.test(command))?.[1];
      assert.ok(reason, `neither run nor with a reason: ${command}`);
      console.log(`not run here: ${command} (${reason})`);
    }
  }
});

async function helpOf(command: string): Promise<string> {
  let text = "";
  const output = { isTerminal: false, write: (part: string) => void (text += part) };
  const io = { stdout: output, stderr: output, env: () => undefined };
  assert.equal(await run([command, "--help"], io as unknown as CommandIO), 0, text);
  return text;
}
