import type { AgentHooks, Usage } from "../options.ts";
import { AgentRun, type RunOptions } from "../run.ts";
import type { Caller } from "../tool_call.ts";
import { type ForeignCall, judgeForeign } from "./foreign_tool.ts";

/** Operations that are runs of an agent; others, such as `ai.embed`, are not. */
const RUNS = /^ai\.(generate|stream)(Text|Object)$/;

/** A run, its tools, and the number of its model calls so far. */
type Current = { readonly run: AgentRun; readonly tools: Tools; modelCalls: number };

type Tools = Readonly<Record<string, { readonly execute?: object }>>;

/** What the AI SDK tells both a tool and telemetry about a tool call. */
type ToolOptions = {
  readonly toolCallId: string;
  /** The same list for both. */
  readonly messages?: unknown;
};

type ToolOfRun = ToolOptions & { readonly run: AgentRun };

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
  /** The `execute` functions of tools that gates judge already: a copy of such a tool has the same one. */
  readonly tools = new WeakSet<object>();
  readonly #options: RunOptions;
  /** Runs, by the id that the AI SDK gives a call of `generateText` and its like. */
  readonly #runs = new Map<string, Current>();
  /** The tool calls that are executing. Ids are unique within a run, but not across runs. */
  readonly #calls = new Set<ToolOfRun>();
  #isReported = false;

  constructor(hooks: AgentHooks, options: RunOptions) {
    this.hooks = hooks;
    this.#options = options;
  }

  /** Returns the run of a tool that executes; undefined, and reported once, if the AI SDK is too old to tell. */
  runOf({ toolCallId, messages }: ToolOptions): AgentRun | undefined {
    const { run } =
      [...this.#calls].find((call) =>
        call.toolCallId === toolCallId && call.messages === messages
      ) ?? {};
    if (run === undefined && !this.#isReported) {
      this.#isReported = true;
      const error = new Error(
        "the AI SDK reported no run: its events need 'ai' 7, and only tools have some",
      );
      this.hooks.registry.observer.report("Cannot observe a run of the AI SDK", error);
    }
    return run;
  }

  /** The run of all tools that execute; undefined if there are several. */
  get onlyRun(): AgentRun | undefined {
    const [run, ...others] = new Set([...this.#calls].map(({ run }) => run));
    return others.length === 0 ? run : undefined;
  }

  /** Who calls a tool without a run. */
  get caller(): Caller {
    const { sessionId, agentId, parentAgentId } = this.#options;
    return { sessionId, agentId, parentAgentId };
  }

  /** Called by the AI SDK when an operation begins. */
  async onStart({ callId, operationId = "", messages, tools = {} }: TelemetryEvent): Promise<void> {
    if (!RUNS.test(operationId)) return;
    const run = new AgentRun(this.hooks, this.#options);
    this.#runs.set(callId, { run, tools, modelCalls: 0 });
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
    for (const part of content) {
      if (!part.providerExecuted || !/^tool-(result|error)$/.test(part.type)) continue;
      const { toolName: name = "", toolCallId: callId, input: params, output, error } = part;
      await run.hosted(
        { name, callId, params },
        error === undefined ? { result: output } : { error },
      );
    }
  }

  /** Runs the tool of a run: the AI SDK tells its tools no run. Judges those that don't do so themselves. */
  async executeTool<Result>(
    { callId, toolCallId, messages, toolCall, execute }: ToolOptions & {
      readonly callId: string;
      readonly toolCall: ForeignCall;
      execute(): PromiseLike<Result>;
    },
  ): Promise<Result> {
    const { run, tools } = this.#runs.get(callId) ?? {};
    if (run === undefined) return await execute();
    const call = { run, toolCallId, messages };
    this.#calls.add(call);
    try {
      const tool = Object.hasOwn(tools!, toolCall.toolName) ? tools![toolCall.toolName]! : {};
      if (tool.execute !== undefined && this.tools.has(tool.execute)) return await execute();
      return await judgeForeign(run, { gates: this.hooks.registry.gates, toolCall, execute });
    } finally {
      this.#calls.delete(call);
    }
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
    return current?.run;
  }
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
