import { deferred } from "./async.ts";
import { errorMessage } from "../internal/issues.ts";
import { createEventId } from "../internal/uuid.ts";
import { isObject } from "../internal/validate.ts";
import type { DeniedCall, ToolContext } from "../core/mod.ts";
import type { AgentHooks, Within } from "./options.ts";
import { opaqueIn, parsedBy, type Repair } from "./params.ts";

/** A tool call that an SDK is about to make. */
export type ToolCall = {
  /** The tool's name. */
  readonly name: string;
  /** The arguments: an object; anything else is judged as `{ input }`. */
  readonly params: unknown;
  /** The SDK's id of the call, so that a call that it repeats is decided once. @default a new id */
  readonly callId?: string | undefined;
  /** Aborts with the run. */
  readonly signal?: AbortSignal | undefined;
  /** The tool's schema, if the SDK applies it after the decision: gates then judge its output. */
  readonly schema?: unknown;
  /** Whether the SDK applies the schema to its output, so that only one that keeps its output is predictable. */
  readonly reapplies?: boolean;
  /** Returns what the SDK tries instead of arguments that the schema rejects. @default nothing */
  readonly repair?: Repair | undefined;
  /** Why the arguments are unknown, if they are: gates then deny the call, which they can't judge. */
  readonly unseen?: string | undefined;
};

/** Who makes a call. */
export type Caller = {
  readonly sessionId?: string | undefined;
  readonly runId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly parentAgentId?: string | undefined;
};

/** The outcome of a call, in the form that the model may see. */
export type ToolOutcome =
  | { readonly type: "result"; readonly value: unknown }
  | { readonly type: "error"; readonly error: unknown }
  | { readonly type: "denied"; readonly denial: DeniedCall };

/** A call that may happen: run the tool with `params`, then call `complete` or `fail`. */
export type AllowedCall = {
  readonly type: "allowed";
  /** The arguments that were judged. They belong to the tool, which may change them. */
  readonly params: unknown;
  /**
   * What the tool's schema did with the arguments; undefined if it wasn't applied. If it accepted them, the tool gets
   * `params` as they are. If it rejected them, the tool must not run.
   */
  readonly parsed?: "accepted" | "rejected" | undefined;
  /** Why the schema rejected them. */
  readonly issues?: unknown;
  /** Whether a gate, or a person whom it asked, explicitly allowed the call. */
  readonly isApproved: boolean;
  /** Whether it was paused before, and continues without another decision. */
  readonly isRepeated?: boolean;
  /** Text for the model that gates added, to go with the result. */
  readonly context?: string | undefined;
  /** Calls a function in the span of the call: use it to run the tool. */
  readonly within: Within;
  /** Ends the call with a result: text, or anything with a JSON form. */
  complete(result: unknown): Promise<ToolOutcome>;
  /** Ends the call with the tool's error. */
  fail(error: unknown): Promise<ToolOutcome>;
  /** Notes that it ends as a call of the same tool in it, whose end gates have judged: they don't judge it again. */
  markJudged(): void;
  /** Leaves the call open: the run is paused, and another run repeats the call when it resumes. */
  pause(): void;
};

/** How a call that the SDK runs ends, or is resumed. */
export type BeginOptions = {
  readonly endsByItself?: boolean;
  /** Where the SDK would pause the call and resume it. @default nowhere */
  readonly place?: string | undefined;
  /** The call to judge unless a paused call is resumed. @default the call itself */
  readonly asNew?: ToolCall;
  /** Whether no paused call is resumed. @default whether this run has called a model */
  readonly isNew?: boolean;
};

/** The gates' decision about a call. */
export type OpenedCall = AllowedCall | Extract<ToolOutcome, { readonly type: "denied" }>;

/**
 * Decides about a call, and emits `tool.called` or `tool.denied`. One `tool.completed` follows an allowed
 * call: from `complete` or `fail`, whichever is called first. This is `hooks.call` in two halves, for SDKs
 * that call one function before a tool and another one after it.
 *
 * If anything fails in here, the tool runs without gates, and is denied with gates.
 *
 * @throws the reason of `signal`, when it aborts before the call is decided
 */
export async function openCall(
  hooks: AgentHooks,
  made: ToolCall,
  caller: Caller,
): Promise<OpenedCall> {
  const { name, callId, signal, schema } = made;
  const isGuarded = hooks.registry.gates.guards("tool.called");
  const parsed = await parsedBy(isGuarded ? schema : undefined, made.params, made);
  const call = { ...made, params: parsed.params };
  const unseen = isGuarded ? parsed.problem ?? unseenIn(call) : undefined;
  if (unseen !== undefined) {
    return undecided(hooks, call, caller, { type: "error", error: new TypeError(unseen) });
  }
  const isRecord = isObject(call.params);
  const given = toRecord(call.params);
  const tool = deferred<unknown>();
  const opened = deferred<
    Pick<AllowedCall, "isApproved" | "context" | "within" | "markJudged"> & {
      readonly params: object;
      readonly decisionId: string;
    }
  >();
  let result: unknown;
  const run = (params: object, context: ToolContext): Promise<unknown> => {
    const markJudged = (): void => hooks.registry.gates.markJudged(context);
    opened.resolve({ ...context, params, markJudged, within: hooks.registry.observer.bind() });
    return tool.promise;
  };
  const ended = hooks.call(name, given, run, { ...caller, callId, signal }).then(
    // A tool may return what looks like a denial, but then it is the same object, or has no decision.
    (value): ToolOutcome =>
      isDenial(value) && value !== result
        ? { type: "denied", denial: value }
        : { type: "result", value },
    (error): ToolOutcome => ({ type: "error", error }),
  );
  const first = await Promise.race([opened.promise, ended]);
  if (!("params" in first)) {
    return first.type === "denied" ? first : undecided(hooks, call, caller, first);
  }
  const { isApproved, context, decisionId, within, markJudged } = first;
  const judged = isRecord ? first.params : (first.params as { readonly input: unknown }).input;
  let own: Pick<AllowedCall, "params" | "parsed" | "issues">;
  try {
    own = await parsed.toolParams(judged);
  } catch (error) {
    tool.reject(new TypeError(`Cannot call '${name}': ${errorMessage(error)}`));
    const outcome = await ended; // gates of results may have changed the text
    if (outcome.type === "denied") return outcome;
    const reason = outcome.type === "error" ? errorMessage(outcome.error) : toText(outcome.value);
    return { type: "denied", denial: { denied: true, reason: reason ?? "", decisionId } };
  }
  return {
    type: "allowed",
    isApproved,
    context,
    within,
    markJudged,
    ...own,
    complete: (value) => {
      result = value;
      tool.resolve(value);
      return ended;
    },
    fail: (error) => {
      tool.reject(error);
      return ended;
    },
    pause: () => {},
  };
}

/**
 * Decides about a call, runs the tool if it may, and emits the events of both.
 *
 * @param denied Converts a denial to a result of the tool
 * @throws what the tool throws
 */
export async function callTool<Result>(
  hooks: AgentHooks,
  call: ToolCall,
  caller: Caller,
  execute: (params: never, call: AllowedCall) => Result | PromiseLike<Result>,
  denied: (denial: DeniedCall) => Result,
): Promise<Result> {
  const opened = await openCall(hooks, call, caller);
  const outcome = opened.type === "denied" ? opened : await runTool(opened, execute);
  if (outcome.type === "error") throw outcome.error;
  if (outcome.type === "denied") return denied(outcome.denial);
  const { context } = opened as AllowedCall;
  return withContext(outcome.value, context) as Result;
}

/** Returns the result of a denied call for the model: the reason, and the text that gates add. */
export function denialText({ reason, context }: DeniedCall): string {
  return context === undefined ? reason : `${reason}\n\n${context}`;
}

/** Returns a result with the text that gates add for the model; unchanged, if it isn't text, or has it. */
export function withContext(result: unknown, context: string | undefined): unknown {
  if (context === undefined || typeof result !== "string") return result;
  return result.endsWith(`\n\n${context}`) ? result : `${result}\n\n${context}`;
}

/** Call ids that a run remembers: far more than run at once, or than a model numbers before it starts over. */
const MAX_IDS = 10_000;

/** The calls of a run, each with its own id: one that the SDK tries again is another call. */
export class Attempts {
  /** How often each of the recent ids was used, least recently used first. */
  readonly #count = new Map<string, number>();

  /**
   * Returns a call unchanged, or with another id if one with its id has begun. No id that a model writes
   * equals one that is created here: those with a similar ending get a number, too.
   */
  next(call: ToolCall): ToolCall {
    const { callId } = call;
    if (callId === undefined) return call;
    const count = (this.#count.get(callId) ?? 0) + 1;
    this.#count.delete(callId); // moves it to the end
    this.#count.set(callId, count);
    const [oldest] = this.#count.keys();
    if (this.#count.size > MAX_IDS) this.#count.delete(oldest!);
    const isOwn = count === 1 && !/#\d+$/.test(callId);
    return isOwn ? call : { ...call, callId: `${callId}#${count}` };
  }
}

/** Returns why gates can't see the arguments of a call; undefined if they can. */
function unseenIn({ params, unseen }: ToolCall): string | undefined {
  if (unseen !== undefined) return unseen;
  const opaque = opaqueIn(params);
  return opaque &&
    `its parameters contain a ${opaque}, which gates can't see as JSON. Make the tool's schema return plain ` +
      "data, and create the instance in the tool";
}

async function runTool(
  opened: AllowedCall,
  execute: (params: never, call: AllowedCall) => unknown,
): Promise<ToolOutcome> {
  let result: unknown;
  try {
    result = await opened.within(() => execute(opened.params as never, opened));
  } catch (error) {
    return await opened.fail(error);
  }
  return await opened.complete(result);
}

/** A call without a decision: its hooks are closed, or its arguments have no JSON form. No gate has seen it. */
async function undecided(
  hooks: AgentHooks,
  call: ToolCall,
  { sessionId, runId, agentId, parentAgentId }: Caller,
  outcome: ToolOutcome,
): Promise<OpenedCall> {
  call.signal?.throwIfAborted();
  if (hooks.registry.gates.guards("tool.called")) {
    const error = outcome.type === "error" ? errorMessage(outcome.error) : "it has ended";
    const reason = `The call could not be judged: ${error}`;
    const decisionId = createEventId();
    const { name, callId = decisionId } = call;
    const ids = { call_id: callId, agent_id: agentId, parent_agent_id: parentAgentId };
    const { observer } = hooks.registry;
    if (!observer.closing.aborted) { // then nothing is emitted any more
      const data = { name, ...ids, reason, decision_id: decisionId };
      await observer.emit("tool.denied", data, { sessionId, runId });
    }
    return { type: "denied", denial: { denied: true, reason, decisionId } };
  }
  const error = outcome.type === "error" ? outcome.error : new Error("The call has ended");
  hooks.registry.observer.report(`Cannot observe '${call.name}'`, error);
  return {
    type: "allowed",
    isApproved: false,
    params: call.params,
    within: (fn) => fn(),
    complete: (value) => Promise.resolve({ type: "result", value }),
    fail: (error) => Promise.resolve({ type: "error", error }),
    markJudged: () => {},
    pause: () => {},
  };
}

function isDenial(value: unknown): value is DeniedCall {
  const { denied, reason, decisionId } = (value ?? {}) as Partial<DeniedCall>;
  return denied === true && typeof reason === "string" && typeof decisionId === "string";
}

/** Returns arguments in the form of `tool.called`. */
export function toRecord(params: unknown): Readonly<Record<string, unknown>> {
  return isObject(params) ? params : { input: params };
}

/** Returns a result as text, as `tool.completed` has it; undefined without a result. Never throws. */
export function toText(result: unknown): string | undefined {
  if (typeof result === "string") return result;
  try {
    return JSON.stringify(result);
  } catch {
    return errorMessage(result);
  }
}
