import type { StoreCommit, StoreKey } from "../../../src/core/mod.ts";
import type { Dead, DeliveryLog, Due, EventHead, Seen } from "../../../src/outbox/_records.ts";
import type { Mutation, Sent } from "./faulty_store.ts";
import { purposeOf } from "./faulty_store.ts";
import type { SimProcess } from "./sim_process.ts";

/** Lifetimes that the outbox was given. */
export type Lifetimes = { readonly head: number; readonly rest: number; readonly seen: number };

/** A due key as it stands, and who wrote it. */
type Owned = { readonly due: Due; readonly by: SimProcess; readonly versionstamp: string };

/** What is known of one delivery. */
export type Known = {
  readonly w: string;
  readonly id: string;
  readonly due: Map<string, Owned>;
  dead: Dead | undefined;
  log: DeliveryLog | undefined;
  /** Leases that were overwritten by another. */
  reclaims: number;
  /** Leases that were given back. */
  returns: number;
};

/** Watches every commit as it takes effect, and holds it against the protocol. */
export class Ledger {
  readonly faults: string[] = [];
  readonly heads = new Map<string, EventHead>();
  readonly known = new Map<string, Known>();
  /** Event ids by idempotency key. */
  readonly seen = new Map<string, Seen>();
  /** Where commits took effect that only one of several may: totals for the report. */
  readonly totals = { lost: 0, reclaims: 0, refused: 0, commits: 0 };
  /** When events are gone from the store. */
  readonly #goneAt = new Map<string, number>();
  /** Why a delivery may be dead besides failing, for what a scenario breaks on purpose. */
  readonly allowedReasons = new Map<string, string>();
  readonly #lifetimes: Lifetimes;
  readonly #leases = new Set<string>();
  /** Leases that were overwritten. */
  readonly #overwritten = new Set<string>();

  constructor(lifetimes: Lifetimes) {
    this.#lifetimes = lifetimes;
  }

  violate(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }

  /** A commit took effect, or was refused. */
  record(sent: Sent, result: StoreCommit): void {
    sent.mutations.forEach((mutation) => this.#checkShape(mutation));
    if (!result.ok) return this.#refused(sent);
    this.totals.commits++;
    const touched = new Set<Known>();
    for (const mutation of sent.mutations) {
      const delivery = this.#deliveryOf(mutation.key);
      if (delivery) touched.add(delivery);
      if (mutation.key[1] === "due") this.#due(sent, mutation, delivery!, result.versionstamp);
    }
    for (const mutation of sent.mutations) this.#other(mutation, sent.process);
    for (const delivery of touched) this.#one(delivery, sent.process.world.now);
  }

  /** The event was taken away, as if its retention were over. */
  expire(id: string): void {
    this.#goneAt.set(id, 0);
  }

  /** Whether an event was written, and is gone by now. */
  isGone(id: string, now: number): boolean {
    return now >= (this.#goneAt.get(id) ?? Infinity);
  }

  /** I2, at every moment. */
  #one(delivery: Known, now: number): void {
    const { w, id, due, dead, log } = delivery;
    if (!this.heads.has(id)) return;
    const ended = log?.state === "delivered" || log?.state === "expired" ? 1 : 0;
    const places = due.size + (dead ? 1 : 0) + ended;
    if (places !== 1) {
      const state = `due ${due.size}, dead ${dead ? 1 : 0}, log ${log?.state ?? "none"}`;
      this.violate(`I2: ${w} ${id} is in ${places} places: ${state}`);
    }
    if (log?.state === "expired" && !this.isGone(id, now)) {
      this.violate(`I5: ${w} ${id} expired, and its event is there`);
    }
  }

  #due(sent: Sent, mutation: Mutation, delivery: Known, versionstamp: string): void {
    const { process, mutations } = sent;
    const name = mutation.key.join(" ");
    const old = delivery.due.get(name);
    const moved = mutations.some(({ what, key }) =>
      what === "delete" && key[1] === "due" && key[2] === delivery.w && key[4] === delivery.id
    );
    const where = `${delivery.w} ${delivery.id} by ${process.name}`;
    if (mutation.what === "delete") {
      if (old === undefined) this.violate(`I3: ${where}: settles what is not there`);
      else this.#checkOwner(old, sent, where);
      delivery.due.delete(name);
      return;
    }
    const due = (mutation as { value: Due }).value;
    const born = mutations.some(({ key }) => key[1] === "event" && key[2] === delivery.id);
    if (due.by !== "") this.#lease(old, due, born, sent, delivery);
    else if (old !== undefined) {
      this.#checkOwner(old, sent, where);
      delivery.returns++;
      if (due.claims !== Math.max(0, old.due.claims - 1)) {
        this.violate(`${where}: a lease came back with ${due.claims} claims`);
      }
    } else if (!born && !moved) this.violate(`I2: ${where}: a due key out of nothing`);
    delivery.due.set(name, { due, by: process, versionstamp });
  }

  #checkOwner({ due, by }: Owned, { process }: Sent, where: string): void {
    if (due.by === "") this.violate(`I3: ${where}: settles what nobody leased`);
    else if (by !== process) this.violate(`I3: ${where}: settles the lease of ${by.name}`);
  }

  #lease(
    old: Owned | undefined,
    due: Due,
    born: boolean,
    { process }: Sent,
    delivery: Known,
  ): void {
    const where = `${delivery.w} ${delivery.id} by ${process.name}`;
    if (this.#leases.has(due.by)) this.violate(`rule 3: ${where}: a lease's name is used twice`);
    this.#leases.add(due.by);
    if (old === undefined) {
      if (!born) this.violate(`I2: ${where}: leases what is not there`);
      return;
    }
    if (old.due.until > process.env.now()) {
      this.violate(`I3: ${where}: takes a lease of ${old.by.name} that has not ended`);
    }
    if (due.claims !== old.due.claims + 1) this.violate(`${where}: claims are not counted`);
    if (due.until <= process.env.now() - 60_000) this.violate(`${where}: a lease without time`);
    if (old.due.by === "") return;
    this.totals.reclaims++;
    delivery.reclaims++;
    this.#overwritten.add(`${delivery.w} ${delivery.id} ${old.versionstamp}`);
  }

  #other(mutation: Mutation, { world, skew }: SimProcess): void {
    const [, kind, first, second] = mutation.key as string[];
    if (mutation.what === "delete") {
      if (kind !== "due") this.violate(`a ${kind} key was deleted`);
      return;
    }
    if (mutation.what === "sum") return;
    const value = mutation.value as never;
    if (kind === "event") {
      if (this.heads.has(first!)) this.violate(`I6: event ${first} was stored twice`);
      this.heads.set(first!, value);
      this.#goneAt.set(first!, world.now + this.#lifetimes.head + skew);
      for (const w of (value as EventHead).to) this.#one(this.#find(w, first!), world.now);
    } else if (kind === "seen") {
      if (this.seen.has(second!)) this.violate(`idempotency: '${second}' was stored twice`);
      this.seen.set(second!, value);
    } else if (kind === "dead") this.#find(first!, second!).dead = value;
    else if (kind === "delivery") {
      const delivery = this.#find(first!, second!);
      const step = (value as DeliveryLog).made - (delivery.log?.made ?? 0);
      if (step !== 0 && step !== 1) this.violate(`${first} ${second}: ${step} attempts at once`);
      delivery.log = value;
    }
  }

  #refused(sent: Sent): void {
    this.totals.refused++;
    if (purposeOf(sent) !== "settle" || sent.checks.length > 1) return;
    const [, , w, , id] = sent.checks[0]?.key ?? [];
    const name = `${w} ${id} ${sent.checks[0]?.versionstamp}`;
    if (this.#overwritten.has(name)) this.totals.lost++;
  }

  /** Rule 4 and the layout: what is written where, and for how long. */
  #checkShape(mutation: Mutation): void {
    const [prefix, kind, ...rest] = mutation.key;
    const lifetime = { event: this.#lifetimes.head, seen: this.#lifetimes.seen, meta: undefined };
    const shapes: Record<string, string> = {
      event: "s",
      chunk: "sn",
      due: "sns",
      delivery: "ss",
      dead: "ss",
      seen: "ss",
      count: "sns",
      meta: "",
    };
    const shape = rest.map((part) => typeof part === "string" ? "s" : "n").join("");
    const name = mutation.key.join(" ");
    if (prefix !== "hooks" || shapes[String(kind)] !== shape) {
      this.violate(`layout: ${name}`);
    }
    if (mutation.what === "sum" ? kind !== "count" : kind === "count") {
      this.violate(`layout: ${mutation.what} of ${name}`);
    }
    if (mutation.what !== "set") return;
    const expected = String(kind) in lifetime
      ? lifetime[kind as keyof typeof lifetime]
      : this.#lifetimes.rest;
    if (mutation.expireIn !== expected) this.violate(`rule 4: ${name} for ${mutation.expireIn} ms`);
    const version = (mutation.value as { v?: unknown } | null)?.v;
    if (kind !== "chunk" && version !== 1) this.violate(`layout: no version in ${name}`);
  }

  #deliveryOf([, kind, w, a, b]: StoreKey): Known | undefined {
    if (kind === "due") return this.#find(String(w), String(b));
    return kind === "delivery" || kind === "dead" ? this.#find(String(w), String(a)) : undefined;
  }

  #find(w: string, id: string): Known {
    const name = `${w} ${id}`;
    let known = this.known.get(name);
    if (known === undefined) {
      const due = new Map<string, Owned>();
      known = { w, id, due, dead: undefined, log: undefined, reclaims: 0, returns: 0 };
      this.known.set(name, known);
    }
    return known;
  }
}
