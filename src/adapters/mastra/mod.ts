/**
 * Connects agents of [Mastra](https://mastra.ai) (`@mastra/core` 1.x) to hooks: emits their events, and lets
 * gates judge their tool calls, results, and messages.
 *
 * ```ts ignore
 * import { Agent } from "@mastra/core/agent";
 * import { createHooks } from "@omniagent/hooks";
 * import { mastraHooks } from "@omniagent/hooks/mastra";
 *
 * const hooks = createHooks();
 * const agent = mastraHooks(hooks, new Agent({ id: "clerk", name: "Clerk", instructions, model, tools }));
 * await agent.generate("Pay the invoice");
 * ```
 *
 * @module
 */
import { type AgentHooks, type AgentOptions, checkAgentOptions } from "../options.ts";
import { type MastraAgent, SUBJECT } from "./agent.ts";
import { connect } from "./connection.ts";

export type { AgentHooks, AgentOptions, ModelCost, Usage } from "../options.ts";
export type { MastraAgent } from "./agent.ts";

/**
 * Connects an agent to hooks, and the agents that it delegates to. The agent itself is returned: its `generate`,
 * `stream`, and the methods that resume them emit events from now on, for every caller.
 *
 * @throws {TypeError} when an argument is invalid, the agent is connected already, or its version of Mastra lacks
 * what the adapter needs
 */
export function mastraHooks<Agent extends MastraAgent>(
  hooks: AgentHooks,
  agent: Agent,
  options: AgentOptions = {},
): Agent {
  checkAgentOptions(SUBJECT, hooks, options);
  connect(hooks, agent, options);
  return agent;
}
