/**
 * An agent of the Claude Agent SDK: `npm install @anthropic-ai/claude-agent-sdk zod @omniagent/hooks`. In place of
 * Claude Code, it starts a program that follows a script.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createSdkMcpServer, query, tool } from "@anthropic-ai/claude-agent-sdk";
import { claudeAgentHooks } from "@omniagent/hooks/claude-agent";
import { z } from "zod";
import { answer, calls, openHooks, prompt, tools } from "./hooks.mjs";

const { hooks, close } = await openHooks();
const claude = claudeAgentHooks(hooks, { sessionId: "claude-agent" });

const server = createSdkMcpServer({
  name: "tools",
  tools: Object.entries(tools).map(([name, execute]) =>
    tool(name, "Works with invoices", { invoice: z.number() }, (input) => ({
      content: [{ type: "text", text: execute(input) }],
    }))
  ),
});
const options = claude.options({
  mcpServers: { tools: server },
  ...fakeClaudeCode(),
});
for await (const message of claude.wrap(query({ prompt, options }))) {
  if (message.type === "result") console.log(message.result);
}
await close();

/** Calls all tools, then responds. */
function fakeClaudeCode() {
  const script = { turns: [{ calls }, { text: answer }] };
  return {
    pathToClaudeCodeExecutable: fileURLToPath(new URL("fake_claude_code.mjs", import.meta.url)),
    env: { ...process.env, FAKE_CLAUDE_CODE: JSON.stringify(script) },
  };
}
