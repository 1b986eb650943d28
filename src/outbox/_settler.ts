import type { Attempt, Store } from "../core/mod.ts";
import { type Change, commitChange, Sums } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Count, Keys } from "./_keys.ts";
import type { Slot } from "./_targets.ts";
import {
  type Dead,
  type DeliveryLog,
  type Due,
  keepAttempts,
  type Retention,
  UNLEASED,
  VERSION,
} from "./_records.ts";

/** How long a settle is tried, in milliseconds; after that the lease ends, and somebody attempts again. */
const PATIENCE = 30_000;

/** A delivery that this process leased: the versionstamp is the lease. */
export type Lease = {
  readonly target: string;
  /** The slot that it takes. */
  readonly slot: Slot;
  readonly id: string;
  readonly at: number;
  readonly due: Due;
  readonly versionstamp: string;
};

/** How a lease ends. */
export type Settlement =
  | { readonly kind: "delivered"; readonly attempt: Attempt; readonly log: DeliveryLog }
  | {
    readonly kind: "retry";
    readonly attempt: Attempt;
    readonly log: DeliveryLog;
    readonly at: number;
  }
  | {
    readonly kind: "dead";
    readonly attempt?: Attempt;
    readonly log: DeliveryLog;
    readonly reason: string;
  }
  | { readonly kind: "expired"; readonly log: DeliveryLog }
  /** No outcome: it goes back as it was. */
  | { readonly kind: "returned" };

type Waiting = {
  readonly lease: Lease;
  readonly settlement: Settlement;
  readonly done: (settled: boolean) => void;
};

/** What the settler works with. */
export type SettlerOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
};

/** Writes outcomes: those that come while a commit is under way share the next one. */
export class Settler {
  readonly #options: SettlerOptions;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** How many wait for a commit. */
  get backlog(): number {
    return this.#waiting.length;
  }

  /** Settles a lease; false when it was not ours any more, or the store gave no answer. */
  settle(lease: Lease, settlement: Settlement): Promise<boolean> {
    return new Promise((done) => {
      this.#waiting.push({ lease, settlement, done });
      void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.#options.store.limits.checks);
      await this.#commit(group).catch(() => group.forEach(({ done }) => done(false)));
    }
    this.#busy = false;
  }

  /** Commits a group; when one lease in it is lost, each on its own. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const { store, env } = this.#options;
    const outcome = await commitChange(store, this.#changeFor(group), env, PATIENCE);
    if (outcome.ok === false && group.length > 1) {
      for (const one of group) await this.#commit([one]);
    } else for (const { done } of group) done(outcome.ok === true);
  }

  #changeFor(group: readonly Waiting[]): Change {
    const { keys } = this.#options;
    const sums = new Sums();
    const deletes: Change["deletes"][number][] = [];
    const sets: Change["sets"][number][] = [];
    const checks = group.map(({ lease: { target, at, id, versionstamp } }) => ({
      key: keys.due(target, at, id),
      versionstamp,
    }));
    for (const { lease, settlement } of group) {
      if (settlement.kind !== "returned") deletes.push(keys.due(lease.target, lease.at, lease.id));
      for (const what of countsOf(settlement)) sums.add(keys.count(lease.target, lease.id, what));
      sets.push(...this.#setsFor(lease, settlement));
    }
    return { checks, sums: sums.entries(), deletes, sets };
  }

  #setsFor({ target, id, at, due }: Lease, settlement: Settlement): Change["sets"] {
    const { keys, retention: { rest }, env } = this.#options;
    if (settlement.kind === "returned") {
      const back: Due = { ...UNLEASED, claims: Math.max(0, due.claims - 1) };
      return [[keys.due(target, at, id), back, rest]];
    }
    const log = [keys.delivery(target, id), logOf(settlement, env.now()), rest] as const;
    if (settlement.kind === "retry") {
      return [[keys.due(target, settlement.at, id), UNLEASED, rest], log];
    }
    if (settlement.kind !== "dead") return [log];
    const dead: Dead = { v: VERSION, at: env.now(), reason: settlement.reason };
    return [log, [keys.dead(target, id), dead, rest]];
  }
}

function logOf(settlement: Exclude<Settlement, { kind: "returned" }>, now: number): DeliveryLog {
  const { kind, log } = settlement;
  const attempt = kind === "expired" ? undefined : settlement.attempt;
  const attempts = attempt
    ? keepAttempts([...log.attempts, { ...attempt, at: now }])
    : log.attempts;
  const state = kind === "retry" ? "pending" : kind;
  const at = kind === "retry" ? { at: settlement.at } : {};
  const base = log.base === undefined ? {} : { base: log.base };
  return { v: VERSION, state, ...at, made: log.made + (attempt ? 1 : 0), ...base, attempts };
}

function countsOf(settlement: Settlement): readonly Count[] {
  if (settlement.kind === "returned") return [];
  const failed = settlement.kind !== "delivered" && settlement.kind !== "expired" &&
    settlement.attempt;
  return [
    ...(settlement.kind === "retry" ? [] : [settlement.kind]),
    ...(failed ? ["failed" as const] : []),
  ];
}
