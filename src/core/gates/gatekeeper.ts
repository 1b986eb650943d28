import { checkKnown, OR_INFINITE, readDuration } from "../../internal/options.ts";
import { createEventId } from "../../internal/uuid.ts";
import { checkFunctions, checkObject } from "../../internal/validate.ts";
import { EventValidationError, RecordConflictError } from "../errors.ts";
import { checkPatterns, isReport } from "../event_rules.ts";
import type { HookEvent } from "../events.ts";
import { createRegistration, type Registration } from "../registration.ts";
import { createEvent } from "../snapshot.ts";
import { resolveInProcess } from "./ask_in_process.ts";
import { Asking } from "./asking.ts";
import type {
  CallTraits,
  DecideOptions,
  Decision,
  FinalDecision,
  GatesOptions,
} from "./decision.ts";
import { DecisionLog, type Recorded, type Slot } from "./decision_log.ts";
import { isRefusal, isTransient } from "./failure.ts";
import { type Gate, readGate } from "./gate.ts";
import { allowedEvent, decidedEvent, deniedEvent, textIn } from "./gate_events.ts";
import type { GateHost } from "./gate_host.ts";
import { GateTable } from "./gate_table.ts";
import { decisionOf, denied, type Judged } from "./judged.ts";
import { withData } from "./rewrite.ts";
import { type GateOutcome, runGates } from "./run_gates.ts";

/** How long a decision may take, in milliseconds: twice what one gate may. */
const DECISION_TIMEOUT = 10_000;

/** How often a decision is made again because another process decided about the same call meanwhile. */
const MAX_CONFLICTS = 3;

const DECIDE_OPTIONS = ["sessionId", "runId", "traceparent", "signal"];

/** Events that report what happened: their checks also judge the data before it is rewritten. */
const RESULTS: readonly string[] = ["tool.completed", "message.sent"];

/** Registers gates, decides about events, and records what was decided. */
export class Gatekeeper {
  /** Asks that are stored; undefined without an outbox. */
  readonly asking: Asking | undefined;
  readonly #host: GateHost;
  readonly #timeout: number;
  readonly #onAsk: GatesOptions["onAsk"];
  readonly #table: GateTable;
  readonly #log: DecisionLog;

  /** @throws {TypeError | RangeError} when an option is invalid */
  constructor(options: GatesOptions | undefined, host: GateHost) {
    const subject = "Cannot create hooks: 'gates'";
    this.#host = host;
    checkObject(subject, "the value", options ?? {});
    checkKnown(subject, options ?? {}, ["required", "timeout", "onAsk"]);
    const { required = [], timeout, onAsk } = options ?? {};
    this.#table = new GateTable(subject, required);
    checkFunctions(subject, options ?? {}, [], ["onAsk"]);
    this.#timeout = readDuration(subject, "timeout", timeout, OR_INFINITE) ?? DECISION_TIMEOUT;
    this.#onAsk = onAsk;
    this.#log = new DecisionLog(host);
    this.asking = host.records && new Asking(host, {
      onAsk,
      gatesOf: (type) => this.#table.nameOf(type),
      check: (decisionId, event) => this.#check(decisionId, event),
    });
  }

  /** Adds a gate. @throws {TypeError | RangeError} when it is invalid, or its name is taken */
  register(pattern: string | readonly string[], definition: Gate<HookEvent>): Registration {
    const gate = readGate(definition);
    const subject = `Cannot register gate '${gate.name}'`;
    const patterns = checkPatterns(subject, pattern);
    const report = patterns.find(isReport);
    if (report !== undefined) {
      throw new TypeError(
        `${subject}: no gate decides about '${report}', because events of gate.*, webhook.* and ` +
          "delivery.* report what happened",
      );
    }
    if (this.#table.has(gate.name)) {
      throw new TypeError(`${subject}: the name is taken by another gate`);
    }
    const remove = this.#table.add(gate, patterns);
    this.#log.forget(false);
    return createRegistration(() => {
      if (remove()) this.#log.forget(true);
    });
  }

  /** Whether a decision about a type needs gates at all. */
  guards(type: string): boolean {
    if (isReport(type)) return false; // a record of a record would never end
    return this.#table.guards(type);
  }

  /**
   * Decides about an event, and emits it if it is allowed. With an outbox, event and record are stored in
   * one commit before this resolves.
   */
  async decide(
    type: string,
    data: unknown,
    options: DecideOptions = {},
    traits: CallTraits = {},
  ): Promise<Decision> {
    const subject = `Cannot decide about '${type}'`;
    checkKnown(subject, options, DECIDE_OPTIONS);
    options.signal?.throwIfAborted();
    if (!traits.isAdmitted) this.#host.admit(subject);
    const event = createEvent(type, data, options);
    await this.#host.validate(event);
    if (!this.guards(type)) {
      await this.#host.publish([event]);
      return { id: event.id, decision: "allow", data: event.data, gates: [] };
    }
    return await this.#host.run(() => this.#guarded(event, options.signal, traits));
  }

  /** Decides about an event that has gates; the same call gets the same decision again. */
  async #guarded(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits,
  ): Promise<Decision> {
    let digest: string;
    try {
      digest = await this.#host.digester.digestOf(event.data);
    } catch (error) {
      return this.#unrecorded(event, error).decision;
    }
    const callId = textIn(event.data, "call_id") || undefined;
    const isRepeatable = callId !== undefined && !traits.isUnique && !RESULTS.includes(event.type);
    if (!isRepeatable || this.#table.missing(event.data)) {
      return (await this.#judge(event, digest, signal)).decision;
    }
    const gates = this.#table.nameOf(event.type);
    const scope = event.sessionId ? ["session", event.sessionId] : ["run", event.runId ?? ""];
    const key = JSON.stringify([event.type, ...scope, callId, digest, gates]);
    const known = this.#log.get(key);
    if (known !== undefined) {
      return await this.#log.share(known, signal) ?? await this.#guarded(event, signal, traits);
    }
    // A call id that no session or run goes with may well be that of another call, yesterday.
    const decision = this.#host.records && scope[1] !== ""
      ? this.#recallOrJudge(key, event, digest, signal)
      : this.#judge(event, digest, signal);
    this.#log.remember(key, decision);
    return (await decision).decision;
  }

  /** Returns the decision that is stored about a call, or makes it. */
  async #recallOrJudge(
    key: string,
    event: HookEvent,
    digest: string,
    signal: AbortSignal | undefined,
  ): Promise<Recorded> {
    let conflict: unknown;
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      try {
        const slot = await this.#log.read(key);
        const recalled = await this.#recall(slot, event, digest);
        if (recalled !== undefined) {
          return { decision: recalled, isKept: recalled.decision !== "ask" };
        }
        return await this.#judge(event, digest, signal, slot);
      } catch (error) {
        if (isRefusal(error)) throw error;
        if (!(error instanceof RecordConflictError)) return this.#unrecorded(event, error);
        conflict = error;
      }
    }
    return this.#unrecorded(event, conflict);
  }

  /** Returns a stored decision; undefined when it has to be made again. */
  async #recall(
    { record }: Slot,
    event: HookEvent,
    digestIn: string,
  ): Promise<Decision | undefined> {
    const records = this.#host.records!;
    if (record === undefined) return undefined;
    const { id, decision, digest, context, interrupt } = record;
    const [decided, stored] = await Promise.all(
      [record.decided, record.event].map((id) => id === undefined ? undefined : records.event(id)),
    );
    if (decided === undefined) return undefined;
    const { gates = [], reason } = decided.data as Partial<Pick<Decision, "gates" | "reason">>;
    const base = {
      id,
      digest,
      ...(reason !== undefined && { reason }),
      ...(context !== undefined && { context }),
      gates: gates.map(({ internal: _, ...record }) => record),
      ...(interrupt && { interrupt }),
    };
    if (decision === "ask") {
      const same = digest === digestIn ? event : undefined;
      return await this.asking!.resume(record.ask!, base, same);
    }
    if (decision === "deny") return { ...base, decision, data: event.data, digest: digestIn };
    if (digest === digestIn) return { ...base, decision, data: event.data };
    // The data of a rewrite, unless `redact` kept it out of the store.
    const { decision_id: _, ...data } = (stored?.data ?? {}) as Readonly<Record<string, unknown>>;
    const judged = withData(event, data);
    const isSame = await this.#host.digester.digestOf(judged.data) === digest;
    return isSame ? { ...base, decision, data: judged.data } : undefined;
  }

  /** Lets the gates decide, and records what they decided. */
  async #judge(
    event: HookEvent,
    digestIn: string,
    signal: AbortSignal | undefined,
    slot?: Slot,
  ): Promise<Recorded> {
    const { clock, digester, records } = this.#host;
    const start = clock.now();
    const id = createEventId();
    let outcome = this.#table.missing(event.data) ?? await this.#run(id, event, signal);
    if (outcome.decision === "ask" && !this.asking) {
      // Other data, so that it is another decision: what a gate is sent under one id never differs.
      const check = (edited: HookEvent) => this.#check(createEventId(), edited);
      outcome = await resolveInProcess(this.#host, this.#onAsk, { event, outcome, check, signal });
    }
    const digest = outcome.data === event.data ? digestIn : await digester.digestOf(outcome.data);
    const took = Math.max(0, Math.round(clock.now() - start));
    const judged: Judged = {
      id,
      event: withData(event, outcome.data),
      digestIn,
      digest,
      outcome,
      took,
    };
    const isCut = outcome.gates.some(({ failure }) => isTransient(failure));
    const kept = isCut ? undefined : slot;
    if (outcome.decision === "ask") return await this.#ask(judged, kept);
    const decision = { ...decisionOf(judged), decision: outcome.decision };
    const decided = decidedEvent(judged);
    const subject = decision.decision === "allow"
      ? allowedEvent(judged.event, judged.id)
      : deniedEvent(judged.event, decision, outcome.gate);
    const more = { decided: decided.id, event: subject?.id };
    const record = kept && this.#log.write(kept, decision, more);
    try {
      const events = subject ? [subject, decided] : [decided];
      await this.#host.publish(events, records && (record ? [record] : []));
      return { decision, isKept: !isCut };
    } catch (error) {
      if (isRefusal(error) || error instanceof RecordConflictError) throw error;
      return this.#unrecorded(judged.event, error, decision);
    }
  }

  /** Stores what is asked. What can't be stored is denied. */
  async #ask(judged: Judged, slot: Slot | undefined): Promise<Recorded> {
    const write = (decision: Decision, decided: string, ask: string) =>
      slot ? [this.#log.write(slot, decision, { decided, ask })] : [];
    try {
      return { decision: await this.asking!.ask(judged, write), isKept: false };
    } catch (error) {
      if (isRefusal(error) || error instanceof RecordConflictError) throw error;
      return this.#unrecorded(judged.event, error, decisionOf(judged));
    }
  }

  /** What can't be recorded doesn't happen: a failure of kind `store`. */
  #unrecorded(event: HookEvent, error: unknown, decision?: Omit<Decision, "decision">): Recorded {
    this.#host.reporter.failed("Cannot record decision", error, event);
    const reason = "The decision could not be recorded (store)";
    const base = decision ?? { id: createEventId(), data: event.data, gates: [] };
    return { decision: { ...base, decision: "deny", reason } as FinalDecision, isKept: false };
  }

  #run(
    decisionId: string,
    event: HookEvent,
    signal?: AbortSignal,
    kind?: "check",
  ): Promise<GateOutcome> {
    const { logger, clock, abandoned, telemetry } = this.#host;
    const gates = this.#table.gatesFor(event.type);
    return runGates({
      telemetry,
      decisionId,
      gates: kind ? gates.filter((gate) => gate.kind === kind) : gates,
      event,
      isResult: RESULTS.includes(event.type),
      timeout: this.#timeout,
      signals: signal ? [signal, abandoned] : [abandoned],
      logger,
      clock,
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

  /** Runs the checks on data that a person edited. An edit is also an approval. */
  async #check(decisionId: string, event: HookEvent): Promise<GateOutcome> {
    const missing = this.#table.missing(event.data);
    if (missing !== undefined) return missing;
    try {
      await this.#host.validate(event);
    } catch (error) {
      if (!(error instanceof EventValidationError)) throw error;
      return denied({ data: event.data, gates: [], context: [], gate: undefined }, error.message);
    }
    const outcome = await this.#run(decisionId, event, undefined, "check");
    return outcome.decision === "ask" ? { ...outcome, decision: "allow" } : outcome;
  }
}
