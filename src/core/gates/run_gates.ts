import { abortable, isThenable } from "../../internal/async.ts";
import { errorMessage, formatIssues } from "../../internal/issues.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import type { StandardIssue } from "../../internal/standard_schema.ts";
import type { HookEvent } from "../events.ts";
import type { GateFailure } from "./failure.ts";
import type { Telemetry } from "../telemetry.ts";
import type { RegisteredGate } from "./gate.ts";
import {
  type GateOutcome,
  type GateRecord,
  type GateResult,
  merge,
  outcomeOf,
  outdated,
} from "./gate_outcome.ts";
import { GateCall, GateTimeout, type RunParts, RunTime } from "./gate_call.ts";
import { type LateResult, readLate } from "./late_result.ts";
import { applyRewrite, decisionIn } from "./rewrite.ts";
import { isVerdict, readVerdict, type Verdict } from "./verdict.ts";

/** What a run of gates needs. */
export type GateRun = RunParts & {
  /** Those of the event's type, rewrites and checks, in their order. */
  readonly gates: readonly RegisteredGate[];
  readonly event: HookEvent;
  /** Whether the event is a result: then checks also judge the data as it was before the rewrites. */
  readonly isResult: boolean;
  readonly telemetry: Telemetry;
  /** Judges rewritten data by the schema of the event's type. */
  validate(event: HookEvent): readonly StandardIssue[] | Promise<readonly StandardIssue[]>;
  /** Is told what a gate returned after the decision. */
  late(result: LateResult): void;
};

/**
 * Lets gates decide about an event. Rewrites run one after the other, each on the result of the one before.
 * Then all checks run at once, on the same frozen data. The outcome depends on what the gates return and on
 * their order, never on which of them is faster.
 */
export function runGates(run: GateRun): GateOutcome | Promise<GateOutcome> {
  if (run.gates.some(({ kind }) => kind === "rewrite")) return runInOrder(run);
  const time = new RunTime(run);
  const judged = check(run, run.gates, run.event, time, true);
  const end = (judged: readonly GateResult[]): GateOutcome => {
    time.end();
    return outcomeOf(judged, run.event);
  };
  return isThenable(judged) ? judged.then(end) : end(judged);
}

async function runInOrder(run: GateRun): Promise<GateOutcome> {
  const rewrites = run.gates.filter(({ kind }) => kind === "rewrite");
  const checks = run.gates.filter(({ kind }) => kind === "check");
  const time = new RunTime(run);
  let judged: GateResult[] = [];
  let { event } = run;
  try {
    if (run.isResult && rewrites.length > 0) {
      judged.push(...await check(run, checks, event, time, false));
    }
    for (const gate of rewrites) {
      if (merge(judged).decision === "deny") break; // nothing that follows can undo it
      const result = await judge(run, gate, event, time, true);
      if (result.event !== undefined) {
        const isChanged = canonicalJson(result.event.data) !== canonicalJson(event.data);
        if (isChanged) judged = judged.map((earlier) => outdated(earlier, gate.name));
        event = result.event;
      }
      judged.push(result);
    }
    if (merge(judged).decision !== "deny") {
      judged.push(...await check(run, checks, event, time, true));
    }
  } finally {
    time.end();
  }
  return outcomeOf(judged, event);
}

/** Runs checks at once. Each runs to its end, so that the record is complete. */
function check(
  run: GateRun,
  gates: readonly RegisteredGate[],
  event: HookEvent,
  time: RunTime,
  final: boolean,
): readonly GateResult[] | Promise<readonly GateResult[]> {
  const results = gates.map((gate) => judge(run, gate, event, time, final));
  return results.some(isThenable) ? Promise.all(results) : results as readonly GateResult[];
}

/** Calls one gate in a span, and counts its verdict. Stays synchronous when the gate does. */
function judge(
  run: GateRun,
  gate: RegisteredGate,
  event: HookEvent,
  time: RunTime,
  final: boolean,
): GateResult | Promise<GateResult> {
  const { telemetry } = run;
  const { name, kind, mode } = gate;
  return telemetry.span("gate", { name, kind, mode, type: event.type }, (span) => {
    const start = performance.now();
    const count = (judged: GateResult): GateResult => {
      const { verdict, failure } = judged.record;
      span.set({ decision: verdict, error: failure });
      const failed = failure === undefined ? {} : { failure };
      telemetry.count("omniagent.hooks.gate.decisions", 1, { gate: name, verdict, ...failed });
      const seconds = (performance.now() - start) / 1000;
      telemetry.record("omniagent.hooks.gate.duration", seconds, { gate: name });
      return judged;
    };
    const judged = callGate(run, gate, event, time, final);
    return isThenable(judged) ? judged.then(count) : count(judged);
  });
}

/** Calls one gate, unless its breaker is open. Never throws; stays synchronous when the gate does. */
function callGate(
  run: GateRun,
  gate: RegisteredGate,
  event: HookEvent,
  time: RunTime,
  final: boolean,
): GateResult | Promise<GateResult> {
  const { clock } = run;
  const start = clock.now();
  const took = (): number => Math.max(0, Math.round(clock.now() - start));
  const fail = (failure: GateFailure, reason: string): GateResult =>
    failed(gate, failure, reason, took(), time.abortedBy !== undefined);
  const call = new GateCall(gate, run, time, final);
  const failWith = (error: unknown): GateResult => fail(call.failureOf(error), errorMessage(error));
  const finish = (value: unknown): GateResult | Promise<GateResult> =>
    gate.kind === "check"
      ? checked(gate, value, took, fail)
      : rewritten(run, gate, event, value, time, took, fail);
  const note = (judged: GateResult): GateResult => {
    // A decision that is over says nothing about the gate.
    if (time.abortedBy === undefined) gate.breaker?.note(judged.record.failure, clock.now());
    return judged;
  };
  const waitFor = (value: PromiseLike<unknown>): Promise<GateResult> => {
    // What returns too late changes nothing but the record.
    const late = (result: unknown): void =>
      void done.then((judged) => {
        const { failure, internal } = judged.record;
        const said = readLate(gate, result, took());
        if (time.isOver) return run.late({ ...said, ...(failure && { failure }) });
        const text = `${internal}, and returned '${said.verdict}' after ${said.duration_ms} ms`;
        judged.record = { ...judged.record, late: true, internal: text };
      });
    const done = call.wait(value, late).then(finish).catch(failWith);
    return done;
  };
  try {
    const by = time.abortedBy;
    if (by !== undefined) {
      const failure = by.reason instanceof GateTimeout ? "timeout" : "aborted";
      return fail(failure, `was not called: ${errorMessage(by.reason)}`);
    }
    const isWanted = gate.filter === undefined || gate.filter(event);
    if (typeof isWanted !== "boolean") return fail("invalid", "'filter' must return true or false");
    if (!isWanted) return { record: recordOf(gate, "none", took()) };
    const rejected = gate.breaker?.reject(start);
    if (rejected !== undefined) return fail(rejected.failure, rejected.reason);
    const value = gate.handle(event, call);
    const judged = isThenable(value) ? waitFor(value) : finish(value);
    return isThenable(judged) ? judged.then(note) : note(judged);
  } catch (error) {
    return note(failWith(error));
  }
}

function checked(
  gate: RegisteredGate,
  value: unknown,
  took: () => number,
  fail: (failure: GateFailure, reason: string) => GateResult,
): GateResult {
  const verdict = readVerdict(value);
  if (verdict !== undefined && "invalid" in verdict) return fail("invalid", verdict.invalid);
  if (verdict?.data === undefined) return applied(gate, verdict, took());
  return fail("invalid", 'returned data, but is a check: give it the kind "rewrite"');
}

/** Accepts new data if the event is still valid with it, or applies a verdict. */
function rewritten(
  run: GateRun,
  gate: RegisteredGate,
  event: HookEvent,
  value: unknown,
  time: RunTime,
  took: () => number,
  fail: (failure: GateFailure, reason: string) => GateResult,
): GateResult | Promise<GateResult> {
  if (value === undefined || value === null) return { record: recordOf(gate, "none", took()) };
  const isDecision = isVerdict(value) || decisionIn(event, value) === "deny";
  const verdict = isDecision ? readVerdict(value) : undefined;
  if (verdict !== undefined && "invalid" in verdict) return fail("invalid", verdict.invalid);
  if (verdict !== undefined && verdict.data === undefined) return applied(gate, verdict, took());
  const next = applyRewrite(event, verdict?.data ?? value);
  if ("invalid" in next) return fail("invalid", next.invalid);
  const accept = (issues: readonly StandardIssue[]): GateResult => {
    if (issues.length > 0) return fail("invalid", formatIssues(issues));
    const record = recordOf(gate, "rewritten", took(), textsOf(verdict));
    return gate.mode === "shadow" ? { record } : { record, verdict, event: next };
  };
  try {
    const issues = run.validate(next);
    if (!isThenable(issues)) return accept(issues);
    // A schema has no limit of its own: that of the decision ends it.
    const ended = (error: unknown): GateResult => {
      const by = time.abortedBy?.reason;
      const failure = by instanceof GateTimeout ? "timeout" : "aborted";
      return fail(error === by ? failure : "error", errorMessage(error));
    };
    const { signal } = time;
    time.start();
    return abortable(Promise.resolve(issues), signal).then(accept, ended);
  } catch (error) {
    return fail("error", errorMessage(error));
  }
}

/** Returns what a verdict leads to: in shadow mode, only a record. */
function applied(gate: RegisteredGate, verdict: Verdict | undefined, duration: number): GateResult {
  const { decision = "none" } = verdict ?? {};
  const record = recordOf(gate, decision, duration, textsOf(verdict));
  if (gate.mode === "enforce") return { record, verdict };
  return { record: { ...record, would_block: decision === "deny" || decision === "ask" } };
}

function textsOf({ reason, internal }: Partial<Verdict> = {}): Partial<GateRecord> {
  return {
    ...(reason !== undefined && { reason }),
    ...(internal !== undefined && { internal }),
  };
}

/** Returns what a failure leads to, by the gate's `onFailure`. The model is told no details. */
function failed(
  gate: RegisteredGate,
  failure: GateFailure,
  internal: string,
  duration: number,
  isOver: boolean,
): GateResult {
  // A decision that was aborted, or took too long as a whole, is denied whatever the gate says.
  const onFailure = isOver ? "deny" : gate.onFailure;
  const blocks = onFailure !== "allow";
  const record = recordOf(gate, "failed", duration, { failure, internal });
  if (gate.mode === "shadow") return { record: { ...record, would_block: blocks } };
  if (!blocks) return { record };
  const reason = `Gate '${gate.name}' failed (${failure})`;
  return { record, verdict: { decision: onFailure as "deny" | "ask", reason, internal } };
}

function recordOf(
  { name, kind, mode }: RegisteredGate,
  verdict: GateRecord["verdict"],
  duration: number,
  more: Partial<GateRecord> = {},
): GateRecord {
  return { name, kind, mode, verdict, duration_ms: duration, ...more };
}
