/**
 * Connects agents of [LangChain](https://docs.langchain.com/oss/javascript/langchain/agents) (`langchain` 1) to hooks:
 * a middleware lets gates judge tool calls, and callbacks emit the events of runs.
 *
 * ```ts ignore
 * import { createAgent } from "langchain";
 * import { createHooks } from "@omniagent/hooks";
 * import { langchainHooks } from "@omniagent/hooks/langchain";
 *
 * const hooks = createHooks();
 * const { middleware, config } = langchainHooks(hooks);
 * const agent = createAgent({ model, tools, middleware: [middleware] }).withConfig(config);
 * await agent.invoke({ messages: [{ role: "user", content: "Pay the invoice" }] });
 * ```
 *
 * @module
 */
import { checkOneOf } from "../../internal/validate.ts";
import { type AgentHooks, type AgentOptions, checkAgentOptions } from "../options.ts";
import { createMiddleware } from "./middleware.ts";
import { Runs } from "./runs.ts";

export type { AgentHooks, AgentOptions, ModelCost, Usage } from "../options.ts";

/** Options of `langchainHooks`. `sessionId` is by default the `thread_id` of a run. */
export interface LangChainOptions extends AgentOptions {
  /**
   * How to handle errors of tools: as a message to the model, as in agents without middleware, or as an error
   * that your own middleware catches, such as `toolRetryMiddleware`. @default {"message"}
   */
  readonly toolErrors?: "message" | "throw" | undefined;
}

/** What `langchainHooks` returns. */
export interface LangChainHooks {
  /** For `middleware` of `createAgent`. Put it last, so that gates judge calls after all other middleware. */
  // deno-lint-ignore no-explicit-any -- LangChain infers the state of an agent from its middleware
  readonly middleware: any;
  /** For `withConfig` of the agent: its callbacks mark where a run begins and ends. */
  readonly config: {
    // deno-lint-ignore no-explicit-any -- a handler of callbacks, by structure
    readonly callbacks: any[];
  };
  /** Returns the same for a subagent, which a tool of this agent invokes. */
  child(options: Pick<AgentOptions, "agentId" | "name">): LangChainHooks;
}

const SUBJECT = "Cannot connect LangChain";

/**
 * Connects an agent to hooks: pass it both `middleware` and `config`.
 *
 * @throws {TypeError} when an argument is invalid
 */
export function langchainHooks(
  hooks: AgentHooks,
  options: LangChainOptions = {},
): LangChainHooks {
  const { toolErrors = "message", ...agent } = options;
  checkAgentOptions(SUBJECT, hooks, agent);
  checkOneOf(SUBJECT, "toolErrors", toolErrors, ["message", "throw"]);
  const connect = (
    agent: AgentOptions & { readonly parentAgentId?: string | undefined },
  ): LangChainHooks => {
    const runs = new Runs(hooks, agent);
    return {
      middleware: createMiddleware(runs, toolErrors),
      config: { callbacks: [runs] },
      child: ({ agentId, name }) =>
        connect({ ...agent, agentId, name, parentAgentId: agent.agentId ?? agent.name }),
    };
  };
  return connect(agent);
}
