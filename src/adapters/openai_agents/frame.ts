import { type AsyncStorage, createStorage } from "../async.ts";
import type { AgentRun } from "../run.ts";

/** The context of a call: a run, or a tool in it. */
export type Frame = {
  /** The run of the agent whose turn it is. */
  current: AgentRun;
  /** The name of that agent. Undefined within a tool, which has none of its own. */
  name?: string | undefined;
  /** The runs of agents that took over, in order. */
  readonly handoffs: AgentRun[];
  /** Aborts with the run. */
  readonly signal?: AbortSignal | undefined;
  /** Returns whether the run has ended, so that none of its tools may start. */
  readonly isOver: () => boolean;
  /** Returns whether the run, or one around it, failed or was aborted: it ends those within it. */
  readonly isStopped: () => boolean;
  /** Returns whether gates judge tool calls. */
  readonly hasGates: () => boolean;
  /** The connection of the outermost run. */
  readonly connection: object;
  /** Who runs the agents. Undefined within a tool. */
  readonly runner?: object | undefined;
  /** The agent that it runs first, even if another one has taken over in a stored run. */
  readonly agent?: { readonly name: string };
};

let storage: AsyncStorage<Frame> | undefined;

/**
 * Returns the storage of the current frame. All runners share it, because they may share agents, models, and
 * tools.
 */
export function frames(): AsyncStorage<Frame> {
  return storage ??= createStorage("Cannot connect OpenAI Agents");
}

let begun: AsyncStorage<Frame> | undefined;

/** Calls the SDK's own `run` for the current frame: what runs from then on is within that run. */
export function begin<Result>(call: () => Result): Result {
  const frame = frames().getStore();
  if (frame === undefined) return call();
  begun ??= createStorage("Cannot connect OpenAI Agents");
  return begun.run(frame, call);
}

/** Returns whether the SDK's own `run` has been called for a frame, by what is running now. */
export function hasBegun(frame: Frame): boolean {
  return begun?.getStore() === frame;
}

/** Begins the run of an agent that takes over. @throws {Error} when a gate stopped the one before it */
export function handOver(frame: Frame, { name }: { readonly name: string }): void {
  frame.current.throwIfStopped();
  frame.current = frame.current.handOver({ agentId: name, name });
  frame.name = name;
  frame.handoffs.push(frame.current);
}

/** Returns a run within that of a frame: an agent that a tool runs, or a guardrail. */
export function nestedRun(frame: Frame, { name }: { readonly name: string }): AgentRun {
  const agent = { agentId: name, name };
  const isTool = frame.runner === undefined;
  return isTool ? frame.current.child(agent) : frame.current.handOver(agent);
}
