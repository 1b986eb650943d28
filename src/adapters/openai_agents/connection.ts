import { createEventId } from "../../internal/uuid.ts";
import { type AsyncStorage, createStorage } from "../async_storage.ts";
import type { AgentHooks, AgentOptions } from "../options.ts";
import { AgentRun, type ModelResult, type RunResult } from "../run.ts";
import { denialText, toText } from "../tool_call.ts";
import {
  isAbort,
  type ModelRequest,
  type ModelResponse,
  nameOf,
  parsed,
  type SdkAgent,
  type SdkModel,
  type SdkRunner,
  type SdkTool,
  usageOf,
  userText,
  withUserText,
  written,
} from "./sdk.ts";

/** Where something is called from: a run of the runner, or a tool of it. */
type Frame = {
  /** The run of the agent whose turn it is. */
  current: AgentRun;
  /** The runs of agents that took over, in order. */
  readonly handoffs: AgentRun[];
  /** Whether a tool runs: an agent that is called in it is a subagent. */
  readonly isTool: boolean;
  /** The run of the subagent. */
  nested?: AgentRun;
  /** Whether the message to the subagent was emitted. */
  hasReceived?: boolean;
};

type SdkResult = {
  readonly interruptions?: readonly unknown[];
  readonly finalOutput?: unknown;
  readonly completed?: Promise<unknown>;
  readonly cancelled?: boolean;
  [Symbol.asyncIterator]?(): AsyncIterator<unknown> & AsyncIterable<unknown>;
  readonly error?: unknown;
};

type Options = { readonly stream?: boolean; readonly signal?: AbortSignal };

/** Which run calls. One for all runners: they may share agents and models, which are connected once. */
let storage: AsyncStorage<Frame> | undefined;
const agents = new WeakSet<SdkAgent>();
/** Connected models, by what they were, and by themselves. */
const models = new WeakMap<SdkModel, SdkModel>();

/** Connects a runner, its agents, their models and their tools. */
export class Connection {
  readonly #hooks: AgentHooks;
  readonly #options: AgentOptions;
  readonly #storage: AsyncStorage<Frame>;

  constructor(hooks: AgentHooks, options: AgentOptions) {
    this.#hooks = hooks;
    this.#options = options;
    this.#storage = storage ??= createStorage("Cannot connect OpenAI Agents");
  }

  connectRunner(runner: SdkRunner): void {
    const run = runner.run.bind(runner);
    const { modelProvider } = runner.config;
    const getModel = modelProvider.getModel.bind(modelProvider);
    runner.config.modelProvider = Object.assign(Object.create(modelProvider), {
      getModel: async (name?: string) => this.#model(await getModel(name), name),
    });
    runner.on(
      "agent_handoff",
      (_context: unknown, _from: SdkAgent, to: SdkAgent) => this.#handOver(to),
    );
    runner.run = (agent: SdkAgent, input: unknown, options?: Options) =>
      this.#run(run, agent, input, options);
  }

  /** Connects an agent, and those that it may hand over to. */
  connectAgent(agent: SdkAgent): void {
    if (agents.has(agent)) return;
    agents.add(agent);
    const { model } = agent;
    if (typeof model === "object" && model !== null) {
      const connected = models.get(model) ?? this.#model(model);
      models.set(model, connected).set(connected, connected);
      agent.model = connected;
    }
    const getAllTools = agent.getAllTools.bind(agent);
    const wrapped = new WeakMap<SdkTool, SdkTool>();
    agent.getAllTools = async (...args) => {
      const tools = await getAllTools(...args) as readonly SdkTool[];
      const frame = this.#storage.getStore();
      if (frame === undefined) return tools;
      if (frame.isTool) {
        frame.nested ??= frame.current.child({ agentId: agent.name, name: agent.name });
      }
      return tools.map((tool) => {
        const known = wrapped.get(tool) ?? this.#tool(tool);
        wrapped.set(tool, known);
        return known;
      });
    };
    for (const handoff of agent.handoffs ?? []) this.connectAgent(handoff.agent ?? handoff);
  }

  async #run(
    run: SdkRunner["run"],
    agent: SdkAgent,
    input: unknown,
    options: Options | undefined,
  ): Promise<unknown> {
    this.connectAgent(agent);
    const { name = agent.name } = this.#options;
    const own = new AgentRun(this.#hooks, { ...this.#options, name });
    const frame: Frame = { current: own, handoffs: [], isTool: false };
    const signal = options?.signal;
    try {
      const judged = await received(own, input, signal);
      const result: SdkResult = await this.#storage.run(frame, () => run(agent, judged, options));
      if (!options?.stream) await end(own, frame, result);
      else endWithStream(result, streamed(own, frame, result, signal));
      return result;
    } catch (error) {
      await endAll(own, frame, { error, aborted: isAbort(error, signal) });
      throw error;
    }
  }

  #handOver(to: SdkAgent): void {
    const frame = this.#storage.getStore();
    if (frame === undefined) return;
    this.connectAgent(to);
    frame.current = frame.current.handOver({ agentId: to.name, name: to.name });
    frame.handoffs.push(frame.current);
  }

  /** Returns a tool that gates judge. Tools without `invoke` run at the provider. */
  #tool(tool: SdkTool): SdkTool {
    const { invoke } = tool;
    if (tool.type !== "function" || typeof invoke !== "function") return tool;
    return {
      ...tool,
      invoke: async (context, input, details) => {
        const frame = this.#storage.getStore();
        const caller = frame?.nested ?? frame?.current;
        if (caller === undefined) return await invoke.call(tool, context, input, details);
        const inner: Frame = { current: caller, handoffs: [], isTool: true };
        const execute = (params: unknown): Promise<unknown> =>
          this.#storage.run(
            inner,
            () => invoke.call(tool, context, written(input, params), details),
          );
        const call = {
          name: tool.name,
          params: parsed(input),
          callId: details?.toolCall?.callId,
          signal: details?.signal,
        };
        return await caller.tool(
          call,
          (params) => subagent(inner, () => execute(params)),
          denialText,
        );
      },
    };
  }

  /** Returns a model that emits events, for calls of runs that are connected. */
  #model(model: SdkModel, name?: string): SdkModel {
    return new Proxy(model, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key === "getResponse") {
          return (request: ModelRequest) => this.#respond(target, name, request);
        }
        if (key === "getStreamedResponse") {
          return (request: ModelRequest) => this.#stream(target, name, request);
        }
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  async #respond(
    model: SdkModel,
    name: string | undefined,
    request: ModelRequest,
  ): Promise<ModelResponse> {
    const call = await this.#begin(model, name, request);
    try {
      const response = await model.getResponse(request);
      await call?.end(response);
      return response;
    } catch (error) {
      await call?.fail(error);
      throw error;
    }
  }

  #stream(
    model: SdkModel,
    name: string | undefined,
    request: ModelRequest,
  ): AsyncIterable<{ readonly type: string }> {
    const begun = this.#begin(model, name, request); // here, as a generator starts elsewhere
    return (async function* () {
      const call = await begun;
      try {
        for await (const event of model.getStreamedResponse(request)) {
          if (event.type === "response_done") await call?.end(event.response ?? {});
          yield event;
        }
      } catch (error) {
        await call?.fail(error);
        throw error;
      }
    })();
  }

  async #begin(model: SdkModel, name: string | undefined, request: ModelRequest) {
    const frame = this.#storage.getStore();
    if (frame === undefined) return undefined;
    const run = frame.nested ?? frame.current;
    run.throwIfStopped();
    if (frame.nested !== undefined && !frame.hasReceived) {
      frame.hasReceived = true;
      const text = userText(request.input);
      if (text !== undefined) await run.received(text);
    }
    const id = createEventId();
    await run.modelCalled(id, { model: name || nameOf(model), provider: "openai" });
    const finish = (result: ModelResult): Promise<void> => run.modelCompleted(id, result);
    return {
      fail: (error: unknown) => finish({ error }),
      async end({ usage, output = [] }: ModelResponse) {
        await finish({ usage: usageOf(usage) });
        for (const item of output) {
          if (item.type !== "hosted_tool_call") continue;
          const params = parsed(item.arguments ?? "{}");
          await run.hosted({ name: item.name ?? "", callId: item.id, params }, {
            result: item.output,
          });
        }
      },
    };
  }
}

/** Lets gates judge the message that a run begins with. A resumed run has none. */
async function received(run: AgentRun, input: unknown, signal?: AbortSignal): Promise<unknown> {
  const text = userText(input);
  if (text === undefined) return input;
  const judged = await run.judgeReceived(text, "user", signal);
  if ("denied" in judged) throw new Error(`The message was denied: ${judged.denied}`);
  return judged.content === text ? input : withUserText(input, judged.content);
}

/** Ends a run that has returned. One that waits for approvals has no output yet. */
async function end(run: AgentRun, frame: Frame, result: SdkResult): Promise<void> {
  const isPaused = (result.interruptions?.length ?? 0) > 0;
  const response = isPaused ? undefined : toText(result.finalOutput);
  if (response) await frame.current.sent(response);
  await endAll(run, frame, { response });
}

/** Ends the run of a stream when that ends. Rejects like the stream. */
async function streamed(
  run: AgentRun,
  frame: Frame,
  result: SdkResult,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await result.completed;
  } catch (error) {
    await endAll(run, frame, { error, aborted: isAbort(error, signal) });
    throw error;
  }
  if (result.cancelled || signal?.aborted) await endAll(run, frame, { aborted: true });
  else await end(run, frame, result);
}

/** Lets those who read a stream wait for the end of its run: they may close the hooks next. */
function endWithStream(result: SdkResult, ended: Promise<void>): void {
  ended.catch(() => {}); // the reader of the stream gets the error
  const iterate = result[Symbol.asyncIterator]?.bind(result);
  Object.defineProperties(result, {
    completed: { value: ended, configurable: true },
    [Symbol.asyncIterator]: {
      configurable: true,
      value: async function* () {
        yield* iterate!();
        await ended.catch(() => {});
      },
    },
  });
}

/** Ends the runs of all agents, the last one first. */
async function endAll(run: AgentRun, { handoffs }: Frame, result: RunResult): Promise<void> {
  for (const other of handoffs.toReversed()) await other.end(result);
  await run.end(result);
}

/** Runs a tool. If it called an agent, the run of that ends with it. */
async function subagent(frame: Frame, execute: () => Promise<unknown>): Promise<unknown> {
  try {
    const output = await execute();
    const response = toText(output);
    if (response) await frame.nested?.sent(response);
    await frame.nested?.end({ response });
    return output;
  } catch (error) {
    await frame.nested?.end({ error });
    throw error;
  }
}
