import { createEventId } from "../../internal/uuid.ts";
import type { AgentHooks, AgentOptions, Usage } from "../options.ts";
import { AgentRun } from "../run.ts";
import { stepsWithin } from "../async.ts";
import { denialText } from "../tool_call.ts";
import { removeMessage, rewriteMessage } from "./messages.ts";
import { failed, judgedOutput } from "./results.ts";
import {
  type Agent,
  type AgentEvent,
  type AnyClass,
  isAgent,
  isJudgeable,
  judgedTool,
  type Message,
  type ModelContext,
  type ModelOutput,
  schemaOf,
  type Stage,
  type StrandsSdk,
  textOf,
  type ToolContext,
  type ToolOutput,
} from "./sdk.ts";

/** After all other hooks, those of the SDK included: its `HookOrder.SDK_LAST` is 100. */
const LAST = { order: 101 };

/** A run, and what is known about its end. */
type Running = {
  readonly run: AgentRun;
  /** Aborts when the agent is canceled. */
  readonly signal: AbortSignal;
  modelCalls: number;
  /** Whether it has called the model or a tool. */
  hasActed: boolean;
  /** Why the last model call failed. */
  error?: unknown;
  /** Why the model may not respond to a message from the user. */
  denied?: string;
  /** The caller stopped reading the stream. */
  isLeft?: boolean;
  /** The model's last message, and whether it became part of the conversation. */
  last?: { readonly message: Message; readonly stopReason: string; isAdded: boolean };
};

/** An agent whose events are observed. */
type Installed = {
  /** The id of its paused calls: an agent resumes only its own. */
  readonly place: string;
  /** Whether it is connected only because other agents use it as a tool. */
  isTool: boolean;
};

/** How a call is judged, and how it runs. */
type Judging = {
  readonly name: string;
  readonly next: Stage<ToolContext, ToolOutput>;
  /** Whether the tool runs next: then gates judge what its schema makes of the input. @default true */
  readonly isLast?: boolean;
  /** Whether it is a call in another one, which adds the contexts to the result. @default false */
  readonly isInner?: boolean;
  /** What gates add for the model to the result: of the call, and of the one in it. */
  readonly contexts?: Set<string>;
};

/** Returns whether the last message is that of a denial or a cancellation, and no response. */
function isRefused({ denied, run, signal }: Running): boolean {
  return denied !== undefined || run.stopped !== undefined || signal.aborted;
}

/** One plugin, and the agents that it is installed in. */
export class Connection {
  readonly #hooks: AgentHooks;
  readonly #sdk: StrandsSdk;
  readonly #options: AgentOptions;
  readonly #installed = new WeakMap<Agent, Installed>();
  /** An agent has one run at a time. Background tasks belong to the run that started them. */
  readonly #running = new WeakMap<Agent, Running>();
  /** The calls that run other agents as tools, by those agents: one at a time, as an agent has only one run. */
  readonly #parents = new WeakMap<Agent, { readonly run: AgentRun }>();

  constructor(hooks: AgentHooks, sdk: StrandsSdk, options: AgentOptions) {
    this.#hooks = hooks;
    this.#sdk = sdk;
    this.#options = options;
  }

  /** Connects an agent that has the plugin. */
  install(agent: Agent): void {
    this.#install(agent).isTool = false;
  }

  #install(agent: Agent): Installed {
    const known = this.#installed.get(agent);
    if (known !== undefined) return known;
    const installed: Installed = { place: createEventId(), isTool: true };
    this.#installed.set(agent, installed);
    const sdk = this.#sdk;
    const on = <Event extends AgentEvent>(type: AnyClass, handle: (event: Event) => unknown) =>
      agent.addHook(type, (event: Event) => {
        // An agent to which this one delegates emits its events here, too.
        const isForeign = event.agent !== agent && this.#installed.has(event.agent);
        return isForeign ? undefined : handle(event);
      }, LAST);
    on(sdk.BeforeInvocationEvent, () => this.#begin(agent));
    on(sdk.AfterInvocationEvent, () => this.#end(agent));
    on(
      sdk.MessageAddedEvent,
      (event: AgentEvent & { readonly message: Message }) => this.#added(agent, event.message),
    );
    on(sdk.BeforeModelCallEvent, (event: AgentEvent & { cancel: boolean | string }) => {
      const running = this.#running.get(agent);
      const denied = running?.denied ?? running?.run.stopped;
      if (denied !== undefined) event.cancel = denied;
    });
    agent.addMiddleware(
      sdk.InvokeModelStage,
      (context: ModelContext, next: Stage<ModelContext, ModelOutput>) =>
        this.#callModel(agent, context, next),
    );
    const judge = (context: ToolContext, next: Stage<ToolContext, ToolOutput>) =>
      this.#callTool(agent, context, next);
    // Always as the last middleware: others may be added later, such as by the plugins of a subagent.
    const add = agent.addMiddleware.bind(agent);
    let remove = add(sdk.ExecuteToolStage, judge);
    const beLast = (): void => {
      remove();
      remove = add(sdk.ExecuteToolStage, judge);
    };
    agent.addMiddleware = (stage, handler) => {
      const removeOther = add(stage, handler);
      beLast();
      return removeOther;
    };
    // Not everyone calls that function: a plugin may have bound the one before.
    on(sdk.BeforeToolCallEvent, beLast);
    return installed;
  }

  #begin(agent: Agent): Promise<void> {
    const { name = agent.name, sessionId = agent.sessionId } = this.#options;
    const itself = { agentId: agent.id, name: agent.name };
    // An agent that is a tool of others remains itself when it is invoked directly.
    const own = this.#installed.get(agent)?.isTool ? itself : { name };
    const run = this.#parents.get(agent)?.run.child(itself) ??
      new AgentRun(this.#hooks, { ...this.#options, sessionId, ...own });
    this.#running.set(agent, { run, signal: agent.cancelSignal, modelCalls: 0, hasActed: false });
    return run.flush();
  }

  async #end(agent: Agent): Promise<void> {
    const running = this.#running.get(agent);
    if (running === undefined) return;
    const { run, signal, error, denied, last, isLeft = false } = running;
    const response = (last?.isAdded && textOf(last.message.content)) || undefined;
    if (response !== undefined) await run.sent(response);
    if (denied !== undefined) return run.end({ error: new Error(denied) });
    if (run.stopped !== undefined) return run.end();
    const isLost = last !== undefined && !last.isAdded && last.stopReason !== "toolUse";
    await run.end({
      response,
      aborted: signal.aborted || isLeft,
      error: error ?? (isLost ? new Error("The run ended without a response") : undefined),
    });
  }

  /** Judges a message from the user, in place, where the model reads it. */
  async #added(agent: Agent, message: Message): Promise<void> {
    const running = this.#running.get(agent);
    if (running === undefined || running.run.isEnded) return;
    if (running.last?.message === message) {
      running.last.isAdded = true;
    } else if (message.role === "assistant" && running.hasActed && !isRefused(running)) {
      // A hook, or an agent to which it delegates, ends the turn with a message of its own.
      running.last = { message, stopReason: "endTurn", isAdded: true };
    }
    const text = textOf(message.content);
    if (message.role !== "user" || text === "") return;
    let isAllowed = false;
    try {
      const judged = await running.run.judgeReceived(text, "user", running.signal);
      if ("denied" in judged) running.denied = judged.denied;
      else {
        isAllowed = judged.content === text ||
          rewriteMessage(this.#sdk, agent, { message, text: judged.content });
        if (!isAllowed) running.denied = "The message could not be rewritten";
      }
    } finally {
      if (!isAllowed) removeMessage(this.#sdk, agent, message); // later runs continue the conversation
    }
  }

  async *#callModel(
    agent: Agent,
    context: ModelContext,
    next: Stage<ModelContext, ModelOutput>,
  ): AsyncGenerator<unknown, ModelOutput, undefined> {
    const running = this.#running.get(agent);
    if (running === undefined) return yield* next(context);
    const { run } = running;
    const { modelId, getConfig } = context.model;
    const model = modelId ?? getConfig?.call(context.model)?.modelId ?? "unknown";
    running.hasActed = true;
    const callId = `${++running.modelCalls}`;
    delete running.error;
    await run.modelCalled(callId, { model });
    running.isLeft = true; // until it returns: a caller that leaves the stream ends it here
    try {
      const output = yield* next(context);
      const { message, stopReason, metadata: { usage, metrics } = {} } = output.result;
      running.last = { message, stopReason, isAdded: false };
      running.isLeft = false;
      await run.modelCompleted(callId, {
        usage: usage && {
          input_tokens: usage.inputTokens,
          output_tokens: usage.outputTokens,
          cache_read_tokens: usage.cacheReadInputTokens,
          cache_write_tokens: usage.cacheWriteInputTokens,
        } as Usage,
        finishReason: stopReason,
        ttftMs: metrics?.timeToFirstByteMs,
      });
      return output;
    } catch (error) {
      running.error = error;
      running.isLeft = false;
      await run.modelCompleted(callId, { error });
      throw error;
    }
  }

  /**
   * Judges a call by its name. If a hook or another middleware has selected a tool of another name, that is judged,
   * too: it runs, and it may do whatever the name of the call says.
   */
  #callTool(
    agent: Agent,
    { toolUse, ...others }: ToolContext,
    next: Stage<ToolContext, ToolOutput>,
  ): AsyncGenerator<unknown, ToolOutput, undefined> {
    const context = { ...others, toolUse: { ...toolUse } }; // nobody can change it while gates decide
    const { name } = toolUse;
    const { name: own = name } = context.tool ?? {};
    if (own === name) return this.#judgeTool(agent, context, { name, next });
    const contexts = new Set<string>();
    const inner: Stage<ToolContext, ToolOutput> = (judged) =>
      this.#judgeTool(agent, judged, { name: own, next, contexts, isInner: true });
    return this.#judgeTool(agent, context, { name, next: inner, contexts, isLast: false });
  }

  async *#judgeTool(
    agent: Agent,
    context: ToolContext,
    { name, next, isLast = true, isInner = false, contexts = new Set() }: Judging,
  ): AsyncGenerator<unknown, ToolOutput, undefined> {
    const { tool, toolUse, cancelSignal } = context;
    // Tools only run in runs. Without one, it could not be judged.
    const running = this.#running.get(agent);
    if (running === undefined) {
      return failed(this.#sdk, toolUse.toolUseId, "The call doesn't belong to a run");
    }
    const { toolUseId, input } = toolUse;
    const schema = isLast && tool ? schemaOf(tool) : undefined;
    const reapplies = !tool || !isJudgeable(tool);
    const about = { callId: toolUseId, signal: cancelSignal };
    const call = { name, params: input, schema, reapplies, ...about };
    running.hasActed = true;
    const place = this.#installed.get(agent)?.place;
    const opened = await running.run.begin(call, { endsByItself: true, place });
    if (opened.type === "denied") return failed(this.#sdk, toolUseId, denialText(opened.denial));
    if (opened.context !== undefined) contexts.add(opened.context);
    let isOpen = true;
    try {
      const judged = {
        ...context,
        tool: judgedTool(tool, opened),
        toolUse: { ...toolUse, input: opened.params },
      };
      const steps = stepsWithin(opened.within, next(judged));
      const isParent = isLast && isAgent(tool?.agent);
      const output = yield* isParent ? this.#asParent(tool.agent, running.run, steps) : steps;
      isOpen = false;
      const added = isInner ? [] : contexts;
      return await judgedOutput(this.#sdk, { call: opened, output, contexts: added });
    } catch (error) {
      isOpen = false;
      // The tool asks a person: the call continues when the agent is resumed.
      if ((error as Error)?.name === "InterruptError") opened.pause();
      else await opened.fail(error);
      throw error;
    } finally {
      if (isOpen) {
        running.isLeft = true;
        await opened.fail(new Error("The stream was closed before the tool returned"));
      }
    }
  }

  /** Runs another agent as a tool: what it does belongs to a run within this one. */
  async *#asParent(
    agent: Agent,
    run: AgentRun,
    steps: AsyncGenerator<unknown, ToolOutput, undefined>,
  ): AsyncGenerator<unknown, ToolOutput, undefined> {
    this.#install(agent);
    // If it is busy, this call fails, and what it does belongs to another call.
    if (agent.isInvoking) return yield* steps;
    const parent = { run };
    this.#parents.set(agent, parent);
    try {
      return yield* steps;
    } finally {
      if (this.#parents.get(agent) === parent) this.#parents.delete(agent);
    }
  }
}
