import type { AgentHooks, Usage } from "../options.ts";
import { AgentRun, type RunOptions } from "../run.ts";
import type { Caller } from "../tool_call.ts";
import { type ForeignCall, judgeForeign } from "./foreign_tool.ts";
import { type AiSdkTool, callerOf } from "./sdk.ts";

/** Operations that are runs of an agent; others, such as `ai.embed`, are not. */
const RUNS = /^ai\.(generate|stream)(Text|Object)$/;

/** A run, and the number of its model calls so far. */
type Current = { readonly run: AgentRun; modelCalls: number };

type Tools = Readonly<Record<string, AiSdkTool>>;

/** The fields of a tool call that both its tool and telemetry receive. */
type ToolOptions = {
  readonly toolCallId: string;
  /** The same array for both, unless telemetry hides it. */
  readonly messages?: unknown;
};

type ToolOfRun = ToolOptions & { readonly run: AgentRun; readonly isHidden: boolean };

type Message = { readonly role?: string; readonly content?: unknown };

type Part = {
  readonly type: string;
  readonly text?: string;
  readonly toolCallId?: string;
  readonly toolName?: string;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly providerExecuted?: boolean;
};

/** Fields of telemetry events, each of which has some of them. */
type TelemetryEvent = {
  readonly callId: string;
  readonly operationId?: string;
  readonly messages?: readonly Message[];
  readonly tools?: Tools;
  readonly provider?: string;
  readonly modelId?: string;
  readonly finishReason?: string;
  readonly usage?: SdkUsage;
  readonly performance?: { readonly timeToFirstOutputMs?: number };
  readonly content?: readonly Part[];
  readonly text?: string;
  readonly error?: unknown;
};

type SdkUsage = {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly inputTokenDetails?: {
    readonly cacheReadTokens?: number;
    readonly cacheWriteTokens?: number;
  };
  readonly outputTokenDetails?: { readonly reasoningTokens?: number };
};

/** An integration of the AI SDK's telemetry: emits the events of runs and model calls. */
export class Telemetry {
  /** The hooks of all runs. */
  readonly hooks: AgentHooks;
  /**
   * The `execute` functions of tools that gates already judge, because a copy of such a tool has the same
   * one, and the callers whose tools gates judge; each with the name by which they do.
   */
  readonly judged = new WeakMap<object, string>();
  readonly #options: RunOptions;
  /** Runs, by the AI SDK's id of a call of `generateText` and similar functions. */
  readonly #runs = new Map<string, Current>();
  /** The tools of each run. */
  readonly #tools = new Map<string, Tools>();
  /** The tool calls that are executing. Ids are unique within a run, but not across runs. */
  readonly #calls = new Set<ToolOfRun>();
  #isReported = false;

  constructor(hooks: AgentHooks, options: RunOptions) {
    this.hooks = hooks;
    this.#options = options;
  }

  /** Returns the run of an executing tool; undefined, and reported once, if the AI SDK is too old to tell. */
  runOf({ toolCallId, messages }: ToolOptions): AgentRun | undefined {
    const calls = [...this.#calls].filter((call) => call.toolCallId === toolCallId);
    const only = calls.length === 1 && calls[0]!.isHidden ? calls[0] : undefined;
    const { run } = calls.find((call) => call.messages === messages) ?? only ?? {};
    if (run === undefined && !this.#isReported) {
      this.#isReported = true;
      const error = new Error(
        "the AI SDK reported no run: its events need 'ai' 7, and only tools have some",
      );
      this.hooks.registry.observer.report("Cannot observe a run of the AI SDK", error);
    }
    return run;
  }

  /** The run of all executing tools; undefined if they belong to several. */
  get onlyRun(): AgentRun | undefined {
    const [run, ...others] = new Set([...this.#calls].map(({ run }) => run));
    return others.length === 0 ? run : undefined;
  }

  /** The caller of a tool without a run. */
  get caller(): Caller {
    const { sessionId, agentId, parentAgentId } = this.#options;
    return { sessionId, agentId, parentAgentId };
  }

  /** Records the tools of a run, which telemetry may hide. */
  noteTools({ callId, tools }: Pick<TelemetryEvent, "callId" | "tools">): void {
    if (tools !== undefined) this.#tools.set(callId, tools);
  }

  /** Called by the AI SDK when an operation begins. */
  async onStart(event: TelemetryEvent): Promise<void> {
    const { callId, operationId = "", messages } = event;
    if (!RUNS.test(operationId)) return;
    const run = new AgentRun(this.hooks, this.#options);
    this.#runs.set(callId, { run, modelCalls: 0 });
    this.noteTools(event);
    const last = messages?.at(-1);
    if (last?.role === "user") await run.received(textOf(last.content));
    await run.flush();
  }

  /** Called before a model is. */
  async onLanguageModelCallStart(event: TelemetryEvent): Promise<void> {
    const current = this.#runs.get(event.callId);
    if (current === undefined || current.run.stopped !== undefined) return;
    current.modelCalls++;
    const { modelId: model = "unknown", provider } = event;
    await current.run.modelCalled(modelCallId(event, current), { model, provider });
  }

  /** Calls the model, unless a gate stopped the run. */
  async executeLanguageModelCall<Result>({ callId, execute }: {
    readonly callId: string;
    execute(): PromiseLike<Result>;
  }): Promise<Result> {
    this.#runs.get(callId)?.run.throwIfStopped();
    return await execute();
  }

  /** Called when a model has responded. */
  async onLanguageModelCallEnd(event: TelemetryEvent): Promise<void> {
    const current = this.#runs.get(event.callId);
    if (current === undefined) return;
    const { run } = current;
    const { modelId: model, provider, finishReason, usage, performance, content = [] } = event;
    await run.modelCompleted(modelCallId(event, current), {
      model,
      provider,
      finishReason,
      usage: usageOf(usage),
      ttftMs: performance?.timeToFirstOutputMs,
    });
    for (const part of endsOf(content)) {
      const { toolName: name = "", toolCallId: callId, input: params, output, error } = part;
      await run.hosted(
        { name, callId, params },
        error === undefined ? { result: output } : { error },
      );
    }
  }

  /** Runs a tool within its run, which the AI SDK doesn't pass to tools. Judges tools that aren't wrapped. */
  async executeTool<Result>(
    { callId, toolCallId, messages, toolCall, recordInputs, execute }: ToolOptions & {
      readonly callId: string;
      readonly toolCall: ForeignCall;
      /** The setting of the user's telemetry. */
      readonly recordInputs?: boolean | undefined;
      execute(): PromiseLike<Result>;
    },
  ): Promise<Result> {
    const { run } = this.#runs.get(callId) ?? {};
    const { gates } = this.hooks.registry;
    if (run === undefined) {
      // It was aborted in the meantime, so it is unknown which tool this is.
      if (gates.guards("tool.called") || gates.guards("tool.completed")) {
        throw new Error("The run has ended");
      }
      return await execute();
    }
    const isHidden = recordInputs === false;
    const call = { run, toolCallId, messages, isHidden };
    this.#calls.add(call);
    try {
      const tools = this.#tools.get(callId) ?? {};
      const { toolName } = toolCall;
      const tool = Object.hasOwn(tools, toolName) ? tools[toolName]! : {};
      if (this.#isJudged(toolName, tool) && this.#isBound(tool)) return await execute();
      const unseen = isHidden
        ? "with 'recordInputs: false', pass the tool, and your 'onStart', to 'options()'"
        : this.#isBound(tool) || this.#areJudged(tools)
        ? undefined
        : "it calls tools that gates can't judge: pass all tools to 'options()'";
      return await judgeForeign(run, { gates, toolCall, unseen, execute });
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Returns whether gates judge the tool with a name. */
  #isJudged(name: string, { execute }: AiSdkTool): boolean {
    return execute !== undefined && this.judged.get(execute) === name;
  }

  /** Returns whether gates judge the function that the tool's caller, if any, runs instead. */
  #isBound(tool: AiSdkTool): boolean {
    const caller = callerOf(tool);
    return caller?.bind === undefined || this.judged.has(caller);
  }

  /** Returns whether gates judge all tools except those that call others. */
  #areJudged(tools: Tools): boolean {
    return Object.entries(tools).every(([name, tool]) =>
      tool.execute === undefined || !this.#isBound(tool) || this.#isJudged(name, tool)
    );
  }

  /** Called when an operation has completed. */
  async onEnd({ callId, text = "", finishReason }: TelemetryEvent): Promise<void> {
    const run = this.#take(callId);
    // Only the reader of the stream learns why it failed.
    if (finishReason === "error") return run?.end({ error: new Error("The model failed") });
    if (text !== "") await run?.sent(text);
    await run?.end({ response: text });
  }

  /** Called when a stream was aborted. */
  async onAbort({ callId }: TelemetryEvent): Promise<void> {
    await this.#take(callId)?.end({ aborted: true });
  }

  /** Called when an operation has failed. */
  async onError({ callId, error = "unknown" }: TelemetryEvent): Promise<void> {
    const aborted = (error as Error | null)?.name === "AbortError";
    await this.#take(callId)?.end({ error, aborted });
  }

  #take(callId: string): AgentRun | undefined {
    const current = this.#runs.get(callId);
    this.#runs.delete(callId);
    this.#tools.delete(callId);
    return current?.run;
  }
}

/** The ends of the calls that the provider ran: the last of each, because preliminary results look the same. */
function endsOf(content: readonly Part[]): Iterable<Part> {
  const ends = content.filter(({ type, providerExecuted }) =>
    providerExecuted && /^tool-(result|error)$/.test(type)
  );
  return new Map(ends.map((part) => [part.toolCallId, part])).values();
}

function modelCallId({ callId }: TelemetryEvent, { modelCalls }: Current): string {
  return `${callId}-${modelCalls}`;
}

function usageOf(usage: SdkUsage = {}): Usage {
  const { inputTokens = 0, outputTokens = 0, inputTokenDetails, outputTokenDetails } = usage;
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cache_read_tokens: inputTokenDetails?.cacheReadTokens,
    cache_write_tokens: inputTokenDetails?.cacheWriteTokens,
    reasoning_tokens: outputTokenDetails?.reasoningTokens,
  } as Usage;
}

/** The text of a message, whose content is text or a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: Part) => part.text ?? "").join("");
}
