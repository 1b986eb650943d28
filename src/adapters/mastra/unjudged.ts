import { type AsyncStorage, createStorage } from "../async.ts";
import type { AgentHooks } from "../options.ts";
import { type Instance, type RunOptions, SUBJECT, type Tools } from "./agent.ts";

/** The events that gates judge in a run. */
const JUDGED = ["tool.called", "tool.completed", "message.received"] as const;

/**
 * Guards the ways past an agent's hooks: gates judge the tools that it gives out, and runs that they can't judge
 * throw.
 *
 * @param judged Returns tools that gates judge
 * @param isRunning Whether the caller is a run that hooks see, or one of its callbacks
 */
export function guardOtherWays(
  hooks: AgentHooks,
  agent: Instance,
  judged: (tools: Tools) => Tools,
  isRunning: () => boolean,
): void {
  refuseUnjudged(hooks, agent, isRunning);
  judgeGivenTools(hooks, agent, judged);
}

/**
 * Makes methods throw that run an agent past its hooks: networks, while there are gates, and durable runs.
 * Durable runs call tools in steps of a workflow, also in other processes, and find tools there that the
 * agent doesn't have.
 */
function refuseUnjudged(
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
  refuseDurableRuns(hooks, agent, isRunning);
}

/** Makes durable runs throw of an agent that was made durable before it was connected. */
function refuseDurableRuns(
  hooks: AgentHooks,
  agent: Instance,
  isRunning: () => boolean,
): void {
  const { __getGoalConfig: goal, getToolsForExecution: prepare } = agent;
  const refuse = (): never => {
    throw new Error(durable(agent, "Cannot run a durable agent"));
  };
  if (goal !== undefined) {
    agent.__getGoalConfig = () => {
      if (isGuarded(hooks) && !isRunning()) refuse();
      return goal.call(agent);
    };
  }
  if (prepare === undefined) return;
  // A callback of a run may start a durable one. Mastra ignores what this method throws, but not what its result does.
  agent.getToolsForExecution = async (options) => {
    const isRefused = options.runId !== undefined && isGuarded(hooks) && isRunning();
    return isRefused ? new Proxy({}, { ownKeys: refuse }) : await prepare.call(agent, options);
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

/** A voice. A realtime one calls the tools of its agent by itself. */
type Voice = { addTools?(tools: Tools): void };

/**
 * Lets gates judge the tools that an agent gives out: to its voice, and to callers of `listTools`. A voice got
 * the original tools when the agent was created. It gets others here or, if that isn't possible, from `getVoice`.
 * While there are gates, `voice` throws until then.
 */
function judgeGivenTools(
  hooks: AgentHooks,
  agent: Instance,
  judged: (tools: Tools) => Tools,
): void {
  const { getVoice, listTools } = agent;
  if (getVoice === undefined || listTools === undefined) return;
  const isOfRun = notingPreparations(agent);
  agent.listTools = (...args) => {
    const isJudgedLater = isOfRun(args[0]);
    const tools = listTools.apply(agent, args);
    if (isJudgedLater) return tools;
    return tools instanceof Promise ? tools.then(judged) : judged(tools);
  };
  let hasJudgedTools = false;
  const early = voiceOf(agent);
  if (early !== undefined && callsTools(early)) {
    Promise.resolve(agent.listTools()).then((tools) => {
      early.addTools!(tools);
      hasJudgedTools = true;
    }).catch(() => {}); // `getVoice` says why
  }
  agent.getVoice = async (...args) => {
    const voice = await getVoice.apply(agent, args);
    hasJudgedTools = true;
    return voice;
  };
  Object.defineProperty(agent, "voice", {
    configurable: true,
    get: () => {
      const voice = Reflect.get(Object.getPrototypeOf(agent), "voice", agent) as Voice;
      if (hasJudgedTools || !isGuarded(hooks) || !callsTools(voice)) return voice;
      throw new Error(
        `Cannot use 'voice' of the agent '${agent.id}': gates can't judge the tools that it has. Use ` +
          "'await agent.getVoice()'",
      );
    },
  });
}

/** Mastra prepares the tools of an agent's run. */
type Preparation = { readonly agent: Instance; isOver: boolean };

/** The preparation that is under way. Created with the first connection. */
let preparations: AsyncStorage<Preparation> | undefined;

/**
 * Returns what tells whether a call of `listTools` is the one with which Mastra prepares a run: that run's tools are
 * judged in another place. Callbacks of the user run in the same async context, and later ones inherit it, so it is
 * one call at most, with the option that only Mastra passes.
 */
function notingPreparations(agent: Instance): (options: unknown) => boolean {
  const { listAssignedTools: prepare } = agent;
  if (prepare === undefined) return () => false;
  const storage = preparations ??= createStorage(SUBJECT);
  agent.listAssignedTools = async (...args) => {
    const preparation = { agent, isOver: false };
    try {
      return await storage.run(preparation, () => prepare.apply(agent, args));
    } finally {
      preparation.isOver = true;
    }
  };
  return (options) => {
    const preparation = storage.getStore();
    const { resolveWebSearch } = (options ?? {}) as { readonly resolveWebSearch?: unknown };
    if (preparation?.agent !== agent || preparation.isOver) return false;
    return preparation.isOver = resolveWebSearch === false;
  };
}

/** Returns the voice that an agent was created with; undefined if the agent doesn't tell. */
function voiceOf(agent: Instance): Voice | undefined {
  const { logger } = agent;
  try {
    agent.logger = SILENT;
    return Reflect.get(Object.getPrototypeOf(agent), "voice", agent) as Voice;
  } catch {
    return undefined; // the voice or the instructions are a function
  } finally {
    agent.logger = logger;
  }
}

/** Takes what Mastra reports when it throws. */
const SILENT = { trackException: (): void => {} };

/** Returns whether a voice uses tools: the base class of voices ignores them. */
function callsTools(voice: Voice): boolean {
  let ignored: unknown;
  for (let at: object | null = voice; at !== null; at = Object.getPrototypeOf(at)) {
    ignored = Object.getOwnPropertyDescriptor(at, "addTools")?.value ?? ignored;
  }
  return voice.addTools !== ignored;
}
