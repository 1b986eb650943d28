import { errorMessage } from "../../internal/issues.ts";
import { createEventId } from "../../internal/uuid.ts";
import { type AsyncStorage, createStorage } from "../async_storage.ts";
import type { AgentHooks, AgentOptions } from "../options.ts";
import { AgentRun } from "../run.ts";
import { denialText, openCall, type OpenedCall, type ToolCall, withContext } from "../tool_call.ts";
import {
  type Agents,
  type Instance,
  type MastraAgent,
  type Output,
  type Run,
  type RunOptions,
  RUNS,
  SUBJECT,
  type Tool,
  type ToolContext,
  type Tools,
} from "./agent.ts";
import { messageProcessor, resultProcessor, Running } from "./processors.ts";

/** The connections of all agents: an agent that delegates to another one needs to find that one's. */
const CONNECTIONS = new WeakMap<object, Connection>();

/** What delegates to an agent at the moment. It is created with the first connection. */
let delegations: AsyncStorage<{ readonly to: MastraAgent; readonly parent: AgentRun }> | undefined;

/** Tells the tools of a run which run it is. Next to the user's hooks, it reaches them in every path. */
const RUN = "omniagentRun";

/** How many suspended runs are kept for those that resume them. */
const MAX_SUSPENDED = 1_000;

/** A run. When it was suspended, the run that resumes it takes its place: Mastra keeps the tools. */
type Slot = { running: Running; readonly id: string };

/** The tools that delegate to an agent have its key after this. */
const DELEGATION = "agent-";

/** Connects an agent. @throws {TypeError} when it is connected already, or can't be */
export function connect(hooks: AgentHooks, agent: MastraAgent, options: AgentOptions): void {
  if (CONNECTIONS.has(agent)) {
    throw new TypeError(`${SUBJECT}: the agent '${agent.id}' is already connected`);
  }
  const instance = agent as unknown as Instance;
  for (const name of [...RUNS, ...NEEDED]) {
    if (typeof instance?.[name] === "function") continue;
    throw new TypeError(
      `${SUBJECT}: '${name}' is missing. Pass an Agent of @mastra/core 1.71 or a later 1.x`,
    );
  }
  delegations ??= createStorage(SUBJECT);
  CONNECTIONS.set(agent, new Connection(hooks, instance, options));
}

const NEEDED = [
  "wrapToolsWithHooks",
  "listAgents",
  "listConfiguredInputProcessors",
  "listConfiguredOutputProcessors",
  "getDefaultOptions",
] as const;

/** One agent, with its runs. */
class Connection {
  readonly #hooks: AgentHooks;
  readonly #agent: Instance;
  readonly #options: AgentOptions;
  /** The runs that are under way, by our id. */
  readonly #slots = new Map<string, Slot>();
  /** Those that are suspended, by Mastra's id. */
  readonly #suspended = new Map<string, Slot>();
  /** The `execute` functions of tools that gates judge: the steps of a run may add other tools. */
  readonly #judged = new WeakSet<object>();

  constructor(hooks: AgentHooks, agent: Instance, options: AgentOptions) {
    this.#hooks = hooks;
    this.#agent = agent;
    this.#options = options;
    for (const name of RUNS) {
      const run = agent[name];
      const resumes = name.startsWith("resume");
      agent[name] = (input, own = {}) => this.#run(run.bind(agent), input, own, resumes);
    }
    // Private, but the only place that all tools of all runs pass, after the user's own hooks.
    const { wrapToolsWithHooks } = agent;
    agent.wrapToolsWithHooks = (tools, hooks) => {
      const { [RUN]: key } = (hooks ?? {}) as { readonly [RUN]?: string };
      const judged = this.#wrapTools(tools, this.#slots.get(key!));
      const wrapped = wrapToolsWithHooks.call(agent, judged, hooks);
      for (const { execute } of Object.values(wrapped)) if (execute) this.#judged.add(execute);
      return wrapped;
    };
    const { network } = agent;
    if (network !== undefined) {
      agent.network = async (...args) => {
        if (!hooks.registry.gates.guards("tool.called")) return await network.apply(agent, args);
        throw new Error(
          `Cannot run a network of the agent '${agent.id}': gates can't judge its tool calls. Use ` +
            "generate() or stream()",
        );
      };
    }
    const { __runProcessInputStep: prepare } = agent;
    if (prepare === undefined) return;
    agent.__runProcessInputStep = async (args) => {
      const step = await prepare.call(agent, args);
      return step.tools === undefined ? step : { ...step, tools: this.#wrapTools(step.tools) };
    };
  }

  async #run(run: Run, input: unknown, own: RunOptions, resumes: boolean): Promise<Output> {
    const running = this.#begin(own);
    const key = running.run.id;
    const suspended = resumes ? this.#suspended.get(own.runId!) : undefined;
    const slot = suspended ?? { running, id: key };
    slot.running = running;
    this.#slots.set(key, slot);
    try {
      const output = await run(input, await this.#connected(slot, own));
      const ended = this.#end(slot, output).finally(() => this.#slots.delete(key));
      // Of a stream, the fields are promises, and the run goes on.
      if (typeof output.finishReason === "string") await ended;
      return output;
    } catch (error) {
      this.#slots.delete(key);
      await running.end({ error });
      throw error;
    }
  }

  #begin({ abortSignal, memory }: RunOptions): Running {
    const { id, name: known } = this.#agent;
    const thread = typeof memory?.thread === "string" ? memory.thread : memory?.thread?.id;
    const { name = known, sessionId = thread } = this.#options;
    const delegation = delegations?.getStore();
    const parent = connectionOf(delegation?.to) === this ? delegation?.parent : undefined;
    const run = parent?.child({ agentId: id, name }) ??
      new AgentRun(this.#hooks, { ...this.#options, name, sessionId });
    return new Running(run, abortSignal);
  }

  /** Adds our processors, and wraps the tools of each step. Ours run last: what they let through is sent. */
  async #connected(slot: Slot, own: RunOptions): Promise<RunOptions> {
    const agent = this.#agent;
    const { running } = slot;
    const { requestContext } = own;
    const options = await agent.getDefaultOptions({ requestContext });
    const inputs = own.inputProcessors ?? options.inputProcessors ??
      await agent.listConfiguredInputProcessors(requestContext);
    const outputs = own.outputProcessors ?? options.outputProcessors ??
      await agent.listConfiguredOutputProcessors(requestContext);
    return {
      ...own,
      hooks: { ...own.hooks, [RUN]: running.run.id },
      inputProcessors: [...inputs, messageProcessor(running)],
      outputProcessors: [...outputs, resultProcessor(running)],
      // Mastra calls it after all processors: they may have added tools.
      prepareStep: async (step) => {
        const prepared = await (own.prepareStep ?? options.prepareStep)?.(step);
        const tools = prepared?.tools ?? step.tools;
        return tools ? { ...prepared, tools: this.#wrapTools(tools, slot) } : prepared;
      },
    };
  }

  async #end(slot: Slot, output: Output): Promise<void> {
    const { running } = slot;
    try {
      const reason = await output.finishReason;
      if (reason === "suspended" && output.runId !== undefined) this.#suspend(output.runId, slot);
      const { error, tripwire } = output;
      const stopped = tripwire && new Error(tripwire.reason ?? "Stopped by a processor");
      const response = reason === "suspended" ? undefined : await output.text;
      await running.end({ response, aborted: reason === "aborted", error: error ?? stopped });
    } catch (error) {
      await running.end({ error });
    }
  }

  #suspend(id: string, slot: Slot): void {
    this.#suspended.set(id, slot);
    const [oldest] = this.#suspended.keys();
    if (this.#suspended.size > MAX_SUSPENDED) this.#suspended.delete(oldest!);
  }

  /** Returns tools that gates judge. Those that have passed here before stay as they are. */
  #wrapTools(tools: Tools, slot?: Slot): Tools {
    const wrapped = Object.entries(tools).map(([name, tool]) => {
      if (typeof tool.execute !== "function" || this.#judged.has(tool.execute)) return [name, tool];
      const execute = (params: unknown, context: ToolContext = {}): Promise<unknown> =>
        this.#callTool(name, tool, { params, context, slot });
      this.#judged.add(execute);
      return [name, withExecute(tool, execute)];
    });
    return Object.fromEntries(wrapped);
  }

  async #callTool(
    name: string,
    tool: Tool,
    { params, context, slot }: {
      readonly params: unknown;
      readonly context: ToolContext;
      readonly slot: Slot | undefined;
    },
  ): Promise<unknown> {
    const running = slot?.running;
    const { toolCallId: callId } = context.agent ?? context;
    const call = { name, params, callId, signal: context.abortSignal };
    const opened = await this.#open(call, slot);
    if (opened.type === "denied") return denialText(opened.denial);
    let isSuspended = false;
    const outcome = await this.#delegating(name, running, async () => {
      try {
        const watched = watching(context, () => isSuspended = true);
        const output = await opened.within(() => tool.execute!(opened.params, watched));
        if (isSuspended && output === undefined) {
          opened.pause();
          return { type: "result", value: output } as const;
        }
        const invalid = rejection(output);
        if (invalid === undefined) return await opened.complete(output);
        const judged = await opened.fail(invalid);
        const isSame = judged.type === "error" && judged.error === invalid;
        return isSame ? { type: "result", value: output } as const : judged;
      } catch (error) {
        return await opened.fail(error);
      }
    });
    if (outcome.type === "error") throw outcome.error;
    return outcome.type === "denied"
      ? denialText(outcome.denial)
      : withContext(outcome.value, opened.context);
  }

  /** Begins a call in its run, or in none: an agent's tools can also be used without running it. */
  #open(call: ToolCall, slot: Slot | undefined): Promise<OpenedCall> {
    if (slot !== undefined) {
      return slot.running.run.begin(call, { endsByItself: true, place: slot.id });
    }
    const { sessionId, agentId = this.#agent.id } = this.#options;
    return openCall(this.#hooks, call, { sessionId, agentId, runId: createEventId() });
  }

  /** Runs a tool. If it delegates to an agent, that agent's run belongs to this one. */
  async #delegating<Result>(
    name: string,
    running: Running | undefined,
    execute: () => Promise<Result>,
  ): Promise<Result> {
    if (running === undefined || !name.startsWith(DELEGATION)) return await execute();
    const agents: Agents = await this.#agent.listAgents({});
    const agent = agents[name.slice(DELEGATION.length)] as MastraAgent | undefined;
    if (agent === undefined) return await execute();
    if (!CONNECTIONS.has(agent)) connect(this.#hooks, agent, { cost: this.#options.cost });
    return await delegations!.run({ to: agent, parent: running.run }, execute);
  }
}

function connectionOf(agent: MastraAgent | undefined): Connection | undefined {
  return agent && CONNECTIONS.get(agent);
}

/** Returns a tool like another, of the same class, that runs another function. */
function withExecute(tool: Tool, execute: Tool["execute"]): Tool {
  const property = { value: execute, configurable: true, enumerable: true, writable: true };
  const properties = { ...Object.getOwnPropertyDescriptors(tool), execute: property };
  return Object.create(Object.getPrototypeOf(tool), properties);
}

/** Returns a context that tells when the tool suspends its run. */
function watching(context: ToolContext, onSuspend: () => void): ToolContext {
  const { agent } = context;
  const { suspend } = agent ?? context;
  if (suspend === undefined) return context;
  const watched = {
    suspend: (...args: unknown[]) => {
      onSuspend();
      return suspend(...args);
    },
  };
  if (agent === undefined) return { ...context, ...watched };
  // The same object: Mastra knows by it that the input is valid.
  return Object.assign(context, { agent: { ...agent, ...watched } });
}

/** Mastra returns what is wrong with a tool's input as its output. */
function rejection(output: unknown): Error | undefined {
  const { error, message } = (output ?? {}) as {
    readonly error?: unknown;
    readonly message?: unknown;
  };
  const isInvalid = error === true && typeof message === "string" &&
    "validationErrors" in (output as object);
  return isInvalid ? new Error(errorMessage(new Error(message))) : undefined;
}
