import { errorMessage } from "../../internal/issues.ts";
import { createEventId } from "../../internal/uuid.ts";
import type { AgentHooks, AgentOptions, Usage } from "../options.ts";
import { AgentRun } from "../run.ts";
import { stepsWithin } from "../async.ts";
import { type AllowedCall, denialText } from "../tool_call.ts";
import {
  type Agent,
  dataOf,
  errorTextOf,
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
  type ToolResult,
  valueOf,
} from "./sdk.ts";

/** After all other hooks, those of the SDK included: its `HookOrder.SDK_LAST` is 100. */
const LAST = { order: 101 };

/** A run, and what is known about its end. */
type Running = {
  readonly run: AgentRun;
  /** Aborts when the agent is canceled. */
  readonly signal: AbortSignal;
  modelCalls: number;
  /** Why the last model call failed. */
  error?: unknown;
  /** Why the model may not respond to a message from the user. */
  denied?: string;
  /** The caller stopped reading the stream. */
  isLeft?: boolean;
  /** The model's last message, and whether it became part of the conversation. */
  last?: { readonly message: Message; readonly stopReason: string; isAdded: boolean };
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

/** One plugin, and the agents that it is installed in. */
export class Connection {
  readonly #hooks: AgentHooks;
  readonly #sdk: StrandsSdk;
  readonly #options: AgentOptions;
  /** The agents, each with an id for its paused calls: an agent resumes only its own. */
  readonly #installed = new WeakMap<Agent, string>();
  /** An agent has one run at a time. Background tasks belong to the run that started them. */
  readonly #running = new WeakMap<Agent, Running>();
  /** The runs that use other agents as tools, by those agents. */
  readonly #parents = new WeakMap<Agent, AgentRun>();

  constructor(hooks: AgentHooks, sdk: StrandsSdk, options: AgentOptions) {
    this.#hooks = hooks;
    this.#sdk = sdk;
    this.#options = options;
  }

  install(agent: Agent): void {
    if (this.#installed.has(agent)) return;
    this.#installed.set(agent, createEventId());
    const sdk = this.#sdk;
    agent.addHook(sdk.BeforeInvocationEvent, () => this.#begin(agent), LAST);
    agent.addHook(sdk.AfterInvocationEvent, () => this.#end(agent), LAST);
    agent.addHook(
      sdk.MessageAddedEvent,
      (event: { readonly message: Message }) => this.#added(agent, event.message),
      LAST,
    );
    agent.addHook(sdk.BeforeModelCallEvent, (event: { cancel: boolean | string }) => {
      const running = this.#running.get(agent);
      const denied = running?.denied ?? running?.run.stopped;
      if (denied !== undefined) event.cancel = denied;
    }, LAST);
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
    agent.addHook(sdk.BeforeToolCallEvent, beLast, LAST);
  }

  #begin(agent: Agent): Promise<void> {
    const { name = agent.name, sessionId = agent.sessionId } = this.#options;
    const parent = this.#parents.get(agent);
    const run = parent?.child({ agentId: agent.id, name: agent.name }) ??
      new AgentRun(this.#hooks, { ...this.#options, name, sessionId });
    this.#running.set(agent, { run, signal: agent.cancelSignal, modelCalls: 0 });
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
    if (running.last?.message === message) running.last.isAdded = true;
    const text = textOf(message.content);
    if (message.role !== "user" || text === "") return;
    const judged = await running.run.judgeReceived(text, "user", running.signal);
    if ("denied" in judged) {
      running.denied = judged.denied;
    } else if (judged.content !== text) {
      const at = agent.messages.indexOf(message);
      const others = message.content.filter(({ type }) => type !== "textBlock");
      const content = [new this.#sdk.TextBlock(judged.content), ...others];
      if (at === -1) running.denied = "The message could not be rewritten";
      else agent.messages[at] = new this.#sdk.Message({ ...message, content });
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
    if (running === undefined) return this.#failed(toolUse.toolUseId, "The call belongs to no run");
    const { toolUseId, input } = toolUse;
    const schema = isLast && tool ? schemaOf(tool) : undefined;
    const reapplies = !tool || !isJudgeable(tool);
    const call = {
      name,
      params: input,
      callId: toolUseId,
      signal: cancelSignal,
      schema,
      reapplies,
    };
    const place = this.#installed.get(agent);
    const opened = await running.run.begin(call, { endsByItself: true, place });
    if (opened.type === "denied") return this.#failed(toolUseId, denialText(opened.denial));
    if (isLast && isAgent(tool?.agent)) {
      this.install(tool.agent);
      this.#parents.set(tool.agent, running.run);
    }
    if (opened.context !== undefined) contexts.add(opened.context);
    let isOpen = true;
    try {
      const judged = {
        ...context,
        tool: judgedTool(tool, opened),
        toolUse: { ...toolUse, input: opened.params },
      };
      const output = yield* stepsWithin(opened.within, next(judged));
      isOpen = false;
      return await this.#judged(opened, output, isInner ? [] : contexts);
    } catch (error) {
      isOpen = false;
      // The tool asks a person: the call continues when the agent is resumed.
      if ((error as Error)?.name === "InterruptError") opened.pause();
      else await opened.fail(error);
      throw error;
    } finally {
      if (isLast && isAgent(tool?.agent)) this.#parents.delete(tool.agent);
      if (isOpen) {
        running.isLeft = true;
        await opened.fail(new Error("The stream was closed before the tool returned"));
      }
    }
  }

  /** Returns the tool's own result, or what gates changed it to, with the texts that they add for the model. */
  async #judged(
    call: AllowedCall,
    output: ToolOutput,
    contexts: Iterable<string>,
  ): Promise<ToolOutput> {
    const { toolUseId, status, content, error } = output.result;
    if (status === "error") {
      const text = errorTextOf(content);
      // The SDK writes "Error: " before a message.
      const isThrown = text === error?.message || text === `Error: ${error?.message}`;
      const thrown = isThrown ? error! : new Error(text);
      const outcome = await call.fail(thrown);
      if (outcome.type === "denied") return this.#failed(toolUseId, denialText(outcome.denial));
      const isSame = outcome.type === "error" && outcome.error === thrown;
      if (isSame && errorTextOf(content) === text) return output;
      const changed = outcome.type === "error" ? outcome.error : text;
      return this.#failed(toolUseId, errorMessage(changed));
    }
    const value = valueOf(content);
    const outcome = await call.complete(value);
    if (outcome.type === "denied") return this.#failed(toolUseId, denialText(outcome.denial));
    if (outcome.type === "error") return this.#failed(toolUseId, errorMessage(outcome.error));
    // The tool may have changed its result in the meantime.
    const isSame = JSON.stringify(outcome.value) === JSON.stringify(valueOf(content));
    const { TextBlock, toolResultContentFromData, ToolResultBlock } = this.#sdk;
    const added = [...contexts].map((context) => new TextBlock(context));
    if (isSame && added.length === 0) return output;
    const blocks = isSame
      ? [...content]
      : dataOf(outcome.value, content).map((data) => toolResultContentFromData(data as never));
    const given = { toolUseId, status: "success", content: [...blocks, ...added] };
    const result = new ToolResultBlock(given);
    return { result: result as ToolResult };
  }

  #failed(toolUseId: string, reason: string): ToolOutput {
    const { TextBlock, ToolResultBlock } = this.#sdk;
    const content = [new TextBlock(reason)];
    return { result: new ToolResultBlock({ toolUseId, status: "error", content }) as ToolResult };
  }
}
