import { abortable, linkSignals } from "../../internal/async.ts";
import type { HookEvent } from "../events.ts";
import {
  type AskAnswer,
  type AskRequest,
  denied,
  type GatesOptions,
  NOT_APPROVED,
} from "./decision.ts";
import type { GateHost } from "./gate_host.ts";
import { NOT_CHECKED } from "./resolve_ask.ts";
import { applyRewrite, withData } from "./rewrite.ts";
import { askersOf, type GateOutcome } from "./merge_verdicts.ts";
import { ASK_TIMEOUT } from "./limits.ts";
import { ASK_CHOICES } from "./verdict.ts";

/** Asks a person in this process. */
export type OnAsk = NonNullable<GatesOptions["onAsk"]>;

/** An ask without an outbox. */
export type AskHere = {
  readonly event: HookEvent;
  readonly outcome: GateOutcome;
  readonly signal: AbortSignal | undefined;
  /**
   * Judges data that the person edited. `askers`: the gates that asked. Resolves to undefined if a gate that
   * judged before is gone.
   */
  check(event: HookEvent, askers: readonly string[]): Promise<GateOutcome | undefined>;
};

/**
 * Waits for `onAsk`, without an outbox. An event that isn't approved, or can't be asked about, is denied.
 * Never throws.
 */
export async function resolveInProcess(
  host: GateHost,
  onAsk: OnAsk | undefined,
  { event, outcome, signal, check }: AskHere,
): Promise<GateOutcome> {
  const { reporter } = host;
  const { gate = "", verdict, conflict } = outcome;
  if (conflict !== undefined) return denied(outcome, conflict, true);
  const question = verdict!.reason!;
  const judged = withData(event, outcome.data);
  if (onAsk === undefined) {
    const advice = "pass 'outbox' or 'gates.onAsk' to createHooks";
    const error = new Error(`Cannot ask a person for gate '${gate}': ${advice}`);
    reporter.failed(`Cannot ask about '${event.type}'`, error, judged);
    return denied(withFailure(outcome, "store"), `Approval is required: ${question}`, true);
  }
  const allow = verdict!.allow ?? ASK_CHOICES;
  const expiresIn = verdict!.expiresIn ?? ASK_TIMEOUT;
  try {
    const request = { question, event: judged, gate, allow };
    const { decision, reason, data } = await askPerson(host, onAsk, request, expiresIn, signal);
    const isOffered = allow.includes(decision);
    if (isOffered && decision === "allow") {
      return { ...outcome, decision, verdict: { decision, reason } };
    }
    if (!isOffered || decision !== "edit") return denied(outcome, reason ?? NOT_APPROVED);
    const edited = applyRewrite(judged, data);
    if ("invalid" in edited) {
      throw new TypeError(`The edited data is invalid: it ${edited.invalid}`);
    }
    const checked = await check(edited, askersOf(outcome.gates));
    if (checked === undefined) return denied(outcome, NOT_CHECKED, true);
    return { ...checked, gates: [...outcome.gates, ...checked.gates] };
  } catch (error) {
    reporter.failed(`Cannot ask about '${event.type}'`, error, judged);
    // It was not denied: the same call is asked about again, later or for another caller.
    const ended = signal?.aborted ? withFailure(outcome, "aborted") : outcome;
    return denied(ended, NOT_APPROVED, true);
  }
}

/** Returns an outcome in which the gate that asks has failed. */
function withFailure(outcome: GateOutcome, failure: "store" | "aborted"): GateOutcome {
  const gates = outcome.gates.map((record) =>
    record.name === outcome.gate ? { ...record, failure } : record
  );
  return { ...outcome, gates };
}

/** Calls `onAsk`, until the ask expires or a signal aborts. @throws what it throws, or why it ended */
export async function askPerson(
  { clock, closing }: GateHost,
  onAsk: OnAsk,
  request: Omit<AskRequest, "signal">,
  expiresIn: number,
  signal?: AbortSignal,
): Promise<AskAnswer> {
  const limit = signal ? linkSignals(signal, closing) : linkSignals(closing);
  const expires = clock.now() + expiresIn;
  const expired = (): Error => new Error(`the ask expired after ${expiresIn} ms`);
  const cancel = clock.setTimer(expiresIn, () => limit.abort(expired()));
  try {
    const asked = Promise.resolve(onAsk({ ...request, signal: limit.signal }));
    const { decision, reason, data, by } = await abortable(asked, limit.signal) ?? {};
    // No timer fires while `confirm()` blocks the thread, or the machine sleeps.
    if (clock.now() >= expires) throw expired();
    return { decision, data, by, reason: typeof reason === "string" ? reason : undefined };
  } finally {
    cancel();
    limit.release();
  }
}
