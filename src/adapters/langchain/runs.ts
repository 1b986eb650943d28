import { contentText } from "../content.ts";
import type { AgentHooks } from "../options.ts";
import { AgentRun, type RunOptions } from "../run.ts";
import type { Message } from "./messages.ts";

/** A run of a connected agent, and the ids of the LangChain runs in it. */
type Root = { readonly id: string; readonly run: AgentRun; readonly members: Set<string> };

/** Metadata of a LangChain run. */
type Metadata = { readonly langgraph_checkpoint_ns?: string; readonly thread_id?: unknown };

/** A handler of LangChain's callbacks: begins and ends runs. */
export class Runs {
  /** The name of the handler. */
  readonly name: string = "omniagent-hooks";
  /** LangChain waits for it: events are accepted before it goes on. */
  readonly awaitHandlers: boolean = true;
  readonly #hooks: AgentHooks;
  readonly #options: RunOptions;
  /** The root of each LangChain run. */
  readonly #roots = new Map<string, Root>();
  /** The root of each task of a graph, by its namespace: middleware knows nothing else of its run. */
  readonly #tasks = new Map<string, Root>();

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
    if (root !== undefined) return root.run;
    throw new Error(
      "Cannot observe the agent: its callbacks are missing. Pass both: " +
        "createAgent({ …, middleware: [middleware] }).withConfig(config)",
    );
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
    const parent = this.#roots.get(parentId ?? "");
    if (parent === undefined) return await this.#begin(id, metadata, name);
    this.#join(parent, id);
    const { langgraph_checkpoint_ns: task } = metadata;
    // Deeper ones are those of another agent.
    if (parentId === parent.id && task !== undefined) this.#tasks.set(task, parent);
  }

  /** Called when a tool begins: what it invokes belongs to this run. */
  handleToolStart(_tool: unknown, _input: unknown, id: string, parentId?: string): void {
    const parent = this.#roots.get(parentId ?? "");
    if (parent !== undefined) this.#join(parent, id);
  }

  /** Called when a graph, or a task of it, has ended. A graph that is interrupted ends, too. */
  async handleChainEnd(
    outputs: { readonly messages?: readonly Message[] } | undefined,
    id: string,
  ): Promise<void> {
    const root = this.#roots.get(id);
    if (root?.id !== id) return;
    const last = outputs?.messages?.at?.(-1);
    const isAnswer = last?.type === "ai" && !last.tool_calls?.length;
    const response = isAnswer ? contentText(last.content) : undefined;
    if (response) await root.run.sent(response);
    await this.#end(root, () => root.run.end({ response }));
  }

  /** Called when a graph, or a task of it, has failed. */
  async handleChainError(error: unknown, id: string): Promise<void> {
    const root = this.#roots.get(id);
    if (root?.id !== id) return;
    const { name, message } = (error ?? {}) as {
      readonly name?: string;
      readonly message?: string;
    };
    const aborted = name === "AbortError" || message === "Abort" || message === "Aborted";
    await this.#end(root, () => root.run.end({ error, aborted }));
  }

  async #begin(id: string, metadata: Metadata, name: string | undefined): Promise<void> {
    const { thread_id: thread } = metadata;
    const { sessionId = typeof thread === "string" ? thread : undefined } = this.#options;
    const run = new AgentRun(this.#hooks, { name, ...this.#options, sessionId });
    const root: Root = { id, run, members: new Set() };
    this.#join(root, id);
    await run.flush();
  }

  #join(root: Root, id: string): void {
    root.members.add(id);
    this.#roots.set(id, root);
  }

  async #end(root: Root, end: () => Promise<void>): Promise<void> {
    for (const id of root.members) this.#roots.delete(id);
    await end();
    for (const [task, of] of this.#tasks) if (of === root) this.#tasks.delete(task);
  }
}

/** What LangChain tells a middleware about its run. */
export type Runtime = {
  readonly configurable?: { readonly checkpoint_ns?: string } | undefined;
  readonly signal?: AbortSignal | undefined;
};
