import { canonicalJson } from "../../internal/json_text.ts";
import { EventValidationError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import type { RegisteredGate } from "./gate.ts";
import type { GateHost } from "./gate_host.ts";
import type { GateOutcome } from "./gate_outcome.ts";
import { denied } from "./judged.ts";

/** Data that a person edited, and how it is judged. */
type Edit = {
  readonly event: HookEvent;
  readonly gates: readonly RegisteredGate[];
  judge(): GateOutcome | Promise<GateOutcome>;
};

/**
 * Lets all gates judge data that a person edited. An edit is also an approval, of this data alone: nobody is
 * asked again, and what a rewrite would change is denied, as is what a gate fails to judge and must.
 */
export async function judgeEdit(
  host: GateHost,
  { event, gates, judge }: Edit,
): Promise<GateOutcome> {
  const { data } = event;
  try {
    await host.validateInTime(event);
  } catch (error) {
    if (!(error instanceof EventValidationError)) throw error;
    return denied({ data, gates: [], context: [], gate: undefined }, error.message);
  }
  const judged = await judge();
  const outcome = { ...judged, data };
  if (outcome.decision === "deny") return outcome;
  const asking = gates.filter(({ onFailure, mode }) => onFailure === "ask" && mode === "enforce");
  const failed = outcome.gates.find(({ name, failure }) =>
    failure !== undefined && asking.some((gate) => gate.name === name)
  );
  if (failed) return denied(outcome, `Gate '${failed.name}' failed (${failed.failure})`);
  const isChanged = canonicalJson(judged.data) !== canonicalJson(data);
  return isChanged
    ? denied(outcome, "A gate would change the edited data")
    : { ...outcome, decision: "allow" };
}
