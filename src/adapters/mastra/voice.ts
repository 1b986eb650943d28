import type { AgentHooks } from "../options.ts";
import { createStorage } from "../async_storage.ts";
import { type Instance, SUBJECT, type Tools } from "./agent.ts";
import { isGuarded } from "./unjudged.ts";

/** A voice. A realtime one calls the tools of its agent by itself. */
type Voice = { readonly addTools?: unknown };

/**
 * Lets gates judge the tools that the voice of an agent calls. `getVoice` gives it the tools that `judged`
 * returns. While there are gates, `voice` throws until then, because the voice got the original tools when
 * the agent was created.
 */
export function judgeVoice(
  hooks: AgentHooks,
  agent: Instance,
  judged: (tools: Tools) => Tools,
): void {
  const { getVoice, listTools } = agent;
  if (getVoice === undefined || listTools === undefined) return;
  const isForVoice = createStorage<true>(SUBJECT);
  let hasJudgedTools = false;
  agent.listTools = async (...args) => {
    const tools = await listTools.apply(agent, args);
    return isForVoice.getStore() ? judged(tools) : tools;
  };
  agent.getVoice = async (...args) => {
    const voice = await isForVoice.run(true, () => getVoice.apply(agent, args));
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

/** Returns whether a voice uses tools: the base class of voices ignores them. */
function callsTools(voice: Voice): boolean {
  let ignored: unknown;
  for (let at: object | null = voice; at !== null; at = Object.getPrototypeOf(at)) {
    ignored = Object.getOwnPropertyDescriptor(at, "addTools")?.value ?? ignored;
  }
  return voice.addTools !== ignored;
}
