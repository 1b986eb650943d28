import type { StoreCommit, StoreKey } from "../../src/store/mod.ts";
import type { DeliveryRecord, EventRecord, IdempotencyRecord } from "../../src/outbox/records.ts";
import { TargetModel } from "./target_model.ts";
import { type Mutation, purposeOf, type Sent } from "./faulty_store.ts";
import { headOf, SessionModel, type SessionState } from "./session_model.ts";
import { layoutFaults, type Lifetimes } from "./layout.ts";
import { type CommitEffect, Leases, type Place } from "./leases.ts";
import { type Hearers, OWN, SystemEventModel } from "./system_event_model.ts";
import { type DeliveryState, newDelivery } from "./delivery_model.ts";
import { forget } from "./purge.ts";
import { effectOf } from "./commit_effect.ts";
import type { Simulation } from "./simulation.ts";

/** What a ledger is made with. */
type ModelOptions = {
  readonly lifetimes: Lifetimes;
  readonly subscribers: Hearers;
  readonly eventLog: boolean;
};

/** Watches every commit as it takes effect, and holds it against the protocol. */
export class Model {
  readonly faults: string[] = [];
  readonly heads = new Map<string, EventRecord>();
  readonly known = new Map<string, DeliveryState>();
  /** Event ids by idempotency key: the current ones, and every one that ever was, as `key id`. */
  readonly seen = new Map<string, IdempotencyRecord>();
  readonly used = new Set<string>();
  /** Idempotency keys that were taken away: a commit that comes late may be stored after all. */
  readonly forgotten = new Set<string>();
  /** Due keys that a newer version has written. */
  readonly newer = new Set<string>();
  /** What was published, by event id: what arrives must be equal. */
  readonly published = new Map<string, string>();
  /** Deliveries that were settled after their target had been removed. */
  readonly late = new Set<string>();
  readonly totals = { refused: 0, commits: 0, replays: 0 };
  /** Why a delivery may be dead besides failing, for what a scenario breaks on purpose. */
  readonly allowedReasons = new Map<string, string>();
  readonly leases: Leases;
  readonly sessions: SessionModel;
  readonly endpoints: TargetModel;
  readonly own: SystemEventModel;
  /** When events are gone from the store. */
  readonly #goneAt = new Map<string, number>();
  /** Whether events without a target are stored. */
  readonly eventLog: boolean;
  readonly #lifetimes: Lifetimes;

  constructor(simulation: Simulation, { lifetimes, subscribers, eventLog }: ModelOptions) {
    this.eventLog = eventLog;
    this.#lifetimes = lifetimes;
    const violate = (what: string): void => this.violate(what);
    // What is stored for a target while it is purged, is in no order.
    const unlessRemoved = (w: string, what: string): void => {
      if (!this.endpoints.isRemoved(w)) this.violate(what);
    };
    this.leases = new Leases(unlessRemoved);
    this.sessions = new SessionModel(unlessRemoved);
    this.endpoints = new TargetModel(simulation, violate);
    this.own = new SystemEventModel({
      violate,
      subscribers,
      eventLog,
      typeOf: (id) => this.typeOf(id),
      endpoint: (w) => this.endpoints.get(w),
    });
  }

  violate(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }

  /** A commit took effect, or was refused. */
  record(sent: Sent, result: StoreCommit): void {
    const { mutations } = sent;
    for (const mutation of mutations) {
      layoutFaults(mutation, this.#lifetimes).forEach((fault) => this.violate(fault));
    }
    if (!result.ok) return this.#refused(sent);
    this.totals.commits++;
    this.own.record(sent);
    if (purposeOf(sent) === "purge") return this.#purged(mutations);
    const touched = new Set<DeliveryState>();
    const sessions = new Set<SessionState>();
    const effects = mutations.map(({ key }) =>
      key[1] === "due" && effectOf(this.#placeOf(key)!, mutations)
    );
    mutations.forEach((mutation, i) => {
      const effect = effects[i];
      if (effect) this.#due(sent, mutation, effect, result.versionstamp);
    });
    const parts = mutations.filter(({ key }) => key[1] === "lane");
    for (const mutation of [...parts].sort((a, b) => b.key.length - a.key.length)) {
      this.sessions.record(sent, mutation, (w, id) => this.#find(w, id));
    }
    for (const mutation of mutations) {
      this.#other(mutation, sent);
      const place = this.#placeOf(mutation.key);
      if (place && "entries" in place) sessions.add(place);
      else if (place) touched.add(place);
    }
    for (const delivery of touched) this.#one(delivery, sent.process.simulation.now);
    for (const session of sessions) this.sessions.check(session);
  }

  /** The event was taken away, as if its retention were over. */
  expire(id: string): void {
    this.#goneAt.set(id, 0);
  }

  /** A due key was written by a newer version, which has leased it no more. */
  intrude(key: StoreKey): void {
    this.leases.intrude(this.#placeOf(key)!, key);
    this.newer.add(key.join(" "));
  }

  /** Whether an event was written, and is gone by now. */
  isGone(id: string, now: number): boolean {
    return now >= (this.#goneAt.get(id) ?? Infinity);
  }

  /** The type of an event that was published. */
  typeOf(id: string): string | undefined {
    const text = this.published.get(id);
    return text === undefined ? undefined : JSON.parse(text)[1];
  }

  /** Where the due key of a delivery is: its own, or its session's. */
  placeOf(name: string): Place | undefined {
    const delivery = this.known.get(name);
    return delivery?.session ?? delivery;
  }

  /** Everything that waits. */
  get waiting(): readonly Place[] {
    const all = [...this.known.values(), ...this.sessions.known.values()];
    return all.filter(({ due }) => due.size > 0);
  }

  /** I2, at every moment. */
  #one(delivery: DeliveryState, now: number): void {
    const { w, id, due, dead, log, session } = delivery;
    if (!this.heads.has(id) || this.endpoints.isRemoved(w)) return;
    const ended = log?.state === "delivered" || log?.state === "expired" ? 1 : 0;
    const places = due.size + (session ? 1 : 0) + (dead ? 1 : 0) + ended;
    if (places !== 1) {
      const state = `due ${due.size}, session ${session ? 1 : 0}, dead ${dead ? 1 : 0}`;
      this.violate(`I2: ${w} ${id} is in ${places} places: ${state}, log ${log?.state ?? "none"}`);
    }
    const [key] = due.keys();
    if (key !== undefined && log?.state === "pending" && key.split(" ")[3] !== `${log.at}`) {
      this.violate(`rule 2: ${w} ${id} is due at ${log.at}, as its log says, and is ${key}`);
    }
    if (log?.state === "expired" && !this.isGone(id, now)) {
      this.violate(`I5: ${w} ${id} expired, and its event is there`);
    }
  }

  /** A due key: a lost lease of a session is one of its first delivery. */
  #due(sent: Sent, mutation: Mutation, effect: CommitEffect, versionstamp: string): void {
    const place = this.#placeOf(mutation.key)!;
    const name = mutation.key.join(" ");
    if (this.newer.has(name)) this.violate(`version: ${sent.process.name} touches ${name}`);
    const before = place.reclaims;
    this.leases.record(sent, mutation, place, effect, versionstamp);
    const head = "entries" in place ? headOf(place) : undefined;
    if (head) head.reclaims += place.reclaims - before;
  }

  #other(mutation: Mutation, sent: Sent): void {
    const { simulation, skew } = sent.process;
    const [, kind, first, second] = mutation.key as string[];
    if (kind === "endpoint") return this.endpoints.record(sent, mutation);
    if (mutation.what === "delete") {
      if (kind === "dead") this.#revived(first!, second!);
      else if (kind !== "due" && kind !== "lane" && kind !== "record") {
        this.violate(`a ${kind} key was deleted`);
      }
      return;
    }
    if (mutation.what === "sum") return;
    const value = mutation.value as never;
    if (kind === "event") {
      if (this.heads.has(first!)) this.violate(`I6: event ${first} was stored twice`);
      this.heads.set(first!, value);
      this.#publishOwn(value);
      this.#goneAt.set(first!, simulation.now + this.#lifetimes.head + skew);
      for (const w of (value as EventRecord).to) this.#one(this.#find(w, first!), simulation.now);
    } else if (kind === "seen") {
      if (this.seen.has(second!)) this.violate(`idempotency: '${second}' was stored twice`);
      this.seen.set(second!, value);
      const { id, others = [] } = value as IdempotencyRecord;
      for (const one of [id, ...others]) this.used.add(`${second} ${one}`);
    } else if (kind === "dead") this.#find(first!, second!).dead = value;
    else if (kind === "delivery") {
      const delivery = this.#find(first!, second!);
      const step = (value as DeliveryRecord).made - (delivery.log?.made ?? 0);
      const gone = this.endpoints.isRemoved(first!); // then the log before may be purged
      if (step !== 0 && step !== 1 && !gone) {
        this.violate(`${first} ${second}: ${step} attempts at once`);
      }
      if (delivery.log?.state === "delivered") this.#revived(first!, second!);
      delivery.log = value;
      if ((value as DeliveryRecord).state === "delivered") delivery.delivered++;
      if (gone) this.late.add(delivery.name);
    }
  }

  /** A delivery that had come to its end is delivered again. */
  #revived(w: string, id: string): void {
    const delivery = this.#find(w, id);
    if (delivery.dead === undefined && delivery.log?.state !== "delivered") {
      this.violate(`replay: ${delivery.name} had not come to its end`);
    }
    delivery.dead = undefined;
    delivery.revivals++;
    this.totals.replays++;
  }

  #publishOwn({ event }: EventRecord): void {
    if (!event || !OWN.test(event.type)) return;
    const { id, type, timestamp, data } = event;
    this.published.set(id, JSON.stringify([id, type, timestamp, undefined, data]));
  }

  #purged(mutations: readonly Mutation[]): void {
    for (const { key } of mutations) {
      if (!this.endpoints.isRemoved(String(key[2]))) this.violate(`purge: ${key.join(" ")}`);
      const place = this.#placeOf(key);
      if (place) forget(place, key);
    }
  }

  #refused(sent: Sent): void {
    this.totals.refused++;
    const [check] = sent.checks;
    if (purposeOf(sent) !== "settle" || check === undefined) return;
    this.leases.refused(this.#placeOf(check.key), check.versionstamp);
  }

  #placeOf([, kind, w, a, b, c]: StoreKey): DeliveryState | SessionState | undefined {
    if (kind === "lane") return this.sessions.find(String(w), String(a));
    if (kind === "due" && b === "lane") return this.sessions.find(String(w), String(c));
    if (kind === "due") return this.#find(String(w), String(b));
    return kind === "delivery" || kind === "dead" ? this.#find(String(w), String(a)) : undefined;
  }

  #find(w: string, id: string): DeliveryState {
    const name = `${w} ${id}`;
    let known = this.known.get(name);
    if (known === undefined) {
      known = newDelivery(w, id);
      this.known.set(name, known);
    }
    return known;
  }
}
