import { canonicalJson } from "../../internal/json_text.ts";
import { EventValidationError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import type { RegisteredGate } from "./gate.ts";
import type { GateHost } from "./gate_host.ts";
import type { GateOutcome, GateRecord } from "./gate_outcome.ts";
import { denied } from "./judged.ts";

/** Data that a person edited, and how it is judged. */
type Edit = {
  readonly event: HookEvent;
  readonly gates: readonly RegisteredGate[];
  /** The gates that asked before; undefined if unknown. */
  readonly askers: readonly string[] | undefined;
  judge(): GateOutcome | Promise<GateOutcome>;
};

/**
 * Lets all gates judge data that a person edited. An edit also approves this data, so no person is asked again. It is
 * denied if a gate asks that didn't ask before, if a rewrite would change the data, or if a gate with
 * `onFailure: "ask"` fails.
 */
export async function judgeEdit(
  host: GateHost,
  { event, gates, askers, judge }: Edit,
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
  if (failed) return denied(outcome, `Gate '${failed.name}' failed (${failed.failure})`, true);
  const unasked = outcome.gates.find(({ name, mode, verdict }) =>
    mode === "enforce" && verdict === "ask" && askers?.includes(name) === false
  );
  if (unasked) {
    const { name, reason = "" } = unasked;
    return denied(outcome, `Gate '${name}' asks about the edited data: ${reason}`);
  }
  const isChanged = canonicalJson(judged.data) !== canonicalJson(data);
  return isChanged
    ? denied(outcome, "A gate would change the edited data")
    : { ...outcome, decision: "allow" };
}

/** Returns the gates that ask. */
export function askersOf(gates: readonly GateRecord[]): readonly string[] {
  const asking = gates.filter(({ mode, verdict }) => mode === "enforce" && verdict === "ask");
  return asking.map(({ name }) => name);
}
