import { isThenable } from "../../internal/async.ts";
import { createEventId } from "../../internal/uuid.ts";
import { StoreLimitError } from "../../store/errors.ts";
import { EventValidationError, RecordConflictError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import { type AskHere, resolveInProcess } from "./ask_in_process.ts";
import { Asking, type WriteDecision } from "./asking.ts";
import { type Asks, StoredAsks } from "./asks.ts";
import {
  type CallTraits,
  type Decision,
  decisionOf,
  denied,
  type FinalDecision,
  type GatesOptions,
  isPassing,
  type Judged,
  missingIn,
  outranks,
  tooLarge,
  undigestedOf,
} from "./decision.ts";
import { DecisionLog, type Recorded, type Slot } from "./decision_log.ts";
import { Digester, withDigest } from "./digest.ts";
import {
  allowedEvent,
  callIdOf,
  decidedEvent,
  deniedEvent,
  isResult,
  lateEvent,
} from "./gate_events.ts";
import type { GateHost, HostParts } from "./gate_host.ts";
import type { GateTable } from "./gate.ts";
import { judgeEdit } from "./resolve_ask.ts";
import { issuesIn, withData } from "./rewrite.ts";
import type { GateOutcome } from "./gate_outcome.ts";
import { RecordTime } from "./record_time.ts";
import { runGates } from "./run_gates.ts";
import { denyUnrecorded, type Unrecorded } from "./unrecorded.ts";
import { untilDecided } from "./until_aborted.ts";

/** How often a decision is made again because another process decided about the same call meanwhile. */
const MAX_CONFLICTS = 3;

/** An event to decide about. */
type Request = {
  /** The id of the decision, if it is a new one. */
  readonly id: string;
  readonly event: HookEvent;
  readonly signal: AbortSignal | undefined;
  /** Its time, if it is recorded. */
  readonly time: RecordTime | undefined;
  /** Whether what is allowed begins at once. */
  readonly isCall: boolean;
};

/** Decides about events, and records what was decided. */
export class Gatekeeper {
  readonly asks: Asks;
  /** Asks that are stored; undefined without an outbox. */
  readonly #asking: Asking | undefined;
  readonly #host: GateHost;
  readonly #onAsk: GatesOptions["onAsk"];
  readonly #table: GateTable;
  readonly #log: DecisionLog;

  constructor(table: GateTable, onAsk: GatesOptions["onAsk"], parts: HostParts) {
    const { records, isRedacting } = parts;
    const host = this.#host = { ...parts, digester: new Digester(records, isRedacting) };
    this.#onAsk = onAsk;
    this.#table = table;
    this.#log = new DecisionLog(host, table);
    this.#asking = records && new Asking(host, {
      onAsk,
      gatesOf: (type) => table.nameOf(type),
      isMissing: () => table.missing().length > 0,
      check: (...edit) => this.#check(...edit),
    });
    this.asks = new StoredAsks(this.#asking, records);
  }

  /**
   * Decides about an event that has gates, and emits it if it is allowed; the same call gets the same decision
   * again. With an outbox, event and record are stored in one commit before this resolves. It is a denial if the
   * store doesn't respond before time is up, the caller's signal aborts, or `close` gives up.
   */
  decide(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits,
  ): Promise<Decision> {
    const { decisionId: id = createEventId(), isCall = false } = traits;
    const time = isCall || !this.#host.records ? traits.time : new RecordTime(this.#host);
    if (!isCall) time?.start();
    const decided = this.#decide({ id, event, signal, time, isCall }, callIdOf(event, traits));
    if (isCall) return decided;
    return untilDecided(this.#host, decided, {
      event,
      signal,
      time,
      idOf: () => id,
      late: (made, why) => made.id === id && this.#log.discard(made, event, why),
    });
  }

  async #decide(request: Request, callId: string | undefined): Promise<Decision> {
    const { event, signal } = request;
    let digest: string;
    let size: number;
    try {
      ({ digest, size } = await this.#host.digester.measure(event.data));
    } catch (error) {
      return this.#unrecorded(request, error).decision;
    }
    if (!callId || missingIn(this.#table.missing(), event.data)) {
      return (await this.#record(await this.#judge(request, digest))).decision;
    }
    const key = this.#log.keyOf(event, callId, digest);
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      const known = this.#log.get(key);
      const shared = known && await this.#log.share(known, [signal, request.time?.signal]);
      if (shared !== undefined) return shared;
      if (known === undefined) break;
    }
    const decision = this.#host.records
      ? this.#recallOrJudge(key, request, digest)
      : this.#judge(request, digest).then((judged) => this.#record(judged));
    this.#log.remember(key, decision, event, size);
    return (await decision).decision;
  }

  /** Decides without a record, synchronously if all checks are. Returns undefined if anyone may need the record. */
  decideUnobserved(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits,
  ): Decision | Promise<Decision> | undefined {
    if (callIdOf(event, traits) || this.#host.isObserved("gate.decided")) return undefined;
    if (this.#table.gatesFor(event.type).rewrites.length > 0) return undefined;
    const { decisionId: id = createEventId() } = traits;
    const apply = (outcome: GateOutcome) => this.#apply(id, event, outcome, signal);
    return this.#host.runDirect<Decision>(() => {
      const outcome = missingIn(this.#table.missing(), event.data) ??
        this.#run(id, event, signal && [signal]);
      return isThenable(outcome) ? outcome.then(apply) : apply(outcome);
    });
  }

  /**
   * Uses up a decision before the allowed execution begins. Returns false if it was used before: then the
   * event must be decided about again.
   */
  async use(decision: FinalDecision): Promise<boolean> {
    return decision.askId === undefined || !this.#asking
      ? await this.#log.use(decision)
      : await this.#asking.records.use(decision.askId);
  }

  /** Approves an ask, and uses up the approval in the same commit. @throws {AskError} */
  async handOver(askId: string, by: string, note: string): Promise<void> {
    await this.#asking!.resolve(askId, { decision: "allow", by, note }, true);
  }

  /** Returns a function that uses up a decision later; undefined if no call gets it again. */
  useLater(decision: FinalDecision): (() => Promise<unknown>) | undefined {
    return this.#log.useLater(decision);
  }

  /** Returns the decision that is stored about a call, or makes it. */
  async #recallOrJudge(key: string, request: Request, digest: string): Promise<Recorded> {
    let conflict: unknown;
    let judged: Judged | undefined;
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      try {
        const slot = await this.#log.read(key);
        const recalled = await this.#log.recall(slot, request.event, digest, this.#asking!);
        if (recalled !== undefined && (judged === undefined || outranks(recalled, judged))) {
          const isKept = slot.record?.ask === undefined;
          return { decision: recalled, isKept, isStored: isKept };
        }
        judged ??= await this.#judge(request, digest);
        return await this.#record(judged, slot, request.isCall);
      } catch (error) {
        if (error instanceof EventValidationError) throw error;
        conflict = error;
        if (!(error instanceof RecordConflictError)) break;
      }
    }
    return this.#unrecorded(judged ?? { ...request, digestIn: digest }, conflict);
  }

  /** Lets the gates decide. */
  async #judge({ id, event, signal, time }: Request, digestIn: string): Promise<Judged> {
    const { clock, digester } = this.#host;
    const start = clock.now();
    let outcome = missingIn(this.#table.missing(), event.data) ??
      await this.#run(id, event, (time ?? signal) && [signal, time?.signal]);
    if (outcome.conflict !== undefined) outcome = denied(outcome, outcome.conflict, true);
    if (outcome.decision === "ask" && !this.#asking) {
      outcome = await this.#askHere(event, outcome, signal);
    }
    const digest = outcome.data === event.data ? digestIn : await digester.digestOf(outcome.data);
    const took = Math.max(0, Math.round(clock.now() - start));
    return { id, event: withData(event, outcome.data), digestIn, digest, outcome, took };
  }

  /** Records what the gates decided. With `isCall`, an allow is used up with its own commit. */
  async #record(judged: Judged, slot?: Slot, isCall = false): Promise<Recorded> {
    const isKept = !isPassing(judged.outcome);
    const kept = isKept ? slot : undefined;
    const { decision } = judged.outcome;
    const isStored = kept !== undefined && !(isCall && decision === "allow");
    const write: WriteDecision = (made, more) => {
      if (kept === undefined) return [];
      return [isStored ? this.#log.write(kept, made, more) : this.#log.writeNone(kept)];
    };
    try {
      return decision === "ask"
        ? { decision: await this.#asking!.ask(judged, write), isKept: false }
        : { decision: await this.#publish(judged, decision, write), isKept, isStored };
    } catch (error) {
      if (error instanceof EventValidationError || error instanceof RecordConflictError) {
        throw error;
      }
      if (!(error instanceof StoreLimitError)) return this.#unrecorded(judged, error);
      return await this.#recordLarge(judged);
    }
  }

  /** Stores a decision and its events, in one commit. */
  async #publish(
    judged: Judged,
    word: "allow" | "deny",
    write: WriteDecision = () => [],
  ): Promise<FinalDecision> {
    const decision = { ...decisionOf(judged), decision: word };
    const decided = decidedEvent(judged);
    const subject = word === "allow"
      ? allowedEvent(judged.event, judged.id)
      : deniedEvent(judged.event, decision, judged.outcome.gate);
    const records = write(decision, { decided: decided.id, event: subject?.id });
    const events = subject ? [subject, decided] : [decided];
    await this.#host.publish(events, this.#host.records && records);
    return decision;
  }

  /** Denies an event that is too large to be stored, and records that. */
  async #recordLarge(judged: Judged): Promise<Recorded> {
    try {
      const decision = await this.#publish(tooLarge(judged), "deny");
      return { decision: { ...decision, data: judged.event.data }, isKept: false };
    } catch (error) {
      return this.#unrecorded(judged, error);
    }
  }

  /** Emits the event of a decision without a record. */
  #apply(
    id: string,
    event: HookEvent,
    outcome: GateOutcome,
    signal: AbortSignal | undefined,
  ): Decision | Promise<Decision> {
    if (outcome.decision === "ask") {
      return this.#askHere(event, outcome, signal)
        .then((outcome) => this.#apply(id, event, outcome, signal));
    }
    const judged = withData(event, outcome.data);
    const decision = withDigest(undigestedOf(id, judged, outcome), outcome.decision);
    const isAllowed = outcome.decision === "allow";
    if (!this.#host.isObserved(isAllowed ? event.type : "tool.denied")) return decision;
    const subject = isAllowed
      ? allowedEvent(judged, id)
      : deniedEvent(judged, decision, outcome.gate);
    const published = subject && this.#host.publish([subject]);
    if (!published) return decision;
    return published.then(() => decision, (error) => {
      if (error instanceof EventValidationError) throw error;
      return this.#unrecorded({ id, event }, error).decision;
    });
  }

  /** Asks in this process, as there is no outbox. */
  #askHere(event: HookEvent, outcome: GateOutcome, signal?: AbortSignal): Promise<GateOutcome> {
    // Other data needs another decision: gates never receive different data under one id.
    const check: AskHere["check"] = (...edit) => this.#check(createEventId(), ...edit);
    return resolveInProcess(this.#host, this.#onAsk, { event, outcome, check, signal });
  }

  /** Denies an event whose decision can't be recorded. */
  #unrecorded(made: Unrecorded | Judged, error: unknown): Recorded {
    return { decision: denyUnrecorded(this.#host, made, error), isKept: false };
  }

  #run(
    decisionId: string,
    event: HookEvent,
    signals?: readonly (AbortSignal | undefined)[],
  ): GateOutcome | Promise<GateOutcome> {
    const { logger, clock, ending, recorder, timeout } = this.#host;
    return runGates({
      recorder,
      decisionId,
      gates: this.#table.gatesFor(event.type),
      event,
      isResult: isResult(event.type),
      timeout,
      signals: signals ? [...signals, ending].filter((one) => one !== undefined) : [ending],
      logger,
      clock,
      late: (result) => this.#host.observe(lateEvent(decisionId, event, result)),
      validate: (event) => issuesIn(this.#host.validate(event)),
    });
  }

  #check(decisionId: string, event: HookEvent, askers?: readonly string[]): Promise<GateOutcome> {
    return judgeEdit(this.#host, {
      event,
      gates: this.#table.gatesFor(event.type).all,
      askers,
      judge: () => missingIn(this.#table.missing(), event.data) ?? this.#run(decisionId, event),
    });
  }
}
