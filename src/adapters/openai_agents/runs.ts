import type { AgentRun, RunResult } from "../run.ts";
import { toText } from "../tool_call.ts";
import { connectAgent } from "./agents.ts";
import { begin, type Frame, frames, handOver, hasBegun, nestedRun } from "./frame.ts";
import { connectConfig } from "./models.ts";
import { isAbort, type SdkAgent, type SdkRunner, userText, withUserText } from "./sdk.ts";

type SdkResult = {
  readonly interruptions?: readonly unknown[];
  readonly finalOutput?: unknown;
  readonly completed?: Promise<unknown>;
  readonly cancelled?: boolean;
  [Symbol.asyncIterator]?(): AsyncIterator<unknown> & AsyncIterable<unknown>;
  readonly error?: unknown;
};

/** Options of a run. */
export type Options = { readonly stream?: boolean; readonly signal?: AbortSignal };

/** A run that is about to begin. */
type Start = Pick<Frame, "connection" | "hasGates"> & {
  readonly runner: object;
  readonly agent: SdkAgent;
  readonly input: unknown;
  readonly options: Options | undefined;
  /** The run that it is a part of, and ends with if that one fails. */
  readonly outer?: Frame | undefined;
};

/** The connected prototypes of runners. */
const connected = new WeakSet<object>();

/**
 * Connects the class of a runner: what any of its instances runs within a connected run is a run of its own, such
 * as an agent that a tool or a guardrail runs, or one that is used as a tool.
 */
export function connectRuns(runner: SdkRunner): void {
  const base = baseOf(runner);
  if (base === undefined || connected.has(base)) return;
  const { run } = base;
  const value: SdkRunner["run"] = function (this: SdkRunner, ...args) {
    const frame = frames().getStore();
    // A runner may be a proxy: then `this` is another object.
    const isOutermost = frame === undefined || (!hasBegun(frame) && frame.runner !== undefined &&
      (frame.runner === this || frame.agent?.name === args[0]?.name));
    return isOutermost ? begin(() => run.apply(this, args)) : runNested(frame, this, run, args);
  };
  Object.defineProperty(base, "run", { value, writable: true, configurable: true });
  connected.add(base);
}

/** Runs an agent within a connected run. If that one has ended, this one belongs to the background. */
function runNested(
  frame: Frame,
  runner: SdkRunner,
  run: SdkRunner["run"],
  [agent, input, options]: readonly [SdkAgent, unknown, Options?],
): Promise<unknown> {
  connectAgent(agent);
  connectConfig(runner.config);
  const own = nestedRun(frame, agent);
  const outer = frame.isOver() ? undefined : frame;
  const { connection, hasGates } = frame;
  const start: Start = { connection, hasGates, runner, agent, input, options, outer };
  return follow(own, start, async () => {
    const judged = await judgeInput(own, input, options?.signal ?? outer?.signal);
    return () => begin(() => run.call(runner, agent, judged, options));
  });
}

/**
 * Lets gates judge the message that a run begins with. A resumed run has none.
 *
 * @returns The input to run the agent with
 * @throws {Error} when a gate denies the message
 */
export async function judgeInput(
  run: AgentRun,
  input: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const text = userText(input);
  if (text === undefined) return input;
  const judged = await run.judgeReceived(text, "user", signal);
  if ("denied" in judged) throw new Error(`The message was denied: ${judged.denied}`);
  return judged.content === text ? input : withUserText(input, judged.content);
}

/**
 * Runs an agent in a frame of its own, and ends its run.
 *
 * @param prepare Resolves to the function that runs it
 */
export async function follow(
  own: AgentRun,
  { outer, agent, input, options, ...rest }: Start,
  prepare: () => Promise<() => Promise<unknown>>,
): Promise<unknown> {
  let result: SdkResult | undefined;
  let hasFailed = false;
  // A stream is cancelled by who reads it, too, which no signal tells.
  const isStopped = (): boolean =>
    hasFailed || result?.cancelled === true || outer?.isStopped() === true;
  const frame: Frame = {
    ...rest,
    current: own,
    agent,
    name: agent.name,
    handoffs: [],
    isStopped,
    isOver: () => own.isEnded || isStopped(),
    get signal() {
      return options?.signal ?? (outer?.isOver() ? undefined : outer?.signal);
    },
  };
  const fail = async (error: unknown): Promise<never> => {
    hasFailed = true;
    await endAll(own, frame, { error, aborted: isAbort(error, frame.signal) });
    throw error;
  };
  const end = async (result: SdkResult): Promise<void> => {
    // One that waits for approvals has no output yet.
    const isPaused = (result.interruptions?.length ?? 0) > 0;
    const response = isPaused ? undefined : toText(result.finalOutput);
    if (response) await frame.current.sent(response);
    await endAll(own, frame, { response });
  };
  const ended = async (result: SdkResult): Promise<void> => {
    try {
      await result.completed;
    } catch (error) {
      await fail(error);
    }
    hasFailed = result.cancelled === true || options?.signal?.aborted === true;
    if (hasFailed) await endAll(own, frame, { aborted: true });
    else await end(result);
  };
  try {
    const run = await prepare();
    resume(frame, agent, input);
    result = await frames().run(frame, run) as SdkResult;
  } catch (error) {
    return await fail(error);
  }
  if (options?.stream) endWithStream(result, ended(result));
  else await end(result);
  return result;
}

/** Continues with the agent that had taken over in a stored run, whose calls may wait for approval. */
function resume(frame: Frame, agent: SdkAgent, input: unknown): void {
  const { _currentAgent: current } = (input ?? {}) as { readonly _currentAgent?: SdkAgent };
  if (current === undefined || current.name === agent.name) return;
  connectAgent(current);
  handOver(frame, current);
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

/** Returns the base of all classes of runners: the last prototype that runs agents. */
function baseOf(runner: SdkRunner): SdkRunner | undefined {
  let base: SdkRunner | undefined;
  let next = Object.getPrototypeOf(runner) as SdkRunner | null;
  for (; typeof next?.run === "function"; next = Object.getPrototypeOf(next)) base = next;
  return base;
}
