import { sha256Hex } from "../../internal/crypto.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import type { HookEvent } from "../events.ts";
import { createEvent } from "../snapshot.ts";
import type { Decision } from "./decision.ts";
import { withData } from "./rewrite.ts";

/** The event that happens, with the decision that let it; a result keeps that of its call. */
export function allowedEvent(event: HookEvent, decisionId: string): HookEvent {
  if (!event.type.startsWith("tool.")) return event;
  const kept = event.type === "tool.called" ? undefined : textIn(event.data, "decision_id");
  return withData(event, { ...event.data as object, decision_id: kept ?? decisionId });
}

/** The event in place of one that was denied; undefined where there is none. */
export function deniedEvent(
  event: HookEvent,
  { id, reason }: Decision,
  gate: string | undefined,
): HookEvent | undefined {
  if (event.type !== "tool.called") return undefined;
  const data = event.data as Readonly<Record<string, unknown>>;
  const { name, call_id, agent_id, parent_agent_id, params } = data;
  const call = { name, call_id, agent_id, parent_agent_id, params };
  return createEvent("tool.denied", { ...call, reason, gate, decision_id: id }, event);
}

/** Returns the SHA-256 of the canonical JSON of data, in hexadecimal. */
export async function digestOf(data: unknown): Promise<string> {
  return await sha256Hex(canonicalJson(data));
}

/** Returns a text of a payload; undefined if it has none under the name. */
export function textIn(data: unknown, name: string): string | undefined {
  const value = (data as Readonly<Record<string, unknown>> | null)?.[name];
  return typeof value === "string" ? value : undefined;
}
