import type { AgentHooks, AgentOptions } from "../options.ts";
import { AgentRun, type RunResult } from "../run.ts";
import { toText } from "../tool_call.ts";
import { connectAgent } from "./agents.ts";
import { type Frame, frames } from "./frame.ts";
import { connectModel, observed } from "./models.ts";
import { isAbort, type SdkAgent, type SdkRunner, userText, withUserText } from "./sdk.ts";

type SdkResult = {
  readonly interruptions?: readonly unknown[];
  readonly finalOutput?: unknown;
  readonly completed?: Promise<unknown>;
  readonly cancelled?: boolean;
  [Symbol.asyncIterator]?(): AsyncIterator<unknown> & AsyncIterable<unknown>;
  readonly error?: unknown;
};

type Options = { readonly stream?: boolean; readonly signal?: AbortSignal };

/** Connects a runner, its models, and the agents that take part in its runs. */
export class Connection {
  readonly #hooks: AgentHooks;
  readonly #options: AgentOptions;

  constructor(hooks: AgentHooks, options: AgentOptions) {
    this.#hooks = hooks;
    this.#options = options;
    frames(); // throws where there are none
  }

  connectRunner(runner: SdkRunner): void {
    const run = runner.run.bind(runner);
    const { model, modelProvider } = runner.config;
    const getModel = modelProvider.getModel.bind(modelProvider);
    runner.config.model = connectModel(model);
    runner.config.modelProvider = Object.assign(Object.create(modelProvider), {
      getModel: async (name?: string) => observed(await getModel(name), name),
    });
    runner.on("agent_handoff", (_context: unknown, _from: SdkAgent, to: SdkAgent) => handOver(to));
    runner.run = (agent: SdkAgent, input: unknown, options?: Options) =>
      this.#run(run, agent, input, options);
  }

  async #run(
    run: SdkRunner["run"],
    agent: SdkAgent,
    input: unknown,
    options: Options | undefined,
  ): Promise<unknown> {
    connectAgent(agent);
    const { name = agent.name } = this.#options;
    const own = new AgentRun(this.#hooks, { ...this.#options, name });
    const signal = options?.signal;
    let result: SdkResult | undefined;
    // A stream is cancelled by who reads it, too, which no signal tells.
    const isOver = (): boolean => own.isEnded || result?.cancelled === true;
    const hasGates = (): boolean => this.#hooks.registry.gates.guards("tool.called");
    const frame: Frame = { current: own, handoffs: [], isTool: false, signal, isOver, hasGates };
    try {
      const judged = await received(own, input, signal);
      result = await frames().run(frame, () => run(agent, judged, options)) as SdkResult;
      if (!options?.stream) await end(own, frame, result);
      else endWithStream(result, streamed(own, frame, result, signal));
      return result;
    } catch (error) {
      await endAll(own, frame, { error, aborted: isAbort(error, signal) });
      throw error;
    }
  }
}

/** Begins the run of an agent that takes over. */
function handOver(to: SdkAgent): void {
  const frame = frames().getStore();
  if (frame === undefined) return;
  frame.current = frame.current.handOver({ agentId: to.name, name: to.name });
  frame.handoffs.push(frame.current);
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

/** Ends the run of a stream when the stream ends. Rejects like the stream. */
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

/** Makes readers of a stream wait for the end of its run, because they may close the hooks next. */
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
