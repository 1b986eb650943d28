import { isThenable } from "../../internal/async.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import type { HookEvent } from "../events.ts";
import type { GateList, RegisteredGate } from "./gate.ts";
import { type CallParts, GateCall, Round } from "./gate_call.ts";
import { type GateOutcome, type GateResult, merge, outcomeOf, outdated } from "./merge_verdicts.ts";
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
  let judged: Results = [];
  let { event } = run;
  try {
    if (run.isResult) judged = await enforced(checks, new Round(run, time, event, false));
    for (const gate of rewrites) {
      if (isDenied(judged)) break; // nothing that follows can undo it
      const [result] = await enforced([gate], new Round(run, time, event));
      if (!isThenable(result) && result!.event !== undefined) {
        const next = result!.event;
        const isChanged = canonicalJson(next.data) !== canonicalJson(event.data);
        if (isChanged) judged = outdatedBy(gate, judged);
        event = next;
      }
      judged = [...judged, result!];
    }
    if (!isDenied(judged)) {
      judged = [...judged, ...await enforced(checks, new Round(run, time, event))];
    }
    return outcomeOf(await Promise.all(judged), event);
  } finally {
    time.end();
  }
}

/** Results of gates, in their order. Only those of gates in shadow mode may be pending. */
type Results = readonly (GateResult | Promise<GateResult>)[];

/**
 * Calls gates at once, and waits for those that are enforced: a gate in shadow mode changes nothing, and takes no time
 * from the gates after it.
 */
async function enforced(gates: readonly RegisteredGate[], round: Round): Promise<Results> {
  const results = gates.map((gate) => GateCall.judge(gate, round));
  for (const [i, { mode }] of gates.entries()) {
    if (mode === "enforce") results[i] = await results[i]!;
  }
  return results;
}

function isDenied(judged: Results): boolean {
  const known = judged.filter((result): result is GateResult => !isThenable(result));
  return merge(known).decision === "deny";
}

function outdatedBy({ name }: RegisteredGate, judged: Results): Results {
  return judged.map((earlier) => isThenable(earlier) ? earlier : outdated(earlier, name));
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
