import { abortable, linkSignals } from "../../internal/async.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import { createEventId } from "../../internal/uuid.ts";
import type { RecordWrite } from "../delivery.ts";
import { AskError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import type { GateAskedData } from "../gate_payloads.ts";
import { createEvent } from "../snapshot.ts";
import { askPerson, type OnAsk } from "./ask_in_process.ts";
import { AskWaits, type Wait } from "./ask_waits.ts";
import { type AskRecord, AskRecords, RECORD_VERSION } from "./ask_records.ts";
import {
  type AskedDecision,
  type Decision,
  type DecisionBase,
  decisionOf,
  type FinalDecision,
  type Judged,
} from "./decision.ts";
import { abortedEvent, decidedEvent, recordedGates, textIn } from "./gate_events.ts";
import type { GateHost } from "./gate_host.ts";
import { askersOf } from "./merge_verdicts.ts";
import { recordedText } from "./recorded_text.ts";
import { type AskResolution, checkResolution, judgedEvent, resolveAsk } from "./resolve_ask.ts";
import { AskSettler, deniedAsk, type EditChecks, type KnownAsk } from "./settle_ask.ts";
import { announceUnrecorded } from "./unrecorded.ts";
import { untilThrown } from "./until_aborted.ts";
import { ASK_TIMEOUT, MAX_ASK_TIMEOUT } from "./limits.ts";
import { ASK_CHOICES } from "./verdict.ts";

/** The parts of an ask. */
type AskingOptions = EditChecks & { readonly onAsk: OnAsk | undefined };

/** Returns the records to store with a decision. */
export type WriteDecision = (
  decision: Decision,
  more: { readonly decided: string; readonly event?: string | undefined; readonly ask?: string },
) => readonly RecordWrite[];

/** Stores asks, waits for responses, and records the results. */
export class Asking {
  readonly records: AskRecords;
  readonly #host: GateHost;
  readonly #onAsk: OnAsk | undefined;
  readonly #settler: AskSettler;
  readonly #waits = new AskWaits();
  /** Asks for which `onAsk` is being called. */
  readonly #inProcess = new Set<string>();

  constructor(host: GateHost, options: AskingOptions) {
    this.#host = host;
    this.#onAsk = options.onAsk;
    this.records = new AskRecords(host);
    this.#settler = new AskSettler(host, this.records, options);
  }

  /** Stores an ask, in one commit with its decision. */
  async ask(judged: Judged, write: WriteDecision): Promise<AskedDecision> {
    const { clock, redact, publish } = this.#host;
    const { outcome, event, digest } = judged;
    const { verdict, gate } = outcome;
    const id = createEventId();
    const expires = clock.now() + Math.min(verdict!.expiresIn ?? ASK_TIMEOUT, MAX_ASK_TIMEOUT);
    const allow = verdict!.allow ?? ASK_CHOICES;
    const { data } = redact(event);
    const decided = decidedEvent(judged, { askId: id });
    const asked = createEvent("gate.asked", {
      ask_id: id,
      decision_id: judged.id,
      event_type: event.type,
      name: textIn(event.data, "name"),
      call_id: textIn(event.data, "call_id"),
      agent_id: textIn(event.data, "agent_id"),
      gate,
      digest,
      data,
      question: recordedText(verdict!.reason!),
      expires_at: new Date(expires).toISOString(),
      allow,
    }, event);
    const record: AskRecord = {
      v: RECORD_VERSION,
      event: asked.id,
      decided: decided.id,
      decision: judged.id,
      digest,
      gates: judged.judges,
      expires,
      allow,
      askers: askersOf(outcome.gates),
      masked: canonicalJson(data) !== canonicalJson(event.data),
      state: "pending",
    };
    const decision = this.#asked({ ...decisionOf(judged), event, gate }, id, expires);
    await publish([decided, asked], [
      ...this.records.create(id, record),
      ...write(decision, { decided: decided.id, ask: id }),
    ]);
    this.#callOnAsk(id, record, asked, event);
    return decision;
  }

  /**
   * Continues with an ask that was stored before, unless its approval was used. `event` has the data that was
   * judged, if known.
   */
  async resume(
    id: string,
    base: Omit<DecisionBase, "data">,
    event: HookEvent | undefined,
  ): Promise<Decision | undefined> {
    const ask = await this.records.read(id);
    const asked = ask && await this.#host.records!.event(ask.record.event);
    if (ask === undefined || asked === undefined || ask.record.used) return undefined;
    const judged = event ?? await this.#storedEvent(ask.record, asked);
    if (judged === undefined) return undefined;
    const { gate } = asked.data as GateAskedData;
    const known = { ...base, data: judged.data, event: judged, gate };
    if (!this.records.isPending(ask)) {
      const final = await this.#settler.settle(id, known);
      if (final?.failure !== undefined) this.#announce(known, final);
      return final;
    }
    this.#callOnAsk(id, ask.record, asked, judged);
    return { ...this.#asked(known, id, ask.record.expires), isResumed: true };
  }

  /** Waits for the response to an ask that only the store has. @throws {AskError} */
  async waitFor(id: string, signal?: AbortSignal): Promise<FinalDecision> {
    const inTime = <Read>(read: Promise<Read>) => signal ? abortable(read, signal) : read;
    const { known, expires } = await inTime(this.#readKnown(id));
    const wait = this.#waits.enter(id, signal);
    const ended = this.#ended(id, known, expires, { signal, wait }).finally(() => wait.leave());
    const final = await (signal ? untilThrown(this.#host, ended, signal) : ended);
    if (final.decision !== "allow") return final;
    wait.take();
    const isUsed = (await inTime(this.records.read(id)))?.record.used !== undefined;
    return isUsed ? deniedAsk(id, known, "The approval was used by another execution") : final;
  }

  async #readKnown(id: string): Promise<{ readonly known: KnownAsk; readonly expires: number }> {
    const ask = await this.records.read(id);
    const [asked, decided] = await Promise.all(
      [ask?.record.event, ask?.record.decided].map((id) => id && this.#host.records!.event(id)),
    );
    if (!ask || !asked) throw new AskError("unknown", id, "there is no such ask");
    const event = await this.#storedEvent(ask.record, asked);
    if (event === undefined) {
      throw new AskError(
        "refused",
        id,
        "its data is redacted in the store. Decide again, with the same session, call id and data",
      );
    }
    const { digest, decision, expires } = ask.record;
    const { gate } = asked.data as GateAskedData;
    const gates = decided ? recordedGates(decided) : [];
    return {
      known: { id: decision, data: event.data, digest, gates, event, gate },
      expires,
    };
  }

  /** Stores a response. With `isUsed`, the caller uses the approval. @throws {AskError | TypeError} */
  async resolve(id: string, resolution: AskResolution, isUsed = false): Promise<void> {
    checkResolution(`Cannot resolve ask '${id}'`, resolution);
    await resolveAsk(this.#host, this.records, id, resolution, isUsed);
  }

  /** Returns the event that was judged, if the store has all of its data. */
  async #storedEvent(record: AskRecord, asked: HookEvent): Promise<HookEvent | undefined> {
    if (record.masked) return undefined;
    const event = judgedEvent(asked);
    const digest = await this.#host.digester.digestOf(event.data);
    return digest === record.digest ? event : undefined;
  }

  #asked(known: KnownAsk, askId: string, expires: number): AskedDecision {
    const { event: _, gate: __, ...base } = known;
    return {
      ...base,
      decision: "ask",
      askId,
      expiresAt: new Date(expires),
      wait: ({ signal } = {}) => this.#wait(askId, known, expires, signal),
    };
  }

  /** Calls `onAsk`, and stores its response, unless someone else responded first. */
  #callOnAsk(id: string, record: AskRecord, asked: HookEvent, event: HookEvent): void {
    const onAsk = this.#onAsk;
    const { reporter, clock, closing } = this.#host;
    if (onAsk === undefined || this.#inProcess.has(id)) return;
    this.#inProcess.add(id);
    const { question, gate = "" } = asked.data as GateAskedData;
    const request = { question, event, gate, allow: record.allow, askId: id };
    const ended = linkSignals(closing);
    const stop = (): void => ended.abort(new Error("the ask has ended"));
    this.records.ended(id, record.expires, ended.signal).then(stop, () => {});
    const respond = async (): Promise<void> => {
      try {
        const left = record.expires - clock.now();
        const response = await askPerson(this.#host, onAsk, request, left, ended.signal);
        const { decision, data, reason: note, by = "onAsk" } = response;
        await this.resolve(id, {
          decision,
          by,
          ...(data !== undefined && { data }),
          ...(note !== undefined && { note }),
        });
      } catch (error) {
        const isLate = error instanceof AskError && error.failure !== "refused";
        if (!ended.signal.aborted && !isLate) reporter.failed(`Cannot ask '${id}'`, error, event);
      } finally {
        this.#inProcess.delete(id);
        stop();
        ended.release();
      }
    };
    void this.#host.run(respond);
  }

  /**
   * Waits for the end of an ask, until the caller aborts. A call that was approved by then has ended, unless others in
   * this process wait for the same ask: one of them uses it.
   *
   * @throws the reason of the signal
   */
  #wait(
    id: string,
    known: KnownAsk,
    expires: number,
    signal: AbortSignal | undefined,
  ): Promise<FinalDecision> {
    const wait = this.#waits.enter(id, signal);
    const take = async (): Promise<FinalDecision> => {
      try {
        const final = await this.#ended(id, known, expires, { signal, wait });
        const isAllowed = final.decision === "allow";
        if (signal?.aborted) {
          if (isAllowed && !wait.isNeeded()) await this.#discard(id, final, known);
          throw signal.reason;
        }
        if (isAllowed) wait.take();
        return final;
      } finally {
        wait.leave();
      }
    };
    return signal ? untilThrown(this.#host, take(), signal) : take();
  }

  /** Uses up an approval that nobody waits for any longer, and records the end of its call. */
  async #discard(id: string, final: FinalDecision, { event }: KnownAsk): Promise<void> {
    const { abandoned, publish } = this.#host;
    if (abandoned.aborted || !await this.records.use(id)) return;
    const ended = abortedEvent(event, final);
    if (ended) await publish([ended]);
  }

  async #ended(
    id: string,
    known: KnownAsk,
    expires: number,
    { signal, wait }: { readonly signal: AbortSignal | undefined; readonly wait: Wait },
  ): Promise<FinalDecision> {
    const { closing } = this.#host;
    const limit = signal ? linkSignals(signal, closing) : linkSignals(closing);
    try {
      const final = await this.#finalOf(id, known, expires, limit.signal);
      if (final.failure !== undefined && wait.report()) this.#announce(known, final);
      return final;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (!closing.aborted) throw error;
      // Nothing is recorded: after a restart, the same call waits for the same ask.
      return deniedAsk(id, known, "The hooks were closed before anyone responded");
    } finally {
      limit.release();
    }
  }

  #announce({ id, event, digest }: KnownAsk, final: FinalDecision): void {
    announceUnrecorded(this.#host, { id, event, digestIn: digest }, final);
  }

  /** Waits for the end of an ask. It is denied if the store doesn't respond before it expires. */
  async #finalOf(
    id: string,
    known: KnownAsk,
    expires: number,
    signal: AbortSignal,
  ): Promise<FinalDecision> {
    const { clock, reporter, closing } = this.#host;
    for (;;) {
      try {
        await this.records.ended(id, expires, signal);
        signal.throwIfAborted();
        // Not by the caller's signal: this emits the call's event, which the caller has to end then.
        const decision = await abortable(this.#settler.settle(id, known), closing);
        if (decision !== undefined) return decision;
      } catch (error) {
        if (signal.aborted) throw error;
        reporter.failed("Cannot read ask", error, known.event);
        if (clock.now() >= expires) {
          return deniedAsk(id, known, "The response could not be read (store)", "store");
        }
      }
      await this.records.pause(signal);
    }
  }
}
