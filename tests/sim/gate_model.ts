import type { StoreCommit } from "../../src/store/mod.ts";
import { fromWire } from "../../src/core/event_codec.ts";
import type { HookEvent } from "../../src/core/mod.ts";
import type { AskRecord } from "../../src/core/gates/ask_records.ts";
import { canonicalJson } from "../../src/internal/json_text.ts";
import type { EventRecord } from "../../src/outbox/records.ts";
import type { Sent } from "./faulty_store.ts";
import type { Lifetimes } from "./layout.ts";
import { Model } from "./model.ts";
import type { Simulation } from "./simulation.ts";

/** What is stored of decisions and asks, and whether a commit was allowed. */
export class GateModel extends Model {
  readonly #events = new Map<string, HookEvent>();
  readonly #asks = new Map<string, AskRecord>();
  readonly #decisions = new Set<string>();
  /** Responders whose response was reported as stored, by ask. */
  readonly #reported = new Map<string, string[]>();
  readonly #runs = new Map<string, string>();

  constructor(simulation: Simulation, lifetimes: Lifetimes) {
    super(simulation, { lifetimes, subscribers: () => [], eventLog: true });
  }

  override record(sent: Sent, result: StoreCommit): void {
    super.record(sent, result);
    if (!result.ok) return;
    const events: HookEvent[] = [];
    for (const mutation of sent.mutations) {
      if (mutation.what !== "set") continue;
      const [, kind, what, id] = mutation.key as string[];
      if (kind === "event") {
        const { event } = mutation.value as EventRecord;
        const stored = fromWire(structuredClone(event));
        this.#events.set(what!, stored);
        events.push(stored);
      }
      if (kind !== "record") continue;
      if (what === "ask") this.#ask(id!, mutation.value as AskRecord);
      if (what !== "decision") continue;
      if (this.#decisions.has(id!)) this.violate(`a call was decided twice`);
      this.#decisions.add(id!);
    }
    this.#checkCommit(events);
  }

  /** What gates or a person decided is recorded in one commit with what happens. */
  #checkCommit(events: readonly HookEvent[]): void {
    const decided = events.filter(isEnd).map(decisionOf);
    const happened = events.filter(({ type }) => type === "tool.called" || type === "tool.denied");
    for (const event of happened) {
      if (!decided.includes(decisionOf(event))) this.violate(`${event.type} has no decision`);
    }
  }

  /** The call that an ask is about. */
  callOf(askId: string): string | undefined {
    const event = this.#events.get(this.#asks.get(askId)?.event ?? "");
    return (event?.data as { readonly call_id?: string } | undefined)?.call_id;
  }

  /** A response was reported as stored. */
  reported(askId: string, name: string): void {
    this.#reported.set(askId, [...this.#reported.get(askId) ?? [], name]);
  }

  /** A tool runs: its decision must be stored by now, about the very data. */
  ran(callId: string, decisionId: string, data: unknown): void {
    const called = this.#find("tool.called", decisionId);
    if (called.length !== 1) {
      this.violate(`${callId} ran with ${called.length} events tool.called stored`);
    }
    const { decision_id: _, ...stored } = (called[0]?.data ?? {}) as Record<string, unknown>;
    if (canonicalJson(stored) !== canonicalJson(data)) {
      this.violate(`${callId} ran with other data than what is stored`);
    }
    const decided = this.#ends(decisionId);
    if (decided.length !== 1) this.violate(`${callId} ran with ${decided.length} decisions stored`);
    const { outcome, ask_id } = (decided[0]?.data ?? {}) as Record<string, string>;
    if (outcome !== "allowed") this.violate(`${callId} ran, and was ${outcome}`);
    const state = ask_id && this.#asks.get(ask_id)?.state;
    if (state && !["allow", "edit"].includes(state)) this.violate(`${callId} ran: ${state}`);
    const before = this.#runs.get(callId);
    if (before !== undefined && before !== canonicalJson(data)) {
      this.violate(`${callId} ran with two different payloads`);
    }
    this.#runs.set(callId, canonicalJson(data));
  }

  /** At the end: no response was reported as stored when another one was. */
  check(): void {
    for (const [id, names] of this.#reported) {
      const { by } = this.#asks.get(id)!;
      // A repeated report means that the first one was lost.
      const others = names.filter((name) => name !== by);
      if (others.length > 0) this.violate(`${others.join()} was told, and ${by} is stored`);
    }
    const ends = [...this.#events.values()].filter(({ type }) =>
      type === "tool.called" || type === "tool.denied"
    );
    const perDecision = new Map<string, number>();
    for (const { data } of ends) {
      const { decision_id } = data as { readonly decision_id: string };
      perDecision.set(decision_id, (perDecision.get(decision_id) ?? 0) + 1);
    }
    for (const [id, count] of perDecision) {
      if (count > 1) this.violate(`decision ${id} has ${count} events`);
      const records = this.#ends(id).length;
      if (records !== 1) this.violate(`decision ${id} has ${records} records`);
    }
  }

  /** An ask is resolved at most once, and becomes final at most once, after that. */
  #ask(id: string, next: AskRecord): void {
    const before = this.#asks.get(id);
    this.#asks.set(id, next);
    if (before === undefined) {
      if (next.state !== "pending") this.violate(`ask ${id} begins as ${next.state}`);
      return;
    }
    if (before.state !== "pending" && before.state !== next.state) {
      this.violate(`ask ${id} was ${before.state} and becomes ${next.state}`);
    }
    if (before.final !== undefined) this.violate(`ask ${id} was final, and is written again`);
    if (next.final !== undefined && next.state === "pending") {
      this.violate(`ask ${id} is final while it is pending`);
    }
  }

  /** The records of a decision, except that a person was asked. */
  #ends(decisionId: string): readonly HookEvent[] {
    return this.#find("gate.decided", decisionId).filter(isEnd);
  }

  #find(type: string, decisionId: string): readonly HookEvent[] {
    return [...this.#events.values()].filter((event) =>
      event.type === type && decisionOf(event) === decisionId
    );
  }
}

function decisionOf({ data }: HookEvent): string | undefined {
  return (data as { readonly decision_id?: string }).decision_id;
}

/** Returns whether an event records what was decided in the end. */
function isEnd({ type, data }: HookEvent): boolean {
  return type === "gate.decided" && (data as { readonly outcome?: string }).outcome !== "asked";
}
