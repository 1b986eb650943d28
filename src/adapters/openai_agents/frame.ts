import { type AsyncStorage, createStorage } from "../async.ts";
import type { AgentRun } from "../run.ts";

/** The context of a call: a run of the runner, or a tool in it. */
export type Frame = {
  /** The run of the agent whose turn it is. */
  current: AgentRun;
  /** The runs of agents that took over, in order. */
  readonly handoffs: AgentRun[];
  /** Aborts with the run. */
  readonly signal?: AbortSignal | undefined;
  /** Returns whether the run has ended, so that none of its tools may start. */
  readonly isOver: () => boolean;
  /** Returns whether gates judge tool calls. */
  readonly hasGates: () => boolean;
  /** Whether a tool runs: an agent that takes a turn in it is a subagent. */
  readonly isTool: boolean;
  /** The run of the subagent. */
  nested?: AgentRun;
  /** Whether the message to the subagent was emitted. */
  hasReceived?: boolean;
};

let storage: AsyncStorage<Frame> | undefined;

/**
 * Returns the storage of the current frame. All runners share it, because they may share agents, models, and
 * tools.
 */
export function frames(): AsyncStorage<Frame> {
  return storage ??= createStorage("Cannot connect OpenAI Agents");
}
