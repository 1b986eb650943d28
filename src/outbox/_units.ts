import { follow } from "../core/kit.ts";
import type { Receipt, StoreLimits } from "../core/mod.ts";
import { lanesIn, mutationsOf, type Prepared, sizeOf } from "./_prepare.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** A batch that is stored as a whole, and who waits for it. */
export type Unit = {
  batch: readonly Prepared[];
  readonly deadline: number;
  readonly done: Map<Prepared, Receipt>;
  resolve: (done: Map<Prepared, Receipt>) => void;
  reject: (error: unknown) => void;
};

/** The units that wait for a commit. */
export class Units {
  readonly #waiting = new Set<Unit>();
  readonly #limits: StoreLimits;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  /** Adds a batch; resolves with its receipts. */
  add(
    batch: readonly Prepared[],
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<Map<Prepared, Receipt>> {
    return new Promise((resolve, reject) => {
      const unit: Unit = { batch, deadline, done: new Map(), resolve, reject };
      this.#waiting.add(unit);
      if (signal) giveUp(signal, () => this.#waiting.delete(unit), unit);
    });
  }

  /**
   * The units of the next commit, as many as it takes. One with idempotency keys goes alone: its checks
   * fail whenever a key is used again. Those of lanes fail only when another process was faster.
   */
  next(now: number): readonly Unit[] {
    const units: Unit[] = [];
    const lanes = new Set<string>();
    let mutations = 0;
    let bytes = 0;
    for (const unit of this.#waiting) {
      if (now >= unit.deadline) {
        this.#waiting.delete(unit);
        unit.reject(new OutboxUnavailableError(false));
        continue;
      }
      mutations += mutationsOf(unit.batch);
      bytes += sizeOf(unit.batch);
      const alone = isKeyed(unit);
      for (const lane of lanesIn(unit.batch)) lanes.add(JSON.stringify(lane));
      const full = mutations > this.#limits.mutations || bytes > this.#limits.bytes ||
        lanes.size >= this.#limits.checks;
      if (units.length > 0 && (alone || full)) break;
      this.#waiting.delete(unit);
      units.push(unit);
      if (alone) break;
    }
    return units;
  }
}

/** Whether a unit depends on no other: it has a commit to itself, and a place in no order. */
export function standsAlone(unit: Unit): boolean {
  return isKeyed(unit) && unit.batch.every(({ lanes }) => lanes.size === 0);
}

function isKeyed({ batch }: Unit): boolean {
  return batch.some(({ key }) => key !== undefined);
}

/** With the signal nobody waits for a unit any longer; one that was not sent yet is not sent. */
function giveUp(signal: AbortSignal, withdraw: () => void, unit: Unit): void {
  const release = follow(signal, () => {
    withdraw();
    unit.reject(signal.reason);
  });
  const { resolve, reject } = unit;
  unit.resolve = (done) => (release(), resolve(done));
  unit.reject = (error) => (release(), reject(error));
}
