import type { Attempt } from "../../src/core/mod.ts";
import type { StoreKey } from "../../src/store/mod.ts";
import type { TargetRecord } from "../../src/outbox/records.ts";
import type { Mutation, Sent } from "./faulty_store.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

/** How long a process may believe a record that it read, with the latency of reading it, in milliseconds. */
const BELIEVED = 5_000 + 100;

/** A stored record, and since when. */
type Standing = {
  readonly record: TargetRecord;
  readonly at: number;
  /** When it was written that the target fails. */
  readonly failingAt: number | undefined;
};

/** Longest pause, and a minute for clocks that differ, in milliseconds. */
const LONGEST_PAUSE = 61 * 60_000;

/** What an operator can ask for. */
export type Operation = "enable" | "disable" | "remove";

/** Holds what happens to endpoints against the protocol. */
export class TargetModel {
  readonly totals = { offs: 0, enables: 0, pauses: 0, removals: 0, wornOut: 0 };
  readonly #standing = new Map<string, Standing>();
  /** What operators asked for, as `enable a`. */
  readonly #asked = new Set<string>();
  /** Failures that may turn a target off: processes and targets, with the attempt. */
  readonly #disabling = new Set<string>();
  /** Until when targets were known to be in a state. */
  readonly #until = new Map<string, number>();
  /** How many attempts failed. */
  readonly #failed = new Map<string, number>();
  /** When targets took something. */
  readonly #successes: (readonly [w: string, at: number])[] = [];
  /** Whether nothing goes wrong with endpoints: then no success is overlooked. */
  calm = false;
  readonly #simulation: Simulation;
  readonly #violate: (what: string) => void;

  constructor(simulation: Simulation, violate: (what: string) => void) {
    this.#simulation = simulation;
    this.#violate = violate;
  }

  /** The record of a target; undefined: it has none. */
  get(w: string): TargetRecord | undefined {
    return this.#standing.get(w)?.record;
  }

  /** Targets that get nothing until they are enabled. */
  get off(): readonly string[] {
    return [...this.#standing].filter(([, { record }]) => record.state === "off").map(([w]) => w);
  }

  isRemoved(w: string): boolean {
    return this.get(w)?.state === "deleted";
  }

  /** An operator asks for something. */
  ask(operation: Operation, w: string): void {
    this.#asked.add(`${operation} ${w}`);
  }

  /** Whether a target has, or had since a time, the state that an operation returned. */
  did(operation: Operation, w: string, since: number): boolean {
    const state = ({ enable: "on", disable: "off", remove: "deleted" } as const)[operation];
    return (this.get(w)?.state ?? "on") === state ||
      (this.#until.get(`${w} ${state}`) ?? 0) >= since;
  }

  /** An attempt has ended. */
  ended(process: SimProcess, w: string, { verdict }: Omit<Attempt, "duration">): void {
    if (verdict === "disable") this.#disabling.add(`${process.name} ${w}`);
    if (verdict !== "delivered") this.#failed.set(w, (this.#failed.get(w) ?? 0) + 1);
    if (verdict === "delivered") this.#successes.push([w, this.#simulation.now]);
  }

  /** An attempt begins: not when the process must know that the target gets nothing. */
  checkAttempt(process: SimProcess, w: string): void {
    const { record, at } = this.#standing.get(w) ?? {};
    if (record === undefined) return;
    const { state, address, pausedUntil = 0 } = record;
    const other = address !== undefined && address !== process.addressOf(w);
    const { now } = this.#simulation;
    if (other && state !== "deleted" || now - Math.max(at!, process.resumedAt) <= BELIEVED) return;
    // A pause that no receiver may ask for was written under another clock, and is not believed.
    const left = pausedUntil - process.clock.now();
    const paused = left > 0 && left <= LONGEST_PAUSE ? "paused" : undefined;
    const what = state !== "on" ? state : paused;
    if (what === undefined) return;
    this.#violate(`off: ${process.name} attempts ${w}, ${what} for ${now - at!} ms`);
  }

  /** A record was written. */
  record(sent: Sent, mutation: Mutation): void {
    const { process, checks } = sent;
    const w = String(mutation.key[2]);
    const where = `endpoint ${w} by ${process.name}`;
    if (mutation.what !== "set") return this.#violate(`${where}: ${mutation.what}`);
    if (!checks.some(({ key }) => same(key, mutation.key))) {
      this.#violate(`rule 1: ${where}: written without a check`);
    }
    const old = this.#standing.get(w);
    const record = mutation.value as TargetRecord;
    this.#checkStep(old?.record, record, process, where);
    this.#count(old?.record, record);
    const failingAt = record.failingSince === undefined
      ? undefined
      : old?.failingAt ?? this.#simulation.now;
    this.#standing.set(w, { record, at: this.#simulation.now, failingAt });
    this.#until.set(`${w} ${old?.record.state ?? "on"}`, this.#simulation.now);
    this.#until.set(`${w} ${record.state}`, this.#simulation.now);
  }

  /** Every change must have an operation, or a receiver's response, as its reason. */
  #checkStep(
    old: TargetRecord | undefined,
    record: TargetRecord,
    process: SimProcess,
    where: string,
  ): void {
    const w = where.split(" ")[1]!;
    const asked = (operation: Operation): boolean => this.#asked.has(`${operation} ${w}`);
    if (old?.state === "deleted") this.#violate(`${where}: it was removed, and is written again`);
    const { state, address, failures, failingSince } = record;
    const byHand = address === undefined;
    if (!byHand && address !== process.addressOf(w)) {
      this.#violate(`${where}: of another address`);
    }
    if (state === "deleted" && !asked("remove")) this.#violate(`${where}: no operation removed it`);
    if (state === "off" && byHand && !asked("disable")) {
      this.#violate(`${where}: no operation disabled it`);
    }
    if (state === "on" && byHand && !asked("enable")) {
      this.#violate(`${where}: no operation enabled it`);
    }
    if (state !== "deleted" && byHand && (failures !== 0 || failingSince !== undefined)) {
      this.#violate(`${where}: by hand, and with ${failures} failures`);
    }
    const same = old?.state === "off" && old.reason === record.reason;
    if (this.calm && failures > (this.#failed.get(w) ?? 0)) {
      this.#violate(`${where}: ${failures} failures, and there were fewer`);
    }
    if (state === "off" && !byHand && !same) this.#checkOff(record, process, where);
    const elsewhere = old?.address !== undefined && old.address !== address;
    if (old?.state === "off" && state === "on" && !byHand && !elsewhere) {
      this.#violate(`${where}: it is on again, and no operation enabled it`);
    }
  }

  #checkOff(record: TargetRecord, process: SimProcess, where: string): void {
    const { failures, failingSince, reason = "" } = record;
    const w = where.split(" ")[1]!;
    if (/^the receiver/.test(reason)) {
      if (!this.#disabling.has(`${process.name} ${w}`)) {
        this.#violate(`${where}: off, as it is said to have asked`);
      }
      return;
    }
    const { failingAt = Infinity } = this.#standing.get(w) ?? {};
    const overlooked = this.#successes.find(([of, at]) =>
      of === w && at > failingAt + BELIEVED && at < this.#simulation.now - BELIEVED
    );
    if (overlooked && this.calm) this.#violate(`${where}: off, as it took nothing, and it did`);
    const long = process.clock.now() - (failingSince ?? Infinity) >= this.disableAfter;
    if (failures < 20 || !long) {
      this.#violate(`${where}: off after ${failures} failures since ${failingSince}`);
    }
  }

  /** How long nothing but failures turns a target off, in milliseconds. */
  disableAfter = Infinity;

  #count(old: TargetRecord | undefined, { state, pausedUntil, reason }: TargetRecord): void {
    if (state === "off" && old?.state !== "off") this.totals.offs++;
    const wornOut = state === "off" && old?.state === "on" && /^nothing but/.test(reason ?? "");
    if (wornOut) this.totals.wornOut++;
    if (state === "on" && old?.state === "off") this.totals.enables++;
    if (state === "deleted" && old?.state !== "deleted") this.totals.removals++;
    if ((pausedUntil ?? 0) > (old?.pausedUntil ?? 0)) this.totals.pauses++;
  }
}

function same(a: StoreKey, b: StoreKey): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}
