import { errorMessage } from "../../internal/issues.ts";
import { createEventId } from "../../internal/uuid.ts";
import { GateDeniedError } from "../errors.ts";
import type { Decision } from "./decision.ts";
import type { Gatekeeper } from "./gatekeeper.ts";

/** Options of `call`. */
export type CallOptions = {
  /** The session that the call belongs to. */
  readonly sessionId?: string | undefined;
  /** Which call it is: an SDK's own id, so that a call that it repeats is decided once. @default a new id */
  readonly callId?: string | undefined;
  /** Which agent calls. */
  readonly agentId?: string | undefined;
  /** Ends the decision when it aborts, and is passed to the tool. */
  readonly signal?: AbortSignal | undefined;
  /** Throws a `GateDeniedError` instead of returning a `DeniedCall`. @default {false} */
  readonly throwOnDeny?: boolean | undefined;
};

/** What a tool is given. */
export type ToolContext = {
  /** The caller's signal, or one that never aborts. */
  readonly signal: AbortSignal;
  /** Which call it is. */
  readonly callId: string;
  /** The decision that let it run. */
  readonly decisionId: string;
};

/** What `call` resolves to when a gate denied the call, or its result. */
export type DeniedCall = {
  /** Always true. */
  readonly denied: true;
  /** Why, for the model. */
  readonly reason: string;
  /** Text for the model. */
  readonly context?: string | undefined;
  /** Whether the agent should stop its run. */
  readonly interrupt?: boolean | undefined;
  /** The decision, as in `tool.denied`. */
  readonly decisionId: string;
};

/** What a call needs of the hooks. */
export type CallHost = {
  readonly gates: Gatekeeper;
  /** Emits `tool.completed`. Reports failures and never throws. */
  complete(data: object, sessionId: string | undefined): Promise<void>;
  /** The clock, in milliseconds. */
  now(): number;
};

/**
 * Decides about a tool call, runs the tool with the parameters that were judged, and emits `tool.called`,
 * then `tool.completed`, or `tool.denied` in place of both.
 *
 * @throws what the tool threw, after `tool.completed` was emitted with its error
 */
export async function callTool<Params extends object, Result>(
  host: CallHost,
  name: string,
  params: Params,
  run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>,
  options: CallOptions,
): Promise<Result | DeniedCall> {
  const { sessionId, callId = createEventId(), agentId, throwOnDeny = false } = options;
  const { signal = new AbortController().signal } = options;
  const call = { name, call_id: callId, ...(agentId !== undefined && { agent_id: agentId }) };
  const decided = { sessionId, signal: options.signal };
  const refuse = (decision: Decision): DeniedCall => {
    const denied = deniedCall(decision);
    if (throwOnDeny) throw new GateDeniedError(name, denied.reason, denied.decisionId);
    return denied;
  };
  const decision = await host.gates.decide("tool.called", { ...call, params }, decided);
  if (decision.decision !== "allow") return refuse(decision);

  const start = host.now();
  const completed = (): object => ({
    ...call,
    duration_ms: Math.max(0, Math.round(host.now() - start)),
    ...(decision.gates.length > 0 && { decision_id: decision.id }),
  });
  let result: Result;
  try {
    const judged = (decision.data as { readonly params: Params }).params;
    result = await run(judged, { signal, callId, decisionId: decision.id });
  } catch (error) {
    await host.complete({ ...completed(), error: errorMessage(error) }, sessionId);
    throw error;
  }
  const text = textOf(result);
  const data = { ...completed(), ...(text !== undefined && { result: text }) };
  if (!host.gates.guards("tool.completed")) {
    await host.complete(data, sessionId);
    return result;
  }
  const outcome = await host.gates.decide("tool.completed", data, decided);
  if (outcome.decision === "allow") return rewrittenResult(result, text, outcome.data);
  await host.complete({ ...completed(), error: outcome.reason ?? "denied" }, sessionId);
  return refuse(outcome);
}

function deniedCall({ id, reason, context, interrupt }: Decision): DeniedCall {
  return {
    denied: true,
    reason: reason ?? "Denied by a gate",
    ...(context !== undefined && { context }),
    ...(interrupt && { interrupt }),
    decisionId: id,
  };
}

/** The text of a result, as in `tool.completed`; undefined if it has none. */
function textOf(result: unknown): string | undefined {
  if (typeof result === "string") return result;
  try {
    return JSON.stringify(result);
  } catch {
    return String(result);
  }
}

/** The result, with what gates made of its text. */
function rewrittenResult<Result>(
  result: Result,
  before: string | undefined,
  data: unknown,
): Result {
  const text = (data as { readonly result?: string }).result;
  if (text === before || text === undefined) return result;
  if (typeof result === "string") return text as Result;
  try {
    return JSON.parse(text);
  } catch {
    return text as Result;
  }
}
