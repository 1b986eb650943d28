import { isThenable } from "../../internal/async.ts";
import { createEventId } from "../../internal/uuid.ts";
import type { HookEvent } from "../events.ts";
import { type AskHere, type OnAsk, resolveInProcess } from "./ask_in_process.ts";
import { ABORTED, denied, type Judged, missingIn } from "./decision.ts";
import type { GateList, GateTable } from "./gate.ts";
import { isResult, lateEvent } from "./gate_events.ts";
import type { GateHost } from "./gate_host.ts";
import { identityOf } from "./gate_identity.ts";
import type { GateOutcome } from "./merge_verdicts.ts";
import type { RecordTime } from "./record_time.ts";
import { type EditedAsk, judgeEdit } from "./resolve_ask.ts";
import { issuesIn, withData } from "./rewrite.ts";
import { runGates } from "./run_gates.ts";

/** An event to judge. */
export type JudgeRequest = {
  /** The id of the decision, if it is a new one. */
  readonly id: string;
  readonly event: HookEvent;
  readonly signal: AbortSignal | undefined;
  /** Its time, if it is recorded. */
  readonly time: RecordTime | undefined;
};

/** Lets gates judge events. */
export class Judge {
  readonly #host: GateHost;
  readonly #table: GateTable;
  readonly #onAsk: OnAsk | undefined;

  constructor(host: GateHost, table: GateTable, onAsk: OnAsk | undefined) {
    this.#host = host;
    this.#table = table;
    this.#onAsk = onAsk;
  }

  /** Lets these gates decide. Asks a person in this process if there is no outbox. */
  async judge(
    { id, event, signal, time }: JudgeRequest,
    digestIn: string,
    gates: GateList,
  ): Promise<Judged> {
    const { clock, digester, records } = this.#host;
    const start = clock.now();
    const signals = (time ?? signal) && [signal, time?.signal];
    let outcome = await this.run(id, event, gates, signals);
    if (outcome.conflict !== undefined) outcome = denied(outcome, outcome.conflict, true);
    if (outcome.decision === "ask" && !records) {
      outcome = await this.askHere(event, outcome, gates, signal);
    }
    const digest = outcome.data === event.data ? digestIn : await digester.digestOf(outcome.data);
    const took = Math.max(0, Math.round(clock.now() - start));
    const judges = identityOf(gates);
    return { id, event: withData(event, outcome.data), digestIn, digest, outcome, judges, took };
  }

  /** Runs these gates, unless a required one is missing. Synchronous if all of them are. */
  run(
    decisionId: string,
    event: HookEvent,
    gates: GateList,
    signals?: readonly (AbortSignal | undefined)[],
  ): GateOutcome | Promise<GateOutcome> {
    const { logger, clock, ending, recorder, timeout } = this.#host;
    const missing = missingIn(this.#table.missing(), event.data);
    if (missing !== undefined) return missing;
    const outcome = runGates({
      recorder,
      decisionId,
      gates,
      event,
      isResult: isResult(event.type),
      timeout,
      signals: signals ? [...signals, ending].filter((one) => one !== undefined) : [ending],
      logger,
      clock,
      late: (result) => this.#host.observe(lateEvent(decisionId, event, result)),
      validate: (event) => issuesIn(this.#host.validate(event)),
    });
    if (signals === undefined) return outcome;
    const unlessAborted = (outcome: GateOutcome) => deniedIfAborted(outcome, signals);
    return isThenable(outcome) ? outcome.then(unlessAborted) : unlessAborted(outcome);
  }

  /** Asks in this process, as there is no outbox. */
  askHere(
    event: HookEvent,
    outcome: GateOutcome,
    gates: GateList,
    signal: AbortSignal | undefined,
  ): Promise<GateOutcome> {
    // Other data needs another decision: gates never receive different data under one id.
    const check: AskHere["check"] = (event, askers) =>
      this.check(createEventId(), event, { gates: identityOf(gates), askers });
    return resolveInProcess(this.#host, this.#onAsk, { event, outcome, check, signal });
  }

  /** Lets the gates of an ask judge data that was edited. Resolves to undefined if one of them is gone. */
  check(decisionId: string, event: HookEvent, asked: EditedAsk): Promise<GateOutcome | undefined> {
    return judgeEdit(this.#host, {
      event,
      asked,
      gates: () => this.#table.gatesFor(event.type),
      judge: (gates) => this.run(decisionId, event, gates),
    });
  }
}

/**
 * Denies what a caller no longer waits for, even if the signal ended only gates in shadow mode. If `close` ended those,
 * the outcome is that of the others: trying a gate changes nothing.
 */
function deniedIfAborted(
  outcome: GateOutcome,
  signals: readonly (AbortSignal | undefined)[],
): GateOutcome {
  const isAborted = outcome.decision !== "deny" && signals.some((signal) => signal?.aborted) &&
    outcome.gates.some(({ failure }) => failure === "aborted");
  return isAborted ? denied({ ...outcome, gate: undefined }, ABORTED, true) : outcome;
}
