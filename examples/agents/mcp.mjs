/**
 * An MCP client and server. The client follows a script instead of being driven by an agent:
 * `npm install @modelcontextprotocol/sdk zod @omniagent/hooks`.
 */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { mcpHooks } from "@omniagent/hooks/mcp";
import { z } from "zod";
import { answer, calls, openHooks, tools } from "./hooks.mjs";

const { hooks, close } = await openHooks();

const server = new McpServer({ name: "invoices", version: "1.0.0" });
for (const [name, execute] of Object.entries(tools)) {
  const config = { description: "Works with invoices", inputSchema: { invoice: z.number() } };
  server.registerTool(name, config, (input) => ({
    content: [{ type: "text", text: execute(input) }],
  }));
}
const [ours, theirs] = InMemoryTransport.createLinkedPair();
await server.connect(mcpHooks(hooks, ours, { sessionId: "mcp" }));

const client = new Client({ name: "agent", version: "1.0.0" });
await client.connect(theirs);
for (const { name, params } of calls) await client.callTool({ name, arguments: params });
console.log(answer);
await client.close();
await close();
