import { errorMessage } from "../../internal/issues.ts";
import type { GateLateData } from "../gate_payloads.ts";
import type { RegisteredGate } from "./gate.ts";
import { isVerdict, readVerdict } from "./verdict.ts";

/** What a gate returned too late: after its timeout, the decision's, or the caller's signal. */
export type LateResult = Omit<
  GateLateData,
  "decision_id" | "event_type" | "name" | "call_id" | "agent_id"
>;

/** Reads what a gate returned too late. New data is not kept: it was never validated. */
export function readLate(
  { name, kind }: RegisteredGate,
  value: unknown,
  duration: number,
): LateResult {
  const base = { gate: name, duration_ms: duration };
  try {
    return { ...base, ...saidBy(kind, value) };
  } catch (error) {
    return { ...base, verdict: "failed", internal: errorMessage(error) };
  }
}

function saidBy(
  kind: RegisteredGate["kind"],
  value: unknown,
): Pick<LateResult, "verdict" | "reason" | "internal"> {
  const isData = kind === "rewrite" && !isVerdict(value) && (value ?? undefined) !== undefined;
  if (isData) return { verdict: "rewritten" };
  const verdict = readVerdict(value);
  if (verdict === undefined) return { verdict: "none" };
  if ("invalid" in verdict) return { verdict: "failed", internal: verdict.invalid };
  const { decision, reason, internal } = verdict;
  return {
    verdict: decision,
    ...(reason !== undefined && { reason }),
    ...(internal !== undefined && { internal }),
  };
}
