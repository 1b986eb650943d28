import type { HookEvent } from "../core/mod.ts";
import type { Store, StoreEntry } from "../store/mod.ts";
import { readKeys } from "./_commit.ts";
import type { Draft } from "./_draft.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import type { LaneHead } from "./_lease.ts";
import { type Due, type Lane, type LaneEntry, VERSION } from "./_records.ts";
import { readList } from "./_scan.ts";
import type { Targets } from "./_targets.ts";

/** How long a read waits for the store, in milliseconds. */
const PATIENCE = 5_000;

/** The session in whose lane a target gets an event; undefined: it waits for no other. */
export function laneOf(targets: Targets, target: string, event: HookEvent): string | undefined {
  const ordered = targets.get(target)?.target.ordering === "session";
  return ordered && event.sessionId ? event.sessionId : undefined;
}

/** A lane, as a commit that appends to it finds it. */
type Tail = {
  readonly target: string;
  readonly session: string;
  readonly versionstamp: string | null;
  readonly first: number;
  next: number;
};

/** The lanes that one commit appends to: each is checked and written once, however much it gets. */
export class LaneTails {
  readonly #tails = new Map<string, Tail>();
  readonly #keys: Keys;

  /** `read` makes one. */
  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** Reads lanes. */
  static async read(
    store: Store,
    keys: Keys,
    lanes: readonly (readonly [target: string, session: string])[],
    env: Env,
    patience: number = PATIENCE,
  ): Promise<LaneTails> {
    const tails = new LaneTails(keys);
    const distinct = new Map(lanes.map((lane) => [nameOf(...lane), lane]));
    const list = [...distinct.values()].map((lane) => keys.lane(...lane));
    const entries = await readKeys(store, list, env, patience);
    let n = 0;
    for (const [name, lane] of distinct) tails.#tails.set(name, tailOf(lane, entries[n++]!));
    return tails;
  }

  /** Adds a delivery at the end; whether the lane began with it, and is to get a due key. */
  append(draft: Draft, target: string, session: string, id: string, lifetime: number): boolean {
    const tail = this.#tails.get(nameOf(target, session))!;
    const entry: LaneEntry = { v: VERSION, id };
    const n = tail.next++;
    draft.sets.push([this.#keys.laneEntry(target, session, n), entry, lifetime]);
    return tail.versionstamp === null && n === tail.first;
  }

  /** How many deliveries a lane got. */
  added(target: string, session: string): number {
    const { first, next } = this.#tails.get(nameOf(target, session))!;
    return next - first;
  }

  /** Adds the lanes' own records. They have no lifetime: a lane that has entries is not forgotten. */
  finish(draft: Draft): void {
    for (const { target, session, versionstamp, next } of this.#tails.values()) {
      const key = this.#keys.lane(target, session);
      const lane: Lane = { v: VERSION, next };
      draft.checks.push({ key, versionstamp });
      draft.sets.push([key, lane, undefined]);
    }
  }
}

/** Adds the due key of a lane, which has no lifetime, as the lane has none. */
export function putLaneDue(
  draft: Draft,
  keys: Keys,
  target: string,
  at: number,
  session: string,
  due: Due,
): void {
  draft.sets.push([keys.laneDue(target, at, session), due, undefined]);
}

/** The first delivery of a leased lane. */
export async function readHead(
  store: Store,
  keys: Keys,
  target: string,
  session: string,
  env: Env,
): Promise<LaneHead> {
  // The record first: a delivery that comes after it was read makes it another one.
  const [record] = await readKeys(store, [keys.lane(target, session)], env, PATIENCE);
  const { versionstamp } = record!;
  const selector = { prefix: keys.lane(target, session) };
  const [first, second] = await readList({ store, env }, selector, { limit: 2 });
  if (first === undefined) return { n: undefined, id: "", more: false, versionstamp };
  const { id = "" } = (first.value ?? {}) as Partial<LaneEntry>; // unreadable: as if it had expired
  return { n: Number(first.key.at(-1)), id, more: second !== undefined, versionstamp };
}

function tailOf(
  [target, session]: readonly [string, string],
  { value, versionstamp }: StoreEntry,
): Tail {
  const first = (value as Lane | null)?.next ?? 0;
  return { target, session, versionstamp, first, next: first };
}

function nameOf(target: string, session: string): string {
  return JSON.stringify([target, session]);
}
