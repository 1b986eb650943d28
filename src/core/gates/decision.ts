import type { HookEvent } from "../events.ts";
import type { GateRecord } from "./gate_outcome.ts";
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
   * Whether what is allowed begins at once, so that nobody needs the record of an allow. The caller itself stops
   * waiting when its signal aborts. @default {false}
   */
  readonly isCall?: boolean;
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
};
