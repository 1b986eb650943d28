import { HooksClosedError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import { createEvent } from "../snapshot.ts";
import { type GateOutcome, type GateRecord, isTransient, STRENGTH } from "./merge_verdicts.ts";
import type { RecordTime } from "./record_time.ts";
import { recordedText, withRecordedTexts } from "./recorded_text.ts";
import type { AskChoice } from "./verdict.ts";

/** An ask, as `onAsk` receives it. */
export type AskRequest = {
  readonly question: string;
  /** The event, with the data that was judged. */
  readonly event: HookEvent;
  /** The gate that asks. */
  readonly gate: string;
  /** What may be chosen. */
  readonly allow: readonly AskChoice[];
  /** The ask in the outbox; absent without one. */
  readonly askId?: string;
  /** Aborts when the ask expires or is resolved elsewhere, with the caller's signal, or when the hooks close. */
  readonly signal: AbortSignal;
};

/** How a person responded to `onAsk`. */
export type AskAnswer = {
  readonly decision: AskChoice;
  /** With `"edit"`: the data to use instead. All gates judge it again. */
  readonly data?: unknown;
  /** Why, for the model. */
  readonly reason?: string | undefined;
  /** Who responded, for the record. @default {"onAsk"} */
  readonly by?: string | undefined;
};

/** Options of all gates, as `gates` of `createHooks`. */
export type GatesOptions = {
  /**
   * Gates that must be registered: without them, nothing is allowed. A typo or a missing import must not open
   * the door.
   */
  readonly required?: readonly string[];
  /** Limit of one decision, in milliseconds. @default {10000} */
  readonly timeout?: number | undefined;
  /**
   * Asks a person, in this process. With an outbox, the ask is stored first, and can also be resolved
   * elsewhere: the first response wins.
   *
   * @default none: with an outbox, an ask waits for `asks.resolve`; without one, it denies
   */
  readonly onAsk?: ((ask: AskRequest) => AskAnswer | PromiseLike<AskAnswer>) | undefined;
};

/** Options of `decide`. */
export type DecideOptions = {
  /** The session that the event belongs to. An empty string means none. */
  readonly sessionId?: string | undefined;
  /** The run of the agent that the event belongs to. An empty string means none. */
  readonly runId?: string | undefined;
  /** The trace of the event, a `traceparent` of W3C Trace Context. */
  readonly traceparent?: string | undefined;
  /** Ends the decision when it aborts: gates that have not returned by then count as failed. */
  readonly signal?: AbortSignal | undefined;
};

/** Options with which `call` lets gates decide. */
export type CallTraits = {
  /** Whether its call id was created for it, so that the call can't be repeated. @default {false} */
  readonly isUnique?: boolean;
  /** The id of a new decision. @default a new one */
  readonly decisionId?: string;
  /**
   * Whether what is allowed begins at once: the allow isn't stored for later calls. The caller itself stops
   * waiting when its signal aborts, or time is up. @default {false}
   */
  readonly isCall?: boolean;
  /** With `isCall`: the time of the decision, if it is recorded. */
  readonly time?: RecordTime | undefined;
};

/** The fields of every decision. */
export type DecisionBase<Data = unknown> = {
  /** UUID v7. In the record (`gate.decided`), and in `tool.called`, `tool.denied` and `tool.completed`. */
  readonly id: string;
  /** The data that was judged last, frozen. Run the event with exactly this data. */
  readonly data: Data;
  /** Why, for the model; of an ask, the question. */
  readonly reason?: string | undefined;
  /** Text for the model, whatever the decision. */
  readonly context?: string | undefined;
  /** Whether the agent should stop its run. */
  readonly interrupt?: boolean | undefined;
  /**
   * The SHA-256 of the canonical JSON (RFC 8785) of `data`, in hexadecimal; absent without gates. With
   * `redact`, an HMAC-SHA-256 whose key is in the store.
   */
  readonly digest?: string | undefined;
  /** How each gate judged. */
  readonly gates: readonly GateRecord[];
};

/** A decision that is final. Only `"allow"` lets the event happen. */
export type FinalDecision<Data = unknown> = DecisionBase<Data> & {
  readonly decision: "allow" | "deny";
  /** The ask that led to it. */
  readonly askId?: string | undefined;
  /** Set if it is a denial because the store failed, though gates or a person may have allowed the event. */
  readonly failure?: "store" | undefined;
};

/** A decision that waits for a person. The event must not happen yet. Only with an outbox. */
export type AskedDecision<Data = unknown> = DecisionBase<Data> & {
  readonly decision: "ask";
  /** What to pass to `asks.resolve`. */
  readonly askId: string;
  /** When the ask expires, and counts as denied. */
  readonly expiresAt: Date;
  /** Whether an earlier call of `decide` created the ask, and may be waiting for it. */
  readonly isResumed?: boolean | undefined;
  /**
   * Waits until someone responds, in this process or another, and resolves to the final decision, whose event
   * is stored by then. An ask that expires, or that `close` ends, is denied.
   *
   * @throws the reason of the signal. The ask can still be resolved
   */
  wait(options?: { readonly signal?: AbortSignal | undefined }): Promise<FinalDecision<Data>>;
};

/** What was decided about an event. */
export type Decision<Data = unknown> = FinalDecision<Data> | AskedDecision<Data>;

/** Options of `call`. */
export type CallOptions = {
  /** The session that the call belongs to. An empty string means none. */
  readonly sessionId?: string | undefined;
  /** The run of the agent that the call belongs to. An empty string means none. */
  readonly runId?: string | undefined;
  /** The trace of the call, a `traceparent` of W3C Trace Context. */
  readonly traceparent?: string | undefined;
  /** The call's id in the SDK, so that a call that it repeats is decided once. @default a new id */
  readonly callId?: string | undefined;
  /** The agent that calls. */
  readonly agentId?: string | undefined;
  /** The agent that started this one. */
  readonly parentAgentId?: string | undefined;
  /** Ends the decision when it aborts, and is passed to the tool. */
  readonly signal?: AbortSignal | undefined;
  /** Throws a `GateDeniedError` instead of returning a `DeniedCall`. @default {false} */
  readonly throwOnDeny?: boolean | undefined;
};

/** The second argument of a tool. */
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
  /** Set if the store failed, though gates or a person may have allowed the call. */
  readonly failure?: "store" | undefined;
};

/** The reason for the model when the store failed. */
export const NOT_RECORDED = "The decision could not be recorded (store)";

/** The reason for the model when the caller gave up. */
export const ABORTED = "The decision was aborted";

/** The reason for the model when a person denied without one. */
export const NOT_APPROVED = "The request was not approved";

/** An event that gates judged, and the outcome. */
export type Judged = {
  /** Of the decision. */
  readonly id: string;
  /** With the data that was judged last. */
  readonly event: HookEvent;
  readonly digestIn: string;
  readonly digest: string;
  readonly outcome: GateOutcome;
  /** The identity of the gates that judged. */
  readonly judges: string;
  /** How long it took, in milliseconds. */
  readonly took: number;
};

/** Returns the fields of a decision for the caller. */
export function decisionOf(
  { id, event, digest, outcome }: Pick<Judged, "id" | "event" | "digest" | "outcome">,
): DecisionBase {
  return { ...undigestedOf(id, event, outcome), digest };
}

/** Returns the same without the digest. */
export function undigestedOf(id: string, { data }: HookEvent, outcome: GateOutcome): DecisionBase {
  const { verdict, context } = outcome;
  const isSecret = outcome.gates.some(({ internal }) => internal !== undefined);
  const gates = isSecret ? outcome.gates.map(publicRecord) : outcome.gates;
  const base: { -readonly [Name in keyof DecisionBase]: DecisionBase[Name] } = { id, data, gates };
  if (verdict?.reason !== undefined) base.reason = verdict.reason;
  if (context.length > 0) base.context = context.join("\n");
  if (verdict?.interrupt) base.interrupt = true;
  return base;
}

/** Returns a record without the parts that neither the model nor a caller over HTTP may see. */
function publicRecord(record: GateRecord): GateRecord {
  if (record.internal === undefined) return record;
  const { internal: _, ...rest } = record;
  return rest;
}

/** Returns an outcome that denies instead. `isError`: because something failed. */
export function denied(
  { data, gate, context, gates }: Pick<GateOutcome, "data" | "gate" | "context" | "gates">,
  reason: string,
  isError = false,
): GateOutcome {
  const verdict = { decision: "deny", reason } as const;
  return { decision: "deny", data, gate, context, gates, verdict, isError };
}

/**
 * Returns whether an outcome doesn't apply to the same call later, because a gate failed. If the failed gate asked a person,
 * the outcome applies, unless the gate ran out of time.
 */
export function isPassing({ decision, gates, isError }: GateOutcome): boolean {
  return gates.some(({ failure, mode }) => {
    if (mode === "shadow") return isError && failure === "aborted"; // that alone may be why it is denied
    return decision === "ask" ? isTransient(failure) : failure !== undefined;
  });
}

/**
 * Returns whether a decision that another process recorded in the meantime replaces this process's own. It must not allow
 * more, or something else.
 */
export function outranks(recorded: Decision, { outcome: { decision }, digest }: Judged): boolean {
  if (recorded.decision !== decision) return STRENGTH[recorded.decision] > STRENGTH[decision];
  return decision === "deny" || recorded.digest === digest;
}

/** The longest text of an event that is too large to be stored, in characters. */
const MAX_SHORT = 256;

/** The fields of a call that remain when it is too large to be stored. */
const CALL_TEXTS = ["name", "call_id", "agent_id", "parent_agent_id"];

/** Returns the denial of an event that is too large to be stored, without what makes it too large. */
export function tooLarge(judged: Judged): Judged {
  const { event } = judged;
  const { params: _, ...data } = event.data as Record<string, unknown>;
  for (const name of CALL_TEXTS) {
    const text = data[name];
    if (typeof text === "string") data[name] = recordedText(text, MAX_SHORT);
  }
  const gates = judged.outcome.gates.map((gate) => withRecordedTexts(gate, MAX_SHORT));
  const outcome = { ...judged.outcome, gates };
  const isDenied = outcome.decision === "deny";
  return {
    ...judged,
    event: createEvent(event.type, data, event),
    outcome: isDenied
      ? outcome
      : denied({ ...outcome, gate: undefined }, "The event is too large to be recorded", true),
  };
}

/** Returns the denial of an event whose decision can't be recorded: a failure of kind `store`. */
export function unrecorded(
  made: Judged | Pick<Judged, "id" | "event">,
  error: unknown,
): FinalDecision {
  const { id, event: { data } } = made;
  const base = "outcome" in made ? decisionOf(made) : { id, data, gates: [] };
  if (error instanceof HooksClosedError) {
    const reason = "The hooks were closed before the decision could be recorded";
    return { ...base, decision: "deny", reason };
  }
  return { ...base, decision: "deny", reason: NOT_RECORDED, failure: "store" };
}

/** Fails every decision while a required gate isn't registered or enforced. */
export function missingIn(names: readonly string[], data: unknown): GateOutcome | undefined {
  const [gate] = names;
  if (gate === undefined) return undefined;
  const reason = `Gate '${gate}' is required, but isn't registered or isn't enforced`;
  const gates = names.map((name): GateRecord => ({
    name,
    kind: "check",
    mode: "enforce",
    verdict: "failed",
    failure: "missing",
    duration_ms: 0,
  }));
  return denied({ data, gate, context: [], gates }, reason, true);
}
