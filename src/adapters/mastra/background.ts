import type { Instance, Registry, TaskManager, Tool, Tools } from "./agent.ts";

/** An agent, and what judges its tools. */
type Owner = { readonly agent: Instance; readonly judged: (tools: Tools) => Tools };

/** The agents whose tasks a manager has, by their ids. */
const owners = new WeakMap<TaskManager, Map<string, Owner>>();

/** Lets gates judge the stored tasks of an agent: to run them, Mastra calls tools past the agent. */
export function judgeTasks(agent: Instance, judged: Owner["judged"]): void {
  const { __registerMastra: register } = agent;
  const connect = (mastra: Registry | undefined): void => {
    const { backgroundTaskManager: manager } = mastra ?? {};
    if (manager !== undefined) ownersIn(manager).set(agent.id, { agent, judged });
  };
  connect(agent.getMastraInstance?.());
  if (register === undefined) return;
  agent.__registerMastra = (mastra) => {
    register.call(agent, mastra);
    connect(mastra);
    // It may create the manager next, which needs longer to begin.
    queueMicrotask(() => connect(mastra));
  };
}

function ownersIn(manager: TaskManager): Map<string, Owner> {
  const known = owners.get(manager);
  if (known !== undefined) return known;
  const created = new Map<string, Owner>();
  owners.set(manager, created);
  const find = manager.getStaticExecutor;
  // Mastra looks for `agent:tool` first, and then for the tool alone.
  manager.getStaticExecutor = (key) => {
    const ids = [...created.keys()].filter((id) => key.startsWith(`${id}:`));
    const [id] = ids.sort((a, b) => b.length - a.length);
    if (id === undefined) return find.call(manager, key);
    const name = key.slice(id.length + 1);
    const executor = find.call(manager, key) ?? find.call(manager, name);
    return executor && judgedExecutor(created.get(id)!, name, executor);
  };
  return created;
}

/** Returns what runs a tool: as the agent gives it out, which is judged, or else as Mastra knows it. */
function judgedExecutor({ agent, judged }: Owner, name: string, executor: Tool): Tool {
  return {
    execute: async (input, context) => {
      const { [name]: own } = await agent.listTools?.() ?? {};
      const tool = own?.execute === undefined ? judged({ [name]: executor })[name]! : own;
      return await tool.execute!(input, context);
    },
  };
}
