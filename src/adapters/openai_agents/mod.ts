/**
 * Connects the [OpenAI Agents SDK](https://openai.github.io/openai-agents-js/) (`@openai/agents` 0.20) to hooks: the
 * runs of a runner emit their events, and gates judge the tool calls of all agents that take part.
 *
 * ```ts ignore
 * import { Agent, Runner } from "@openai/agents";
 * import { createHooks } from "@omniagent/hooks";
 * import { openaiAgentsHooks } from "@omniagent/hooks/openai-agents";
 *
 * const hooks = createHooks();
 * const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "s-1" });
 * await runner.run(new Agent({ name: "Cashier", tools }), "Pay the invoice");
 * ```
 *
 * @module
 */
import { inspect } from "../../internal/validate.ts";
import { type AgentHooks, type AgentOptions, checkAgentOptions } from "../options.ts";
import { Connection } from "./connection.ts";
import type { SdkRunner } from "./sdk.ts";

export type { AgentHooks, AgentOptions, ModelCost, Usage } from "../options.ts";
export type { SdkRunner } from "./sdk.ts";

const SUBJECT = "Cannot connect OpenAI Agents";

/** Runners that are connected. */
const connected = new WeakSet<object>();

/**
 * Connects a runner to hooks, and returns it. Every agent that takes part in its runs is connected: agents that take
 * over in a handoff, are used as tools, or are run by a tool. In other runs, agents behave as before.
 *
 * @throws {TypeError} when an argument is invalid, or the runner is already connected
 */
export function openaiAgentsHooks<Runner extends SdkRunner>(
  hooks: AgentHooks,
  runner: Runner,
  options: AgentOptions = {},
): Runner {
  checkAgentOptions(SUBJECT, hooks, options);
  const found = runner as Partial<SdkRunner> | undefined;
  const isRunner = typeof found?.run === "function" && typeof found.on === "function" &&
    typeof found.config?.modelProvider?.getModel === "function";
  if (!isRunner) {
    const advice = "pass new Runner() of @openai/agents 0.20 or newer";
    throw new TypeError(`${SUBJECT}: the runner is not one: ${advice}, got ${inspect(runner)}`);
  }
  if (connected.has(runner)) {
    throw new TypeError(`${SUBJECT}: the runner is already connected: create one for each agent`);
  }
  const connection = new Connection(hooks, options);
  connected.add(runner);
  connection.connectRunner(runner);
  return runner;
}
