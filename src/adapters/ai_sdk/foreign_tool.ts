import { copyJson } from "../../internal/json.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import type { AgentHooks } from "../options.ts";
import type { AgentRun } from "../run.ts";
import { impureIn } from "../params.ts";
import { denialText, type ToolOutcome } from "../tool_call.ts";

/** A tool call, as the AI SDK describes it to telemetry. */
export type ForeignCall = {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
};

/**
 * Judges the call of a tool that wasn't passed to `options`, such as one that was added to its result.
 * Telemetry can stop such a call, but change neither its input nor its output: if gates need that, the call
 * is denied.
 *
 * @throws {Error} with the reason, which the AI SDK returns to the model
 */
export async function judgeForeign<Result>(
  run: AgentRun,
  { gates, toolCall, unseen, execute }: {
    readonly gates: AgentHooks["registry"]["gates"];
    readonly toolCall: ForeignCall;
    /** Why gates can't judge the call; undefined if they can. */
    readonly unseen: string | undefined;
    execute(): PromiseLike<Result>;
  },
): Promise<Result> {
  const { toolName: name, toolCallId: callId, input: params } = toolCall;
  // The tool gets this very object, and not what was judged.
  const impure = (): string | undefined =>
    gates.guards("tool.called") ? impureIn(params) : undefined;
  const opened = await run.begin({ name, params, callId, unseen: unseen ?? notSeen(impure()) });
  if (opened.type === "denied") throw new Error(denialText(opened.denial));
  // Telemetry gets no signal: an aborted run is known by its end.
  if (run.isEnded) {
    const error = new Error("The run has ended");
    throw thrown(await opened.fail(error)) ?? error;
  }
  const isChanged = gates.guards("tool.called") &&
    (impure() !== undefined || textOf(opened.params) !== textOf(params));
  const problem = isChanged
    ? "Cannot apply a gate's change to the input"
    : gates.guards("tool.completed")
    ? "Cannot let gates judge the result"
    : undefined;
  if (problem !== undefined) {
    const error = new Error(`${problem} of tool '${name}': pass the tool to 'options()'`);
    throw thrown(await opened.fail(error)) ?? error;
  }
  let result: Result;
  try {
    result = await opened.within(execute);
  } catch (error) {
    throw thrown(await opened.fail(error)) ?? error;
  }
  const error = thrown(await opened.complete(undefined));
  if (error !== undefined) throw error;
  return result;
}

function notSeen(impure: string | undefined): string | undefined {
  return impure && `its input has ${impure}, which gates can't see. Pass the tool to 'options()'`;
}

function textOf(params: unknown): string {
  return canonicalJson(copyJson(params, "params").value);
}

function thrown(outcome: ToolOutcome): unknown {
  if (outcome.type === "denied") return new Error(denialText(outcome.denial));
  return outcome.type === "error" ? outcome.error : undefined;
}
