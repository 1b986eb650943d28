import type { HookEvent } from "../events.ts";
import type { GateRecord } from "./run_gates.ts";
import type { AskChoice, Decided } from "./verdict.ts";

/** What a gate asked, for `onAsk`. */
export type Ask = {
  readonly question: string;
  /** The event, with the data that was judged. */
  readonly event: HookEvent;
  /** The gate that asked. */
  readonly gate: string;
  /** What may be chosen. */
  readonly allow: readonly AskChoice[];
  /** Aborts when the ask expires, with the caller's signal, or when the hooks close. */
  readonly signal: AbortSignal;
};

/** How an ask was answered. */
export type AskAnswer = {
  readonly decision: "allow" | "deny";
  /** Why, for the model. */
  readonly reason?: string | undefined;
};

/** Options of all gates, as `gates` of `createHooks`. */
export type GatesOptions = {
  /** Names of gates without which nothing is allowed: a typo or a missing import must not open the door. */
  readonly required?: readonly string[] | undefined;
  /** Limit of one decision, in milliseconds. @default {10000} */
  readonly timeout?: number | undefined;
  /** Asks a person, in this process. @default none: an ask denies */
  readonly onAsk?: ((ask: Ask) => AskAnswer | PromiseLike<AskAnswer>) | undefined;
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

/** What was decided about an event. */
export type Decision<Data = unknown> = {
  /** UUID v7. In the record (`gate.decided`), and in `tool.called`, `tool.denied` and `tool.completed`. */
  readonly id: string;
  /** Only `"allow"` lets the event happen. */
  readonly decision: Decided;
  /** The data that was judged last, frozen. Run the event with exactly this data. */
  readonly data: Data;
  /** Why, for the model. */
  readonly reason?: string | undefined;
  /** Text for the model, whatever the decision. */
  readonly context?: string | undefined;
  /** Whether the agent should stop its run. */
  readonly interrupt?: boolean | undefined;
  /** The SHA-256 of the canonical JSON (RFC 8785) of `data`, in hexadecimal; absent without gates. */
  readonly digest?: string | undefined;
  /** How each gate judged. */
  readonly gates: readonly GateRecord[];
};
