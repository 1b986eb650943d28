/**
 * Connects the [Claude Agent SDK](https://docs.claude.com/en/api/agent-sdk/overview)
 * (`@anthropic-ai/claude-agent-sdk` 0.3) to hooks: emits the events of `query()`, and lets gates judge tool calls,
 * results, and prompts, those of subagents included.
 *
 * ```ts ignore
 * import { query } from "@anthropic-ai/claude-agent-sdk";
 * import { createHooks } from "@omniagent/hooks";
 * import { claudeAgentHooks } from "@omniagent/hooks/claude-agent";
 *
 * const hooks = createHooks();
 * const claude = claudeAgentHooks(hooks);
 * for await (const message of claude.wrap(query({ prompt: "Hi", options: claude.options() }))) {
 *   if ("result" in message) console.log(message.result);
 * }
 * ```
 *
 * @module
 */
import { checkFunctions, checkObject } from "../../internal/validate.ts";
import { type AgentHooks, type AgentOptions, checkAgentOptions } from "../options.ts";
import { askPermission, type CanUseTool, watchPermission } from "./permission.ts";
import { hookCallbacks, type HookMatchers } from "./hook_callbacks.ts";
import { Sessions } from "./sessions.ts";
import { type Message, observe } from "./stream.ts";

export type { AgentHooks, AgentOptions, ModelCost, Usage } from "../options.ts";
export type { CanUseTool, PermissionOptions, PermissionResult } from "./permission.ts";
export type { HookCallback, HookMatcher, HookMatchers } from "./hook_callbacks.ts";

/** Connects `query()` to hooks. One connection can serve several queries. */
export interface ClaudeAgentHooks {
  /** Callbacks for `options.hooks`, if you set it yourself. */
  readonly hooks: HookMatchers;
  /**
   * Responds when Claude Code would ask the user: gates of `claude_code.permission_request` decide. Denies
   * unless a gate, or a person whom it asks, allows the call.
   */
  readonly canUseTool: CanUseTool;
  /**
   * Returns options for `query()` with `hooks` and `canUseTool`. Your own hooks are called, too. Where the type is
   * known, as within `query({ options: … })`, your callbacks and literals have the types of the SDK.
   *
   * @throws {TypeError} when the options aren't an object
   */
  options<Options>(
    own?: Options,
  ): Options & { readonly hooks: HookMatchers; readonly canUseTool: CanUseTool };
  /** Observes the messages of a query: its runs, model calls, tokens, and cost. The query works as before. */
  wrap<Query extends AsyncGenerator<unknown, void>>(query: Query): Query;
}

/** The options of `query()` that the adapter adds to. */
type QueryOptions = {
  readonly hooks?: HookMatchers;
  readonly canUseTool?: CanUseTool;
};

/**
 * Connects the Claude Agent SDK to hooks.
 *
 * @throws {TypeError} when an argument is invalid
 */
export function claudeAgentHooks(hooks: AgentHooks, options: AgentOptions = {}): ClaudeAgentHooks {
  const subject = "Cannot connect the Claude Agent SDK";
  checkAgentOptions(subject, hooks, options);
  const sessions = new Sessions(hooks, options);
  const callbacks = hookCallbacks(hooks, sessions);
  const canUseTool = askPermission(hooks, sessions);
  return {
    hooks: callbacks,
    canUseTool,
    // A bound on `Options` would make TypeScript forget the type that `query()` expects, and its callbacks' types.
    options: <Options>(own = {} as Options) => {
      checkObject(subject, "the options", own);
      const { hooks: others = {}, canUseTool: permit } = own as QueryOptions;
      return {
        ...own,
        hooks: merge(callbacks, others),
        canUseTool: permit === undefined ? canUseTool : watchPermission(hooks, sessions, permit),
      };
    },
    wrap: <Query extends AsyncGenerator<unknown, void>>(query: Query) => {
      checkObject(subject, "the query", query);
      checkFunctions(`${subject} to this query`, query, ["next", "return", "throw"]);
      return observe(
        sessions,
        query as unknown as AsyncGenerator<Message, void>,
      ) as unknown as Query;
    },
  };
}

/** Merges matchers. Claude Code calls all hooks of an event at once, so their order doesn't matter. */
function merge(callbacks: HookMatchers, own: HookMatchers): HookMatchers {
  const names = new Set([...Object.keys(callbacks), ...Object.keys(own)]);
  return Object.fromEntries(
    [...names].map((name) => [name, [...callbacks[name] ?? [], ...own[name] ?? []]]),
  );
}
