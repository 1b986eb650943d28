import { createEventId, timeOfEventId } from "../../internal/uuid.ts";
import { RecordConflictError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import type { GateResolvedData } from "../gate_payloads.ts";
import { createEvent } from "../snapshot.ts";
import type { AskRecord, AskRecords, FinalRecord, ReadAsk } from "./ask_records.ts";
import {
  type DecisionBase,
  decisionOf,
  type FinalDecision,
  NOT_APPROVED,
  NOT_RECORDED,
} from "./decision.ts";
import { allowedEvent, decidedEvent, deniedEvent } from "./gate_events.ts";
import type { GateHost } from "./gate_host.ts";
import { recordedText } from "./recorded_text.ts";
import { type EditedAsk, NOT_CHECKED } from "./resolve_ask.ts";
import { applyRewrite } from "./rewrite.ts";
import type { GateOutcome } from "./merge_verdicts.ts";

/** The event that was judged and asked about. */
export type KnownAsk = DecisionBase & {
  /** With the data that was judged. */
  readonly event: HookEvent;
  /** The gate that asks. */
  readonly gate: string | undefined;
};

/** The gates that check edited data. */
export type EditChecks = {
  /** Returns whether all gates of an identity are registered for a type. */
  readonly hasGates: (type: string, gates: string) => boolean;
  /** Returns whether a required gate is missing in this process, which then lets nothing happen. */
  readonly isMissing: () => boolean;
  /** Lets the gates of an ask judge edited data. Resolves to undefined if one of them is gone. */
  readonly check: (
    decisionId: string,
    event: HookEvent,
    asked: EditedAsk,
  ) => Promise<GateOutcome | undefined>;
};

/** The record of an ask that has ended. */
type Step = {
  readonly decision: FinalDecision;
  readonly state: AskRecord["state"];
  readonly events: readonly HookEvent[];
  readonly final: FinalRecord;
};

/** Returns the decision about an ask that was not approved, without a record. */
export function deniedAsk(
  askId: string,
  { event: _, gate: __, ...base }: KnownAsk,
  reason: string,
  failure?: "store",
): FinalDecision {
  return { ...base, decision: "deny", reason, askId, ...(failure && { failure }) };
}

/** Records the results of asks once they have ended, by a response or their expiry. */
export class AskSettler {
  readonly #host: GateHost;
  readonly #asks: AskRecords;
  readonly #checks: EditChecks;

  constructor(host: GateHost, asks: AskRecords, checks: EditChecks) {
    this.#host = host;
    this.#asks = asks;
    this.#checks = checks;
  }

  /**
   * Records the result of an ask, once. Returns undefined while someone can still respond, and while an
   * approval waits for a process that has the gates it needs.
   */
  async settle(id: string, known: KnownAsk): Promise<FinalDecision | undefined> {
    for (;;) {
      const ask = await this.#asks.read(id);
      if (ask === undefined) return deniedAsk(id, known, "The ask is no longer stored");
      const missing = this.#missingFor(ask.record, known);
      if (missing !== undefined) {
        if (this.#host.clock.now() < ask.record.expires) return undefined;
        return deniedAsk(id, known, missing);
      }
      if (ask.record.final) return await this.#recall(id, ask.record.final, known);
      if (this.#asks.isPending(ask)) return undefined;
      const step = await this.#stepOf(ask, known);
      if (step === undefined) continue; // a gate was removed since
      try {
        const record = { ...ask.record, state: step.state, final: step.final };
        await this.#host.publish(step.events, this.#asks.change(ask, record));
        return step.decision;
      } catch (error) {
        if (error instanceof RecordConflictError) continue; // another process was faster
        this.#host.reporter.failed("Cannot record decision", error, known.event);
        return deniedAsk(id, known, NOT_RECORDED, "store");
      }
    }
  }

  /** Returns why this process can't allow an approved event, though another may; undefined if it can. */
  #missingFor({ state, gates, final }: AskRecord, { event }: KnownAsk): string | undefined {
    const isApproved = final ? final.decision === "allow" : state === "allow" || state === "edit";
    if (isApproved && this.#checks.isMissing()) return "A required gate is missing";
    return !final && state === "edit" && !this.#checks.hasGates(event.type, gates)
      ? NOT_CHECKED
      : undefined;
  }

  /** Returns the result of an ask that has ended; undefined if its gates are no longer registered. */
  async #stepOf(ask: ReadAsk, known: KnownAsk): Promise<Step | undefined> {
    const { record } = ask;
    const resolved = record.resolved && await this.#host.records!.event(record.resolved);
    const { note, data } = (resolved || { data: {} }).data as Partial<GateResolvedData>;
    if (record.state === "allow") return this.#stepTo("allow", ask, known, { reason: note });
    if (record.state === "edit") return await this.#editedStep(ask, known, data);
    if (record.state === "deny") {
      return this.#stepTo("deny", ask, known, { reason: note ?? NOT_APPROVED });
    }
    const event = createEvent("gate.resolved", {
      ask_id: ask.id,
      decision_id: record.decision,
      outcome: "expired",
    }, known.event);
    const reason = "The request expired before anyone responded";
    return this.#stepTo("deny", ask, known, { reason, state: "expired", events: [event] });
  }

  /** Lets all gates judge data that was edited. Returns undefined if they are no longer registered. */
  async #editedStep(ask: ReadAsk, known: KnownAsk, data: unknown): Promise<Step | undefined> {
    const { digester } = this.#host;
    const deny = (reason: string): Step => {
      return this.#stepTo("deny", ask, known, { reason, isError: true });
    };
    const event = data === undefined
      ? { invalid: "is no longer stored" }
      : applyRewrite(known.event, data);
    if ("invalid" in event) return deny(`The edited data is not valid: it ${event.invalid}`);
    const digest = await digester.digestOf(event.data);
    if (digest !== ask.record.edited) return deny("The edited data was changed in the store");
    const id = createEventId();
    const outcome = await this.#checks.check(id, event, ask.record);
    if (outcome === undefined) return undefined;
    const { gate, gates, isError } = outcome;
    const base = { ...decisionOf({ id, event, digest, outcome }), event, gate };
    const decision = outcome.decision === "allow" ? "allow" : "deny";
    const more = { gates, isError, digestIn: known.digest! };
    return this.#stepTo(decision, ask, base, { reason: base.reason, ...more });
  }

  #stepTo(
    decision: "allow" | "deny",
    { id: askId, record }: ReadAsk,
    { event, gate, ...base }: KnownAsk,
    {
      reason,
      state = record.state,
      events = [],
      gates = base.gates,
      isError = false,
      digestIn = base.digest!,
    }: {
      readonly reason: string | undefined;
      readonly state?: AskRecord["state"];
      readonly events?: readonly HookEvent[];
      /** How gates judged, with internal texts. */
      readonly gates?: GateOutcome["gates"];
      readonly isError?: boolean;
      readonly digestIn?: string;
    },
  ): Step {
    const { reason: _, ...rest } = base;
    const final: FinalDecision = {
      ...rest,
      decision,
      askId,
      ...(reason !== undefined && { reason }),
    };
    const happened = decision === "allow"
      ? allowedEvent(event, base.id)
      : deniedEvent(event, final, gate);
    // A new event: it happens now, not when it was asked about.
    const subject = happened && createEvent(happened.type, happened.data, happened);
    const verdict = { decision, reason };
    const decided = decidedEvent({
      id: base.id,
      event,
      digestIn,
      digest: base.digest!,
      outcome: { decision, verdict, gates, isError },
      took: Math.max(0, this.#host.clock.now() - (timeOfEventId(askId) ?? Infinity)),
    }, { askId });
    const isText = reason !== undefined && !this.#host.digester.isSalted;
    return {
      decision: final,
      state,
      events: subject ? [subject, ...events, decided] : [...events, decided],
      final: {
        decision,
        id: base.id,
        digest: base.digest!,
        ...(isText && { reason: recordedText(reason) }),
        ...(subject && { event: subject.id }),
      },
    };
  }

  /** Returns a final decision that was recorded before, perhaps by another process. */
  async #recall(
    askId: string,
    { decision, id, digest, reason, event }: FinalRecord,
    known: KnownAsk,
  ): Promise<FinalDecision> {
    const { event: _, gate: __, reason: ___, ...base } = known;
    const final = { ...base, id, digest, decision, askId, ...(reason !== undefined && { reason }) };
    if (decision === "deny") return { ...final, reason: reason ?? NOT_APPROVED };
    if (digest === known.digest) return final;
    const stored = event === undefined ? undefined : await this.#host.records!.event(event);
    const { decision_id: ____, ...data } = (stored?.data ?? {}) as Readonly<
      Record<string, unknown>
    >;
    const isSame = await this.#host.digester.digestOf(data) === digest;
    if (isSame) return { ...final, data: createEvent(stored!.type, data, stored).data };
    return deniedAsk(askId, known, "The edited data is no longer stored");
  }
}
