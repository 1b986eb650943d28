import type { SessionEntry, SessionRecord } from "../../src/outbox/records.ts";
import type { Mutation, Sent } from "./faulty_store.ts";
import type { Place } from "./leases.ts";
import type { DeliveryState } from "./delivery_model.ts";

/** What is known of one session of a target. */
export type SessionState = Place & {
  readonly s: string;
  /** The number that its record promises to the next delivery; undefined: there is no record. */
  next: number | undefined;
  /** Its deliveries that wait, by number. */
  readonly entries: Map<number, DeliveryState>;
};

/** Checks changes of sessions against the protocol. */
export class SessionModel {
  readonly known = new Map<string, SessionState>();
  /** Sessions that got a delivery while an earlier one was leased. */
  readonly totals = { grown: 0 };
  readonly #violate: (w: string, what: string) => void;

  constructor(violate: (w: string, what: string) => void) {
    this.#violate = violate;
  }

  find(w: string, s: string): SessionState {
    const name = `${w} session ${s}`;
    let session = this.known.get(name);
    if (session === undefined) {
      session = {
        w,
        s,
        name,
        due: new Map(),
        reclaims: 0,
        returns: 0,
        next: undefined,
        entries: new Map(),
      };
      this.known.set(name, session);
    }
    return session;
  }

  /** A delivery of a session, or its record, was written or deleted. */
  record(sent: Sent, mutation: Mutation, find: (w: string, id: string) => DeliveryState): void {
    const [, , w, s, n] = mutation.key as [string, string, string, string, number | undefined];
    const session = this.find(w, s);
    if (n !== undefined) this.#entry(sent, mutation, session, n, find);
    else if (mutation.what === "delete") {
      if (session.next === undefined) this.#violate(w, `${session.name}: ends, and was not there`);
      session.next = undefined;
    } else this.#grow(sent, (mutation as { value: SessionRecord }).value, session);
  }

  #grow({ mutations }: Sent, { next }: SessionRecord, session: SessionState): void {
    const { w } = session;
    const added =
      mutations.filter((mutation) => mutation.what === "set" && isEntryOf(session, mutation))
        .length;
    if (next !== (session.next ?? 0) + added) {
      this.#violate(w, `${session.name}: ${added} more make ${next} of ${session.next ?? 0}`);
    }
    const leased = [...session.due.values()].some(({ due }) => due.by !== "");
    if (session.next !== undefined && leased) this.totals.grown++;
    session.next = next;
  }

  #entry(
    sent: Sent,
    mutation: Mutation,
    session: SessionState,
    n: number,
    find: (w: string, id: string) => DeliveryState,
  ): void {
    const { entries, name, w } = session;
    const by = sent.process.name;
    if (mutation.what === "delete") {
      const entry = entries.get(n);
      if (entry === undefined) this.#violate(w, `${name}: ${by} ends ${n}, which is not there`);
      else entry.session = undefined;
      if (entries.size > 0 && n > Math.min(...entries.keys())) {
        this.#violate(w, `order: ${name}: ${by} ends ${n} before ${Math.min(...entries.keys())}`);
      }
      entries.delete(n);
      return;
    }
    const { id } = (mutation as { value: SessionEntry }).value;
    const delivery = find(w, id);
    if (entries.has(n)) this.#violate(w, `I2: ${name}: ${n} was ${entries.get(n)!.id}, is ${id}`);
    if (n < (session.next ?? 0)) this.#violate(w, `order: ${name}: ${n} was promised to another`);
    if (delivery.session) this.#violate(w, `I2: ${name}: ${id} is in it twice`);
    if (entries.size > 0 && n < Math.max(...entries.keys())) {
      this.#violate(w, `order: ${name}: ${n} came after ${Math.max(...entries.keys())}`);
    }
    entries.set(n, delivery);
    delivery.session = session;
    delivery.purged = false;
    delivery.ordered = session;
  }

  /** I2: a session that has deliveries has a record and one due key; one that has none, has neither. */
  check({ w, name, entries, next, due }: SessionState): void {
    const shall = entries.size > 0 ? 1 : 0;
    if (due.size !== shall) {
      this.#violate(w, `I2: ${name} has ${due.size} due keys for ${entries.size} deliveries`);
    }
    if ((next === undefined) === (shall === 1)) {
      this.#violate(w, `I2: ${name} has ${entries.size} deliveries, its record says ${next}`);
    }
    if (next !== undefined && Math.max(-1, ...entries.keys()) >= next) {
      this.#violate(w, `I2: ${name} counts ${next} deliveries, and has more`);
    }
  }

  /** An attempt begins: of deliveries that wait in a session, only the first may be attempted. */
  checkAttempt({ w, session, id }: DeliveryState): void {
    if (session && headOf(session)?.id !== id) {
      this.#violate(w, `order: ${session.name}: ${id} is attempted before ${headOf(session)?.id}`);
    }
  }
}

/** The first delivery that waits in a session. */
export function headOf({ entries }: SessionState): DeliveryState | undefined {
  return entries.size === 0 ? undefined : entries.get(Math.min(...entries.keys()));
}

export function isEntryOf({ w, s }: SessionState, { key }: Mutation): boolean {
  return key[1] === "lane" && key.length === 5 && key[2] === w && key[3] === s;
}
