import type { StoreKey } from "../../src/store/mod.ts";
import type { DueRecord } from "../../src/outbox/records.ts";
import type { Mutation, Sent } from "./faulty_store.ts";
import type { SimProcess } from "./process.ts";

/** A due key as it is stored, and who wrote it. */
type Owned = {
  readonly due: DueRecord;
  readonly by: SimProcess;
  readonly versionstamp: string;
};

/** What due keys are about: a delivery, or a session. */
export type Place = {
  readonly w: string;
  readonly name: string;
  readonly due: Map<string, Owned>;
  /** Leases that were overwritten by another. */
  reclaims: number;
  /** Leases that were given back. */
  returns: number;
};

/** What a commit does besides: makes the place, takes it on to its next delivery, or delivers again. */
export type CommitEffect = {
  readonly created: boolean;
  readonly next: boolean;
  /** No attempt was made: an operation changes when it is due. */
  readonly moved: boolean;
};

/** Holds what happens to due keys against rule 3, I2 and I3. */
export class Leases {
  readonly totals = { lost: 0, reclaims: 0, moves: 0 };
  readonly #names = new Set<string>();
  /** Leases that were overwritten. */
  readonly #overwritten = new Set<string>();
  readonly #violate: (w: string, what: string) => void;

  constructor(violate: (w: string, what: string) => void) {
    this.#violate = violate;
  }

  /** A due key was set or deleted. */
  record(
    sent: Sent,
    mutation: Mutation,
    place: Place,
    effect: CommitEffect,
    versionstamp: string,
  ): void {
    const { process, mutations } = sent;
    const name = mutation.key.join(" ");
    const old = place.due.get(name);
    const where = `${place.name} by ${process.name}`;
    const others = (what: Mutation["what"]): boolean =>
      mutations.some((one) => one.what === what && isDueOf(place, one));
    if (mutation.what === "delete") {
      if (old === undefined) this.#violate(place.w, `I3: ${where}: settles what is not there`);
      else if (effect.moved && others("set")) this.#move(old, sent, place);
      else this.#checkOwner(old, sent, place);
      place.due.delete(name);
      return;
    }
    const due = (mutation as { value: DueRecord }).value;
    if (due.by !== "") this.#lease(old, due, effect, sent, place);
    else if (old !== undefined) this.#release(old, due, effect, sent, place);
    else if (!effect.created && !others("delete")) {
      this.#violate(place.w, `I2: ${where}: a due key out of nothing`);
    } else if (due.claims !== 0) {
      this.#violate(place.w, `${where}: a new due key has ${due.claims} claims`);
    }
    place.due.set(name, { due, by: process, versionstamp });
  }

  /** A commit was refused that checked a due key alone. */
  refused(place: Place | undefined, versionstamp: string | null): void {
    if (place && this.#overwritten.has(`${place.name} ${versionstamp}`)) this.totals.lost++;
  }

  /** A due key was written anew, by no process of this version. */
  intrude(place: Place, key: StoreKey): void {
    const old = place.due.get(key.join(" "))!;
    if (old.due.by !== "") this.#overwrite(old, place);
    place.due.set(key.join(" "), { ...old, due: { v: 1, until: 0, by: "", claims: 0 } });
  }

  /** What is wanted now: it must not be leased, or no longer. */
  #move(old: Owned, { process }: Sent, place: Place): void {
    this.totals.moves++;
    if (old.due.until > process.clock.now()) {
      this.#violate(place.w, `I3: ${place.name} by ${process.name}: moves what is leased`);
    } else if (old.due.by !== "") this.#overwrite(old, place);
  }

  #overwrite(old: Owned, place: Place): void {
    this.totals.reclaims++;
    place.reclaims++;
    this.#overwritten.add(`${place.name} ${old.versionstamp}`);
  }

  /** A lease ends, and its due key stays where it is. */
  #release(old: Owned, due: DueRecord, { next }: CommitEffect, sent: Sent, place: Place): void {
    const where = `${place.name} by ${sent.process.name}`;
    this.#checkOwner(old, sent, place);
    if (!next) place.returns++;
    if (due.claims !== (next ? 0 : Math.max(0, old.due.claims - 1))) {
      this.#violate(place.w, `${where}: a lease came back with ${due.claims} claims`);
    }
  }

  #checkOwner({ due, by }: Owned, { process }: Sent, place: Place): void {
    const where = `${place.name} by ${process.name}`;
    if (due.by === "") this.#violate(place.w, `I3: ${where}: settles what is not leased`);
    else if (by !== process) {
      this.#violate(place.w, `I3: ${where}: settles the lease of ${by.name}`);
    }
  }

  #lease(
    old: Owned | undefined,
    due: DueRecord,
    { created }: CommitEffect,
    { process }: Sent,
    place: Place,
  ): void {
    const where = `${place.name} by ${process.name}`;
    if (this.#names.has(due.by)) {
      this.#violate(place.w, `rule 3: ${where}: a lease's name is used twice`);
    }
    this.#names.add(due.by);
    if (old === undefined) {
      if (!created) this.#violate(place.w, `I2: ${where}: leases what is not stored`);
      return;
    }
    if (old.due.until > process.clock.now()) {
      this.#violate(place.w, `I3: ${where}: takes a lease of ${old.by.name} that has not ended`);
    }
    if (due.claims !== old.due.claims + 1) {
      this.#violate(place.w, `${where}: claims are not counted`);
    }
    if (due.until <= process.clock.now() - 60_000) {
      this.#violate(place.w, `${where}: a lease without time`);
    }
    if (old.due.by === "") return;
    this.#overwrite(old, place);
  }
}

function isDueOf({ name }: Place, { key }: Mutation): boolean {
  return key[1] === "due" && placeName(key) === name;
}

/** The name of what a due key is about. */
function placeName(key: readonly (string | number)[]): string {
  return key[4] === "lane" && key.length > 5
    ? `${key[2]} session ${key[5]}`
    : `${key[2]} ${key[4]}`;
}
