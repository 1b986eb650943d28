import { abortable, isThenable, linkSignals } from "../../internal/async.ts";
import { errorMessage, formatIssues } from "../../internal/issues.ts";
import type { StandardIssue } from "../../internal/standard_schema.ts";
import type { HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import type { Recorder } from "../recorder.ts";
import { NO_SPAN, type TelemetrySpan } from "../telemetry.ts";
import type { GateContext, RegisteredGate } from "./gate.ts";
import { type GateState, stateOf } from "./gate_state.ts";
import {
  GateError,
  type GateFailure,
  type GateRecord,
  type GateResult,
  isOf,
} from "./merge_verdicts.ts";
import { type LateResult, readLate } from "./late_result.ts";
import { applyRewrite } from "./rewrite.ts";
import { type DecisionLimits, type DecisionTimer, GateTimeout } from "./decision_timer.ts";
import { decisionIn, isVerdict, readVerdict, type Verdict } from "./verdict.ts";

/** The dependencies of gate calls. */
export type CallParts = DecisionLimits & {
  readonly decisionId: string;
  readonly logger: Logger;
  readonly recorder: Recorder;
  /** Judges rewritten data by the schema of the event's type. */
  validate(event: HookEvent): readonly StandardIssue[] | Promise<readonly StandardIssue[]>;
  /** Receives what a gate returned after the decision. */
  late(result: LateResult): void;
};

/** The arguments of gates that are called together. */
export class Round {
  readonly run: CallParts;
  readonly time: DecisionTimer;
  readonly event: HookEvent;
  readonly final: boolean;
  /** When the next gate is called: one starts when the one before returns, so that the clock is read once. */
  start: number;

  constructor(run: CallParts, time: DecisionTimer, event: HookEvent, final = true) {
    this.run = run;
    this.time = time;
    this.event = event;
    this.final = final;
    this.start = run.clock.now();
  }
}

/**
 * One call of a gate, and its context. It costs no timer, no signal, and no promise before the gate returns a
 * promise or reads its signal.
 */
export class GateCall implements GateContext {
  readonly logger: Logger;
  readonly decisionId: string;
  readonly final: boolean;
  readonly #gate: RegisteredGate;
  readonly #state: GateState;
  readonly #round: Round;
  readonly #start: number;
  #link: ReturnType<typeof linkSignals> | undefined;

  /** Calls a gate in a span, and counts its verdict. Never throws; stays synchronous when the gate does. */
  static judge(gate: RegisteredGate, round: Round): GateResult | Promise<GateResult> {
    const { recorder } = round.run;
    if (!recorder.isTracing) return new GateCall(gate, round).#judge(NO_SPAN);
    const { name, kind, mode } = gate;
    const { type, traceparent } = round.event;
    const attributes = { name, kind, mode, type, traceparent };
    return recorder.span("gate", attributes, (span) => new GateCall(gate, round).#judge(span));
  }

  constructor(gate: RegisteredGate, round: Round) {
    this.logger = round.run.logger;
    this.decisionId = round.run.decisionId;
    this.final = round.final;
    this.#gate = gate;
    this.#state = stateOf(gate, round.run.recorder);
    this.#round = round;
    this.#start = round.start;
  }

  get signal(): AbortSignal {
    return (this.#link ??= linkSignals(this.#round.time.signal)).signal;
  }

  get traceparent(): string | undefined {
    const { run: { recorder }, event } = this.#round;
    return recorder.inject() ?? event.traceparent;
  }

  #judge(span: TelemetrySpan): GateResult | Promise<GateResult> {
    const judged = this.#call();
    if (!isThenable(judged)) return this.#count(judged, span);
    this.#round.start = this.#round.run.clock.now();
    return judged.then((judged) => this.#count(judged, span));
  }

  #count(judged: GateResult, span: TelemetrySpan): GateResult {
    const { record } = judged;
    if (span !== NO_SPAN) span.set({ decision: record.verdict, error: record.failure });
    this.#state.meter.add(record);
    return judged;
  }

  /** Calls the gate, unless its breaker is open. */
  #call(): GateResult | Promise<GateResult> {
    const { filter, handle } = this.#gate;
    const { run, event, time } = this.#round;
    try {
      const by = time.abortedBy;
      if (by !== undefined) {
        const failure = isOf(by.reason, GateTimeout) ? "timeout" : "aborted";
        return this.#fail(failure, `was not called: ${errorMessage(by.reason)}`);
      }
      const isWanted = filter === undefined || filter(event);
      if (typeof isWanted !== "boolean") {
        return this.#fail("invalid", "'filter' must return true or false");
      }
      if (!isWanted) return this.#end("none");
      const rejected = this.#state.breaker?.reject(run.clock);
      if (rejected !== undefined) return this.#fail(rejected.failure, rejected.reason);
      const value = handle(event, this);
      const judged = isThenable(value) ? this.#wait(value) : this.#read(value);
      return isThenable(judged) ? judged.then((judged) => this.#note(judged)) : this.#note(judged);
    } catch (error) {
      return this.#note(this.#failWith(error));
    }
  }

  /** Informs the breaker, unless the decision is over, which says nothing about the gate. */
  #note(judged: GateResult): GateResult {
    const { breaker } = this.#state;
    const { run, time } = this.#round;
    if (breaker !== undefined && time.abortedBy === undefined) {
      breaker.note(judged.record.failure, run.clock);
    }
    return judged;
  }

  /** Waits for the gate's promise. A result that is too late changes only the record. */
  #wait(value: PromiseLike<unknown>): Promise<GateResult> {
    const { run, time } = this.#round;
    const late = (result: unknown): void =>
      void done.then((judged) => {
        const { failure, internal } = judged.record;
        const said = readLate(this.#gate, result, this.#took());
        if (time.isOver) return run.late({ ...said, ...(failure && { failure }) });
        const text = `${internal}, and returned '${said.verdict}' after ${said.duration_ms} ms`;
        judged.record = { ...judged.record, late: true, internal: text };
      });
    const done = this.#inTime(value, late)
      .then((value) => this.#read(value))
      .catch((error) => this.#failWith(error));
    return done;
  }

  /** Waits until the gate's time is up. What it returns after that is passed to `late`. */
  async #inTime(value: PromiseLike<unknown>, late: (value: unknown) => void): Promise<unknown> {
    const { timeout } = this.#gate;
    const { run, time } = this.#round;
    const { signal } = this;
    time.start();
    const cancel = timeout === Infinity ? undefined : run.clock.setTimer(timeout, () => {
      this.#link!.abort(new GateTimeout(`took longer than ${timeout} ms`));
    });
    try {
      return await abortable(value, signal);
    } catch (error) {
      // A gate that rejects now has only noticed that its signal aborted.
      if (signal.aborted) value.then(late, () => {});
      throw error;
    } finally {
      cancel?.();
      this.#link!.release();
    }
  }

  /** Reads what the gate returned. */
  #read(value: unknown): GateResult | Promise<GateResult> {
    if (this.#gate.kind === "rewrite") return this.#rewritten(value);
    if (value === undefined || value === null) return this.#end("none");
    const verdict = readVerdict(value);
    if (verdict === undefined) return this.#end("none");
    if ("invalid" in verdict) return this.#fail("invalid", verdict.invalid);
    if (verdict.data === undefined) return this.#apply(verdict);
    return this.#fail("invalid", 'returned data, but is a check: give it the kind "rewrite"');
  }

  /** Accepts new data if the event is still valid with it, or applies a verdict. */
  #rewritten(value: unknown): GateResult | Promise<GateResult> {
    const { run, event, time } = this.#round;
    if (value === undefined || value === null) return this.#end("none");
    const isDecision = isVerdict(value) || decisionIn(event, value) === "deny";
    const verdict = isDecision ? readVerdict(value) : undefined;
    if (verdict !== undefined && "invalid" in verdict) {
      return this.#fail("invalid", verdict.invalid);
    }
    if (verdict !== undefined && verdict.data === undefined) return this.#apply(verdict);
    const next = applyRewrite(event, verdict?.data ?? value);
    if ("invalid" in next) return this.#fail("invalid", next.invalid);
    const accept = (issues: readonly StandardIssue[]): GateResult => {
      if (issues.length > 0) return this.#fail("invalid", formatIssues(issues));
      const { record } = this.#end("rewritten", textsOf(verdict));
      const isApplied = this.#gate.mode === "enforce";
      return resultOf(record, isApplied ? verdict : undefined, isApplied ? next : undefined);
    };
    try {
      const issues = run.validate(next);
      if (!isThenable(issues)) return accept(issues);
      // A schema has no time limit of its own: the decision's ends it.
      const ended = (error: unknown): GateResult => {
        const by = time.abortedBy?.reason;
        const failure = isOf(by, GateTimeout) ? "timeout" : "aborted";
        return this.#fail(error === by ? failure : "error", errorMessage(error));
      };
      const { signal } = time;
      time.start();
      return abortable(Promise.resolve(issues), signal).then(accept, ended);
    } catch (error) {
      return this.#fail("error", errorMessage(error));
    }
  }

  /** Returns the result of a verdict: in shadow mode, only a record. */
  #apply(verdict: Verdict): GateResult {
    const { decision } = verdict;
    if (this.#gate.mode === "enforce") return this.#end(decision, textsOf(verdict), verdict);
    const would_block = decision === "deny" || decision === "ask";
    return this.#end(decision, { ...textsOf(verdict), would_block });
  }

  #failWith(error: unknown): GateResult {
    const signal = this.#link?.signal;
    const isAborted = signal?.aborted && error === signal.reason;
    const failure = isAborted
      ? isOf(error, GateTimeout) ? "timeout" : "aborted"
      : isOf(error, GateError)
      ? error.failure
      : "error";
    return this.#fail(failure, errorMessage(error));
  }

  /** Returns the result of a failure, by the gate's `onFailure`. The model gets no details. */
  #fail(failure: GateFailure, internal: string): GateResult {
    const { name, mode, onFailure } = this.#gate;
    // A decision that was aborted, or took too long as a whole, is denied regardless of the gate.
    const decision = this.#round.time.abortedBy !== undefined ? "deny" : onFailure;
    const blocks = decision !== "allow";
    if (mode === "shadow") return this.#end("failed", { failure, internal, would_block: blocks });
    const reason = `Gate '${name}' failed (${failure})`;
    const verdict = blocks ? { decision, reason, internal } : undefined;
    return this.#end("failed", { failure, internal }, verdict);
  }

  #end(
    verdict: GateRecord["verdict"],
    more?: Partial<GateRecord>,
    applied?: Verdict,
  ): GateResult {
    const { name, kind, mode } = this.#gate;
    const record = { name, kind, mode, verdict, duration_ms: this.#took() };
    return resultOf(more === undefined ? record : Object.assign(record, more), applied, undefined);
  }

  /** Returns how long it took until now, in milliseconds. */
  #took(): number {
    const now = this.#round.run.clock.now();
    this.#round.start = now;
    return Math.max(0, Math.round(now - this.#start)); // the clock may be set back
  }
}

/** Always of the same shape, which engines read fastest. */
function resultOf(
  record: GateRecord,
  verdict: Verdict | undefined,
  event: HookEvent | undefined,
): GateResult {
  return { record, verdict, event };
}

function textsOf({ reason, internal }: Partial<Verdict> = {}): Partial<GateRecord> {
  return {
    ...(reason !== undefined && { reason }),
    ...(internal !== undefined && { internal }),
  };
}
