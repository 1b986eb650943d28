import { createEventId } from "../../internal/uuid.ts";
import { type AsyncStorage, createStorage } from "../async.ts";
import { copyWith } from "../copy_with.ts";
import type { AgentHooks, AgentOptions } from "../options.ts";
import { AgentRun } from "../run.ts";
import { denialText, openCall } from "../tool_call.ts";
import type { OpenedCall, ToolCall, ToolOutcome } from "../tool_call.ts";
import {
  type Agents,
  type Instance,
  isInstance,
  type MastraAgent,
  missingOf,
  type Output,
  type Run,
  type RunOptions,
  RUNS,
  SUBJECT,
  type Tool,
  type ToolContext,
  type Tools,
} from "./agent.ts";
import { type Current, runningIn, type Slot } from "./current.ts";
import { Denials } from "./model_output.ts";
import { judgedSteps, processorsOf, Running } from "./processors.ts";
import {
  callOf,
  completed,
  type Invoked,
  isOf,
  judgedAs,
  judgeTasks,
  rejected,
  toldOf,
  watching,
  withoutResumeData,
  withResumeData,
} from "./tool.ts";
import { checkNotDurable, guardOtherWays, isDurable, isGuarded, judgeable } from "./unjudged.ts";

/** The connections of all agents: an agent that delegates to another one looks up its connection. */
const CONNECTIONS = new WeakMap<object, Connection>();

/** What runs. Created with the first connection. */
let current: AsyncStorage<Current> | undefined;

/** Passes the id of a run to its tools. Next to the user's hooks, it reaches them on every path. */
const RUN = "omniagentRun";

/** How many suspended runs are kept until they are resumed. */
const MAX_SUSPENDED = 1_000;

/** A call of a tool by its run, or by none. */
type Made = Invoked & { readonly slot: Slot | undefined; readonly denials: Denials };

/** The prefix of tools that delegate to an agent, before its key. */
const DELEGATION = "agent-";

/** Connects an agent. @throws {TypeError} when it is connected already, or can't be */
export function connect(hooks: AgentHooks, agent: MastraAgent, options: AgentOptions): void {
  if (CONNECTIONS.has(agent)) {
    throw new TypeError(`${SUBJECT}: the agent '${agent.id}' is already connected`);
  }
  if (!isInstance(agent)) {
    const missing = missingOf(agent);
    throw new TypeError(
      `${SUBJECT}: '${missing}' is missing. Pass an Agent of @mastra/core 1.71 or a later 1.x`,
    );
  }
  checkNotDurable(agent);
  current ??= createStorage(SUBJECT);
  new Connection(hooks, agent, options).add(agent);
}

/** An agent and its forks, with their runs. */
class Connection {
  readonly #hooks: AgentHooks;
  readonly #agent: Instance;
  readonly #options: AgentOptions;
  /** The runs that are under way, by our id. */
  readonly #slots = new Map<string, Slot>();
  /** The suspended runs, by Mastra's id. */
  readonly #suspended = new Map<string, Slot>();
  /** The `execute` functions of tools that gates judge: the steps of a run may add other tools. */
  readonly #judged = new WeakSet<object>();
  /** Those that belong to no run, and what each calls: a step may add what `listTools` returned. */
  readonly #runless = new WeakMap<object, Tool["execute"]>();

  constructor(hooks: AgentHooks, agent: Instance, options: AgentOptions) {
    this.#hooks = hooks;
    this.#agent = agent;
    this.#options = options;
  }

  /** Connects the agent itself, or a fork of it. */
  add(agent: Instance): void {
    CONNECTIONS.set(agent, this);
    for (const name of RUNS) {
      const run = agent[name].bind(agent);
      const resumes = name.startsWith("resume");
      agent[name] = (input, own = {}) =>
        // Mastra calls the method again, once for each run.
        own.untilIdle && name.endsWith("tream")
          ? run(input, own)
          : this.#run(agent, run, { input, own, resumes });
    }
    // Private, but the only method that all tools of all runs pass through, after the user's own hooks.
    const { wrapToolsWithHooks } = agent;
    agent.wrapToolsWithHooks = (tools, hooks) => {
      const { [RUN]: key } = (hooks ?? {}) as { readonly [RUN]?: string };
      const judged = this.#wrapTools(agent, tools, this.#slots.get(key!));
      const wrapped = wrapToolsWithHooks.call(agent, judged, hooks);
      for (const { execute } of Object.values(wrapped)) if (execute) this.#judged.add(execute);
      return wrapped;
    };
    // An agent may create its subagents anew each time.
    const { listAgents, __fork: fork, __runProcessInputStep: prepare } = agent;
    agent.listAgents = (options) => {
      const agents = listAgents.call(agent, options);
      return agents instanceof Promise ? agents.then((all) => this.#join(all)) : this.#join(agents);
    };
    const isRunning = (): boolean => current!.getStore()?.connection === this;
    const judged = (tools: Tools): Tools => this.#wrapTools(agent, tools);
    guardOtherWays(this.#hooks, agent, judged, isRunning);
    judgeTasks(agent, judged);
    if (fork !== undefined) {
      agent.__fork = () => {
        const copy = fork.call(agent);
        this.add(copy);
        return copy;
      };
    }
    if (prepare === undefined) return;
    agent.__runProcessInputStep = async (args) => {
      const step = await prepare.call(agent, args);
      const { tools } = step;
      return tools === undefined ? step : { ...step, tools: this.#wrapTools(agent, tools) };
    };
  }

  /** Connects the agents that this one delegates to, if they can be. */
  #join(agents: Agents): Agents {
    for (const agent of Object.values(agents)) {
      if (CONNECTIONS.has(agent) || !isInstance(agent) || isDurable(agent)) continue;
      connect(this.#hooks, agent, { cost: this.#options.cost });
    }
    return agents;
  }

  async #run(
    agent: Instance,
    run: Run,
    { input, own, resumes }: {
      readonly input: unknown;
      readonly own: RunOptions;
      readonly resumes: boolean;
    },
  ): Promise<Output> {
    const running = this.#begin(own);
    const key = running.run.id;
    const suspended = resumes ? this.#suspended.get(own.runId!) : undefined;
    const slot = suspended ?? { running, id: key };
    running.allowed = slot.running.allowed;
    slot.running = running;
    this.#slots.set(key, slot);
    try {
      const options = await this.#connected(agent, slot, own);
      const output = await current!.run(
        { connection: this, slot, running },
        () => run(input, options),
      );
      const ended = this.#end(slot, running, output).finally(() => this.#slots.delete(key));
      // For a stream, the fields are promises, and the run continues.
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
    const { delegation } = current!.getStore() ?? {};
    if (delegation?.to === id) {
      const { parent, isNew } = delegation;
      return new Running(parent.child({ agentId: id, name }), abortSignal, isNew);
    }
    const run = new AgentRun(this.#hooks, { ...this.#options, name, sessionId });
    return new Running(run, abortSignal, false);
  }

  /** Adds our processors, and wraps the tools of each step. */
  async #connected(agent: Instance, slot: Slot, own: RunOptions): Promise<RunOptions> {
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
      ...judgeable(this.#hooks, own, options),
      ...processorsOf(running, inputs, outputs),
      prepareStep: judgedSteps(
        own.prepareStep ?? options.prepareStep,
        (tools) => this.#wrapTools(agent, tools, slot),
      ),
    };
  }

  async #end(slot: Slot, running: Running, output: Output): Promise<void> {
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

  /** Returns tools that gates judge, as calls of a run if there is one. Tools that already are stay as they are. */
  #wrapTools(agent: Instance, tools: Tools, slot?: Slot): Tools {
    const wrapped = Object.entries(tools).map(([name, given]) => {
      if (typeof given.execute !== "function") return [name, given];
      const own = slot && this.#runless.get(given.execute);
      if (own === undefined && this.#judged.has(given.execute)) return [name, given];
      const tool = own ? copyWith(given, { execute: own }) : given;
      const denials = new Denials();
      const execute = (params: unknown, context: ToolContext = {}): unknown => {
        const made = { name, tool, params, context, slot, denials };
        const { judged } = current!.getStore() ?? {};
        if (slot !== undefined || !isOf(judged, this, made)) return this.#callTool(agent, made);
        judged.hasRun = true;
        return tool.execute!(params, context);
      };
      this.#judged.add(execute);
      if (slot === undefined) this.#runless.set(execute, tool.execute);
      return [name, copyWith(tool, { execute, ...denials.modelOutputOf(tool) })];
    });
    return Object.fromEntries(wrapped);
  }

  async #callTool(agent: Instance, made: Made): Promise<unknown> {
    const { tool, params, context, slot, denials } = made;
    const call = callOf(made);
    const asNew = withResumeData(call, context);
    const opened = await this.#open(call, asNew, slot);
    if (opened.type === "denied") return denials.note(denialText(opened.denial));
    const isNew = opened.isRepeated !== true;
    const { input, ...resumed } = withoutResumeData(opened.params, params, isNew && asNew !== call);
    let isSuspended = false;
    const watched = watching(context, () => isSuspended = true, isNew ? resumed : {});
    const execute = async (): Promise<ToolOutcome> => {
      if (opened.parsed === "rejected") return await completed(opened, rejected(call, opened));
      const delegation = await this.#delegation(agent, made, isNew);
      const run = (): unknown => opened.within(() => tool.execute!(input, watched));
      const judged = judgedAs(call, input, { by: this, hooks: this.#hooks });
      const output = await current!.run({ delegation, judged }, run);
      if (isSuspended && output === undefined) {
        opened.pause();
        return { type: "result", value: output };
      }
      return await completed(opened, output);
    };
    const outcome = await execute().catch((error) => opened.fail(error));
    if (outcome.type === "denied") return denials.note(denialText(outcome.denial));
    return toldOf(outcome, opened.context);
  }

  /** Begins a call, in its run if there is one: an agent's tools can also be used without running it. */
  #open(call: ToolCall, asNew: ToolCall, slot: Slot | undefined): Promise<OpenedCall> {
    if (slot !== undefined) {
      const { run, isNew } = runningIn(slot, current!.getStore());
      return run.begin(call, { endsByItself: true, place: slot.id, asNew, isNew });
    }
    const { sessionId, agentId = this.#agent.id } = this.#options;
    return openCall(this.#hooks, asNew, { sessionId, agentId, runId: createEventId() });
  }

  /** Returns the agent to which a tool delegates: its run belongs to the run of this agent. */
  async #delegation(
    agent: Instance,
    { name, context, slot }: Made,
    isNew: boolean,
  ): Promise<Current["delegation"]> {
    if (!name.startsWith(DELEGATION)) return undefined;
    const agents = await agent.listAgents({ requestContext: context.requestContext });
    const to = agents[name.slice(DELEGATION.length)] as MastraAgent | undefined;
    if (to === undefined) return undefined;
    if (!CONNECTIONS.has(to) && isGuarded(this.#hooks)) {
      throw new Error(
        `Cannot delegate to the agent '${to.id}': gates can't judge the tool calls of this kind of agent`,
      );
    }
    return slot && { to: to.id, parent: runningIn(slot, current!.getStore()).run, isNew };
  }
}
