import { isThenable } from "../../internal/async.ts";
import { createEventId } from "../../internal/uuid.ts";
import { StoreLimitError } from "../../store/errors.ts";
import { EventValidationError, RecordConflictError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import { Asking, type WriteDecision } from "./asking.ts";
import { type Asks, StoredAsks } from "./asks.ts";
import {
  type CallTraits,
  type Decision,
  decisionOf,
  type FinalDecision,
  type GatesOptions,
  isPassing,
  type Judged,
  missingIn,
  outranks,
  tooLarge,
  undigestedOf,
} from "./decision.ts";
import { DecisionLog, type Recorded } from "./decision_log.ts";
import { Digester, withDigest } from "./digest.ts";
import { allowedEvent, callIdOf, decidedEvent, deniedEvent } from "./gate_events.ts";
import type { GateHost, HostParts } from "./gate_host.ts";
import type { GateList, GateTable } from "./gate.ts";
import { includesAll } from "./gate_identity.ts";
import type { GateOutcome } from "./merge_verdicts.ts";
import { Judge, type JudgeRequest } from "./judge.ts";
import { RecordTime } from "./record_time.ts";
import { type RepeatableCall, RepeatableCalls } from "./repeatable_call.ts";
import { withData } from "./rewrite.ts";
import { type Slot, StoredDecisions } from "./stored_decisions.ts";
import { denyUnrecorded, type Unrecorded } from "./unrecorded.ts";
import { untilDecided } from "./until_aborted.ts";

/** How often a decision is made again because another process decided about the same call meanwhile. */
const MAX_CONFLICTS = 3;

/** An event to decide about. */
type Request = JudgeRequest & {
  /** Whether what is allowed begins at once. */
  readonly isCall: boolean;
};

/** Decides about events, and records what was decided. */
export class Gatekeeper {
  readonly asks: Asks;
  /** Asks that are stored; undefined without an outbox. */
  readonly #asking: Asking | undefined;
  readonly #host: GateHost;
  readonly #table: GateTable;
  readonly #judge: Judge;
  readonly #calls: RepeatableCalls;
  readonly #stored: StoredDecisions;
  readonly #log: DecisionLog;

  constructor(table: GateTable, onAsk: GatesOptions["onAsk"], parts: HostParts) {
    const { records, isRedacting } = parts;
    const host = this.#host = { ...parts, digester: new Digester(records, isRedacting) };
    this.#table = table;
    this.#judge = new Judge(host, table, onAsk);
    this.#calls = new RepeatableCalls(table, host.clock);
    this.#stored = new StoredDecisions(host, table);
    this.#log = new DecisionLog(host, table, this.#stored);
    this.#asking = records && new Asking(host, {
      onAsk,
      hasGates: (type, gates) => includesAll(table.gatesFor(type), gates),
      isMissing: () => table.missing().length > 0,
      check: (...edit) => this.#judge.check(...edit),
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
    const { event } = request;
    let digest: string;
    let size: number;
    try {
      ({ digest, size } = await this.#host.digester.measure(event.data));
    } catch (error) {
      return this.#unrecorded(request, error).decision;
    }
    if (!callId || missingIn(this.#table.missing(), event.data)) {
      const gates = this.#table.gatesFor(event.type);
      return (await this.#record(await this.#judge.judge(request, digest, gates))).decision;
    }
    let call = this.#calls.read(event, callId, digest);
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      const known = this.#log.get(call.key);
      const shared = known && await this.#share(known, request, digest);
      if (shared !== undefined) return shared;
      if (known === undefined) break;
      call = this.#calls.read(event, callId, digest); // the gates may have changed
    }
    const decision = this.#host.records
      ? this.#recallOrJudge(call, request, digest)
      : this.#judge.judge(request, digest, call.gates).then((judged) => this.#record(judged));
    this.#log.remember(call.key, decision, event, size);
    return (await decision).decision;
  }

  /** Waits for the decision about the same call, in the time of this one. */
  async #share(
    known: Parameters<DecisionLog["share"]>[0],
    request: Request,
    digestIn: string,
  ): Promise<Decision | undefined> {
    const over = request.time?.signal;
    try {
      return await this.#log.share(known, [request.signal, over]);
    } catch (error) {
      if (!over?.aborted || error !== over.reason) throw error;
      return this.#unrecorded({ ...request, digestIn }, error).decision;
    }
  }

  /** Decides without a record, synchronously if all checks are. Returns undefined if anyone may need the record. */
  decideUnobserved(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits,
  ): Decision | Promise<Decision> | undefined {
    if (callIdOf(event, traits) || this.#host.isObserved("gate.decided")) return undefined;
    const gates = this.#table.gatesFor(event.type);
    if (gates.rewrites.length > 0) return undefined;
    const { decisionId: id = createEventId() } = traits;
    const apply = (outcome: GateOutcome) => this.#apply(id, event, outcome, gates, signal);
    return this.#host.runDirect<Decision>(() => {
      const outcome = this.#judge.run(id, event, gates, signal && [signal]);
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
  async #recallOrJudge(call: RepeatableCall, request: Request, digest: string): Promise<Recorded> {
    let conflict: unknown;
    let judged: Judged | undefined;
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      try {
        const slot = await this.#stored.read(call);
        const recalled = await this.#stored.recall(slot, request.event, digest, this.#asking!);
        if (recalled !== undefined && (judged === undefined || outranks(recalled, judged))) {
          const isKept = slot.record?.ask === undefined;
          return { decision: recalled, isKept, isStored: isKept };
        }
        judged ??= await this.#judge.judge(request, digest, call.gates);
        return await this.#record(judged, slot, request.isCall);
      } catch (error) {
        if (error instanceof EventValidationError) throw error;
        conflict = error;
        if (!(error instanceof RecordConflictError)) break;
      }
    }
    return this.#unrecorded(judged ?? { ...request, digestIn: digest }, conflict);
  }

  /** Records what the gates decided. With `isCall`, an allow is used up with its own commit. */
  async #record(judged: Judged, slot?: Slot, isCall = false): Promise<Recorded> {
    const isKept = !isPassing(judged.outcome);
    const kept = isKept ? slot : undefined;
    const { decision } = judged.outcome;
    // If other gates are registered by now, they judge the call when it is repeated.
    const isStored = kept !== undefined && !(isCall && decision === "allow") &&
      this.#calls.isCurrent(kept.call, judged.event);
    const write: WriteDecision = (made, more) => {
      if (kept === undefined) return [];
      return [isStored ? this.#stored.write(kept, made, more) : this.#stored.writeNone(kept)];
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
    gates: GateList,
    signal: AbortSignal | undefined,
  ): Decision | Promise<Decision> {
    if (outcome.decision === "ask") {
      return this.#judge.askHere(event, outcome, gates, signal)
        .then((outcome) => this.#apply(id, event, outcome, gates, signal));
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

  /** Denies an event whose decision can't be recorded. */
  #unrecorded(made: Unrecorded | Judged, error: unknown): Recorded {
    return { decision: denyUnrecorded(this.#host, made, error), isKept: false };
  }
}
