import type { WireEvent } from "../../src/core/mod.ts";
import type { DeadLetterRecord, EventRecord, TargetRecord } from "../../src/outbox/records.ts";
import type { Mutation, Sent } from "./faulty_store.ts";
import type { SimProcess } from "./process.ts";

/** The targets of a process that receive the outbox's own events. */
export type Hearers = (process: SimProcess, type: string) => readonly string[];

/** Types whose events cause no other. */
export const OWN = /^(webhook|delivery)\./;

/** What the model knows that its part for own events asks for. */
type OwnContext = {
  violate(what: string): void;
  readonly subscribers: Hearers;
  readonly eventLog: boolean;
  /** The type of an event; undefined: it was not published. */
  typeOf(id: string): string | undefined;
  /** The record of a target before the commit. */
  endpoint(w: string): TargetRecord | undefined;
};

/** An event of the outbox itself, in the commit that stores it. */
type Own = { readonly id: string; readonly head: EventRecord; readonly wire: WireEvent };

/** Holds the events of the outbox itself against what causes them: one each, in the very same commit. */
export class SystemEventModel {
  readonly totals = { deaths: 0, disabled: 0 };
  readonly #context: OwnContext;
  readonly #announced = new Set<string>();
  readonly #causes = new Set<string>();

  constructor(context: OwnContext) {
    this.#context = context;
  }

  /** A commit took effect. */
  record(sent: Sent): void {
    const own = sent.mutations.flatMap(ownOf);
    for (const mutation of sent.mutations) {
      const { key, what } = mutation;
      if (what !== "set") continue;
      if (key[1] === "dead") this.#died(sent, mutation, own);
      if (key[1] === "endpoint") this.#disabled(sent, mutation, own);
    }
    for (const { id, wire } of own) {
      this.#context.violate(`own events: ${wire.type} ${id} has no cause in its commit`);
    }
  }

  /** The handlers of a process receive an event. */
  announced(process: SimProcess, id: string, stored: boolean): void {
    const name = `${process.name} ${id}`;
    if (this.#announced.has(name)) this.#context.violate(`own events: ${id} is announced twice`);
    this.#announced.add(name);
    if (!stored && this.#context.eventLog) {
      this.#context.violate(`own events: ${id} is announced, and was never stored`);
    }
  }

  #died(sent: Sent, { key, value }: Mutation & { value?: unknown }, own: Own[]): void {
    const [, , w, id] = key as string[];
    const { reason } = value as DeadLetterRecord;
    const type = this.#context.typeOf(id!);
    const silent = reason === "unreadable" || (type !== undefined && OWN.test(type));
    const found = take(
      own,
      "delivery.dead",
      ({ target, event_id }) => target === w && event_id === id,
    );
    this.#expect(sent, "delivery.dead", w!, `${w} ${id}`, found, silent ? 0 : 1);
    this.totals.deaths += found.length;
    if (found[0] && (found[0].wire.data as { reason: string }).reason !== reason) {
      this.#context.violate(`own events: the death of ${w} ${id} has two reasons`);
    }
  }

  #disabled(sent: Sent, { key, value }: Mutation & { value?: unknown }, own: Own[]): void {
    const w = String(key[2]);
    const { state, address, reason } = value as TargetRecord;
    const old = this.#context.endpoint(w);
    const found = take(own, "webhook.disabled", ({ target }) => target === w);
    const same = old?.state === "off" && old.reason === reason && old.address === address;
    // It may be disabled because of its response to such an event, which causes no other.
    const mayBeSilent = address !== undefined &&
      this.#context.subscribers(sent.process, "webhook.disabled").includes(w);
    const count = state !== "off" || same || (mayBeSilent && found.length === 0) ? 0 : 1;
    this.#expect(sent, "webhook.disabled", w, w, found, count);
    this.totals.disabled += found.length;
  }

  #expect(
    sent: Sent,
    type: string,
    w: string,
    about: string,
    found: readonly Own[],
    count: number,
  ): void {
    const { violate, subscribers, eventLog } = this.#context;
    const to = subscribers(sent.process, type).filter((target) => target !== w);
    const shall = to.length > 0 || eventLog ? count : 0;
    if (found.length !== shall) {
      violate(`own events: ${found.length} ${type} and not ${shall} for ${about}`);
    }
    for (const { id, head, wire } of found) {
      this.#causes.add(id);
      if (head.to.join() !== to.join()) violate(`own events: ${type} ${id} goes to ${head.to}`);
      if (wire.session_id !== undefined) violate(`own events: ${type} ${id} has a session`);
    }
  }
}

function ownOf(mutation: Mutation): Own[] {
  if (mutation.what !== "set" || mutation.key[1] !== "event") return [];
  const head = mutation.value as EventRecord;
  const wire = head.event;
  return wire && OWN.test(wire.type) ? [{ id: String(mutation.key[2]), head, wire }] : [];
}

/** Takes events out of a list. */
function take(
  own: Own[],
  type: string,
  about: (data: { readonly target?: string; readonly event_id?: string }) => boolean,
): readonly Own[] {
  const found = own.filter(({ wire }) => wire.type === type && about(wire.data as never));
  for (const one of found) own.splice(own.indexOf(one), 1);
  return found;
}
