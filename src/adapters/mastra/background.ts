import type { Instance, Registry, TaskManager, Tools } from "./agent.ts";

/**
 * Options that make a run wait for its tools. Mastra stores what runs in the background before it calls the tool, and
 * so before gates judge it. After a crash, another process would run it.
 */
export const FOREGROUND = { disableBackgroundTasks: true } as const;

type Judge = (tools: Tools) => Tools;

/** What judges the tools of an agent's tasks, by the agent's id. */
const judges = new WeakMap<TaskManager, Map<string, Judge>>();

/** Lets gates judge the stored tasks of an agent: to run them, Mastra calls tools past the agent. */
export function judgeTasks(agent: Instance, judged: Judge): void {
  const { __registerMastra: register } = agent;
  const connect = (mastra: Registry | undefined): void => {
    const { backgroundTaskManager: manager } = mastra ?? {};
    if (manager !== undefined) judgesOf(manager).set(agent.id, judged);
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

function judgesOf(manager: TaskManager): Map<string, Judge> {
  const known = judges.get(manager);
  if (known !== undefined) return known;
  const created = new Map<string, Judge>();
  judges.set(manager, created);
  const find = manager.getStaticExecutor;
  // Mastra looks for `agent:tool` first, and then for the tool alone.
  manager.getStaticExecutor = (key) => {
    const found = find.call(manager, key);
    const ids = [...created.keys()].filter((id) => key.startsWith(`${id}:`));
    const [id] = ids.sort((a, b) => b.length - a.length);
    if (id === undefined) return found;
    const name = key.slice(id.length + 1);
    const executor = found ?? find.call(manager, name);
    return executor && created.get(id)!({ [name]: executor })[name];
  };
  return created;
}
