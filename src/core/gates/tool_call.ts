import { errorMessage } from "../../internal/issues.ts";
import { copyJson } from "../../internal/json.ts";
import { GateDeniedError } from "../errors.ts";
import { correlationOf } from "../event_rules.ts";
import type { HookEvent, ToolData } from "../events.ts";
import type { Observer } from "../observer.ts";
import { createEvent } from "../snapshot.ts";
import type { SpanOutcome, Telemetry, TelemetrySpan } from "../telemetry.ts";
import type { CallTraits, Decision, FinalDecision } from "./decision.ts";

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
  /** Forgets the decision about an event: what a person approved may happen once. Never throws. */
  spend(event: HookEvent, traits: CallTraits): Promise<void>;
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
  const isApprovedByPerson = decision.askId !== undefined ||
    decision.gates.some(({ verdict, mode }) =>
      // one that failed may have asked
      mode === "enforce" && (verdict === "ask" || verdict === "failed")
    );
  const spend = (): Promise<void> | undefined =>
    isApprovedByPerson ? host.spend(event, traitsOf(options)) : undefined;
  let result: Result;
  try {
    const judged = (decision.data as { readonly params: Params }).params;
    const isApproved = decision.gates.some(({ verdict, mode }) =>
      mode === "enforce" && (verdict === "allow" || verdict === "ask")
    );
    const { id: decisionId, context } = decision;
    const more = context === undefined ? {} : { context };
    result = await run(judged, { signal, callId: call.call_id!, decisionId, isApproved, ...more });
    await spend();
  } catch (error) {
    await spend();
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

/** Lets gates judge a call. Waits until a person has responded, if one was asked. */
async function decided(
  host: CallHost,
  event: HookEvent,
  options: CallOptions,
): Promise<FinalDecision> {
  const { signal } = options;
  return await finalOf(await host.decide(event, signal, traitsOf(options)), signal);
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

/**
 * Whether an error holds no more than the text that gates judged: no output of a command, no cause, no key, and
 * nothing that a class of its own keeps in private.
 */
function isPlain(error: unknown, text: string): boolean {
  if (!(error instanceof Error)) return error === text;
  const own = Reflect.ownKeys(error);
  const isOfRuntime = PLAIN_ERRORS.includes(Object.getPrototypeOf(error));
  return isOfRuntime && error.message === text && own.every((key) => ERROR_KEYS.includes(key));
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

/** The text of a result for observers; undefined if it has none. Never throws, since the tool has run. */
function looseText(result: unknown): string | undefined {
  if (typeof result === "string") return result;
  try {
    return JSON.stringify(result);
  } catch {
    return errorMessage(result);
  }
}

const NO_FORM = Symbol();

/** The prototypes of errors that have nothing but a message. */
const PLAIN_ERRORS: readonly unknown[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
].map(({ prototype }) => prototype);

/** Their own properties. */
const ERROR_KEYS: readonly PropertyKey[] = [
  "message",
  "stack",
  // Where it was created, which JavaScriptCore adds, as in Bun.
  "line",
  "column",
  "originalLine",
  "originalColumn",
  "sourceURL",
];

/** The text of a result for gates; undefined if there is no result. Nothing of it may escape them. */
function strictText(result: unknown): string | undefined | typeof NO_FORM {
  if (typeof result === "string" || result === undefined) return result;
  const { value, issues } = copyJson(result, "result");
  return issues.length > 0 ? NO_FORM : JSON.stringify(value);
}

/** What gates let through: never the tool's own object, which may hold more than its JSON shows. */
function judgedResult(isText: boolean, data: unknown): unknown {
  const text = (data as { readonly result?: string }).result;
  if (text === undefined || isText) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
