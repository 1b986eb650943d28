import type { AgentHooks } from "../options.ts";
import { type Instance, type RunOptions, SUBJECT } from "./agent.ts";

/** The events that gates judge in a run. */
const JUDGED = ["tool.called", "tool.completed", "message.received"] as const;

/**
 * Makes methods throw that run an agent past its hooks: networks, while there are gates, and durable runs.
 * Durable runs call tools in steps of a workflow, also in other processes, and find tools there that the
 * agent doesn't have.
 *
 * @param isRunning Whether the caller is a run that hooks see
 */
export function refuseUnjudged(
  hooks: AgentHooks,
  agent: Instance,
  isRunning: () => boolean,
): void {
  for (const name of ["network", "resumeNetwork"] as const) {
    const run = agent[name];
    if (run === undefined) continue;
    agent[name] = async (...args) => {
      if (!isGuarded(hooks)) return await run.apply(agent, args);
      throw new Error(
        `Cannot run a network of the agent '${agent.id}': gates can't judge its tool calls. Use ` +
          "generate() or stream()",
      );
    };
  }
  // Only the constructor of a durable agent reads it.
  Object.defineProperty(agent, "__model", {
    configurable: true,
    get: () => {
      throw new TypeError(durable(agent, "Cannot make an agent durable"));
    },
  });
  const { __getGoalConfig: goal } = agent;
  if (goal === undefined) return;
  // One that was made durable before it was connected.
  agent.__getGoalConfig = () => {
    if (!isGuarded(hooks) || isRunning()) return goal.call(agent);
    throw new Error(durable(agent, "Cannot run a durable agent"));
  };
}

/** Returns whether there are gates for events of a run. */
export function isGuarded({ registry: { gates } }: AgentHooks): boolean {
  return JUDGED.some((type) => gates.guards(type));
}

/**
 * Returns what a run needs so that gates judge its tools: to wait for them. Mastra stores what runs in the background
 * before it calls the tool, and so before gates judge it; after a crash, another process would run it.
 *
 * @param options The agent's own options
 * @throws {Error} when the model would see what no gate has judged
 */
export function judgeable(
  { registry: { gates } }: AgentHooks,
  own: RunOptions,
  options: RunOptions,
): { readonly disableBackgroundTasks?: true } {
  const { autoResumeSuspendedTools: resumes = options.autoResumeSuspendedTools } = own;
  const judgesResults = gates.guards("tool.completed");
  if (resumes && judgesResults) {
    throw new Error(
      "Cannot run with 'autoResumeSuspendedTools': it shows the model what tools pass to suspend(), which gates of " +
        "'tool.completed' can't judge. Resume such tools in your program",
    );
  }
  return judgesResults || gates.guards("tool.called") ? { disableBackgroundTasks: true } : {};
}

/** Returns whether an agent is a durable one, or becomes one when it runs. */
export function isDurable(agent: Instance): boolean {
  return agent.agent !== undefined;
}

/** @throws {TypeError} when an agent is durable */
export function checkNotDurable(agent: Instance): void {
  if (isDurable(agent)) throw new TypeError(durable(agent, SUBJECT));
}

function durable({ id }: Instance, subject: string): string {
  return `${subject}: hooks don't see all tool calls of durable agents. Use the agent '${id}' without making it durable`;
}
