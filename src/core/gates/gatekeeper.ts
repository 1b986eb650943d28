import { abortable, linkSignals } from "../../internal/async.ts";
import type { Clock } from "../../internal/clock.ts";
import { checkKnown, OR_INFINITE, readDuration } from "../../internal/options.ts";
import { createEventId } from "../../internal/uuid.ts";
import { checkFunctions, checkObject, inspect } from "../../internal/validate.ts";
import type { Receipt } from "../emitter.ts";
import { EventValidationError, HooksClosedError } from "../errors.ts";
import { checkPatterns, patternsFor } from "../event_rules.ts";
import type { HookEvent } from "../events.ts";
import type { Logger } from "../hook.ts";
import { createRegistration, type Registration } from "../registration.ts";
import type { Reporter } from "../reporter.ts";
import { createEvent } from "../snapshot.ts";
import { type Gate, readGate, type RegisteredGate } from "./gate.ts";
import { allowedEvent, deniedEvent, digestOf, textIn } from "./gate_events.ts";
import { withData } from "./rewrite.ts";
import type { Ask, DecideOptions, Decision, GatesOptions } from "./decision.ts";
import { type GateOutcome, runGates } from "./run_gates.ts";
import type { Decided } from "./verdict.ts";

/** How long a decision may take, in milliseconds: twice what one gate may. */
const DECISION_TIMEOUT = 10_000;

/** Decisions that are kept for calls that an SDK repeats: a call of a long session, and its neighbors. */
const MAX_REMEMBERED = 10_000;

/** Events that report what happened: their checks also judge the data before it is rewritten. */
const RESULTS: readonly string[] = ["tool.completed", "message.sent"];

/** What the gates need of the hooks that they belong to. */
export type GatekeeperHost = {
  readonly logger: Logger;
  readonly reporter: Reporter;
  readonly clock: Clock;
  /** Aborts when `close` gives up. */
  readonly abandoned: AbortSignal;
  dispatchMany(batch: readonly { event: HookEvent; fresh: boolean }[]): Promise<readonly Receipt[]>;
  /** Judges a payload by the schema of its type. @throws {EventValidationError} */
  validate(event: HookEvent): Promise<void>;
};

/** A decision, and whether it was recorded. */
type Recorded = { readonly decision: Decision; readonly isRecorded: boolean };

type Entry = { readonly gate: RegisteredGate; readonly patterns: readonly string[] };

/** Registers gates, decides about events, and records what was decided. */
export class Gatekeeper {
  readonly #host: GatekeeperHost;
  readonly #required: readonly string[];
  readonly #timeout: number;
  readonly #onAsk: GatesOptions["onAsk"];
  readonly #entries = new Map<string, Entry>();
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
    const patterns = checkPatterns(subject, pattern);
    if (this.#entries.has(gate.name)) {
      throw new TypeError(`${subject}: the name is taken by another gate`);
    }
    const entry = { gate, patterns };
    this.#entries.set(gate.name, entry);
    return createRegistration(() => {
      if (this.#entries.get(gate.name) === entry) this.#entries.delete(gate.name);
    });
  }

  /** Whether a decision about a type needs gates at all. */
  guards(type: string): boolean {
    return this.#required.length > 0 || this.#gatesFor(type).length > 0;
  }

  /**
   * Decides about an event, and emits it if it is allowed. With an outbox, event and record are stored in
   * one commit before this resolves.
   */
  async decide(type: string, data: unknown, options: DecideOptions = {}): Promise<Decision> {
    checkKnown(`Cannot decide about '${type}'`, options, ["sessionId", "signal"]);
    options.signal?.throwIfAborted();
    const event = createEvent(type, data, options.sessionId);
    await this.#host.validate(event);
    if (!this.guards(type)) {
      await this.#host.dispatchMany([{ event, fresh: true }]);
      return { id: event.id, decision: "allow", data: event.data, gates: [] };
    }
    const digest = await digestOf(event.data);
    const callId = textIn(event.data, "call_id");
    if (callId === undefined) return (await this.#decide(event, digest, options)).decision;
    // SDKs call again when they retry or resume: the same call is not judged twice.
    const key = JSON.stringify([type, event.sessionId, callId, digest]);
    const known = this.#remembered.get(key);
    if (known !== undefined) return (await known).decision;
    const decision = this.#decide(event, digest, options);
    this.#remember(key, decision);
    return (await decision).decision;
  }

  async #decide(event: HookEvent, digestIn: string, options: DecideOptions): Promise<Recorded> {
    const { clock } = this.#host;
    const start = clock.now();
    const id = createEventId();
    const missing = this.#missing(event);
    const outcome = missing ?? await this.#run(event, options.signal);
    const judged = withData(event, outcome.data);
    const { decision, reason, interrupt } = await this.#answered(outcome, judged, options.signal);
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
    }, event.sessionId);
    const denier = outcome.gates.find(({ verdict }) => verdict === "deny" || verdict === "failed");
    const subject = decision === "allow"
      ? allowedEvent(judged, id)
      : deniedEvent(judged, result, denier?.name);
    return await this.#record(result, subject ? [subject, record] : [record]);
  }

  /** Stores what was decided. What can't be recorded doesn't happen. */
  async #record(decision: Decision, events: readonly HookEvent[]): Promise<Recorded> {
    try {
      await this.#host.dispatchMany(events.map((event) => ({ event, fresh: true })));
      return { decision, isRecorded: true };
    } catch (error) {
      if (error instanceof EventValidationError || error instanceof HooksClosedError) throw error;
      this.#host.reporter.failed("Cannot record decision", error, events[0]);
      const reason = "The decision could not be recorded (store)";
      return { decision: { ...decision, decision: "deny", reason }, isRecorded: false };
    }
  }

  /** A gate that must be there and isn't fails every decision. */
  #missing({ data }: HookEvent): GateOutcome | undefined {
    const missing = this.#required.filter((name) => !this.#entries.has(name));
    if (missing.length === 0) return undefined;
    const reason = `Gate '${missing[0]}' is required and not registered`;
    return {
      decision: "deny",
      data,
      verdict: { decision: "deny", reason },
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

  #run(event: HookEvent, signal: AbortSignal | undefined): Promise<GateOutcome> {
    const { logger, clock, abandoned } = this.#host;
    return runGates({
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

  /** An ask that somebody answers is an allow or a deny; one that nobody can answer is a deny. */
  async #answered(
    outcome: GateOutcome,
    event: HookEvent,
    signal: AbortSignal | undefined,
  ): Promise<{ decision: Decided; reason?: string | undefined; interrupt?: boolean | undefined }> {
    const { decision, verdict } = outcome;
    const { reason, interrupt } = verdict ?? {};
    if (decision !== "ask") return { decision, reason, interrupt };
    const gate = outcome.gates.find((record) =>
      record.verdict === "ask" || record.verdict === "failed"
    );
    if (this.#onAsk === undefined) {
      return { decision: "deny", reason: `${reason} (nobody can be asked: pass 'gates.onAsk')` };
    }
    const { abandoned, reporter, clock } = this.#host;
    const limit = signal ? linkSignals(signal, abandoned) : linkSignals(abandoned);
    const expiry = verdict?.expiresIn;
    const cancel = expiry === undefined
      ? undefined
      : clock.setTimer(expiry, () => limit.abort(new Error(`the ask expired after ${expiry} ms`)));
    const ask: Ask = {
      question: reason ?? "",
      event,
      gate: gate?.name ?? "",
      allow: verdict?.allow ?? ["allow", "deny"],
      signal: limit.signal,
    };
    try {
      const answer = await abortable(Promise.resolve(this.#onAsk(ask)), limit.signal);
      if (answer?.decision === "allow") return { decision: "allow", reason: answer.reason };
      return { decision: "deny", reason: answer?.reason ?? "The request was not approved" };
    } catch (error) {
      reporter.failed(`Cannot ask about '${event.type}'`, error, event);
      return { decision: "deny", reason: "The request was not approved" };
    } finally {
      cancel?.();
      limit.release();
    }
  }

  #gatesFor(type: string): readonly RegisteredGate[] {
    const patterns = patternsFor(type);
    return [...this.#entries.values()]
      .filter((entry) => entry.patterns.some((pattern) => patterns.includes(pattern)))
      .map(({ gate }) => gate)
      .sort((a, b) => b.priority - a.priority);
  }

  #remember(key: string, decision: Promise<Recorded>): void {
    this.#remembered.set(key, decision);
    const forget = (): void => void this.#remembered.delete(key);
    // Neither recorded nor rejected for good: the next call tries again.
    decision.then(({ isRecorded }) => isRecorded || forget(), forget);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#remembered.keys();
    this.#remembered.delete(oldest!);
  }
}
