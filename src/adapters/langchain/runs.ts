import { setTimer } from "../../internal/async.ts";
import { contentText } from "../content.ts";
import type { AgentHooks } from "../options.ts";
import { AgentRun, type RunOptions, type RunResult } from "../run.ts";
import { isCopy } from "./judged_tool.ts";
import {
  expectTool,
  type JudgedCall,
  type StartedTool,
  startTool,
  whyRefused,
} from "./judged_calls.ts";
import type { Message } from "./messages.ts";

/** A run of a connected agent. */
type Root = {
  readonly id: string;
  readonly run: AgentRun;
  /** Whether the middleware was called, which lets gates judge. */
  hasMiddleware?: true;
  /** Stops waiting for the end of a run that was aborted; undefined until its signal is known. */
  unwatch?: () => void;
};

/** A LangChain run within one of our runs, such as a task of a graph or a tool. */
type Member = {
  readonly root: Root;
  /** The namespace of a task. */
  readonly task?: string | undefined;
  /** The id of the LangChain run that it is in. */
  readonly parentId?: string;
  /** Whether it is a tool. */
  readonly isTool?: true;
};

/** How long an aborted run may take to end by itself before it is ended, in milliseconds. */
const GRACE = 1_000;

/** How many ended LangChain runs are remembered: background work of a tool may still start others. */
const MAX_ENDED = 10_000;

/** LangChain's name of a graph without one. */
const UNNAMED = "LangGraph";

/** How LangChain names the first step of a tool that is made of a runnable, after the tool: nothing else starts it. */
const PARSES = ":parse_input";

/** Metadata of a LangChain run. */
type Metadata = {
  readonly langgraph_checkpoint_ns?: string;
  readonly langgraph_node?: string;
  readonly thread_id?: unknown;
};

/** How many tools without gates are reported. */
const MAX_REPORTED = 1_000;

/** A handler of LangChain's callbacks: begins and ends runs. */
export class Runs {
  /** The name of the handler. */
  readonly name: string = "omniagent-hooks";
  /** LangChain waits for it, so that events are accepted before it continues. */
  readonly awaitHandlers: boolean = true;
  /** An error of a callback fails the tool: without the middleware, no gate would judge it. */
  readonly raiseError: boolean = true;
  readonly #hooks: AgentHooks;
  readonly #options: RunOptions;
  /** LangChain runs that have not ended, by their ids. */
  readonly #members = new Map<string, Member>();
  /** The ids of the runs that ended last, or that outlived our run. */
  readonly #ended = new Set<string>();
  /** The root of each task of a graph, by its namespace, which is all that middleware knows of its run. */
  readonly #tasks = new Map<string, Root>();
  /** The tools that would have run without being judged. */
  readonly #reported = new Set<string>();

  constructor(hooks: AgentHooks, options: RunOptions) {
    this.#hooks = hooks;
    this.#options = options;
  }

  /** LangChain copies handlers that have this method: this one has state that must be shared. */
  copy(): this {
    return this;
  }

  /** Returns the run of a task of the graph. @throws {Error} without the callbacks */
  of(runtime: Runtime): AgentRun {
    const root = this.#tasks.get(runtime.configurable?.checkpoint_ns ?? "");
    if (root !== undefined) {
      root.hasMiddleware = true;
      this.#watch(root, runtime);
      return root.run;
    }
    throw new Error(
      "Cannot observe the agent: its callbacks are missing. Pass both: " +
        "createAgent({ …, middleware: [middleware] }).withConfig(config)",
    );
  }

  /** Whether gates judge results. */
  get judgesResults(): boolean {
    return this.#hooks.registry.gates.guards("tool.completed");
  }

  /** Whether gates judge calls. */
  get judgesCalls(): boolean {
    return this.#hooks.registry.gates.guards("tool.called");
  }

  get #hasGates(): boolean {
    return this.judgesResults || this.judgesCalls;
  }

  /** Notes that a call of a task was judged, and its tool runs now. Returns a function to call when it has ended. */
  judge(
    { configurable: { checkpoint_ns: task = "" } = {} }: Runtime,
    call: JudgedCall,
  ): () => void {
    return expectTool(task, call, this.#hasGates);
  }

  /** Called when a graph, or a task of it, begins. */
  async handleChainStart(
    _chain: unknown,
    _inputs: unknown,
    id: string,
    parentId?: string,
    _tags?: unknown,
    metadata: Metadata = {},
    _type?: unknown,
    name?: string,
  ): Promise<void> {
    if (this.#ended.has(parentId!)) return this.#end(id);
    const root = this.#members.get(parentId!)?.root;
    if (root === undefined) return await this.#begin(id, metadata, name);
    // Deeper ones belong to another agent.
    const task = parentId === root.id ? metadata.langgraph_checkpoint_ns : undefined;
    if (task !== undefined) this.#tasks.set(task, root);
    this.#members.set(id, { root, task, parentId: parentId! });
    if (name?.endsWith(PARSES)) {
      this.#startRunnable(name.slice(0, -PARSES.length), parentId!, metadata);
    }
  }

  /** Called when a tool that is made of a runnable begins. @throws {Error} as for other tools */
  #startRunnable(name: string, id: string, metadata: Metadata): void {
    const parentId = this.#members.get(id)?.parentId;
    const parent = this.#members.get(parentId!);
    if (parent !== undefined) this.#startTool({ id, name, isCopy: false }, parent, metadata);
  }

  /**
   * Called when a tool begins: what it invokes belongs to this run.
   *
   * @throws {Error} without the middleware, and if gates have not judged it
   */
  handleToolStart(
    tool: unknown,
    input: string,
    id: string,
    parentId?: string,
    _tags?: unknown,
    metadata: Metadata = {},
    name?: string,
    callId?: string,
  ): void {
    if (this.#ended.has(parentId!)) return this.#end(id);
    const parent = this.#members.get(parentId!);
    if (parent === undefined) return;
    this.#startTool({ id, name, callId, input, isCopy: isCopy(tool) }, parent, metadata);
    this.#members.set(id, { root: parent.root, isTool: true });
  }

  /** @throws {Error} without the middleware, and if gates have not judged the tool */
  #startTool(tool: StartedTool, parent: Member, metadata: Metadata): void {
    if (!parent.root.hasMiddleware) {
      throw new Error(
        "Cannot judge the tool: the middleware is missing. Pass both: " +
          "createAgent({ …, middleware: [middleware] }).withConfig(config)",
      );
    }
    if (parent.isTool) return; // belongs to the tool that calls it
    const { langgraph_checkpoint_ns: task = "", langgraph_node: node } = metadata;
    if (!this.#hasGates || startTool({ ...tool, task })) return;
    this.refuse(tool.name ?? "unknown", whyRefused(parent.task !== undefined, node));
  }

  /** Reports a tool that no gate has judged. @throws {Error} always */
  refuse(name: string, why: string): never {
    const error = new Error(why);
    if (!this.#reported.has(name) && this.#reported.size < MAX_REPORTED) {
      this.#reported.add(name);
      this.#hooks.registry.observer.report(`No gate judges the tool '${name}'`, error);
    }
    throw new Error(`Cannot run the tool '${name}': no gate judges it: ${error.message}`);
  }

  /** Called when a tool has returned. */
  handleToolEnd(_output: unknown, id: string): void {
    this.#end(id);
  }

  /** Called when a tool has failed. */
  handleToolError(_error: unknown, id: string): void {
    this.#end(id);
  }

  /** Called when a graph, or a task of it, has ended. A graph that is interrupted ends, too. */
  async handleChainEnd(
    outputs: { readonly messages?: readonly Message[] } | undefined,
    id: string,
  ): Promise<void> {
    const root = this.#rootOf(id);
    this.#end(id);
    if (root === undefined) return;
    const last = outputs?.messages?.at?.(-1);
    const isAnswer = last?.type === "ai" && !last.tool_calls?.length;
    const response = isAnswer ? contentText(last.content) : undefined;
    if (response) await root.run.sent(response);
    await this.#endRun(root, { response });
  }

  /** Called when a graph, or a task of it, has failed. */
  async handleChainError(error: unknown, id: string): Promise<void> {
    const root = this.#rootOf(id);
    this.#end(id);
    if (root === undefined) return;
    const { name, message } = (error ?? {}) as {
      readonly name?: string;
      readonly message?: string;
    };
    const aborted = name === "AbortError" || message === "Abort" || message === "Aborted";
    await this.#endRun(root, { error, aborted });
  }

  async #begin(id: string, metadata: Metadata, name: string | undefined): Promise<void> {
    const { thread_id: thread } = metadata;
    const { sessionId = typeof thread === "string" ? thread : undefined } = this.#options;
    const own = name === UNNAMED ? undefined : name;
    const run = new AgentRun(this.#hooks, { name: own, ...this.#options, sessionId });
    this.#members.set(id, { root: { id, run } });
    await run.flush();
  }

  /** Ends a run that is aborted: LangGraph stops reading it, and may never call `handleChainError`. */
  #watch(root: Root, { configurable, signal: taskSignal }: Runtime): void {
    const { externalAbortSignal: signal = taskSignal } = configurable?.__pregel_abort_signals ?? {};
    if (root.unwatch !== undefined || signal === undefined) return;
    let cancel = (): void => {};
    const expire = (): void => {
      cancel = setTimer(GRACE, () => void this.#endRun(root, { aborted: true }));
    };
    signal.addEventListener("abort", expire, { once: true });
    root.unwatch = () => {
      signal.removeEventListener("abort", expire);
      cancel();
    };
    if (signal.aborted) expire();
  }

  /** Returns the root if a LangChain run is the root itself. */
  #rootOf(id: string): Root | undefined {
    const root = this.#members.get(id)?.root;
    return root?.id === id ? root : undefined;
  }

  /** Notes that a LangChain run has ended, or no longer matters. */
  #end(id: string): void {
    const { task } = this.#members.get(id) ?? {};
    if (task !== undefined) this.#tasks.delete(task);
    this.#members.delete(id);
    this.#ended.add(id);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(oldest!);
  }

  async #endRun(root: Root, result: RunResult): Promise<void> {
    root.unwatch?.();
    await root.run.end(result);
    // Runs that are still running in the background, or were aborted.
    for (const [id, member] of this.#members) if (member.root === root) this.#end(id);
  }
}

/** The runtime that LangChain passes to middleware. */
export type Runtime = {
  readonly configurable?: {
    /** The namespace of the task, which has its id: a run that is resumed repeats the task. */
    readonly checkpoint_ns?: string;
    readonly thread_id?: unknown;
    /** The signal of the whole run: `signal` is that of a task. */
    readonly __pregel_abort_signals?: { readonly externalAbortSignal?: AbortSignal };
  } | undefined;
  readonly signal?: AbortSignal | undefined;
};
