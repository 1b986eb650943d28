import type { HookEvent, ToolData } from "../events.ts";
import { createEvent } from "../snapshot.ts";
import type { CallTraits, DecisionBase, Judged } from "./decision.ts";
import type { LateResult } from "./late_result.ts";
import { recordedText, withRecordedTexts } from "./recorded_text.ts";
import { withData } from "./rewrite.ts";

/** Returns the event that happens, with the decision that allowed it; a result keeps that of its call. */
export function allowedEvent(event: HookEvent, decisionId: string): HookEvent {
  if (!event.type.startsWith("tool.")) return event;
  const kept = event.type === "tool.called" ? undefined : textIn(event.data, "decision_id");
  return withData(event, { ...event.data as object, decision_id: kept ?? decisionId });
}

/** Returns the event in place of one that was denied; undefined if there is none for its type. */
export function deniedEvent(
  event: HookEvent,
  { id, reason }: Pick<DecisionBase, "id" | "reason">,
  gate: string | undefined,
): HookEvent | undefined {
  if (event.type !== "tool.called") return undefined;
  const data = event.data as Readonly<Record<string, unknown>>;
  const { name, call_id, agent_id, parent_agent_id, params } = data;
  const call = { name, call_id, agent_id, parent_agent_id, params };
  const why = recordedText(reason ?? "Denied by a gate");
  return createEvent("tool.denied", { ...call, reason: why, gate, decision_id: id }, event);
}

/** Returns the end of a call that was allowed once its caller was gone; undefined if it isn't of a tool. */
export function abortedEvent(
  event: HookEvent,
  { id, data }: Pick<DecisionBase, "id" | "data">,
  error = "The call was aborted",
): HookEvent | undefined {
  if (event.type !== "tool.called") return undefined;
  const { params: _, ...call } = data as ToolData;
  const ended = { ...call, decision_id: id, error };
  return createEvent("tool.completed", ended, event);
}

/** A decision to record. */
type Decided = Omit<Judged, "outcome" | "judges"> & {
  readonly outcome: Pick<Judged["outcome"], "decision" | "verdict" | "gates" | "isError">;
};

/** Returns the record of a decision. `failure` is that of the store, which then doesn't have it. */
export function decidedEvent(
  { id, event, digestIn, digest, outcome: { decision, verdict, gates, isError }, took }: Decided,
  { askId, failure }: {
    readonly askId?: string | undefined;
    readonly failure?: "store" | undefined;
  } = {},
): HookEvent {
  return createEvent("gate.decided", {
    decision_id: id,
    event_type: event.type,
    name: textIn(event.data, "name"),
    call_id: textIn(event.data, "call_id"),
    agent_id: textIn(event.data, "agent_id"),
    outcome: isError ? "error" : { allow: "allowed", deny: "denied", ask: "asked" }[decision],
    reason: recordedText(verdict?.reason),
    gates: gates.map((gate) => withRecordedTexts(gate)),
    digest_in: digestIn,
    digest_out: digest,
    took_ms: took,
    ask_id: askId,
    failure,
  }, event);
}

/** Returns how gates judged, by the record of a decision, without internal texts. */
export function recordedGates({ data }: HookEvent): DecisionBase["gates"] {
  const { gates = [] } = data as Partial<DecisionBase>;
  return gates.map(({ internal: _, ...record }) => record);
}

/** Returns the event for what a gate returned after the decision. */
export function lateEvent(decisionId: string, event: HookEvent, late: LateResult): HookEvent {
  return createEvent("gate.late", {
    decision_id: decisionId,
    event_type: event.type,
    name: textIn(event.data, "name"),
    call_id: textIn(event.data, "call_id"),
    agent_id: textIn(event.data, "agent_id"),
    ...withRecordedTexts(late),
  }, event);
}

/** Returns a text of a payload; undefined if it has none under the name. */
export function textIn(data: unknown, name: string): string | undefined {
  const value = (data as Readonly<Record<string, unknown>> | null)?.[name];
  return typeof value === "string" ? value : undefined;
}

/** Returns whether an event reports what happened: its checks also judge the data before it is rewritten. */
export function isResult(type: string): boolean {
  return type === "tool.completed" || type === "message.sent";
}

/**
 * Returns the identity of a call, to recognize it when it is repeated; nothing if it can't be. Models choose
 * call ids, so without a session or a run, the same id may be that of another user.
 */
export function callIdOf(
  { type, data, sessionId, runId }: HookEvent,
  { isUnique = false }: CallTraits,
): string | undefined {
  const isRepeatable = !isUnique && !isResult(type) && Boolean(sessionId || runId);
  return isRepeatable ? textIn(data, "call_id") : undefined;
}
