import { isThenable } from "../../internal/async.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import type { HookEvent } from "../events.ts";
import type { GateList, RegisteredGate } from "./gate.ts";
import { type CallParts, GateCall, Round } from "./gate_call.ts";
import { type GateOutcome, type GateResult, merge, outcomeOf, outdated } from "./gate_outcome.ts";
import { DecisionTimer } from "./decision_timer.ts";

/** The dependencies of a run of gates. */
export type GateRun = CallParts & {
  readonly gates: GateList;
  readonly event: HookEvent;
  /** Whether the event is a result: then checks also judge the data as it was before the rewrites. */
  readonly isResult: boolean;
};

/**
 * Lets gates decide about an event. Rewrites run one after the other, each on the result of the one before.
 * Then all checks run at once, on the same frozen data. The outcome depends on what the gates return and on
 * their order, never on which of them is faster.
 */
export function runGates(run: GateRun): GateOutcome | Promise<GateOutcome> {
  const { gates, event } = run;
  if (gates.rewrites.length > 0) return runInOrder(run);
  const time = new DecisionTimer(run);
  const judged = check(gates.checks, new Round(run, time, event));
  const end = (judged: readonly GateResult[]): GateOutcome => {
    time.end();
    return outcomeOf(judged, event);
  };
  return isThenable(judged) ? judged.then(end) : end(judged);
}

async function runInOrder(run: GateRun): Promise<GateOutcome> {
  const { rewrites, checks } = run.gates;
  const time = new DecisionTimer(run);
  let judged: GateResult[] = [];
  let { event } = run;
  try {
    if (run.isResult) {
      judged.push(...await check(checks, new Round(run, time, event, false)));
    }
    for (const gate of rewrites) {
      if (merge(judged).decision === "deny") break; // nothing that follows can undo it
      const result = await GateCall.judge(gate, new Round(run, time, event));
      if (result.event !== undefined) {
        const isChanged = canonicalJson(result.event.data) !== canonicalJson(event.data);
        if (isChanged) judged = judged.map((earlier) => outdated(earlier, gate.name));
        event = result.event;
      }
      judged.push(result);
    }
    if (merge(judged).decision !== "deny") {
      judged.push(...await check(checks, new Round(run, time, event)));
    }
  } finally {
    time.end();
  }
  return outcomeOf(judged, event);
}

/** Runs checks at once. Each runs to its end, so that the record is complete. */
function check(
  gates: readonly RegisteredGate[],
  round: Round,
): readonly GateResult[] | Promise<readonly GateResult[]> {
  const results: (GateResult | Promise<GateResult>)[] = [];
  let isAsync = false;
  for (const gate of gates) {
    const result = GateCall.judge(gate, round);
    isAsync ||= isThenable(result);
    results.push(result);
  }
  return isAsync ? Promise.all(results) : results as readonly GateResult[];
}
