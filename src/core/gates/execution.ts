import { errorMessage } from "../../internal/issues.ts";
import { createEventId } from "../../internal/uuid.ts";
import { GateDeniedError } from "../errors.ts";
import { correlationOf } from "../event_rules.ts";
import type { HookEvent, ToolData } from "../events.ts";
import type { Observer } from "../observer.ts";
import { createEvent } from "../snapshot.ts";
import type { SpanOutcome, Telemetry, TelemetrySpan } from "../telemetry.ts";
import {
  type CallOptions,
  type CallTraits,
  type Decision,
  type DeniedCall,
  type FinalDecision,
  type ToolContext,
  unrecorded,
} from "./decision.ts";
import type { HostParts } from "./gate_host.ts";
import { RecordTime } from "./record_time.ts";
import { recordedText } from "./recorded_text.ts";
import { isPlain, judgedResult, looseText, NO_FORM, strictText } from "./tool_result.ts";
import { untilDecided } from "./until_aborted.ts";

/** The part of the hooks that a call uses. */
export type CallHost =
  & Pick<
    HostParts,
    "abandoned" | "clock" | "records" | "redact" | "reporter" | "run" | "timeout"
  >
  & {
    /** Returns whether gates decide about events of a type. */
    guards(type: string): boolean;
    /** Returns whether gates have judged how a call ends, by what its tool got. */
    isJudged(context: ToolContext): boolean;
    /** Decides about an event that was accepted before `close`. */
    decide(event: HookEvent, signal?: AbortSignal, traits?: CallTraits): Promise<Decision>;
    /**
     * Uses up a decision. Returns false if it was used before: then the call must be decided about again.
     *
     * @throws {Error} when the store fails: then nothing may begin
     */
    use(decision: FinalDecision): Promise<boolean>;
    readonly observer: Observer;
    readonly telemetry: Telemetry;
  };

/** A tool call that was accepted. */
export type ToolCall<Params extends object, Result> = {
  /** `tool.called`, with the parameters that the caller passed. */
  readonly event: HookEvent;
  readonly run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>;
  readonly options: CallOptions;
};

/** A tool that runs, once it is allowed. Every path emits one `tool.completed`. */
export class Execution<Params extends object, Result> {
  readonly #host: CallHost;
  readonly #call: ToolCall<Params, Result>;
  readonly #span: TelemetrySpan;
  readonly #decision: FinalDecision;
  readonly #start: number;
  #context: ToolContext | undefined;

  constructor(
    host: CallHost,
    call: ToolCall<Params, Result>,
    span: TelemetrySpan,
    decision: FinalDecision,
  ) {
    this.#host = host;
    this.#call = call;
    this.#span = span;
    this.#decision = decision;
    this.#start = host.clock.now();
  }

  /** Returns a denial, or throws it if the caller wants that. @throws {GateDeniedError} */
  refuse(decision: FinalDecision): DeniedCall {
    const denied = deniedCall(decision);
    this.#span.set({ decision: "deny", error: decision.failure });
    const { event, options } = this.#call;
    if (options.throwOnDeny !== true) return denied;
    const { name } = event.data as ToolData;
    throw new GateDeniedError(name, denied);
  }

  /** Records the end of a call whose caller was denied before its tool could run, and why. */
  async abort(reason: unknown): Promise<void> {
    await this.#finish({ error: errorMessage(reason) });
  }

  async run(): Promise<Result | DeniedCall> {
    const { signal = new AbortController().signal } = this.#call.options;
    let result: Result;
    try {
      result = await this.#runTool(signal);
    } catch (error) {
      return await this.#failed(error, signal);
    }
    return await this.#succeeded(result);
  }

  async #runTool(signal: AbortSignal): Promise<Result> {
    const { id: decisionId, context, data, gates } = this.#decision;
    const { call_id: callId } = this.#call.event.data as ToolData;
    const isApproved = gates.some(({ verdict, mode }) =>
      mode === "enforce" && (verdict === "allow" || verdict === "ask")
    );
    const more = context === undefined ? {} : { context };
    const judged = (data as { readonly params: Params }).params;
    signal.throwIfAborted(); // it may have aborted while the decision was stored
    this.#context = { signal, callId: callId!, decisionId, isApproved, ...more };
    return await this.#call.run(judged, this.#context);
  }

  /** Judges the error of a tool. @throws the error, or what a gate made of it */
  async #failed(error: unknown, signal: AbortSignal): Promise<DeniedCall> {
    const text = errorMessage(error);
    const outcome = await this.#finish({ error: text });
    if (outcome === undefined) throw error;
    if (outcome.decision !== "allow") return this.refuse(outcome);
    const judged = (outcome.data as { readonly error?: string }).error;
    const isKnown = error === signal.reason || isPlain(error, text);
    if (judged === text && isKnown) throw error;
    throw new Error(judged ?? "The error was removed by a gate");
  }

  async #succeeded(result: Result): Promise<Result | DeniedCall> {
    if (!this.#isGuarded) {
      const text = looseText(result);
      await this.#finish(text === undefined ? {} : { result: text });
      return result;
    }
    const text = strictText(result);
    if (text === NO_FORM) {
      const reason = "The result has no JSON form that gates could judge";
      await this.#complete({ error: reason });
      return this.refuse({ ...this.#decision, decision: "deny", reason });
    }
    const outcome = await this.#finish(text === undefined ? {} : { result: text });
    if (outcome!.decision !== "allow") return this.refuse(outcome!);
    return judgedResult(typeof result === "string", outcome!.data) as Result;
  }

  /** Whether gates judge how the call ends. */
  get #isGuarded(): boolean {
    const isJudged = this.#context !== undefined && this.#host.isJudged(this.#context);
    return !isJudged && this.#host.guards("tool.completed");
  }

  /** Emits `tool.completed`, if gates allow it. Resolves to their decision; undefined if there are none. */
  async #finish(ended: Ended): Promise<FinalDecision | undefined> {
    const host = this.#host;
    const data = this.#completed(ended);
    if (!this.#isGuarded) {
      this.#span.set({ content: contentOf(host, "tool.completed", data) });
      await this.#emit(data);
      return undefined;
    }
    const event = createEvent("tool.completed", data, correlationOf(this.#call.options));
    const time = host.records && new RecordTime(host);
    const decisionId = createEventId();
    // The caller's signal doesn't end this: the tool's result is judged, unless `close` gives up.
    const outcome = await untilDecided(host, this.#judge(event, { decisionId, time }), {
      event,
      signal: undefined,
      time,
      idOf: () => decisionId,
    });
    if (outcome.decision === "allow") {
      this.#span.set({ content: contentOf(host, "tool.completed", outcome.data) });
    }
    return outcome;
  }

  /** Lets gates judge the result. The end of the call is emitted here even if nobody waits for it any longer. */
  async #judge(event: HookEvent, traits: CallTraits): Promise<FinalDecision> {
    let outcome: FinalDecision;
    try {
      outcome = await finallyDecided(this.#host, event, undefined, { ...traits, isCall: true });
    } catch (error) {
      await this.#complete({ error: "The result could not be judged" });
      throw error;
    } finally {
      traits.time?.stop();
    }
    const { decision, reason = "denied" } = outcome;
    if (decision !== "allow") await this.#complete({ error: recordedText(reason) });
    return outcome;
  }

  #complete(ended: Ended): Promise<void> {
    return this.#emit(this.#completed(ended));
  }

  async #emit(data: ToolData): Promise<void> {
    const correlation = correlationOf(this.#call.options);
    await this.#host.observer.emit("tool.completed", data, { ...correlation, isAdmitted: true });
  }

  #completed(ended: Ended): ToolData {
    const { params: _, ...call } = this.#call.event.data as ToolData;
    const { gates, id } = this.#decision;
    return {
      ...call,
      duration_ms: Math.max(0, Math.round(this.#host.clock.now() - this.#start)),
      ...(gates.length > 0 && { decision_id: id }),
      ...ended,
    };
  }
}

/** The outcome of a tool. */
type Ended = { readonly result?: string; readonly error?: string };

/** Returns the content of a payload for a span, redacted. It is computed only if it is captured. */
export function contentOf(host: CallHost, type: string, payload: unknown): SpanOutcome["content"] {
  return () => {
    const { data } = host.redact(createEvent(type, payload, undefined));
    const { params, result } = Object(data);
    return type === "tool.called" ? { params } : { result };
  };
}

/**
 * Lets gates decide. Waits until a person has responded, if one is asked, which takes none of the decision's time.
 * When the caller gives up, the event is denied.
 */
export async function finallyDecided(
  host: CallHost,
  event: HookEvent,
  signal: AbortSignal | undefined,
  traits: CallTraits,
): Promise<FinalDecision> {
  const { time } = traits;
  time?.start();
  const decision = await host.decide(event, signal, traits);
  if (decision.decision !== "ask") return decision;
  if (time?.signal.aborted) {
    host.reporter.failed("A decision was recorded too late", time.signal.reason, event);
    return unrecorded({ id: decision.id, event }, time.signal.reason);
  }
  time?.stop();
  try {
    return await decision.wait({ signal });
  } catch (error) {
    if (!signal?.aborted) throw error;
    const reason = "The call was aborted before anyone responded";
    return { ...decision, decision: "deny", reason };
  } finally {
    time?.start();
  }
}

function deniedCall({ id, reason, context, interrupt, failure }: FinalDecision): DeniedCall {
  return {
    denied: true,
    reason: reason ?? "Denied by a gate",
    ...(context !== undefined && { context }),
    ...(interrupt && { interrupt }),
    ...(failure && { failure }),
    decisionId: id,
  };
}
