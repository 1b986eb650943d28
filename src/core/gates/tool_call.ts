import { errorMessage } from "../../internal/issues.ts";
import { GateDeniedError } from "../errors.ts";
import { correlationOf } from "../event_rules.ts";
import type { HookEvent, ToolData } from "../events.ts";
import type { Observer } from "../observer.ts";
import { createEvent } from "../snapshot.ts";
import type { SpanOutcome, Telemetry, TelemetrySpan } from "../telemetry.ts";
import type { CallTraits, Decision, FinalDecision } from "./decision.ts";
import { isPlain, judgedResult, looseText, NO_FORM, strictText } from "./tool_result.ts";

/** Options of `call`. */
export type CallOptions = {
  /** The session that the call belongs to. An empty string means none. */
  readonly sessionId?: string | undefined;
  /** The run of the agent that the call belongs to. An empty string means none. */
  readonly runId?: string | undefined;
  /** The trace of the call, a `traceparent` of W3C Trace Context. */
  readonly traceparent?: string | undefined;
  /** Which call it is: an SDK's own id, so that a call that it repeats is decided once. @default a new id */
  readonly callId?: string | undefined;
  /** Which agent calls. */
  readonly agentId?: string | undefined;
  /** The agent that started this one. */
  readonly parentAgentId?: string | undefined;
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
  /** Whether a gate, or a person whom it asked, explicitly allowed the call. */
  readonly isApproved: boolean;
  /** Text for the model that gates added, to go with the result. */
  readonly context?: string | undefined;
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
type CallHost = {
  /** Whether gates decide about events of a type. */
  guards(type: string): boolean;
  /** Decides about an event that was accepted before `close`. */
  decide(event: HookEvent, signal?: AbortSignal, traits?: CallTraits): Promise<Decision>;
  /** Uses up what a person approved. Returns false if it was used before. */
  use(decision: FinalDecision): Promise<boolean>;
  /** Forgets the decision about a call that has ended. Never throws. */
  forget(event: HookEvent, traits: CallTraits): Promise<void>;
  readonly observer: Observer;
  /** The clock, in milliseconds. */
  now(): number;
  readonly telemetry: Telemetry;
  /** Returns an event as it may leave the process. */
  redact(event: HookEvent): HookEvent;
};

/** A tool call that was accepted. */
type ToolCall<Params extends object, Result> = {
  /** `tool.called`, with the parameters that the caller passed. */
  readonly event: HookEvent;
  readonly run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>;
  readonly options: CallOptions;
};

/**
 * Decides about a tool call, runs the tool with the parameters that were judged, and emits `tool.called`,
 * then `tool.completed`, or `tool.denied` in place of both. All of it is one span.
 *
 * @throws what the tool threw, after `tool.completed` was emitted with its error
 */
export async function callTool<Params extends object, Result>(
  host: CallHost,
  call: ToolCall<Params, Result>,
): Promise<Result | DeniedCall> {
  const { name, call_id: callId, agent_id: agentId } = call.event.data as ToolData;
  const attributes = { name, callId: callId!, agentId, ...correlationOf(call.options) };
  return await host.telemetry.span("tool", attributes, async (span) => {
    try {
      return await decideAndRun(host, call, span);
    } catch (error) {
      span.set({ error: error instanceof Error ? error.name : typeof error });
      throw error;
    }
  });
}

async function decideAndRun<Params extends object, Result>(
  host: CallHost,
  { event, run, options }: ToolCall<Params, Result>,
  span: TelemetrySpan,
): Promise<Result | DeniedCall> {
  const { throwOnDeny = false } = options;
  const { signal = new AbortController().signal } = options;
  const { params: _, ...call } = event.data as ToolData;
  const correlation = correlationOf(options);
  const refuse = (decision: FinalDecision): DeniedCall => {
    const denied = deniedCall(decision);
    span.set({ decision: "deny" });
    if (throwOnDeny) throw new GateDeniedError(call.name, denied.reason, denied.decisionId);
    return denied;
  };
  const decision = host.guards("tool.called")
    ? await decided(host, event, options)
    : await announce(host, event);
  if (decision.decision !== "allow") return refuse(decision);
  span.set({ decision: "allow", content: contentOf(host, "tool.called", decision.data) });

  const start = host.now();
  const completed = (): object => ({
    ...call,
    duration_ms: Math.max(0, Math.round(host.now() - start)),
    ...(decision.gates.length > 0 && { decision_id: decision.id }),
  });
  const complete = (data: object): Promise<void> =>
    host.observer.emit("tool.completed", data as ToolData, { ...correlation, isAdmitted: true });
  // From here on, every path emits one tool.completed.
  const finish = async (
    result: { readonly result?: string } | { readonly error: string },
  ): Promise<FinalDecision | undefined> => {
    const data = { ...completed(), ...result };
    if (!host.guards("tool.completed")) {
      span.set({ content: contentOf(host, "tool.completed", data) });
      await complete(data);
      return undefined;
    }
    let outcome: FinalDecision;
    try {
      // Neither the caller's signal nor `close` ends this: what came of the tool is judged all the same.
      outcome = await finalOf(
        await host.decide(createEvent("tool.completed", data, correlation)),
      );
    } catch (error) {
      await complete({ ...completed(), error: "The result could not be judged" });
      throw error;
    }
    if (outcome.decision === "allow") {
      span.set({ content: contentOf(host, "tool.completed", outcome.data) });
    } else {
      await complete({ ...completed(), error: outcome.reason ?? "denied" });
    }
    return outcome;
  };
  // The model may write the same id again: that is another call. What was approved is used up already.
  const forget = (): Promise<void> | undefined =>
    decision.askId === undefined ? host.forget(event, traitsOf(options)) : undefined;
  let result: Result;
  try {
    const judged = (decision.data as { readonly params: Params }).params;
    const isApproved = decision.gates.some(({ verdict, mode }) =>
      mode === "enforce" && (verdict === "allow" || verdict === "ask")
    );
    const { id: decisionId, context } = decision;
    const more = context === undefined ? {} : { context };
    result = await run(judged, { signal, callId: call.call_id!, decisionId, isApproved, ...more });
    await forget();
  } catch (error) {
    await forget();
    const text = errorMessage(error);
    const outcome = await finish({ error: text });
    if (outcome === undefined) throw error;
    if (outcome.decision !== "allow") return refuse(outcome);
    const judged = (outcome.data as { readonly error?: string }).error;
    const isKnown = error === signal.reason || isPlain(error, text);
    if (judged === text && isKnown) throw error;
    throw new Error(judged ?? "The error was removed by a gate");
  }
  if (!host.guards("tool.completed")) {
    const text = looseText(result);
    await finish(text === undefined ? {} : { result: text });
    return result;
  }
  const text = strictText(result);
  if (text === NO_FORM) {
    const reason = "The result has no JSON form that gates could judge";
    await complete({ ...completed(), error: reason });
    return refuse({ ...decision, decision: "deny", reason });
  }
  const outcome = await finish(text === undefined ? {} : { result: text });
  if (outcome!.decision !== "allow") return refuse(outcome!);
  return judgedResult(typeof result === "string", outcome!.data) as Result;
}

/** Returns what a span may say of a payload, redacted. Nothing is worked out unless it is captured. */
function contentOf(host: CallHost, type: string, payload: unknown): SpanOutcome["content"] {
  return () => {
    const { data } = host.redact(createEvent(type, payload, undefined));
    const { params, result } = Object(data);
    return type === "tool.called" ? { params } : { result };
  };
}

/**
 * Lets gates judge a call. Waits until a person has responded, if one was asked. What was approved is used up here,
 * before the tool runs: a call that shared the approval, or repeats the call, is judged again.
 */
async function decided(
  host: CallHost,
  event: HookEvent,
  options: CallOptions,
): Promise<FinalDecision> {
  const { signal } = options;
  for (let next = event;; next = createEvent(event.type, event.data, event)) {
    const decision = await finalOf(await host.decide(next, signal, traitsOf(options)), signal);
    if (decision.decision !== "allow") return decision;
    try {
      if (await host.use(decision)) return decision;
    } catch (cause) {
      host.observer.report("Cannot use an approval", cause);
      const reason = "The approval could not be used (store)";
      const { params: _, ...call } = event.data as ToolData;
      const data = { ...call, error: reason, decision_id: decision.id };
      await host.observer.emit("tool.completed", data, {
        ...correlationOf(event),
        isAdmitted: true,
      });
      return { ...decision, decision: "deny", reason };
    }
  }
}

/** A call without an id of the caller's is never repeated. */
function traitsOf({ callId }: CallOptions): CallTraits {
  return { isUnique: callId === undefined };
}

/** Emits `tool.called` for a call that no gate judges. Only what makes it no event stops the call. */
async function announce(host: CallHost, event: HookEvent): Promise<FinalDecision> {
  await host.observer.accept([event], true);
  return { id: event.id, decision: "allow", data: event.data, gates: [] };
}

/** Waits until a person has responded, if one was asked. When the caller gives up, the call is denied. */
async function finalOf(decision: Decision, signal?: AbortSignal): Promise<FinalDecision> {
  if (decision.decision !== "ask") return decision;
  try {
    return await decision.wait({ signal });
  } catch (error) {
    if (!signal?.aborted) throw error;
    const reason = "The call was aborted before anyone responded";
    return { ...decision, decision: "deny", reason };
  }
}

function deniedCall({ id, reason, context, interrupt }: FinalDecision): DeniedCall {
  return {
    denied: true,
    reason: reason ?? "Denied by a gate",
    ...(context !== undefined && { context }),
    ...(interrupt && { interrupt }),
    decisionId: id,
  };
}
