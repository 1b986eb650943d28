import { abortable, linkSignals } from "../../internal/async.ts";
import type { Clock } from "../../internal/clock.ts";
import { checkKnown, OR_INFINITE, readDuration } from "../../internal/options.ts";
import { createEventId } from "../../internal/uuid.ts";
import { checkFunctions, checkObject, inspect } from "../../internal/validate.ts";
import type { Receipt } from "../emitter.ts";
import { EventValidationError, HooksClosedError } from "../errors.ts";
import { isReport, patternsFor } from "../event_rules.ts";
import type { HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import { createRegistration, type Registration } from "../registration.ts";
import type { Reporter } from "../reporter.ts";
import { createEvent } from "../snapshot.ts";
import { type Gate, readGate, readGatePatterns, type RegisteredGate } from "./gate.ts";
import { allowedEvent, deniedEvent, digestOf, textIn } from "./gate_events.ts";
import { withData } from "./rewrite.ts";
import type { Ask, DecideOptions, Decision, GatesOptions } from "./decision.ts";
import { type GateOutcome, runGates } from "./run_gates.ts";
import type { Decided } from "./verdict.ts";

/** How long a decision may take, in milliseconds: twice what one gate may. */
const DECISION_TIMEOUT = 10_000;

/** Decisions that are kept for calls that an SDK repeats: a call of a long session, and its neighbors. */
const MAX_REMEMBERED = 1_000;

/** Types whose gates are kept in order. */
const MAX_TYPES = 1_000;

/** How long a person may take, unless a gate says otherwise, in milliseconds: ten minutes. */
const ASK_TIMEOUT = 10 * 60 * 1000;

/** Failures that say nothing about the event: the same call is decided again. */
const TRANSIENT: readonly string[] = ["timeout", "aborted", "unreachable"];
const DECIDE_OPTIONS = ["sessionId", "runId", "traceparent", "signal"];

/** Events that report what happened: their checks also judge the data before it is rewritten. */
const RESULTS: readonly string[] = ["tool.completed", "message.sent"];

/** What the gates need of the hooks that they belong to. */
export type GatekeeperHost = {
  readonly logger: Logger;
  readonly reporter: Reporter;
  readonly clock: Clock;
  /** Aborts when `close` gives up. */
  readonly abandoned: AbortSignal;
  dispatchMany(
    batch: readonly { event: HookEvent; fresh: boolean }[],
    options: { readonly onAccepted: (receipts: readonly Receipt[]) => void },
  ): Promise<readonly Receipt[]>;
  /** Judges a payload by the schema of its type. @throws {EventValidationError} */
  validate(event: HookEvent): Promise<void>;
};

/** A decision, and whether the same call gets it again. */
type Recorded = { readonly decision: Decision; readonly isKept: boolean };

type Entry = { readonly gate: RegisteredGate; readonly patterns: readonly string[] };

/** Registers gates, decides about events, and records what was decided. */
export class Gatekeeper {
  readonly #host: GatekeeperHost;
  readonly #required: readonly string[];
  readonly #timeout: number;
  readonly #onAsk: GatesOptions["onAsk"];
  readonly #entries = new Map<string, Entry>();
  /** Those of a type, in order. Types come from outside too, so that their number is bounded. */
  readonly #byType = new Map<string, readonly RegisteredGate[]>();
  readonly #remembered = new Map<string, Promise<Recorded>>();

  /** @throws {TypeError | RangeError} when an option is invalid */
  constructor(options: GatesOptions | undefined, host: GatekeeperHost) {
    const subject = "Cannot create hooks: 'gates'";
    this.#host = host;
    checkObject(subject, "the value", options ?? {});
    checkKnown(subject, options ?? {}, ["required", "timeout", "onAsk"]);
    const { required = [], timeout, onAsk } = options ?? {};
    if (!Array.isArray(required) || !required.every((name) => typeof name === "string")) {
      throw new TypeError(
        `${subject}: 'required' must be a list of names, got ${inspect(required)}`,
      );
    }
    checkFunctions(subject, options ?? {}, [], ["onAsk"]);
    this.#required = [...required];
    this.#timeout = readDuration(subject, "timeout", timeout, OR_INFINITE) ?? DECISION_TIMEOUT;
    this.#onAsk = onAsk;
  }

  /** Adds a gate. @throws {TypeError | RangeError} when it is invalid, or its name is taken */
  register(pattern: string | readonly string[], definition: Gate<HookEvent>): Registration {
    const gate = readGate(definition);
    const subject = `Cannot register gate '${gate.name}'`;
    const patterns = readGatePatterns(subject, pattern);
    if (this.#entries.has(gate.name)) {
      throw new TypeError(`${subject}: the name is taken by another gate`);
    }
    const entry = { gate, patterns };
    this.#entries.set(gate.name, entry);
    this.#changed();
    return createRegistration(() => {
      if (this.#entries.get(gate.name) !== entry) return;
      this.#entries.delete(gate.name);
      this.#changed();
    });
  }

  /** Whether a decision about a type needs gates at all. */
  guards(type: string): boolean {
    if (isReport(type)) return false; // a record of a record would never end
    return this.#required.length > 0 || this.#gatesFor(type).length > 0;
  }

  /**
   * Decides about an event, and emits it if it is allowed. With an outbox, event and record are stored in
   * one commit before this resolves.
   */
  async decide(type: string, data: unknown, options: DecideOptions = {}): Promise<Decision> {
    checkKnown(`Cannot decide about '${type}'`, options, DECIDE_OPTIONS);
    options.signal?.throwIfAborted();
    const event = createEvent(type, data, options);
    await this.#host.validate(event);
    if (!this.guards(type)) {
      await this.#emit([event]);
      return { id: event.id, decision: "allow", data: event.data, gates: [] };
    }
    const digest = await digestOf(event.data);
    const callId = textIn(event.data, "call_id");
    if (this.#missing(event) || callId === undefined || RESULTS.includes(type)) {
      return (await this.#decide(event, digest, options)).decision;
    }
    // SDKs call again when they retry or resume: the same call is not judged twice.
    const key = JSON.stringify([type, event.sessionId, callId, digest]);
    const known = this.#remembered.get(key);
    if (known !== undefined) {
      const { signal } = options;
      return (await (signal ? abortable(known, signal) : known)).decision;
    }
    const decision = this.#decide(event, digest, options);
    this.#remember(key, decision);
    return (await decision).decision;
  }

  async #decide(event: HookEvent, digestIn: string, options: DecideOptions): Promise<Recorded> {
    const { clock } = this.#host;
    const start = clock.now();
    const id = createEventId();
    const missing = this.#missing(event);
    const outcome = missing ?? await this.#run(id, event, options.signal);
    const judged = withData(event, outcome.data);
    const { decision, reason, interrupt } = await this.#resolved(outcome, judged, options.signal);
    const digest = outcome.data === event.data ? digestIn : await digestOf(outcome.data);
    const result: Decision = {
      id,
      decision,
      data: outcome.data,
      ...(reason !== undefined && { reason }),
      ...(outcome.context.length > 0 && { context: outcome.context.join("\n") }),
      ...(interrupt && { interrupt }),
      digest,
      gates: outcome.gates.map(({ internal: _, ...record }) => record),
    };
    const record = createEvent("gate.decided", {
      decision_id: id,
      event_type: event.type,
      call_id: textIn(event.data, "call_id"),
      agent_id: textIn(event.data, "agent_id"),
      outcome: { allow: "allowed", deny: "denied", ask: "asked" }[decision],
      reason,
      gates: outcome.gates,
      digest_in: digestIn,
      digest_out: digest,
      took_ms: Math.max(0, Math.round(clock.now() - start)),
    }, event);
    const subject = decision === "allow"
      ? allowedEvent(judged, id)
      : deniedEvent(judged, result, outcome.gate);
    const recorded = await this.#record(result, subject ? [subject, record] : [record]);
    const isCut = outcome.gates.some(({ failure = "" }) => TRANSIENT.includes(failure));
    return { ...recorded, isKept: recorded.isKept && !isCut };
  }

  /** Stores what was decided. What can't be recorded doesn't happen. */
  async #record(decision: Decision, events: readonly HookEvent[]): Promise<Recorded> {
    try {
      await this.#emit(events);
      return { decision, isKept: true };
    } catch (error) {
      if (error instanceof EventValidationError || error instanceof HooksClosedError) throw error;
      this.#host.reporter.failed("Cannot record decision", error, events[0]);
      const reason = "The decision could not be recorded (store)";
      return { decision: { ...decision, decision: "deny", reason }, isKept: false };
    }
  }

  /** Resolves when events are accepted, and stored if there is an outbox. Observers aren't waited for. */
  #emit(events: readonly HookEvent[]): Promise<unknown> {
    const batch = events.map((event) => ({ event, fresh: true }));
    return new Promise((resolve, reject) => {
      this.#host.dispatchMany(batch, { onAccepted: resolve }).then(resolve, reject);
    });
  }

  /** A gate that must be there and isn't, or isn't enforced, fails every decision. */
  #missing({ data }: HookEvent): GateOutcome | undefined {
    const missing = this.#required.filter((name) =>
      this.#entries.get(name)?.gate.mode !== "enforce"
    );
    if (missing.length === 0) return undefined;
    const reason = `Gate '${missing[0]}' is required, and not registered or not enforced`;
    return {
      decision: "deny",
      data,
      verdict: { decision: "deny", reason },
      gate: missing[0],
      context: [],
      gates: missing.map((name) => ({
        name,
        kind: "check",
        mode: "enforce",
        verdict: "failed",
        failure: "missing",
        duration_ms: 0,
      })),
    };
  }

  #run(
    decisionId: string,
    event: HookEvent,
    signal: AbortSignal | undefined,
  ): Promise<GateOutcome> {
    const { logger, clock, abandoned } = this.#host;
    return runGates({
      decisionId,
      gates: this.#gatesFor(event.type),
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

  /** An ask that is approved is an allow; one that isn't, or that nobody can resolve, is a deny. */
  async #resolved(
    outcome: GateOutcome,
    event: HookEvent,
    signal: AbortSignal | undefined,
  ): Promise<{ decision: Decided; reason?: string | undefined; interrupt?: boolean | undefined }> {
    const { decision, verdict, gate = "" } = outcome;
    const { reason, interrupt } = verdict ?? {};
    if (decision !== "ask") return { decision, reason, interrupt };
    const { abandoned, reporter, clock } = this.#host;
    if (this.#onAsk === undefined) {
      const error = new Error(`Gate '${gate}' asks, and nobody can be asked: pass 'gates.onAsk'`);
      reporter.failed(`Cannot ask about '${event.type}'`, error, event);
      return { decision: "deny", reason: `Approval is required: ${reason}` };
    }
    const limit = signal ? linkSignals(signal, abandoned) : linkSignals(abandoned);
    const expiry = verdict?.expiresIn ?? ASK_TIMEOUT;
    const cancel = clock.setTimer(expiry, () => {
      limit.abort(new Error(`the ask expired after ${expiry} ms`));
    });
    const choices = verdict?.allow ?? ["allow", "deny"];
    const ask: Ask = { question: reason!, event, gate, allow: choices, signal: limit.signal };
    try {
      const answer = await abortable(Promise.resolve(this.#onAsk(ask)), limit.signal);
      const why = typeof answer?.reason === "string" ? answer.reason : undefined;
      if (answer?.decision === "allow" && choices.includes("allow")) {
        return { decision: "allow", reason: why };
      }
      return { decision: "deny", reason: why ?? "The request was not approved" };
    } catch (error) {
      reporter.failed(`Cannot ask about '${event.type}'`, error, event);
      return { decision: "deny", reason: "The request was not approved" };
    } finally {
      cancel();
      limit.release();
    }
  }

  /** Forgets what was worked out, and decided, with other gates. */
  #changed(): void {
    this.#byType.clear();
    this.#remembered.clear();
  }

  #gatesFor(type: string): readonly RegisteredGate[] {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const patterns = patternsFor(type);
    const gates = [...this.#entries.values()]
      .filter((entry) => entry.patterns.some((pattern) => patterns.includes(pattern)))
      .map(({ gate }) => gate)
      .sort((a, b) => b.priority - a.priority);
    if (this.#byType.size >= MAX_TYPES) this.#byType.clear();
    this.#byType.set(type, gates);
    return gates;
  }

  #remember(key: string, decision: Promise<Recorded>): void {
    this.#remembered.set(key, decision);
    const forget = (): void => void this.#remembered.delete(key);
    // Cut short or not recorded: the next call tries again.
    decision.then(({ isKept }) => isKept || forget(), forget);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#remembered.keys();
    this.#remembered.delete(oldest!);
  }
}
