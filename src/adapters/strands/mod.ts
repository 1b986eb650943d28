/**
 * Connects agents of [Strands](https://strandsagents.com) (`@strands-agents/sdk` 1.x) to hooks: a plugin that
 * emits their events, and lets gates judge their tool calls, results, and messages.
 *
 * ```ts ignore
 * import * as strands from "@strands-agents/sdk";
 * import { createHooks } from "@omniagent/hooks";
 * import { strandsHooks } from "@omniagent/hooks/strands";
 *
 * const hooks = createHooks();
 * const agent = new strands.Agent({ model, tools, plugins: [strandsHooks(hooks, strands)] });
 * await agent.invoke("Pay the invoice");
 * ```
 *
 * @module
 */
import { type AgentHooks, type AgentOptions, checkAgentOptions } from "../options.ts";
import { Connection } from "./connection.ts";
import type { StrandsSdk } from "./sdk.ts";

export type { AgentHooks, AgentOptions, ModelCost, Usage } from "../options.ts";
export type { AnyClass, StrandsSdk } from "./sdk.ts";

/** A plugin of Strands, for `plugins` of an agent. One plugin can serve several agents. */
export interface StrandsPlugin {
  /** The name of the plugin. */
  readonly name: string;
  /** Called by Strands before the agent's first run. */
  // deno-lint-ignore no-explicit-any -- an `Agent`, whose private members no structure matches
  initAgent(agent: any): void;
}

/**
 * Returns a plugin that connects an agent to hooks. Put it last in `plugins`, so that gates judge each call
 * after the other plugins have changed it. It also connects agents that are used as tools.
 *
 * @throws {TypeError} when an argument is invalid, or the SDK lacks what the adapter needs
 */
export function strandsHooks(
  hooks: AgentHooks,
  sdk: StrandsSdk,
  options: AgentOptions = {},
): StrandsPlugin {
  const subject = "Cannot connect Strands";
  checkAgentOptions(subject, hooks, options);
  for (const name of NEEDED) {
    if (sdk?.[name] !== undefined) continue;
    throw new TypeError(
      `${subject}: '${name}' is missing. Pass the module of @strands-agents/sdk 1.19 or newer: ` +
        "strandsHooks(hooks, strands)",
    );
  }
  const connection = new Connection(hooks, sdk, options);
  return { name: "omniagent-hooks", initAgent: (agent) => connection.install(agent) };
}

const NEEDED: readonly (keyof StrandsSdk & string)[] = [
  "AfterInvocationEvent",
  "BeforeInvocationEvent",
  "BeforeModelCallEvent",
  "BeforeToolCallEvent",
  "ExecuteToolStage",
  "InvokeModelStage",
  "Message",
  "MessageAddedEvent",
  "TextBlock",
  "ToolResultBlock",
  "toolResultContentFromData",
];
