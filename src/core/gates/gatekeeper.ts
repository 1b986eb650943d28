import { isThenable } from "../../internal/async.ts";
import { createEventId } from "../../internal/uuid.ts";
import { StoreLimitError } from "../../store/errors.ts";
import { EventValidationError, RecordConflictError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import { type AskHere, resolveInProcess } from "./ask_in_process.ts";
import { Asking } from "./asking.ts";
import { type Asks, StoredAsks } from "./asks.ts";
import type { CallTraits, Decision, FinalDecision, GatesOptions } from "./decision.ts";
import { DecisionLog, type Recorded, type Slot } from "./decision_log.ts";
import { isRefusal } from "./failure.ts";
import { Digester, withDigest } from "./digest.ts";
import {
  allowedEvent,
  callIdOf,
  decidedEvent,
  deniedEvent,
  isResult,
  lateEvent,
} from "./gate_events.ts";
import type { GateHost, HostParts } from "./host.ts";
import type { GateTable } from "./gate.ts";
import { judgeEdit } from "./judge_edit.ts";
import {
  decisionOf,
  isPassing,
  type Judged,
  missingIn,
  outranks,
  tooLarge,
  undigestedOf,
} from "./judged.ts";
import { withData } from "./rewrite.ts";
import type { GateOutcome } from "./gate_outcome.ts";
import { runGates } from "./run_gates.ts";

/** How often a decision is made again because another process decided about the same call meanwhile. */
const MAX_CONFLICTS = 3;

/** Options of a gatekeeper. */
type KeeperOptions = Pick<GatesOptions, "onAsk"> & {
  readonly table: GateTable;
  /** Limit of one decision, in milliseconds. */
  readonly timeout: number;
};

/** Decides about events, and records what was decided. */
export class Gatekeeper {
  readonly asks: Asks;
  /** Asks that are stored; undefined without an outbox. */
  readonly #asking: Asking | undefined;
  readonly #host: GateHost;
  readonly #options: KeeperOptions;
  readonly #table: GateTable;
  readonly #log: DecisionLog;

  constructor(options: KeeperOptions, parts: HostParts) {
    const { records, isRedacting } = parts;
    const host = this.#host = { ...parts, digester: new Digester(records, isRedacting) };
    this.#options = options;
    const table = this.#table = options.table;
    this.#log = new DecisionLog(host, table);
    this.#asking = records && new Asking(host, {
      onAsk: options.onAsk,
      gatesOf: (type) => table.nameOf(type),
      isMissing: () => table.missing().length > 0,
      check: (...edit) => this.#check(...edit),
    });
    this.asks = new StoredAsks(this.#asking, records);
  }

  /**
   * Decides about an event that has gates, and emits it if it is allowed; the same call gets the same decision
   * again. With an outbox, event and record are stored in one commit before this resolves.
   */
  async decide(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits,
  ): Promise<Decision> {
    const callId = callIdOf(event, traits);
    let digest: string;
    let size: number;
    try {
      ({ digest, size } = await this.#host.digester.measure(event.data));
    } catch (error) {
      return this.#unrecorded(event, error).decision;
    }
    if (!callId || missingIn(this.#table.missing(), event.data)) {
      return (await this.#record(await this.#judge(event, digest, signal))).decision;
    }
    const key = this.#log.keyOf(event, callId, digest);
    const known = this.#log.get(key);
    if (known !== undefined) {
      return await this.#log.share(known, signal) ?? await this.decide(event, signal, traits);
    }
    const decision = this.#host.records
      ? this.#recallOrJudge(key, event, digest, signal)
      : this.#judge(event, digest, signal).then((judged) => this.#record(judged));
    this.#log.remember(key, decision, event, size);
    return (await decision).decision;
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

  /** Returns a function that uses up a decision later; undefined if no call gets it again. */
  useLater(decision: FinalDecision): (() => Promise<unknown>) | undefined {
    return this.#log.useLater(decision);
  }

  /** Returns the decision that is stored about a call, or makes it. */
  async #recallOrJudge(
    key: string,
    event: HookEvent,
    digest: string,
    signal: AbortSignal | undefined,
  ): Promise<Recorded> {
    let conflict: unknown;
    let judged: Judged | undefined;
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      try {
        const slot = await this.#log.read(key);
        const recalled = await this.#log.recall(slot, event, digest, this.#asking!);
        if (recalled !== undefined && (judged === undefined || outranks(recalled, judged))) {
          return { decision: recalled, isKept: slot.record?.ask === undefined };
        }
        judged ??= await this.#judge(event, digest, signal);
        return await this.#record(judged, slot);
      } catch (error) {
        if (isRefusal(error)) throw error;
        if (!(error instanceof RecordConflictError)) return this.#unrecorded(event, error);
        conflict = error;
      }
    }
    return this.#unrecorded(judged ?? event, conflict);
  }

  /** Lets the gates decide. */
  async #judge(
    event: HookEvent,
    digestIn: string,
    signal: AbortSignal | undefined,
  ): Promise<Judged> {
    const { clock, digester } = this.#host;
    const start = clock.now();
    const id = createEventId();
    let outcome = missingIn(this.#table.missing(), event.data) ??
      await this.#run(id, event, signal);
    if (outcome.decision === "ask" && !this.#asking) {
      outcome = await this.#askHere(event, outcome, signal);
    }
    const digest = outcome.data === event.data ? digestIn : await digester.digestOf(outcome.data);
    const took = Math.max(0, Math.round(clock.now() - start));
    return { id, event: withData(event, outcome.data), digestIn, digest, outcome, took };
  }

  /** Records what the gates decided. */
  async #record(judged: Judged, slot?: Slot): Promise<Recorded> {
    const isKept = !isPassing(judged.outcome);
    const kept = isKept ? slot : undefined;
    const { decision } = judged.outcome;
    const write: Parameters<Asking["ask"]>[1] = (asked, decided, ask) =>
      kept ? [this.#log.write(kept, asked, { decided, ask })] : [];
    try {
      return decision === "ask"
        ? { decision: await this.#asking!.ask(judged, write), isKept: false }
        : { decision: await this.#publish(judged, decision, kept), isKept };
    } catch (error) {
      if (isRefusal(error) || error instanceof RecordConflictError) throw error;
      if (!(error instanceof StoreLimitError)) return this.#unrecorded(judged, error);
      return await this.#recordLarge(judged);
    }
  }

  /** Stores a decision and its events, in one commit. */
  async #publish(judged: Judged, word: "allow" | "deny", slot?: Slot): Promise<FinalDecision> {
    const decision = { ...decisionOf(judged), decision: word };
    const decided = decidedEvent(judged);
    const subject = word === "allow"
      ? allowedEvent(judged.event, judged.id)
      : deniedEvent(judged.event, decision, judged.outcome.gate);
    const more = { decided: decided.id, event: subject?.id };
    const records = slot ? [this.#log.write(slot, decision, more)] : [];
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

  /**
   * Does the same synchronously, for checks whose record nobody sees. Returns undefined where the record is
   * needed.
   */
  decideUnobserved(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits,
  ): Decision | Promise<Decision> | undefined {
    if (callIdOf(event, traits) || this.#host.isObserved("gate.decided")) return undefined;
    if (this.#table.gatesFor(event.type).rewrites.length > 0) return undefined;
    const id = createEventId();
    const apply = (outcome: GateOutcome) => this.#apply(id, event, outcome, signal);
    return this.#host.runDirect<Decision>(() => {
      const outcome = missingIn(this.#table.missing(), event.data) ?? this.#run(id, event, signal);
      return isThenable(outcome) ? outcome.then(apply) : apply(outcome);
    });
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
    return published ? published.then(() => decision) : decision;
  }

  /** Asks in this process, as there is no outbox. */
  #askHere(event: HookEvent, outcome: GateOutcome, signal?: AbortSignal): Promise<GateOutcome> {
    // Other data needs another decision: gates never receive different data under one id.
    const check: AskHere["check"] = (...edit) => this.#check(createEventId(), ...edit);
    return resolveInProcess(this.#host, this.#options.onAsk, { event, outcome, check, signal });
  }

  /** Returns the denial of an event that can't be recorded: a failure of kind `store`. */
  #unrecorded(made: HookEvent | Judged, error: unknown): Recorded {
    const [event, base] = "outcome" in made
      ? [made.event, decisionOf(made)]
      : [made, { id: createEventId(), data: made.data, gates: [] }];
    this.#host.reporter.failed("Cannot record decision", error, event);
    const reason = "The decision could not be recorded (store)";
    return { decision: { ...base, decision: "deny", reason }, isKept: false };
  }

  #run(
    decisionId: string,
    event: HookEvent,
    signal?: AbortSignal,
  ): GateOutcome | Promise<GateOutcome> {
    const { logger, clock, abandoned, recorder } = this.#host;
    return runGates({
      recorder,
      decisionId,
      gates: this.#table.gatesFor(event.type),
      event,
      isResult: isResult(event.type),
      timeout: this.#options.timeout,
      signals: signal ? [signal, abandoned] : [abandoned],
      logger,
      clock,
      late: (result) => this.#host.observe(lateEvent(decisionId, event, result)),
      validate: async (event) => {
        try {
          await this.#host.validate(event);
          return [];
        } catch (error) {
          if (error instanceof EventValidationError) return error.issues;
          throw error;
        }
      },
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
