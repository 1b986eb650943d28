import type { AgentRun } from "../run.ts";
import type { Running } from "./processors.ts";
import type { Judged } from "./tool.ts";

/** A run. The run that resumes a suspended one replaces it, because Mastra keeps the tools. */
export type Slot = { running: Running; readonly id: string };

/** What follows a run, or the call of a tool, through its `await`s, and the callbacks of both. */
export type Current = {
  /** The connection whose agent runs, and the run. */
  readonly connection?: object;
  readonly slot?: Slot;
  readonly running?: Running;
  /** Set by a tool that delegates to an agent. */
  readonly delegation?: {
    /** The id of the agent. */
    readonly to: string;
    readonly parent: AgentRun;
    /** Whether the agent's calls are judged, even if they were paused. */
    readonly isNew: boolean;
  } | undefined;
  /** The call whose tool runs. */
  readonly judged?: Judged;
};

/** Returns the run that calls a tool. If two resume the same one at once, the slot has only the second. */
export function runningIn(slot: Slot, { slot: own, running }: Current = {}): Running {
  return own === slot && running?.run.isEnded === false ? running : slot.running;
}
