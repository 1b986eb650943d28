import type { AgentHooks } from "../options.ts";
import type { Instance, Tools } from "./agent.ts";
import { isGuarded } from "./unjudged.ts";

/** A voice. A realtime one calls the tools of its agent by itself. */
type Voice = { addTools?(tools: Tools): void };

/**
 * Lets gates judge the tools that an agent gives out: to its voice, and to callers of `listTools`. A voice got
 * the original tools when the agent was created. It gets others here or, if that isn't possible, from `getVoice`.
 * While there are gates, `voice` throws until then.
 *
 * @param judged Returns tools that gates judge
 * @param isRunning Whether the caller is a run, whose tools are judged in another place
 */
export function judgeGivenTools(
  hooks: AgentHooks,
  agent: Instance,
  judged: (tools: Tools) => Tools,
  isRunning: () => boolean,
): void {
  const { getVoice, listTools } = agent;
  if (getVoice === undefined || listTools === undefined) return;
  agent.listTools = (...args) => {
    const tools = listTools.apply(agent, args);
    if (isRunning()) return tools;
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
