import { onAbort } from "../internal/async.ts";
import type { Receipt } from "../core/mod.ts";
import { fits, type Room, shareOf } from "./_fit.ts";
import { lanesIn, type Prepared } from "./_prepare.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** A batch that is stored as a whole, and who waits for it. */
export type Unit = {
  batch: readonly Prepared[];
  /** When it began to wait. */
  readonly since: number;
  readonly done: Map<Prepared, Receipt>;
  resolve: (done: Map<Prepared, Receipt>) => void;
  reject: (error: unknown) => void;
};

/** The units that wait for a commit. */
export class Units {
  readonly #waiting = new Set<Unit>();
  readonly #room: Room;
  readonly #patience: number;
  #answeredAt = -Infinity;

  /** `patience`: how long a unit waits for a store that answers nobody, in milliseconds. */
  constructor(room: Room, patience: number) {
    this.#room = room;
    this.#patience = patience;
  }

  /** The store answered: a unit that waits is one of many, and waits on. */
  answered(now: number): void {
    this.#answeredAt = now;
  }

  /** Adds a batch; resolves with its receipts. */
  add(
    batch: readonly Prepared[],
    since: number,
    signal: AbortSignal | undefined,
  ): Promise<Map<Prepared, Receipt>> {
    return new Promise((resolve, reject) => {
      const unit: Unit = { batch, since, done: new Map(), resolve, reject };
      this.#waiting.add(unit);
      if (signal) giveUp(signal, () => this.#waiting.delete(unit), unit);
    });
  }

  /**
   * The units of the next commit, as many as it takes. One that may be a duplicate goes alone: its checks
   * fail whenever it is. Those of lanes fail only when another process was faster.
   */
  next(now: number): readonly Unit[] {
    const units: Unit[] = [];
    const lanes = new Set<string>();
    let [mutations, bytes, keys] = [0, 0, 0];
    for (const unit of this.#waiting) {
      if (now - Math.max(unit.since, this.#answeredAt) >= this.#patience) {
        this.#waiting.delete(unit);
        unit.reject(new OutboxUnavailableError(false));
        continue;
      }
      const share = shareOf(unit.batch, this.#room);
      mutations += share.mutations;
      bytes += share.bytes;
      keys += share.keys;
      const alone = isGuarded(unit);
      for (const lane of lanesIn(unit.batch)) lanes.add(JSON.stringify(lane));
      const group = { mutations, bytes, keys, checks: 1 + lanes.size };
      if (units.length > 0 && (alone || !fits(group, this.#room))) break;
      this.#waiting.delete(unit);
      units.push(unit);
      if (alone) break;
    }
    return units;
  }
}

/** Whether a unit depends on no other: it has a commit to itself, and a place in no order. */
export function standsAlone(unit: Unit): boolean {
  return isGuarded(unit) && unit.batch.every(({ lanes }) => lanes.size === 0);
}

function isGuarded({ batch }: Unit): boolean {
  return batch.some(({ key, token }) => key !== undefined || token !== undefined);
}

/** With the signal nobody waits for a unit any longer; one that was not sent yet is not sent. */
function giveUp(signal: AbortSignal, withdraw: () => void, unit: Unit): void {
  const release = onAbort(signal, () => {
    withdraw();
    unit.reject(signal.reason);
  });
  const { resolve, reject } = unit;
  unit.resolve = (done) => (release(), resolve(done));
  unit.reject = (error) => (release(), reject(error));
}
