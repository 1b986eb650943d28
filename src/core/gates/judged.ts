import { HooksClosedError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import { createEvent } from "../snapshot.ts";
import type { Decision, DecisionBase, FinalDecision } from "./decision.ts";
import { isTransient } from "./failure.ts";
import { type GateOutcome, type GateRecord, STRENGTH } from "./gate_outcome.ts";

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
export function isPassing({ decision, gates }: GateOutcome): boolean {
  return gates.some(({ failure, mode }) =>
    mode === "enforce" && (decision === "ask" ? isTransient(failure) : failure !== undefined)
  );
}

/**
 * Returns whether a decision that another process recorded in the meantime replaces this process's own. It must not allow
 * more, or something else.
 */
export function outranks(recorded: Decision, { outcome: { decision }, digest }: Judged): boolean {
  if (recorded.decision !== decision) return STRENGTH[recorded.decision] > STRENGTH[decision];
  return decision === "deny" || recorded.digest === digest;
}

/** Returns the denial of an event that is too large to be stored, without the parameters that make it too large. */
export function tooLarge(judged: Judged): Judged {
  const { outcome, event } = judged;
  const { params: _, ...data } = event.data as Readonly<Record<string, unknown>>;
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
  const reason = error instanceof HooksClosedError
    ? "The hooks were closed before the decision could be recorded"
    : "The decision could not be recorded (store)";
  return { ...base, decision: "deny", reason };
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
