import type { HookEvent } from "../events.ts";
import type { DecisionBase } from "./decision.ts";
import type { GateOutcome } from "./run_gates.ts";

/** How long a person may take, unless a gate says otherwise, in milliseconds: ten minutes. */
export const ASK_TIMEOUT: number = 10 * 60 * 1000;

/** What the model is told when a person denied and gave no reason. */
export const NOT_APPROVED = "The request was not approved";

/** What gates judged, and how. */
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

/** Returns what a caller is told of a decision, whatever it is. */
export function decisionOf({ id, event, digest, outcome }: Judged): DecisionBase {
  const { reason, interrupt } = outcome.verdict ?? {};
  return {
    id,
    data: event.data,
    ...(reason !== undefined && { reason }),
    ...(outcome.context.length > 0 && { context: outcome.context.join("\n") }),
    ...(interrupt && { interrupt }),
    digest,
    gates: outcome.gates.map(({ internal: _, ...record }) => record),
  };
}

/** Returns an outcome that denies instead. */
export function denied(
  { data, gate, context, gates }: Pick<GateOutcome, "data" | "gate" | "context" | "gates">,
  reason: string,
): GateOutcome {
  return { decision: "deny", data, gate, context, gates, verdict: { decision: "deny", reason } };
}
